# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gpu_facts has found, host by host, as far as it can be used."""

from __future__ import annotations

import math
import typing as t

from ..fleet.fleet import Host
from ..fleet.model import Record

_NUMBERS = (
    "memory_total_bytes",
    "memory_used_bytes",
    "utilization_percent",
    "memory_utilization_percent",
    "power_watts",
    "power_limit_watts",
    "energy_joules",
    "temperature_celsius",
    "memory_temperature_celsius",
    "ecc_corrected",
    "ecc_uncorrected",
)
_WRITTEN = ("gpufleet", "gpufleet_node", "gpufleet_expected_rdma_ports")
"""What people may have written into an inventory, so that it may be a template."""

_BELOW_ZERO = ("temperature_celsius", "memory_temperature_celsius")


def hosts(
    variables: t.Mapping[str, t.Mapping[str, t.Any]], warn: t.Callable[[str], None]
) -> list[Host]:
    """Hosts of an inventory with their nodes and facts.

    Args:
        variables: Variables by host. C(ansible_facts.gpufleet), or else C(gpufleet),
            are the facts; C(gpufleet_node) is what the inventory of nodes says, and
            C(gpufleet_expected_rdma_ports) how many ports should be active.
        warn: Takes a warning for the user.
    """
    found = []
    for name in sorted(variables):
        told = _plain(variables, name)
        node: Record | None = told.get("gpufleet_node")
        facts = (told.get("ansible_facts") or {}).get("gpufleet") or told.get(
            "gpufleet"
        )
        ports = told.get("gpufleet_expected_rdma_ports")
        if not node and not facts and ports is None:
            continue
        found.append(
            Host(name, node, usable(name, facts, warn), expected_rdma_ports=ports)
        )
    return found


def _plain(
    variables: t.Mapping[str, t.Mapping[str, t.Any]], name: str
) -> t.Mapping[str, t.Any]:
    """Variables of a host, without a look for templates where there are none.

    Ansible looks for them in each value of what it gives, which takes five times the
    time of all else. What was measured, and what our inventory tells, holds none.
    """
    raw_get = getattr(variables, "raw_get", None)
    if raw_get is None:
        return variables[name]
    raw: Record = raw_get(name)
    written = [raw.get(key) for key in _WRITTEN]
    written += [one.get("devices") for one in written if isinstance(one, t.Mapping)]
    return variables[name] if any(isinstance(one, str) for one in written) else raw


def usable(name: str, facts: t.Any, warn: t.Callable[[str], None]) -> Record | None:
    """Facts with what can't be left out, and a warning for each such thing.

    Args:
        name: The host, for warnings.
        facts: What C(gpu_facts) has found, or anybody has put in its place.
        warn: Takes a warning for the user.
    """
    if not facts:
        return None
    devices = facts.get("devices") if isinstance(facts, t.Mapping) else None
    if not isinstance(devices, t.Sequence) or isinstance(devices, str):
        warn(f"{name}: its facts hold no list of devices, and are left out")
        return None
    found: dict[t.Any, Record] = {}
    for index, device in enumerate(devices):
        if not isinstance(device, t.Mapping):
            warn(f"{name}: device {index} is no dictionary, and is left out")
            continue
        key = device.get("pci_bus_id") or device.get("uuid") or index
        if key in found:
            warn(f"{name}: device {key} is there twice; the first counts")
            continue
        found[key] = _device(name, index, device, warn)
    return {**facts, "devices": list(found.values())}


def _device(
    name: str,
    index: int,
    device: t.Mapping[str, t.Any],
    warn: t.Callable[[str], None],
) -> Record:
    """A device with every number a number, or None."""
    whole: Record = {"index": index, "pci_bus_id": None, **device}
    for key in _NUMBERS:
        value = whole.get(key)
        if value is not None and not _can_be(key, value):
            warn(f"{name}: device {index}: {key} can't be {value!r}, so it is unknown")
            value = None
        whole[key] = value
    return whole


def _can_be(key: str, value: t.Any) -> bool:
    """Whether it is a number that a device may have there."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and (value >= 0 or key in _BELOW_ZERO)
