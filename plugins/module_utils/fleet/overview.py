# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview: how many nodes and devices there are, how they do, and how busy."""

from __future__ import annotations

import typing as t
from collections import Counter

from . import state
from .fleet import Fleet
from .model import Record

TB = 10**12


def report(fleet: Fleet) -> Record:
    """The overview of a fleet, with the field names of the Clusters API.

    Rates are 0.0 to 1.0. What is not known is None, and so is a rate of nothing.
    """
    health = Counter(node["state"]["health"] for node in fleet.nodes)
    healthy = [n for n in fleet.nodes if n["state"]["health"] == state.HEALTHY]
    allocation = Counter(node["state"]["allocation"] for node in healthy)
    known = [node for node in healthy if node["state"]["allocated"] is not None]
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
            sum(node["state"]["capacity"] for node in known),
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
            {"node": node["name"], **fault}
            for node in fleet.nodes
            for fault in node["state"]["faults"]
        ],
        **common(fleet),
    }


def common(fleet: Fleet) -> Record:
    """What every report carries."""
    measured = sum(
        min(node["state"]["measured"], node["state"]["capacity"])
        for node in fleet.nodes
    )
    return {
        "coverage": _rate(measured, sum(n["state"]["capacity"] for n in fleet.nodes)),
        "warnings": fleet.warnings,
        "generatedAt": fleet.now.isoformat(timespec="seconds"),
    }


def model(node: Record) -> str | None:
    """The models of a node's devices, as measured or else declared."""
    names = [one.get("model") for one in node["devices"] or []]
    if not any(names):
        names = [one["model"] for one in node["node"]["hardware"]["accelerators"]]
    return " + ".join(sorted({name for name in names if name})) or None


def location(node: Record) -> str | None:
    """Name of a node's location."""
    return t.cast("str | None", node["node"].get("location"))


def cluster(node: Record) -> str | None:
    """Name of a node's cluster."""
    return (node["node"].get("cluster") or {}).get("name")


def _given_out(node: Record) -> float:
    """Devices of a node that are given out, no more than it has."""
    told = node["state"]
    return float(min(told["allocated"], told["capacity"]))


def _idle(node: Record) -> float:
    return float(node["state"]["capacity"]) - _given_out(node)


def _rate(part: float, whole: float) -> float | None:
    return round(min(1.0, part / whole), 4) if whole else None


def _whole(number: float | None) -> float | None:
    """A count of devices: an integer where it is one."""
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 3)


def _utilization(nodes: list[Record]) -> tuple[float | None, str | None]:
    """Mean utilization of devices that are given out, and how it is known.

    C(device): of the very devices that a scheduler or a process holds. C(node): where
    it is not known which these are, over nodes all of whose devices are measured, the
    sum of utilization by the number of devices given out, as idle devices have none.
    """
    by_device = _used(
        (device.get("utilization_percent"), share)
        for node in nodes
        for device, share in zip(node["devices"] or [], node["shares"])
    )
    if by_device is not None:
        return by_device, "device"
    used = held = 0.0
    for node in nodes:
        rates = [one.get("utilization_percent") for one in node["devices"] or []]
        if len(rates) >= node["state"]["capacity"] and None not in rates:
            used += sum(rates) / 100
            held += _given_out(node)
    by_node = _rate(used, held)
    return by_node, None if by_node is None else "node"


def _used(devices: t.Iterable[tuple[float | None, float | None]]) -> float | None:
    """Utilization of devices that are held, by how much of them is."""
    used = held = 0.0
    for percent, share in devices:
        if percent is not None and share:
            used += percent / 100
            held += share
    return _rate(used, held)


def _devices(nodes: t.Sequence[Record]) -> Record:
    """Devices in all, given out, idle, of faulty nodes, and of unknown use."""
    counts = dict.fromkeys(("total", "allocated", "idle", "faulty", "unknown"), 0.0)
    for node in nodes:
        told = node["state"]
        counts["total"] += told["capacity"]
        if told["health"] == state.FAULTY:
            counts["faulty"] += told["capacity"]
        elif told["allocated"] is None:
            counts["unknown"] += told["capacity"]
        else:
            counts["allocated"] += _given_out(node)
            counts["idle"] += _idle(node)
    return {f"{name}Gpus": _whole(number) for name, number in counts.items()}


def _by(
    name: str, of: t.Callable[[Record], str | None], nodes: list[Record]
) -> list[Record]:
    """The same counts for each value, by name, unknown last."""
    groups: dict[str | None, list[Record]] = {}
    for node in nodes:
        groups.setdefault(of(node), []).append(node)
    return [
        {name: value, "nodes": len(groups[value]), **_devices(groups[value])}
        for value in sorted(groups, key=lambda value: (value is None, value or ""))
    ]


def _storage(storage: Record | None) -> Record:
    total: int | None = (storage or {}).get("total_bytes")
    used: int | None = (storage or {}).get("used_bytes")
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


def _rdma(nodes: list[Record]) -> Record:
    """Ports of all nodes that tell them, and the most common rate of active ones."""
    told = [node["rdma_ports"] for node in nodes if node["rdma_ports"] is not None]
    ports = [port for found in told for port in found]
    active = [port for port in ports if port.get("state") == "ACTIVE"]
    rates = [one["rate_gbps"] for one in active if one.get("rate_gbps")]
    counts = Counter(rates)
    usual = max(counts, key=lambda rate: (counts[rate], rate), default=None)
    return {
        "totalPorts": len(ports) if told else None,
        "activePorts": len(active) if told else None,
        "bandwidth": None if usual is None else f"{usual:g}Gbps",
        "totalBandwidthGbps": round(sum(rates), 3) if told else None,
    }
