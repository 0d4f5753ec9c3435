# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: all nodes with accelerators at one moment, and who uses them."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from . import faults, matching, readings, state, telemetry
from .types import (
    Consumer,
    Fleet,
    Host,
    Listing,
    Node,
    Process,
    Schedule,
    Storage,
    Telemetry,
    consumer,
)


def assemble(
    hosts: Sequence[Host],
    *,
    listings: Sequence[Listing] = (),
    measured: Sequence[Telemetry] = (),
    schedules: Sequence[Schedule] = (),
    warnings: Iterable[str] = (),
    now: datetime | None = None,
    stale_after: float = state.STALE_AFTER,
    rules: faults.Policy | None = None,
) -> Fleet:
    """Make a fleet of what an inventory and the sources know.

    Args:
        hosts: All hosts of the inventory.
        listings: What clouds know.
        measured: What systems of measurements know, but for their schedules.
        schedules: What schedulers know.
        warnings: What was warned of until now.
        now: The time, with its zone; the clock's without it.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    now = now or datetime.now(UTC)
    texts = list(warnings)
    servers = readings.servers(listings, texts.append)
    measurements = readings.measurements(measured, texts.append)
    checked = readings.schedules(schedules, texts.append)
    known = matching.add_servers(hosts, servers)
    labels = [each.cluster for each in measurements]
    foreign = matching.is_foreign(known, checked, labels)
    joined = matching.join(known, checked, foreign)
    known = telemetry.measure(
        joined.hosts, measurements, now, texts.append, stale_after, foreign
    )
    joined = telemetry.assign(replace(joined, hosts=known))
    storages = [
        *(each.storage for each in listings),
        *(each.storage for each in measured),
    ]
    return build(
        joined.hosts,
        consumers=joined.consumers,
        storage=next(filter(None, storages), None),
        pending=joined.pending,
        warnings=[*texts, *joined.warnings],
        now=now,
        stale_after=stale_after,
        rules=rules,
    )


def build(
    hosts: Iterable[Host],
    *,
    consumers: Sequence[Consumer] = (),
    storage: Storage | None = None,
    pending: float | None = None,
    warnings: Sequence[str] = (),
    now: datetime,
    stale_after: float = state.STALE_AFTER,
    rules: faults.Policy | None = None,
) -> Fleet:
    """Make a fleet of hosts that have everything that is known of them.

    Args:
        hosts: All hosts; those without accelerators are left out.
        consumers: What schedulers know of workloads, with `devices`, keys of hosts and
            indexes, if they know these. Processes are consumers too, on nodes that no
            scheduler has.
        storage: As in the fleet.
        pending: As in the fleet.
        warnings: What the sources warn of.
        now: The time, with its zone.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    rules = faults.policy() if rules is None else rules
    in_order = sorted(hosts, key=lambda host: (host.name, host.key))
    nodes = [_node(host, now, stale_after, rules) for host in in_order]
    nodes = [node for node in nodes if node.state["capacity"]]
    used = {
        (node.key, device["index"]): device["utilization_percent"]
        for node in nodes
        for device in node.devices or ()
    }
    rows = [_with_utilization(row, used) for row in consumers]
    for node in nodes:
        if not node.scheduled:
            rows += _processes(node)
    return Fleet(
        nodes=nodes,
        consumers=rows,
        storage=storage,
        pending=pending,
        warnings=[*warnings, *_excesses(nodes)],
        now=now,
    )


def _node(host: Host, now: datetime, stale_after: float, rules: faults.Policy) -> Node:
    """Return the node that a host is; without capacity if it is none."""
    known = state.node_state(host, now, stale_after, rules)
    facts = host.facts if known["measured"] else None
    devices = facts.devices if facts else None
    return Node(
        name=host.name,
        key=host.key,
        server=host.server or state.NO_SERVER,
        state=known,
        facts=host.facts,
        devices=devices,
        ports=facts.ports if facts else None,
        shares=[state.share(device, host.offers) for device in devices or ()],
        scheduled=bool(host.offers),
    )


def _excesses(nodes: list[Node]) -> t.Iterator[str]:
    """Yield warnings of nodes of which more is given out than there is."""
    for node in nodes:
        allocated, capacity = node.state["allocated"] or 0, node.state["capacity"]
        if allocated > capacity:
            yield (
                f"{node.name}: {allocated:g} devices are given out, and there are "
                f"{capacity:g}"
            )


def _with_utilization(
    row: Consumer, used: dict[tuple[str, int], float | None]
) -> Consumer:
    """Return a consumer with the mean utilization of its devices, if it is known."""
    held = row.get("devices")
    if row["stat"]["gpuUtilization"] is not None or not held:
        return row
    percents = [used.get((name, index)) for name, index in held]
    if None in percents:
        return row
    mean = sum(percent or 0 for percent in percents) / len(percents) / 100
    return {**row, "stat": {**row["stat"], "gpuUtilization": mean}}


def _processes(node: Node) -> t.Iterable[Consumer]:
    """Return processes as consumers; those of one device, or part, share it equally."""
    rows: dict[int, Consumer] = {}
    weights: dict[int, int] = {}
    for device in node.devices or ():
        pids = set()
        for processes, size in state.holdings(device) or ():
            for process in processes:
                pid = process["pid"]
                row = rows.get(pid)
                if row is None:
                    row = rows[pid] = _process(node, process)
                stat = row["stat"]
                stat["gpuEquivalent"] += size / len(processes)
                stat["gpuRequest"] += pid not in pids
                pids.add(pid)
        used = device["utilization_percent"]
        for pid in pids if used is not None else ():
            stat = rows[pid]["stat"]
            weight = weights.get(pid, 0)
            before = (stat["gpuUtilization"] or 0.0) * weight
            weights[pid] = weight + 1
            stat["gpuUtilization"] = (before + (used or 0) / 100) / weights[pid]
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
    )
