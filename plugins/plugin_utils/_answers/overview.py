# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview: how many nodes and devices there are, how they do, and how busy."""

from __future__ import annotations

import typing as t
from collections import Counter

from .._fleet import coverage, state
from .._fleet.types import Fleet, Node, Record, Storage

TB = 10**12


def report(fleet: Fleet) -> Record:
    """Return the overview of a fleet, with the field names of the Clusters API.

    Rates are 0.0 to 1.0. What is not known is None, and so is a rate of nothing.
    """
    health = Counter(node.state["health"] for node in fleet.nodes)
    healthy = [node for node in fleet.nodes if node.state["health"] == state.HEALTHY]
    allocation = Counter(node.state["allocation"] for node in healthy)
    known = [node for node in healthy if node.state["allocated"] is not None]
    used, basis = _utilization(known)
    return {
        "totalNodes": len(fleet.nodes),
        "healthyNodes": health[state.HEALTHY],
        "faultyNodes": health[state.FAULTY],
        "maintenanceNodes": health[state.MAINTENANCE],
        "fullyIdleNodes": allocation[state.IDLE],
        "partiallyIdleNodes": allocation[state.PARTIAL],
        "busyNodes": allocation[state.BUSY],
        "unknownNodes": allocation[state.UNKNOWN],
        "allocationRate": _rate(
            sum(_given_out(node) for node in known),
            sum(node.state["capacity"] for node in known),
        ),
        "utilization": used,
        "utilizationBasis": basis,
        "storageStat": _storage(fleet.storage),
        "rdmaClusterStat": _rdma(fleet.nodes),
        **_devices(fleet.nodes),
        "pendingGpus": _whole(fleet.pending),
        "largestIdleBlock": _whole(max(map(_idle, known), default=None)),
        "byModel": _by("model", model, fleet.nodes),
        "byLocation": _by("location", location, fleet.nodes),
        "byCluster": _by("cluster", cluster, fleet.nodes),
        "faults": [
            {"node": node.name, **fault}
            for node in fleet.nodes
            for fault in node.state["faults"]
        ],
        **common(fleet),
    }


def common(fleet: Fleet) -> Record:
    """Return what every report carries."""
    return {
        "coverage": coverage.share(fleet.nodes),
        "warnings": fleet.warnings,
        "generatedAt": fleet.now.isoformat(timespec="seconds"),
    }


def model(node: Node) -> str | None:
    """Return the models of a node's devices, as measured or else declared."""
    names = {device["model"] for device in node.devices or ()} - {None, ""}
    if not names:
        accelerators = node.server["hardware"]["accelerators"]
        names = {accelerator["model"] for accelerator in accelerators}
    return " + ".join(sorted(name for name in names if name)) or None


def location(node: Node) -> str | None:
    """Return the name of a node's location."""
    return node.server["location"]


def cluster(node: Node) -> str | None:
    """Return the name of a node's cluster."""
    its = node.server["cluster"]
    return its["name"] if its else None


def _given_out(node: Node) -> float:
    """Return devices of a node that are given out, no more than it has."""
    return float(min(node.state["allocated"] or 0, node.state["capacity"]))


def _idle(node: Node) -> float:
    return float(node.state["capacity"]) - _given_out(node)


def _rate(part: float, whole: float) -> float | None:
    return round(min(1.0, part / whole), 4) if whole else None


def _whole(number: float | None) -> float | None:
    """Return a count of devices, as an integer if it is one."""
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 3)


def _utilization(nodes: list[Node]) -> tuple[float | None, str | None]:
    """Return the mean utilization of devices that are given out, and how it is known.

    `device`: of the very devices that a scheduler or a process holds. `node`: if it is
    not known which these are, over nodes all of whose devices are measured, the sum of
    utilization by the number of devices given out, as idle devices have none.
    """
    by_device = _used(nodes)
    if by_device is not None:
        return by_device, "device"
    used = held = 0.0
    for node in nodes:
        rates = [device["utilization_percent"] for device in node.devices or ()]
        known = [rate for rate in rates if rate is not None]
        if len(known) == len(rates) >= node.state["capacity"]:
            used += sum(known) / 100
            held += _given_out(node)
    by_node = _rate(used, held)
    return by_node, None if by_node is None else "node"


def _used(nodes: list[Node]) -> float | None:
    """Return the utilization of devices that are held, by how much of them is."""
    used = held = 0.0
    for node in nodes:
        for device, share in zip(node.devices or (), node.shares, strict=True):
            percent = device["utilization_percent"]
            if percent is not None and share:
                used += percent / 100
                held += share
    return _rate(used, held)


def _devices(nodes: t.Sequence[Node]) -> Record:
    """Return devices in all, given out, idle, of faulty nodes, and of unknown use."""
    counts = dict.fromkeys(("total", "allocated", "idle", "faulty", "unknown"), 0.0)
    for node in nodes:
        capacity = node.state["capacity"]
        counts["total"] += capacity
        if node.state["health"] == state.FAULTY:
            counts["faulty"] += capacity
        elif node.state["allocated"] is None:
            counts["unknown"] += capacity
        else:
            counts["allocated"] += _given_out(node)
            counts["idle"] += _idle(node)
    return {f"{name}Gpus": _whole(number) for name, number in counts.items()}


def _by(
    name: str, value_of: t.Callable[[Node], str | None], nodes: list[Node]
) -> list[Record]:
    """Return the same counts for each value, by name, unknown last."""
    groups: dict[str | None, list[Node]] = {}
    for node in nodes:
        groups.setdefault(value_of(node), []).append(node)
    return [
        {name: value, "nodes": len(groups[value]), **_devices(groups[value])}
        for value in sorted(groups, key=lambda value: (value is None, value or ""))
    ]


def _storage(storage: Storage | None) -> Record:
    total = storage["total_bytes"] if storage else None
    used = storage["used_bytes"] if storage else None
    free = rate = None
    if total is not None and used is not None:
        free, rate = max(0, total - used), _rate(used, total)
    return {
        "totalCapacity": _terabytes(total),
        "usedCapacity": _terabytes(used),
        "availableCapacity": _terabytes(free),
        "utilizationRate": rate,
        "totalBytes": total,
        "usedBytes": used,
        "availableBytes": free,
    }


def _terabytes(number: float | None) -> str | None:
    return None if number is None else f"{round(number / TB, 1):g}TB"


def _rdma(nodes: list[Node]) -> Record:
    """Return counts of all ports, and the most common rate of active ones."""
    known = [node.ports for node in nodes if node.ports is not None]
    ports = [port for listed in known for port in listed]
    active = [port for port in ports if port.state == "ACTIVE"]
    rates = [port.rate_gbps for port in active if port.rate_gbps]
    counts = Counter(rates)
    usual = max(counts, key=lambda rate: (counts[rate], rate), default=None)
    return {
        "totalPorts": len(ports) if known else None,
        "activePorts": len(active) if known else None,
        "bandwidth": None if usual is None else f"{usual:g}Gbps",
        "totalBandwidthGbps": round(sum(rates), 3) if known else None,
    }
