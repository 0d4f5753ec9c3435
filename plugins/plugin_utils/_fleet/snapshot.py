# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: all nodes with accelerators at one moment, and who uses them."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from . import (
    consuming,
    faults,
    matching,
    pod_devices,
    readings,
    repeated,
    state,
    telemetry,
)
from .hosts import add_servers
from .types import (
    Consumer,
    Fleet,
    Host,
    Listing,
    Node,
    Schedule,
    Storage,
    Telemetry,
)
from .values import shown
from .waiting import Waiting, waited_for


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
    checked = repeated.once(readings.schedules(schedules, texts.append))
    known = add_servers(hosts, servers)
    labels = [each.cluster for each in measurements]
    foreign = matching.is_foreign(known, checked, labels)
    joined = matching.join(known, checked, foreign)
    known = telemetry.measure(
        joined.hosts, measurements, now, texts.append, stale_after, foreign
    )
    joined = pod_devices.assign(replace(joined, hosts=known))
    storages = [
        *(each.storage for each in listings),
        *(each.storage for each in measured),
    ]
    return build(
        joined.hosts,
        consumers=joined.consumers,
        storage=next(filter(None, storages), None),
        waiting=waited_for(checked),
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
    waiting: Waiting | None = None,
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
        waiting: As in the fleet.
        warnings: What the sources warn of.
        now: The time, with its zone.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    rules = faults.policy() if rules is None else rules
    in_order = sorted(hosts, key=lambda host: (host.name, host.key))
    nodes = [_node(host, now, stale_after, rules) for host in in_order]
    nodes = [node for node in nodes if _has_devices(node)]
    rows = consuming.with_devices(consumers, nodes)
    for node in nodes:
        if not node.scheduled:
            rows += consuming.processes(node)
    return Fleet(
        nodes=nodes,
        consumers=rows,
        storage=storage,
        waiting=waiting,
        warnings=sorted({*warnings, *_excesses(nodes)}),
        now=now,
    )


def _has_devices(node: Node) -> bool:
    """Return whether a node has devices, or its scheduler says that it must have.

    How many there are may be unknown.
    """
    offers = node.capacity.offers
    return node.state["capacity"] != 0 or any(
        offer.capacity == 0 and offer.has_devices for offer in offers
    )


def _node(host: Host, now: datetime, stale_after: float, rules: faults.Policy) -> Node:
    """Return the node that a host is; without capacity if it is none."""
    known = state.assess(host, now, stale_after, rules)
    facts = known.facts
    return Node(
        name=host.name,
        key=host.key,
        server=host.server or state.NO_SERVER,
        state=known.state,
        facts=host.facts,
        unusable=known.unusable,
        devices=facts.devices or None if facts else None,
        # A node that has lost its devices has its ports.
        ports=facts.ports if facts else None,
        shares=known.shares,
        free=known.free,
        capacity=known.capacity,
        scheduled=bool(host.offers),
    )


def _excesses(nodes: list[Node]) -> t.Iterator[str]:
    """Yield what is odd about the devices of nodes, and what is given out of them."""
    for node in nodes:
        yield from node.capacity.warnings
        allocated, capacity = node.state["allocated"] or 0, node.state["capacity"]
        if capacity is None:
            name = node.server["hardware"]["name"]
            yield (
                f"{node.name}: how many devices there are is unknown, because flavor "
                f"{shown(name)} does not tell, and nothing counts them: numbers of "
                "devices leave them out"
            )
        elif allocated > capacity + 1e-6:
            yield (
                f"{node.name}: {allocated:g} devices are given out, and there are "
                f"{capacity:g}"
            )
