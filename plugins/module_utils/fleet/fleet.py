# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: all nodes with accelerators at one moment, and who uses them."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from . import faults, state
from .model import Record

NO_NODE: Record = {
    "id": None,
    "status": None,
    "cluster": None,
    "node_group": None,
    "role": None,
    "location": None,
    "hardware": {"name": None, "accelerators": []},
}
"""What is known of a host that no inventory of ours lists."""


class Host(t.NamedTuple):
    """What the sources know of a host.

    Attributes:
        name: Its name in the inventory.
        node: As C(model.nodes) makes it, None where no inventory of ours lists it.
        facts: What C(gpu_facts) has found there, None where nothing is known.
        offers: What the schedulers know of it.
        unjoined: Whether its cluster's scheduler was read and has no such node.
        expected_rdma_ports: How many ports should be active, None where nobody says.
    """

    name: str
    node: Record | None = None
    facts: Record | None = None
    offers: tuple[state.Offer, ...] = ()
    unjoined: bool = False
    expected_rdma_ports: int | None = None


class Fleet(t.NamedTuple):
    """A snapshot, which all reports stand on.

    Attributes:
        nodes: C(name), C(node) (as C(model.nodes) makes it), C(state) (as
            C(state.node_state) tells it), C(devices) and C(rdma_ports) (of facts that
            tell of now; None where there are none) and C(shares) (how much of each
            device is given out) of each, by name.
        consumers: Rows as C(consumers.report) has them.
        storage: C(total_bytes) and C(used_bytes), None where no source tells.
        pending: Devices that are asked for and not given out, None where no scheduler
            tells.
        warnings: What could not be read, or is odd.
        now: When it was.
    """

    nodes: list[Record]
    consumers: list[Record]
    storage: Record | None
    pending: float | None
    warnings: list[str]
    now: datetime


def build(
    hosts: t.Iterable[Host],
    consumers: t.Sequence[Record] = (),
    storage: Record | None = None,
    pending: float | None = None,
    warnings: t.Sequence[str] = (),
    now: datetime | None = None,
    stale_after: float = state.STALE_AFTER,
    rules: faults.Policy | None = None,
) -> Fleet:
    """Make a fleet of what the sources have read.

    Args:
        hosts: All hosts; those without accelerators are left out.
        consumers: What schedulers know of workloads, with C(devices), a list of names
            of hosts and indexes, where they know these. Of nodes that no scheduler has
            processes are consumers too.
        storage: As in the fleet.
        pending: As in the fleet.
        warnings: What the sources warn of.
        now: The time, with its zone; the clock's without it.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    now = now or datetime.now(timezone.utc)
    rules = faults.policy() if rules is None else rules
    warnings = list(warnings)
    nodes: list[Record] = []
    for host in sorted(hosts, key=lambda host: host.name):
        node = host.node or NO_NODE
        told = state.node_state(
            node,
            host.facts,
            now,
            stale_after,
            rules,
            host.offers,
            host.unjoined,
            host.expected_rdma_ports,
        )
        if not told["capacity"]:
            continue
        if (told["allocated"] or 0) > told["capacity"]:
            warnings.append(
                f"{host.name}: {told['allocated']:g} devices are given out, and there "
                f"are {told['capacity']:g}"
            )
        usable = host.facts if told["measured"] else None
        devices = usable and usable["devices"]
        nodes.append(
            {
                "name": host.name,
                "node": node,
                "state": told,
                "devices": devices,
                "rdma_ports": usable and usable.get("rdma_ports"),
                "shares": [state.share(one, host.offers) for one in devices or []],
                "scheduled": bool(host.offers),
            }
        )
    used = {
        (node["name"], device["index"]): device.get("utilization_percent")
        for node in nodes
        for device in node["devices"] or []
    }
    rows = [_with_utilization(row, used) for row in consumers]
    for node in nodes:
        if not node["scheduled"]:
            rows += _processes(node)
    return Fleet(nodes, rows, storage, pending, warnings, now)


def _with_utilization(row: Record, used: dict[tuple[str, int], float | None]) -> Record:
    """A consumer with the mean utilization of its devices, where that is known."""
    held = row.get("devices")
    if row["stat"]["gpuUtilization"] is not None or not held:
        return row
    known = [used.get((name, index)) for name, index in held]
    if None in known:
        return row
    mean = sum(one or 0 for one in known) / len(known) / 100
    return {**row, "stat": {**row["stat"], "gpuUtilization": mean}}


def _processes(node: Record) -> t.Iterator[Record]:
    """Processes as consumers: those of a device, or of a part, share it equally."""
    rows: dict[int, Record] = {}
    weights: dict[int, float] = {}
    for device in node["devices"] or []:
        seen = set()
        for processes, size in state.holdings(device) or []:
            for process in processes:
                pid = process["pid"]
                row = rows.setdefault(pid, _process(node, process))
                stat = row["stat"]
                stat["gpuEquivalent"] += size / len(processes)
                stat["gpuRequest"] += pid not in seen
                seen.add(pid)
        used = device.get("utilization_percent")
        for pid in seen if used is not None else ():
            stat = rows[pid]["stat"]
            weight = weights.get(pid, 0)
            before = (stat["gpuUtilization"] or 0.0) * weight
            weights[pid] = weight + 1
            stat["gpuUtilization"] = (before + used / 100) / weights[pid]
    yield from rows.values()


def _process(node: Record, process: Record) -> Record:
    return {
        "kind": "Process",
        "name": process.get("name"),
        "namespace": process.get("user"),
        "uid": f"{node['name']}/{process['pid']}",
        "stat": {"gpuRequest": 0, "gpuEquivalent": 0.0, "gpuUtilization": None},
        "pods": None,
        "source": "facts",
        "cluster": (node["node"].get("cluster") or {}).get("name"),
    }
