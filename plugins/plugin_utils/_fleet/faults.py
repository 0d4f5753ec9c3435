# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a node faulty: a table of rules, and what they find.

A rule is data: a policy switches rules, and changes thresholds and windows. Where the
thresholds come from stands beside them. Nothing that is unknown is a fault.
"""

from __future__ import annotations

import typing as t
from datetime import datetime

from . import xids
from .types import Device, Facts, Fault, Record, Server


class PolicyError(ValueError):
    """A policy names what is not there, or gives it a value that can't be."""


class Rule(t.NamedTuple):
    """A rule of a policy.

    Attributes:
        about: What is faulty.
        action: What to do about it.
        default: Whether it is on in the preset `default`; in `strict` all are.
        threshold: Values above it are faults, where it has one.
        window: Seconds for which an event counts, or something may take.
        source: Where the rule and its figures come from.
    """

    about: str
    action: str
    default: bool = True
    threshold: float | None = None
    window: float | None = None
    source: str = "this collection"


_AZURE = "Azure's node health checks (NHC2001)"
_SAFE = "Primus-SaFE's node agent"

RULES: dict[str, Rule] = {
    "server_status": Rule(
        "the server does not run",
        "look at the server's fault, start or rebuild it",
    ),
    "never_joined": Rule(
        "the server runs, and its cluster does not have it",
        "look at the node's bootstrap log, or replace the node",
        window=1800,
    ),
    "devices_missing": Rule(
        "fewer devices are there, or offered, than somebody says who knows",
        "look for a device that fell off the bus, reboot or replace the node",
        source=f"{_SAFE} (gpu_node_count_004.sh)",
    ),
    "device_failed": Rule(
        "a device has failed",
        "reset the device or reboot the node; replace it where that does not help",
    ),
    "ecc_uncorrected": Rule(
        "memory errors since driver load that could not be corrected",
        "reset the device; replace it where they come again",
        threshold=0,
        source="ROCm's device-metrics-exporter (gpuagent_health.go)",
    ),
    "row_remap": Rule(
        "a row of memory waits for a reset, or could not be remapped",
        "reset the device; replace it where remapping failed",
        source="NVIDIA's GPU memory error management",
    ),
    "xid": Rule(
        "NVIDIA's driver reported a fault that asks for a reset or restart",
        "do what NVIDIA's catalogue says for the XID",
        window=7200,
        source=f"NVIDIA's XID catalogue, the window {_AZURE}",
    ),
    "rdma_ports": Rule(
        "fewer RDMA ports are active than expected",
        "look at cable and switch of the port",
        source="Azure's check_hw_ib, Primus-SaFE's net_ib_status_201.sh",
    ),
    "not_ready": Rule(
        "Kubernetes says that the node is not ready",
        "look at kubelet and network of the node",
        source="Primus-SaFE (fault.yaml, NotReady)",
    ),
    "not_allocatable": Rule(
        "the device plugin withholds devices as unhealthy",
        "look at the plugin's log and at the device",
        source="ROCm's gpu-operator, NVIDIA's k8s-device-plugin",
    ),
    "slurm_state": Rule(
        "Slurm can't use the node, or has taken it out by itself",
        "look at Slurm's reason; resume the node when it is repaired",
    ),
    "ecc_corrected": Rule(
        "many corrected memory errors since driver load",
        "watch it; replace the device where they grow",
        default=False,
        threshold=10000,
        source=f"{_SAFE} (gpu_ecc_002.sh)",
    ),
    "temperature": Rule(
        "a device is hot",
        "look at cooling and power limit",
        default=False,
        threshold=100,
        source=f"{_SAFE} (gpu_temperature_006.sh)",
    ),
}

PRESETS = ("default", "strict")

Policy = dict[str, Rule]


def policy(preset: str = "default", rules: Record | None = None) -> Policy:
    """Return the rules that are on.

    Args:
        preset: One of `PRESETS`.
        rules: By name of the rule: False or True to switch it, or a dictionary of
            `threshold`, `window` and `action` to change it, which switches it on.

    Raises:
        PolicyError: There is no such preset, rule or value.
    """
    if preset not in PRESETS:
        raise PolicyError(f"preset: {preset!r} is none of {', '.join(PRESETS)}")
    chosen = {
        name: rule for name, rule in RULES.items() if rule.default or preset == "strict"
    }
    for name, change in (rules or {}).items():
        if name not in RULES:
            raise PolicyError(f"rules: {name!r} is none of {', '.join(RULES)}")
        if change is False:
            chosen.pop(name, None)
        else:
            changes = {} if change is True else _changes(name, change)
            chosen[name] = RULES[name]._replace(**changes)
    return chosen


def _changes(name: str, change: t.Any) -> Record:
    """Return what a policy changes of a rule."""
    if not isinstance(change, dict):
        raise PolicyError(
            f"rules.{name}: {change!r} is neither a boolean nor a dictionary"
        )
    rule = RULES[name]
    known = [key for key in ("threshold", "window") if getattr(rule, key) is not None]
    known.append("action")
    for key, value in change.items():
        if key not in known:
            raise PolicyError(f"rules.{name}: {key!r} is none of {', '.join(known)}")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if key != "action" and not (number and value >= 0):
            raise PolicyError(f"rules.{name}.{key}: {value!r} is no number from 0 on")
    return dict(change)


def of_server(server: Server, rules: Policy) -> list[Fault]:
    """Return faults that Nova knows of a server."""
    status = server["status"]
    if "server_status" not in rules or status in (None, "ACTIVE"):
        return []
    return [_fault("server_status", rules, None, f"the server's status is {status}")]


def of_absence(
    server: Server, created: datetime | None, now: datetime, rules: Policy
) -> list[Fault]:
    """Return the fault of a node that its cluster's scheduler does not have.

    Args:
        server: Its server.
        created: When the server was made; None if that is not known.
        now: The time.
        rules: The rules that are on; the window of `never_joined` is what a node may
            take to join, in seconds.
    """
    rule = rules.get("never_joined")
    if rule is None or created is None or server["status"] != "ACTIVE":
        return []
    age = (now - created).total_seconds()
    if server["role"] != "worker" or age <= (rule.window or 0):
        return []
    evidence = f"{age:.0f} s after it was made its cluster has no such node"
    return [_fault("never_joined", rules, None, evidence, created.isoformat())]


def of_scheduler(
    broken: t.Iterable[tuple[str, str, str | None]], rules: Policy
) -> list[Fault]:
    """Return faults that a scheduler knows of: rules, their evidence and since when."""
    return [
        _fault(rule, rules, None, evidence, since)
        for rule, evidence, since in broken
        if rule in rules
    ]


def of_facts(
    facts: Facts,
    expected_ports: int | None,
    moment: datetime | None,
    now: datetime,
    rules: Policy,
) -> list[Fault]:
    """Return faults that a node's facts show.

    Args:
        facts: What was measured, of now.
        expected_ports: How many RDMA ports should be active; None if nobody says.
        moment: When the facts were gathered; None if they are of now.
        now: The time.
        rules: The rules that are on.
    """
    faults = [
        _fault(rule, rules, device["pci_bus_id"], evidence, index=device["index"])
        for device in facts.devices
        for rule, evidence in _of_device(device, rules)
    ]
    if "xid" in rules:
        indexes = {device["pci_bus_id"]: device["index"] for device in facts.devices}
        recent = xids.recent(facts, moment or now, now, rules["xid"].window or 0)
        for found in recent:
            fault = _fault("xid", rules, *found)
            index = indexes.get(fault["device"]) if fault["device"] else None
            faults.append({**fault, "index": index})
    if "rdma_ports" in rules and expected_ports and facts.ports is not None:
        active = sum(port.state == "ACTIVE" for port in facts.ports)
        if active < expected_ports:
            evidence = f"{active} RDMA ports are active, {expected_ports} are expected"
            faults.append(_fault("rdma_ports", rules, None, evidence))
    return faults


_COUNTED: tuple[
    tuple[
        str,
        t.Literal["ecc_uncorrected", "ecc_corrected", "temperature_celsius"],
        str,
    ],
    ...,
] = (
    ("ecc_uncorrected", "ecc_uncorrected", "uncorrectable memory errors"),
    ("ecc_corrected", "ecc_corrected", "corrected memory errors"),
    ("temperature", "temperature_celsius", "degrees Celsius"),
)
"""Rules with a threshold, the fields that they look at, and what these count."""


def _of_device(device: Device, rules: Policy) -> t.Iterator[tuple[str, str]]:
    """Yield rules that a device breaks, each with its evidence."""
    if "device_failed" in rules and device["health"] == "failed":
        yield "device_failed", "; ".join(device["health_reasons"] or ["failed"])
    for rule, key, unit in _COUNTED:
        value = device[key]
        if value and rule in rules and value > (rules[rule].threshold or 0):
            yield rule, f"{value} {unit}"
    if "row_remap" in rules:
        if device["row_remap_failed"]:
            yield "row_remap", "a row of its memory could not be remapped"
        elif device["row_remap_pending"]:
            yield "row_remap", "a row of its memory waits for a reset"


def _fault(
    rule: str,
    rules: Policy,
    device: str | None,
    evidence: str,
    since: str | None = None,
    index: int | None = None,
) -> Fault:
    return {
        "rule": rule,
        "device": device,
        "index": index,
        "evidence": evidence,
        "since": since,
        "action": rules[rule].action,
    }
