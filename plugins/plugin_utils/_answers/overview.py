# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview: how many nodes and devices there are, how they do, and how busy."""

from __future__ import annotations

import typing as t
from collections import Counter

from .._fleet import counts as counting
from .._fleet import coverage, state
from .._fleet.types import Fleet, Node, Record, Storage
from .._fleet.waiting import Waiting
from . import blocks, faults, utilization
from .naming import cluster, location, model, whole
from .utilization import Busy

_UNITS = ((10**18, "EB"), (10**16, "PB"), (0, "TB"))
"""From how many bytes on a capacity is shown in which unit."""

_BYTES = {"TB": 10**12, "PB": 10**15, "EB": 10**18}


def report(fleet: Fleet) -> Record:
    """Return the overview of a fleet, with the field names of the Clusters API.

    Rates are 0.0 to 1.0. What is not known is None, and so is a rate of nothing.
    """
    health = Counter(node.state["health"] for node in fleet.nodes)
    allocation = Counter(
        node.state["allocation"]
        for node in fleet.nodes
        if node.state["health"] == state.HEALTHY
    )
    busy = {node.key: utilization.of_node(node) for node in fleet.nodes}
    used = utilization.total(busy.values())
    devices = _devices(fleet.nodes, used)
    return {
        "totalNodes": len(fleet.nodes),
        "healthyNodes": health[state.HEALTHY],
        "faultyNodes": health[state.FAULTY],
        "maintenanceNodes": health[state.MAINTENANCE],
        "fullyIdleNodes": allocation[state.IDLE],
        "partiallyIdleNodes": allocation[state.PARTIAL],
        "busyNodes": allocation[state.BUSY],
        "unknownNodes": allocation[state.UNKNOWN],
        "allocationRate": devices["allocationRate"],
        "utilization": devices["utilization"],
        "utilizationBasis": used.basis if used else None,
        "utilizationDevices": whole(used.held) if used else 0,
        "storageStat": _storage(fleet.storage),
        "rdmaClusterStat": _rdma(fleet.nodes),
        **devices,
        **_waiting(fleet.waiting),
        **blocks.report(fleet.nodes),
        **_measured(fleet.nodes),
        "byModel": _by("model", model, fleet.nodes, busy),
        "byLocation": _by("location", location, fleet.nodes, busy),
        "byCluster": _by("cluster", cluster, fleet.nodes, busy),
        "faults": faults.report(fleet),
        **common(fleet),
    }


def common(fleet: Fleet) -> Record:
    """Return what every report carries."""
    return {
        "coverage": coverage.share(fleet.nodes),
        "warnings": fleet.warnings,
        "generatedAt": fleet.now.isoformat(timespec="seconds"),
    }


def _rate(part: float, whole: float) -> float | None:
    return round(min(1.0, part / whole), 4) if whole else None


def _waiting(waiting: Waiting | None) -> Record:
    if waiting is None:
        return {"pendingGpus": None, "pendingByReason": None}
    by_reason = {why: whole(number) for why, number in waiting.by_reason.items()}
    return {"pendingGpus": whole(waiting.pending), "pendingByReason": by_reason}


def _devices(nodes: t.Sequence[Node], used: Busy | None) -> Record:
    """Return how many devices are in which state, and rates of these numbers.

    Nodes that nobody counts the devices of are left out; if all are, it is not known.

    Args:
        nodes: The nodes.
        used: How busy their devices are that are given out; None if not known.
    """
    known = [node for node in nodes if node.state["capacity"] is not None]
    is_known = bool(known or not nodes)
    total = sum(node.state["capacity"] or 0.0 for node in known)
    counts = dict.fromkeys(counting.STATES, 0.0)
    for node in known:
        for name, number in node.state["devices"].items():
            counts[name] += t.cast("float", number)
    usable = counts["allocated"] + counts["idle"]
    return {
        "totalGpus": whole(total) if is_known else None,
        **{
            f"{name}Gpus": whole(number) if is_known else None
            for name, number in counts.items()
        },
        "allocationRate": _rate(counts["allocated"], usable),
        "usableRate": _rate(usable, total),
        "utilization": _rate(used.used, used.held) if used else None,
    }


def _by(
    name: str,
    value_of: t.Callable[[Node], str | None],
    nodes: list[Node],
    busy: dict[str, Busy | None],
) -> list[Record]:
    """Return the same numbers for each value, by name, unknown last."""
    groups: dict[str | None, list[Node]] = {}
    for node in nodes:
        groups.setdefault(value_of(node), []).append(node)
    rows = []
    for value in sorted(groups, key=lambda value: (value is None, value or "")):
        own = groups[value]
        used = utilization.total(busy[node.key] for node in own)
        rows.append({name: value, "nodes": len(own), **_devices(own, used)})
    return rows


def _measured(nodes: list[Node]) -> Record:
    """Return sums over the devices, and nodes, of which they are known."""
    devices = [device for node in nodes for device in node.devices or ()]
    memory = [
        (device["memory_used_bytes"], total)
        for device in devices
        if (total := device["memory_total_bytes"])
        and device["memory_used_bytes"] is not None
    ]
    watts = [
        device["power_watts"] for device in devices if device["power_watts"] is not None
    ]
    costs = [
        cost
        for node in nodes
        if (cost := node.server["hardware"]["hourly_cost"]) is not None
    ]
    used = sum(used or 0.0 for used, _total in memory)
    return {
        "memoryUsedRate": _rate(used, sum(total for _used, total in memory)),
        "powerWatts": round(sum(watts), 1) if watts else None,
        "hourlyCost": round(sum(costs), 4) if costs else None,
    }


def _storage(storage: Storage | None) -> Record:
    total = storage["total_bytes"] if storage else None
    used = storage["used_bytes"] if storage else None
    free = rate = None
    if total is not None and used is not None:
        free, rate = max(0, total - used), _rate(used, total)
    return {
        "totalCapacity": _shown(total),
        "usedCapacity": _shown(used),
        "availableCapacity": _shown(free),
        "utilizationRate": rate,
        "totalBytes": total,
        "usedBytes": used,
        "availableBytes": free,
    }


def _shown(number: float | None) -> str | None:
    """Return bytes in a unit in which they have few digits."""
    if number is None:
        return None
    unit = next(unit for least, unit in _UNITS if number >= least)
    return f"{round(number / _BYTES[unit], 1):.10g}{unit}"


def _rdma(nodes: list[Node]) -> Record:
    """Return counts of all ports, and the most common rate of active ones."""
    known = [node.ports for node in nodes if node.ports is not None]
    ports = [port for listed in known for port in listed]
    active = [port for port in ports if port.state == "ACTIVE"]
    rates = [port.rate_gbps for port in active if port.rate_gbps]
    are_told = all(port.rate_gbps is not None for port in active)
    counts = Counter(rates)
    usual = max(counts, key=lambda rate: (counts[rate], rate), default=None)
    return {
        "totalPorts": len(ports) if known else None,
        "activePorts": len(active) if known else None,
        "bandwidth": None if usual is None else f"{usual:g}Gbps",
        "totalBandwidthGbps": round(sum(rates), 3) if known and are_told else None,
    }
