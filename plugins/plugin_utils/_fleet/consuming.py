# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds devices: workloads of schedulers, or processes; which, and how busy."""

from __future__ import annotations

import typing as t
from collections import Counter

from . import holders
from .types import Consumer, Device, Node, Offer, Process, Stat, consumer

_SCHEDULERS = {"k8s": "kubernetes", "slurm": "slurm"}
"""Sources of consumers, and of the offers of their nodes."""

_ENOUGH = 1e-3
"""Devices; who holds all but so much of a node's holds all."""


def with_devices(consumers: t.Sequence[Consumer], nodes: list[Node]) -> list[Consumer]:
    """Return workloads with the devices that they hold, as far as this is known.

    Args:
        consumers: Workloads, with their scheduler's numbers of devices.
        nodes: All nodes.
    """
    known = {node.key: _Devices(node) for node in nodes}
    return [_completed(row, known) for row in consumers]


class _Devices:
    """The devices of a node.

    Args:
        node: The node.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.devices = {device["index"]: device for device in node.devices or ()}
        self._places: dict[str, holders.Places | None] = {}

    def scale(self, source: str | None) -> float:
        """Return how many devices one is that a source counts there."""
        offer = self._offer(source)
        return self.node.capacity.scales.get(offer.source, 1.0) if offer else 1.0

    def index(self, source: str | None, number: int) -> int | None:
        """Return the index of a device that a scheduler has a number for."""
        offer = self._offer(source)
        if offer is None:
            return None
        if offer.source not in self._places:
            devices = self.node.devices or []
            self._places[offer.source] = holders.places(devices, offer)
        return (self._places[offer.source] or {}).get(number)

    def _offer(self, source: str | None) -> Offer | None:
        offers = self.node.capacity.offers
        own = _SCHEDULERS.get(source or "")
        only = offers[0] if len(offers) == 1 else None
        return next((each for each in offers if each.source == own), only)

    def are_all(self, held: float) -> bool:
        """Return whether so many devices are all that the node has, and measures."""
        capacity = self.node.state["capacity"] or 0.0
        return held >= capacity - _ENOUGH and len(self.devices) == capacity


def _completed(row: Consumer, known: dict[str, _Devices]) -> Consumer:
    """Return a workload with its devices, its nodes and their mean utilization."""
    nodes = _nodes(row, known)
    devices = _devices(row, nodes or [], known)
    stat = _scaled(row, known, nodes)
    if stat["gpuUtilization"] is None and devices:
        stat = {**stat, "gpuUtilization": _mean(devices, known)}
    return {**row, "devices": devices, "nodes": nodes, "stat": stat}


def _devices(
    row: Consumer, nodes: list[tuple[str, float]], known: dict[str, _Devices]
) -> list[tuple[str, int]] | None:
    """Return the devices that a workload holds; None if one is not known.

    Who holds all devices of a node holds these, whatever their numbers are.
    """
    devices: list[tuple[str, int]] = []
    for name, held in nodes:
        own = known.get(name)
        if own is None:
            return None
        indexes = _placed(own, name, row)
        if indexes is None:
            if not own.are_all(held):
                return None
            indexes = list(own.devices)
        devices += [(name, index) for index in indexes]
    return devices or None


def _nodes(row: Consumer, known: dict[str, _Devices]) -> list[tuple[str, float]] | None:
    """Return how many devices a workload holds on each node; None if not known."""
    pairs = row.get("nodes")
    if pairs is None:
        numbers = row.get("devices")
        if not numbers:
            return None
        many = Counter(name for name, _index in numbers)
        pairs = [(name, float(number)) for name, number in many.items()]
    held: dict[str, float] = {}
    for name, number in pairs:
        own = known.get(name)
        scale = own.scale(row["source"]) if own else 1.0
        held[name] = held.get(name, 0.0) + number * scale
    return [(name, round(held[name], 6)) for name in sorted(held)]


def _placed(own: _Devices, name: str, row: Consumer) -> list[int] | None:
    """Return the indexes of the devices that a workload holds on a node."""
    numbers = row.get("devices") or ()
    indexes = {own.index(row["source"], n) for where, n in numbers if where == name}
    if not indexes or None in indexes:
        return None
    return sorted(index for index in indexes if index is not None)


def _scaled(
    row: Consumer,
    known: dict[str, _Devices],
    nodes: list[tuple[str, float]] | None,
) -> Stat:
    """Return how much a workload holds, where units are not devices."""
    source = row["source"]
    is_scaled = any(
        known[name].scale(source) != 1.0 for name, _held in nodes or () if name in known
    )
    if not is_scaled:
        return row["stat"]
    return {**row["stat"], "gpuEquivalent": sum(held for _name, held in nodes or ())}


def _mean(devices: list[tuple[str, int]], known: dict[str, _Devices]) -> float | None:
    """Return the mean utilization of devices; None if one of them is not measured."""
    percents = [_percent(known[name].devices.get(index)) for name, index in devices]
    if None in percents:
        return None
    return sum(percent or 0.0 for percent in percents) / len(percents) / 100


def _percent(device: Device | None) -> float | None:
    return device["utilization_percent"] if device else None


# Processes ----------------------------------------------------------------------------


def processes(node: Node) -> t.Iterable[Consumer]:
    """Return processes as consumers; those of one device, or part, share it equally."""
    rows: dict[int, Consumer] = {}
    weights: dict[int, int] = {}
    for device in node.devices or ():
        pids = set()
        for held, size in holders.holdings(device) or ():
            for process in held:
                pid = process["pid"]
                row = rows.get(pid)
                if row is None:
                    row = rows[pid] = _process(node, process)
                stat = row["stat"]
                stat["gpuEquivalent"] += size / len(held)
                stat["gpuRequest"] += pid not in pids
                if pid not in pids:
                    t.cast("list[t.Any]", row["devices"]).append(
                        (node.key, device["index"])
                    )
                pids.add(pid)
        used = device["utilization_percent"]
        for pid in pids if used is not None else ():
            stat = rows[pid]["stat"]
            weight = weights.get(pid, 0)
            before = (stat["gpuUtilization"] or 0.0) * weight
            weights[pid] = weight + 1
            stat["gpuUtilization"] = (before + (used or 0) / 100) / weights[pid]
    for row in rows.values():
        row["nodes"] = [(node.key, round(row["stat"]["gpuEquivalent"], 6))]
    return rows.values()


def _process(node: Node, process: Process) -> Consumer:
    cluster = node.server["cluster"]
    return consumer(
        kind="Process",
        name=process["name"],
        namespace=process["user"],
        uid=f"{node.key}/{process['pid']}",
        source="facts",
        cluster=cluster["name"] if cluster else None,
        devices=[],
        nodes=[],
    )
