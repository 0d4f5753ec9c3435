# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus knows: devices, RDMA ports, storage, and Kubernetes' workloads.

One query for each metric, for the whole fleet.
"""

from __future__ import annotations

import typing as t

from ..fleet.join import Measured, Schedule, Telemetry
from ..fleet.model import Record
from ..node import xid_catalog
from . import facts, prom_devices, prom_kube
from .failure import SourceError
from .prom_api import Labels, Prometheus, Sample

ARGUMENT_SPEC: Record = {
    "url": {"type": "str", "required": True},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "matchers": {"type": "str"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
    "timeout": {"type": "int", "default": 20},
}
"""Where a server is, for plugins that ask no other source."""

_STATES = {1: "DOWN", 2: "INIT", 3: "ARMED", 4: "ACTIVE"}
_PHYSICAL = {1: "SLEEP", 2: "POLLING", 3: "DISABLED", 4: "TRAINING", 5: "LINK_UP"}
_XIDS = "DCGM_EXP_XID_ERRORS_COUNT"
_XID_TIMES = "gpufleet_xid_timestamp_seconds"


def read(options: Record, timeout: float, workloads: bool = True) -> Telemetry:
    """Read what the exporters tell.

    Args:
        options: As C(prom_api.Prometheus) takes them, and C(cluster), the name of the
            Kubernetes cluster of kube-state-metrics.
        timeout: Seconds for each request.
        workloads: Whether to read kube-state-metrics, where it is.

    Raises:
        SourceError: It did not answer at all.
    """
    warnings: list[str] = []
    server = Prometheus(options, timeout, warnings.append)
    names = set(server.names())

    def query(text: str) -> list[Sample]:
        try:
            return server.query(text)
        except SourceError as error:
            warnings.append(f"{text.partition('{')[0]}...: {error}")
            return []

    measured: list[Measured] = []
    for exporter in prom_devices.EXPORTERS:
        there = prom_devices.metrics_of(exporter, names)
        if there:
            measured += prom_devices.read(server, exporter, there, query)
    measured = [
        one._replace(facts=facts.usable(one.name, one.facts, warnings.append) or {})
        for one in measured
    ]
    if _XIDS in names:
        # Those of the window for which dcgm-exporter counts them.
        counted = query(f"{_XIDS}{server.selector()} > 0")
        measured += _xids((labels, None) for labels, _count in counted)
    if _XID_TIMES in names:
        measured += _xids(query(f"time() - {_XID_TIMES}{server.selector()}"))
    if "node_infiniband_state_id" in names:
        measured += _ports(server, names, query)
    schedule: Schedule | None = None
    if workloads and "kube_node_status_capacity" in names:
        schedule = prom_kube.schedule(server, query, options.get("cluster"))
    storage = _storage(server, query) if "juicefs_total_space" in names else None
    return Telemetry(measured, schedule, storage, tuple(dict.fromkeys(warnings)))


def read_devices(options: Record, timeout: float) -> Telemetry:
    """The same without kube-state-metrics."""
    return read(options, timeout, workloads=False)


def _xids(
    samples: t.Iterable[tuple[Labels, float | None]],
) -> list[Measured]:
    """XIDs, each with its age in seconds."""
    found = []
    for labels, age in samples:
        code = int(labels["xid"]) if labels.get("xid", "").isdigit() else None
        event = {
            "code": code,
            "pci_bus_id": labels.get("pci_bus_id"),
            "age_seconds": age,
            "action": xid_catalog.ACTIONS.get(code or 0),
        }
        name, aliases = prom_devices.host_name(labels), prom_devices.aliases_of(labels)
        found.append(Measured(name, aliases, {"devices": [], "xid_events": [event]}))
    return found


def _ports(
    server: Prometheus, names: set[str], query: t.Callable[[str], list[Sample]]
) -> list[Measured]:
    """RDMA ports as node_exporter tells them, by its targets."""
    selector = server.selector()
    uname = "node_uname_info"
    told = query(f"{uname}{selector}") if uname in names else []
    called = {
        labels.get("instance"): labels["nodename"]
        for labels, _value in told
        if labels.get("nodename")
    }
    ports: dict[tuple[str, str, str], Record] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    for metric, key in (
        ("node_infiniband_state_id", "state"),
        ("node_infiniband_physical_state_id", "phys_state"),
        ("node_infiniband_rate_bytes_per_second", "rate_gbps"),
    ):
        for labels, value in query(f"{metric}{selector}"):
            target = labels.get("instance", "")
            ident = (target, labels.get("device", ""), labels.get("port", ""))
            port = ports.setdefault(
                ident, {"device": ident[1], "port": ident[2], "rate_gbps": None}
            )
            if key == "rate_gbps":
                port[key] = value * 8 / 1e9
            else:
                known = _STATES if key == "state" else _PHYSICAL
                port[key] = known.get(int(value))
            name = called.get(labels.get("instance"))
            more = prom_devices.aliases_of(labels)
            aliases[target] = (name, *more) if name else more
    by_target: dict[str, list[Record]] = {}
    for (target, _device, _port), port in sorted(ports.items()):
        by_target.setdefault(target, []).append(port)
    return [
        Measured(
            next(iter(aliases[target]), target),
            aliases[target],
            {"devices": [], "rdma_ports": found},
        )
        for target, found in by_target.items()
    ]


def _storage(
    server: Prometheus, query: t.Callable[[str], list[Sample]]
) -> Record | None:
    """Space of all JuiceFS volumes, each of which every mount of it tells."""
    found: Record = {}
    for metric, key in (
        ("juicefs_total_space", "total_bytes"),
        ("juicefs_used_space", "used_bytes"),
    ):
        told = query(f"sum(max by (vol_name) ({metric}{server.selector()}))")
        found[key] = int(told[0].value) if told else None
    return found
