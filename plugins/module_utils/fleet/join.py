# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is which node of a scheduler: pure functions on plain data."""

from __future__ import annotations

import typing as t
from collections import Counter

from .fleet import Host
from .model import Record
from .state import Offer


class Scheduled(t.NamedTuple):
    """A node as a scheduler knows it.

    Attributes:
        name: Its name there.
        offer: What the scheduler has on it.
        provider_id: Id of its server, None where not known.
        aliases: Further names and addresses.
    """

    name: str
    offer: Offer
    provider_id: str | None = None
    aliases: tuple[str, ...] = ()


class Schedule(t.NamedTuple):
    """What a scheduler knows.

    Attributes:
        source: C(kubernetes) or C(slurm).
        nodes: Its nodes.
        consumers: Rows as C(fleet.build) takes them, with its own names of nodes in
            C(devices).
        pending: Devices that are asked for and not given out.
        failure: Why it could not be read; then nothing else is known.
        cluster: Name of the cluster that it is of, None where that is not known.
        warnings: What else could not be read.
    """

    source: str
    nodes: list[Scheduled]
    consumers: list[Record]
    pending: float | None
    failure: str | None = None
    cluster: str | None = None
    warnings: tuple[str, ...] = ()


class Measured(t.NamedTuple):
    """A node as somebody has measured it.

    Attributes:
        name: Its name there.
        aliases: Further names and addresses.
        facts: What was measured, in the form of C(gpu_facts); C(pods) of a device are
            namespaces and names of the pods that hold it.
    """

    name: str
    aliases: tuple[str, ...]
    facts: Record


class Telemetry(t.NamedTuple):
    """What a system of measurements knows.

    Attributes:
        measured: Nodes, each any number of times.
        schedule: What a scheduler has told it.
        storage: As C(fleet.Fleet) has it.
        warnings: What could not be read.
    """

    measured: list[Measured]
    schedule: Schedule | None = None
    storage: Record | None = None
    warnings: tuple[str, ...] = ()


class Listing(t.NamedTuple):
    """What a cloud knows.

    Attributes:
        nodes: As C(model.nodes) makes them.
        storage: As C(fleet.Fleet) has it.
        warnings: What could not be read.
    """

    nodes: list[Record]
    storage: Record | None = None
    warnings: tuple[str, ...] = ()


class Joined(t.NamedTuple):
    """Hosts with what the schedulers know, and the consumers with names of hosts."""

    hosts: list[Host]
    consumers: list[Record]
    pending: float | None
    warnings: list[str]


def add_nodes(hosts: t.Sequence[Host], nodes: t.Sequence[Record]) -> list[Host]:
    """Give hosts the nodes that they are, and make hosts of the others.

    A node is the host with its server's id, or else with one of its addresses or names.
    """
    known = {host.name: host for host in hosts}
    by_id = {ident: host.name for host in hosts for ident in _ids(host)}
    find = finder(hosts)
    for node in nodes:
        told = [node["name"], *(one["address"] for one in node["addresses"])]
        name = by_id.get(node["id"]) or find(told) or node["name"]
        if name in known and _ids(known[name]) - {node["id"]}:
            name = f"{node['name']} {node['id']}"  # two servers of one name
        known[name] = known.get(name, Host(name))._replace(node=node)
    return list(known.values())


def join(hosts: t.Sequence[Host], schedules: t.Sequence[Schedule]) -> Joined:
    """Put together what the inventory and the schedulers know.

    A scheduler's node is the host with its server's id, or else with one of its
    addresses, or else its name, whole or up to the first dot. What two have in common
    tells nothing. A node that no host is stands as a host of its own. Where a scheduler
    could not be read, what is given out on the hosts (of its cluster, where it has one)
    is not known.
    """
    offers: dict[str, list[Offer]] = {}
    consumers: list[Record] = []
    warnings: list[str] = []
    known = {host.name: host for host in hosts}
    pending: float | None = None
    read = {one.cluster for one in schedules if one.cluster and not one.failure}
    for schedule in schedules:
        name = " ".join(filter(None, (schedule.source, schedule.cluster)))
        warnings += [f"{name}: {text}" for text in schedule.warnings]
        if schedule.failure:
            warnings.append(f"{name}: {schedule.failure}")
            for host in hosts:
                if schedule.cluster in (None, cluster_of(host)):
                    offer = Offer(schedule.source, None, None)
                    offers.setdefault(host.name, []).append(offer)
            continue
        names = _names(hosts, schedule.nodes)
        for node in schedule.nodes:
            name = names.get(node.name, node.name)
            known.setdefault(name, Host(name))
            offers.setdefault(name, []).append(node.offer)
        for row in schedule.consumers:
            devices = row.get("devices")
            if devices is not None:
                devices = [(names.get(name, name), index) for name, index in devices]
            consumers.append({**row, "devices": devices})
        if schedule.pending is not None:
            pending = (pending or 0) + schedule.pending
    for name, found in offers.items():
        if len(found) > 1:
            told = ", ".join(offer.source for offer in found)
            warnings.append(
                f"{name}: has several schedulers ({told}); the larger counts"
            )
    joined = [
        host._replace(
            offers=tuple(offers.get(name, ())),
            unjoined=name not in offers and cluster_of(host) in read,
        )
        for name, host in known.items()
    ]
    return Joined(joined, consumers, pending, warnings)


def cluster_of(host: Host) -> str | None:
    """Name of the cluster that a host is of."""
    return ((host.node or {}).get("cluster") or {}).get("name")


def _names(hosts: t.Sequence[Host], nodes: t.Sequence[Scheduled]) -> dict[str, str]:
    """Names of hosts by name of a scheduler's node."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for of_host, of_node in (
        (_ids, lambda node: {node.provider_id} - {None}),
        (_addresses, lambda node: {node.name, *node.aliases}),
        (lambda host: _spellings(host)[0], lambda node: {node.name, *node.aliases}),
        (lambda host: _spellings(host)[1], lambda node: {_short(node.name)}),
    ):
        by_key = _once((key, host.name) for host in hosts for key in of_host(host))
        told = _once((key, node.name) for node in nodes for key in of_node(node))
        for key, node_name in told.items():
            host_name = by_key.get(key)
            if host_name and node_name not in found and host_name not in taken:
                found[node_name] = host_name
                taken.add(host_name)
    return found


def finder(hosts: t.Sequence[Host]) -> t.Callable[[t.Iterable[str]], str | None]:
    """What finds the host that has one of some names or addresses.

    The first of them that one host alone has counts, whole; or else up to a dot.
    """
    whole = _once(
        (key, host.name)
        for host in hosts
        for key in {*_addresses(host), *_spellings(host)[0]}
    )
    short = _once((key, host.name) for host in hosts for key in _spellings(host)[1])

    def find(names: t.Iterable[str]) -> str | None:
        names = list(names)
        found = [whole.get(name) for name in names]
        found += [short.get(_short(name)) for name in names]
        return next((name for name in found if name), None)

    return find


def _once(pairs: t.Iterable[tuple[str, str]]) -> dict[str, str]:
    """Values by key, of those keys that one value alone has."""
    listed = sorted(set(pairs))
    counts = Counter(key for key, _value in listed)
    return {key: value for key, value in listed if counts[key] == 1}


def _ids(host: Host) -> set[str]:
    ident = (host.node or {}).get("id")
    return {ident} if ident else set()


def _addresses(host: Host) -> set[str]:
    listed = (host.node or {}).get("addresses") or []
    return {one["address"] for one in listed}


def _spellings(host: Host) -> tuple[set[str], set[str]]:
    """A host's names: whole, and up to the first dot."""
    told = (
        host.name,
        (host.node or {}).get("name"),
        (host.facts or {}).get("hostname"),
    )
    names = {str(name) for name in told if name}
    return names, {_short(name) for name in names}


def _short(name: str) -> str:
    return name.split(".")[0].lower()
