# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview once more, written from its documentation and not from the code.

A world is what a fleet is, before any source tells of it: its nodes with their devices,
what each scheduler offers and has given out there, and which source fails. The sources'
records are made of it, and so are the numbers that the overview must have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Host,
    Offer,
    Schedule,
)
from unit.fleet import factory, fleets

SIZE = 4
"""Devices of a node, as its flavor declares them."""


@dataclass
class Machine:
    """A node.

    Attributes:
        name: Its name in its cluster; the other cluster has one of the same name.
        cluster: Name of its cluster.
        running: Whether its server runs.
        gone: How many devices are not measured.
        broken: Indexes of measured devices that have failed.
        percents: Utilization of each device.
        age: Age of its facts in seconds; None without facts.
        offers: What each scheduler has there.
    """

    name: str
    cluster: str
    running: bool
    gone: int
    broken: frozenset[int]
    percents: list[float | None]
    age: int | None
    offers: list[Offered] = field(default_factory=list)

    @property
    def is_seen(self) -> bool:
        return self.age is not None and self.age <= 300


@dataclass
class Offered:
    """What a scheduler has on a node.

    Attributes:
        source: Name of the scheduler.
        units: Units that it makes of a device.
        lacking: How many of the devices it does not have.
        withheld: How many of those that it has it gives to nobody.
        allocated: How many units are given out, of those that it gives.
        cordoned: Whether a person took the node out.
        ready: Whether the node works.
    """

    source: str
    units: int
    lacking: int
    withheld: int
    allocated: int
    cordoned: bool
    ready: bool


@dataclass
class World:
    """A fleet.

    Attributes:
        machines: All nodes.
        failing: Schedulers that can't be read: pairs of source and cluster.
        pending: Devices that are waited for in each of those that can be.
    """

    machines: list[Machine]
    failing: set[tuple[str, str]]
    pending: dict[tuple[str, str], int]


# The sources' records -----------------------------------------------------------------


def hosts(world: World) -> list[Host]:
    """Return the hosts of the inventory."""
    return [_host(machine) for machine in world.machines]


def _host(machine: Machine) -> Host:
    name = f"{machine.cluster}-{machine.name}"
    server = factory.server(
        machine.name,
        SIZE,
        id=f"id-{name}",
        cluster=factory.cluster(machine.cluster),
        status="ACTIVE" if machine.running else "ERROR",
    )
    measured = None
    if machine.age is not None:
        devices = [
            factory.device(
                index,
                None,
                health="failed" if index in machine.broken else "ok",
                utilization_percent=machine.percents[index],
            )
            for index in range(SIZE - machine.gone)
        ]
        measured = fleets.facts(devices, machine.age)
    return Host(name, server, measured)


def schedules(world: World) -> list[Schedule]:
    """Return what the schedulers tell."""
    kept = [
        _schedule(world, source, cluster) for source, cluster in sorted(world.pending)
    ]
    failed = [
        factory.schedule(source=source, cluster=cluster, failure="it is down")
        for source, cluster in sorted(world.failing)
    ]
    return [*kept, *failed]


def _schedule(world: World, source: str, cluster: str) -> Schedule:
    nodes = [
        factory.scheduled(
            machine.name,
            # Those that no cloud tells are found by cluster and name.
            provider_id=None if machine.gone else f"id-{cluster}-{machine.name}",
            offer=_offer(offered),
        )
        for machine in world.machines
        if machine.cluster == cluster
        for offered in machine.offers
        if offered.source == source
    ]
    pending = world.pending[source, cluster]
    return factory.schedule(
        *nodes,
        source=source,
        cluster=cluster,
        waiting=factory.waiting(pending),
    )


def _offer(offered: Offered) -> Offer:
    there = SIZE - offered.lacking
    return Offer(
        source=offered.source,
        capacity=there * offered.units,
        withheld=offered.withheld * offered.units,
        allocated=offered.allocated,
        units=f"{there * offered.units} of them",
        maintenance="cordoned" if offered.cordoned else None,
        faults=() if offered.ready else (("not_ready", "Ready is False", None),),
    )


# The numbers that must come out -------------------------------------------------------


def overview(world: World) -> dict[str, Any]:
    """Return numbers of the overview."""
    sums = dict.fromkeys(("allocated", "idle", "faulty", "maintenance", "unknown"), 0.0)
    nodes = dict.fromkeys(("healthy", "faulty", "maintenance"), 0)
    used = held = 0.0
    free = []
    for machine in world.machines:
        told = _node(world, machine)
        for name in sums:
            sums[name] += told[name]
        nodes[told["health"]] += 1
        if told["busy"]:
            used += told["busy"][0]
            held += told["busy"][1]
        if told["allocated"] or told["idle"]:
            free.append(told["free"])
    usable = sums["allocated"] + sums["idle"]
    total = SIZE * len(world.machines)
    pending = sum(world.pending.values())
    is_known = world.pending and not world.failing
    return {
        "totalNodes": len(world.machines),
        **{f"{name}Nodes": number for name, number in nodes.items()},
        "totalGpus": total,
        **{f"{name}Gpus": number for name, number in sums.items()},
        "allocationRate": sums["allocated"] / usable if usable else None,
        "usableRate": usable / total if total else None,
        "utilization": used / held if held else None,
        "utilizationDevices": held,
        "pendingGpus": pending if is_known else None,
        "largestIdleBlock": max(free, default=None),
    }


def _node(world: World, machine: Machine) -> dict[str, Any]:
    """Return the states of a node's devices, and how busy they are."""
    sources = {offered.source for offered in machine.offers}
    failing = {source for source, name in world.failing if name == machine.cluster}
    read = [o for o in machine.offers if o.source not in failing]
    shown = SIZE - machine.gone if machine.is_seen else SIZE
    # The fewest devices that anybody has who looks.
    fewest = min([SIZE - o.lacking - o.withheld for o in read] + [shown])
    broken = {i for i in machine.broken if i < shown} if machine.is_seen else set()
    unusable = not machine.running or any(not o.ready for o in read)
    gone = SIZE - shown
    faulty = max(SIZE - fewest, gone + len(broken))
    if unusable:
        faulty = SIZE
    faulty = min(faulty, SIZE)
    left = SIZE - faulty
    out: dict[str, Any] = dict.fromkeys(
        ("allocated", "idle", "faulty", "maintenance", "unknown"), 0.0
    )
    out["faulty"] = faulty
    cordoned = any(o.cordoned for o in read)
    allocated = None
    if failing or not sources:
        allocated = None  # processes are not gathered in this world
    else:
        allocated = max(o.allocated / o.units for o in read)
    out["health"] = (
        "maintenance" if cordoned else "faulty" if faulty or unusable else "healthy"
    )
    out["busy"], out["free"] = None, 0
    if cordoned:
        out["maintenance"] = left
    elif allocated is None:
        out["unknown"] = left
    else:
        out["allocated"] = min(left, allocated)
        out["idle"] = left - out["allocated"]
        out["free"] = int(out["idle"] + 1e-6)
        out["busy"] = _busy(machine, shown, broken, left, out["allocated"], allocated)
        if allocated >= SIZE:
            out["free"] = 0
    return out


def _busy(
    machine: Machine,
    shown: int,
    broken: set[int],
    left: float,
    allocated: float,
    given: float,
) -> tuple[float, float] | None:
    """Return the sum of utilization, and of how many devices it is."""
    if not machine.is_seen or not allocated:
        return None
    percents = [machine.percents[i] for i in range(shown) if i not in broken]
    known = [percent / 100 for percent in percents if percent is not None]
    if allocated >= left - 1e-6 or given >= SIZE:  # all that can be are given out
        return (sum(known), len(known)) if known else None
    if len(known) < len(percents) or len(known) < left:
        return None
    return min(sum(known), allocated), allocated


# Random worlds ------------------------------------------------------------------------


@st.composite
def _offers(draw: st.DrawFn, source: str) -> Offered:
    units = draw(st.sampled_from([1, 1, 2, 4])) if source == "kubernetes" else 1
    lacking = draw(st.sampled_from([0, 0, 0, 1, 2]))
    withheld = draw(st.sampled_from([0, 0, 0, 1]))
    if units > 1:
        lacking = 0  # fewer units may be other parts: nobody can tell
    most = (SIZE - lacking - withheld) * units
    return Offered(
        source=source,
        units=units,
        lacking=lacking,
        withheld=withheld,
        allocated=draw(st.integers(0, most)),
        cordoned=draw(st.sampled_from([False, False, False, True])),
        ready=draw(st.sampled_from([True, True, True, False])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Worlds of two clusters, whose nodes have the same names."""
    machines = []
    for cluster in ("a", "b"):
        for number in range(draw(st.integers(0, 3))):
            gone = draw(st.sampled_from([0, 0, 0, 1, 2]))
            sources = draw(
                st.sampled_from([["kubernetes"], ["slurm"], ["kubernetes", "slurm"]])
            )
            machines.append(
                Machine(
                    name=f"node-{number}",
                    cluster=cluster,
                    running=draw(st.sampled_from([True, True, True, False])),
                    gone=gone,
                    broken=draw(st.frozensets(st.integers(0, SIZE - gone), max_size=1)),
                    percents=draw(
                        st.lists(
                            st.none() | st.integers(0, 100),
                            min_size=SIZE,
                            max_size=SIZE,
                        )
                    ),
                    age=draw(st.sampled_from([None, 10, 10, 10, 400])),
                    offers=[draw(_offers(source)) for source in sources],
                )
            )
    pairs = {(offered.source, m.cluster) for m in machines for offered in m.offers}
    failing = {
        pair for pair in sorted(pairs) if draw(st.sampled_from([False] * 4 + [True]))
    }
    pending = {pair: draw(st.integers(0, 20)) for pair in sorted(pairs - failing)}
    return World(machines, failing, pending)
