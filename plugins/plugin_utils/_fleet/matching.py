# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is which node of a scheduler or of a cloud."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from . import doubts
from .hosts import in_clusters, new_key, placed
from .membership import STANDALONE
from .recognition import Claim, Finder, cluster_of, pairs
from .types import Consumer, Host, Offer, Schedule, Scheduled

Keys = dict[str, str]
"""Keys of hosts, by the name that a scheduler has for its node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Hosts with what the schedulers know, and the consumers with keys of hosts.

    Attributes:
        hosts: The hosts.
        consumers: Who holds devices.
        keys: For each consumer, which host each node of its scheduler is.
        warnings: What could not be read, or told apart.
    """

    hosts: list[Host]
    consumers: list[Consumer] = field(default_factory=list)
    keys: list[Keys] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def is_foreign(
    hosts: Sequence[Host],
    schedules: Sequence[Schedule],
    labels: t.Iterable[str | None] = (),
) -> bool:
    """Return whether labels of series have other names for clusters than all else.

    They tell which series belong together nevertheless, but not to which cluster of
    the inventory.

    Args:
        hosts: The hosts.
        schedules: What the schedulers know, some of it by labels.
        labels: Names of clusters in the labels of measurements.
    """
    known = {*map(cluster_of, hosts), *(s.cluster for s in schedules if not s.labeled)}
    named = {*labels, *(each.cluster for each in schedules if each.labeled)}
    return bool(known - {None}) and not (known - {None}) & named


def join(
    hosts: Sequence[Host], schedules: Sequence[Schedule], foreign: bool = False
) -> Joined:
    """Return what the inventory and the schedulers know, put together.

    Args:
        hosts: The hosts.
        schedules: What the schedulers know.
        foreign: Whether labels have names of their own for clusters.

    `recognition.pairs` says which node is which host. A node that no host is stands as
    a host of its own, in its scheduler's cluster, and may be the node of another
    scheduler too. Where a scheduler could not be read, what is given out on the hosts
    that only it can know of is not known.

    A server whose cluster the cloud does not tell is of the cluster whose Kubernetes
    has a node with its id.
    """
    joining = _Joining(in_clusters(hosts, schedules), schedules, foreign)
    joining.add_nodes()
    joining.add_failures()
    consumers: list[Consumer] = []
    keys: list[Keys] = []
    for schedule, own in zip(joining.answered, joining.keys, strict=True):
        consumers += [_renamed(row, own) for row in schedule.consumers]
        keys += [own] * len(schedule.consumers)
    return Joined(
        hosts=joining.hosts(),
        consumers=consumers,
        keys=keys,
        warnings=[*_told(schedules), *joining.warnings],
    )


class _Joining:
    """Puts hosts and schedulers together.

    Args:
        hosts: The hosts.
        schedules: What the schedulers know.
        foreign: Whether labels have names of their own for clusters.
    """

    def __init__(
        self, hosts: Sequence[Host], schedules: Sequence[Schedule], foreign: bool
    ) -> None:
        self.answered = [each for each in schedules if not each.failure]
        self.failed = [each for each in schedules if each.failure]
        self.keys: list[Keys] = [{} for _each in self.answered]
        self.warnings: list[str] = []
        self._known = {host.key: host for host in hosts}
        self._offers: dict[str, list[Offer]] = {host.key: [] for host in hosts}
        self._read = {each.cluster for each in self.answered} - {None}
        self._foreign = foreign

    def hosts(self) -> list[Host]:
        """Return the hosts with their offers."""
        missing = self._missing()
        return [
            replace(
                host,
                offers=tuple(self._offers[key]),
                unjoined=key in missing and cluster_of(host) in self._read,
            )
            for key, host in self._known.items()
        ]

    def _missing(self) -> set[str]:
        """Return the hosts that no scheduler has, not even without devices."""
        silent = [host for key, host in self._known.items() if not self._offers[key]]
        missing = {host.key for host in silent}
        for schedule in self.answered if silent else ():
            cluster = self._cluster(schedule)
            claims = [
                Claim(ident=None, names=names, cluster=cluster)
                for names in schedule.others
            ]
            missing -= set(pairs(silent, claims).values())
        return missing

    def add_nodes(self) -> None:
        """Add the nodes of the schedulers that answered."""
        hosts = list(self._known.values())
        claims = [self._claims(schedule) for schedule in self.answered]
        places = [pairs(hosts, each) for each in claims]
        if hosts:
            finder = Finder(hosts)
            for schedule, each, own in zip(self.answered, claims, places, strict=True):
                self.warnings += doubts.ambiguous(finder, schedule, each, own)
        left_out, warnings = doubts.take_back(self.answered, places, self._known)
        self.warnings += warnings
        for key in left_out:
            del self._known[key], self._offers[key]
        for number, schedule in enumerate(self.answered):
            self._add_schedule(
                schedule, self.keys[number], claims[number], places[number]
            )

    def add_failures(self) -> None:
        """Add that what failed schedulers have given out on their hosts is unknown."""
        silent = {key for key, offers in self._offers.items() if not offers}
        for schedule in self.failed:
            own = self._cluster(schedule)
            for key, host in self._known.items():
                cluster = cluster_of(host)
                if own and cluster:
                    concerned = own == cluster
                else:
                    # Nobody else knows of it, and it may be one of the scheduler's.
                    concerned = key in silent and cluster not in self._read
                    concerned = concerned and not (own and _is_alone(host))
                if concerned:
                    reason = f"{schedule.source} could not be read"
                    self._offers[key].append(
                        Offer(source=schedule.source, reason=reason)
                    )

    def _cluster(self, schedule: Schedule) -> str | None:
        """Return the name of a schedule's cluster, if it is that of the hosts too."""
        return None if schedule.labeled and self._foreign else schedule.cluster

    def _claims(self, schedule: Schedule) -> list[Claim]:
        cluster = self._cluster(schedule)
        return [Claim.of_node(node, cluster) for node in schedule.nodes]

    def _add_schedule(
        self,
        schedule: Schedule,
        keys: Keys,
        claims: list[Claim],
        places: dict[int, str],
    ) -> None:
        """Add a scheduler's nodes: to hosts, to nodes of others, or by themselves."""
        left = [number for number in range(len(claims)) if number not in places]
        made = [
            host
            for key, host in self._known.items()
            if self._is_of_others(key, schedule)
        ]
        more = pairs(made, [claims[number] for number in left]) if made else {}
        places = {**places, **{left[number]: key for number, key in more.items()}}
        for number, node in enumerate(schedule.nodes):
            key = places.get(number)
            if key is None:
                key = new_key(
                    node.name, schedule.cluster or schedule.source, self._known
                )
                self._known[key] = Host(node.name, key=key)
                self._offers[key] = []
            self._add_node(key, node, schedule)
            keys.setdefault(node.name, key)

    def _is_of_others(self, key: str, schedule: Schedule) -> bool:
        """Return whether only other kinds of schedulers have a host.

        A machine is a node of one Kubernetes only, and of one Slurm.
        """
        offers = self._offers[key]
        return bool(offers) and all(each.source != schedule.source for each in offers)

    def _add_node(self, key: str, node: Scheduled, schedule: Schedule) -> None:
        host = self._known[key]
        names = [name.lower() for name in (node.name, *node.aliases)]
        self._known[key] = replace(
            host,
            aliases=host.aliases.union(names),
            server=placed(host.server, schedule.cluster, node.provider_id),
        )
        offers = self._offers[key]
        offers.append(node.offer)
        if len(offers) > 1:
            listed = ", ".join(offer.source for offer in offers)
            self.warnings.append(
                f"{host.name}: has several schedulers ({listed}); the larger counts"
            )


def _is_alone(host: Host) -> bool:
    """Return whether a host is certainly of no cluster."""
    return host.server is not None and host.server["role"] == STANDALONE


def _told(schedules: Sequence[Schedule]) -> list[str]:
    """Return what the schedulers warn of, each with its name."""
    return [
        f"{doubts.name_of(schedule)}: {text}"
        for schedule in schedules
        for text in (*schedule.warnings, schedule.failure)
        if text
    ]


def _renamed(row: Consumer, keys: Keys) -> Consumer:
    """Return a consumer with keys of hosts.

    A node that its scheduler does not list may be a namesake elsewhere.
    """
    devices, nodes = row.get("devices"), row.get("nodes")
    if devices is not None:
        known = all(name in keys for name, _index in devices)
        devices = [(keys[name], index) for name, index in devices] if known else None
    if nodes is not None:
        known = all(name in keys for name, _held in nodes)
        nodes = [(keys[name], held) for name, held in nodes] if known else None
    return {**row, "devices": devices, "nodes": nodes}
