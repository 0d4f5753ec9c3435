# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of schedulers of which nobody knows which host they are."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence

from .recognition import Claim, Finder, cluster_of
from .types import Host, Schedule

Places = dict[int, str]
"""Which nodes of a schedule are which hosts: keys of hosts by number of the node."""


def name_of(schedule: Schedule) -> str:
    """Return how warnings name a schedule."""
    return " ".join(filter(None, (schedule.source, schedule.cluster)))


def ambiguous(
    finder: Finder, schedule: Schedule, claims: Sequence[Claim], places: Places
) -> Iterator[str]:
    """Yield a warning of nodes that may be several hosts, and count by themselves.

    Args:
        finder: Finds hosts.
        schedule: What the scheduler knows.
        claims: What it knows of each node.
        places: Which nodes are which hosts.
    """
    doubts = [
        (claim.names[0], maybe)
        for number, claim in enumerate(claims)
        if number not in places
        for maybe in [finder.several(claim.names[0], claim.cluster)]
        if maybe
    ]
    if doubts:
        name, maybe = doubts[0]
        names = ", ".join(sorted(host.name for host in maybe)[:3])
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        yield (
            f"{name_of(schedule)}: node {name}{more} may be any of {names}, so it "
            "counts as a node of its own. Set sources[].cluster to the name of its "
            "cluster"
        )


class _Claimed(t.NamedTuple):
    """A node that is a host: one of a schedule's, and its entry in its places."""

    schedule: Schedule
    places: Places
    number: int


def take_back(
    schedules: Sequence[Schedule], places: Sequence[Places], hosts: Mapping[str, Host]
) -> tuple[set[str], list[str]]:
    """Take back what several clusters say of the same host.

    A host of which nothing but facts is known is one of their nodes, and would count
    twice; so it is to be left out.

    Args:
        schedules: What the schedulers know.
        places: For each, which nodes are which hosts; without the doubtful ones then.
        hosts: The hosts by their keys.

    Returns:
        Keys of hosts to be left out, and warnings.
    """
    claimed: dict[str, list[_Claimed]] = {}
    for schedule, own in zip(schedules, places, strict=True):
        for number, key in own.items():
            claimed.setdefault(key, []).append(_Claimed(schedule, own, number))
    left_out: set[str] = set()
    warnings: list[str] = []
    for key, each in claimed.items():
        if not _contradict([claim.schedule for claim in each]):
            continue
        host = hosts[key]
        sure = _surest(host, each)
        for claim in each:
            if claim not in sure:
                del claim.places[claim.number]
        if not sure:
            warnings.append(_doubt(host, each))
            left_out |= {key} if host.server is None else set()
    return left_out, warnings


def _doubt(host: Host, each: list[_Claimed]) -> str:
    text = "its facts are left out" if host.server is None else "it stands alone"
    names = ", ".join(name_of(claim.schedule) for claim in each)
    return (
        f"{host.name}: is a node of several clusters ({names}), and nobody knows which "
        f"of them it is, so {text}. Name its cluster and id in gpufleet_node"
    )


def _surest(host: Host, each: list[_Claimed]) -> list[_Claimed]:
    """Return the claims by server id, or else by cluster, unless these contradict."""
    ident = host.server["id"] if host.server else None
    cluster = cluster_of(host)
    by_id = [
        claim
        for claim in each
        if ident and claim.schedule.nodes[claim.number].provider_id == ident
    ]
    by_cluster = [c for c in each if cluster and c.schedule.cluster == cluster]
    for sure in (by_id, by_cluster):
        if sure and not _contradict([claim.schedule for claim in sure]):
            return sure
    return []


def _contradict(schedules: list[Schedule]) -> bool:
    """Return whether schedules can't have one machine in common."""
    sources = [schedule.source for schedule in schedules]
    clusters = {schedule.cluster for schedule in schedules} - {None}
    return len(set(sources)) < len(sources) or len(clusters) > 1
