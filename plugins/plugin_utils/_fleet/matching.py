# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is which node of a scheduler or of a cloud."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass, field, replace

from .membership import WORKER
from .types import Cluster, Consumer, Host, Offer, Schedule, Scheduled, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Hosts with what the schedulers know, and the consumers with names of hosts."""

    hosts: list[Host]
    consumers: list[Consumer] = field(default_factory=list)
    pending: float | None = None
    warnings: list[str] = field(default_factory=list)


def add_servers(hosts: t.Sequence[Host], servers: t.Sequence[Server]) -> list[Host]:
    """Return the hosts with the servers that they are, the others as further hosts.

    A server is the host with its id, or else with one of its addresses or names.
    """
    known = {host.name: host for host in hosts}
    by_id = {ident: host.name for host in hosts for ident in _ids(host)}
    find = finder(hosts)
    for server in servers:
        ident, own = str(server["id"]), str(server["name"])
        addresses = (entry["address"] for entry in server["addresses"])
        name = by_id.get(ident) or find((own, *addresses)) or own
        if name in known and _ids(known[name]) - {ident}:
            name = f"{own} {ident}"  # two servers of one name
        known[name] = replace(known.get(name, Host(name)), server=server)
    return list(known.values())


def join(hosts: t.Sequence[Host], schedules: t.Sequence[Schedule]) -> Joined:
    """Return what the inventory and the schedulers know, put together.

    A scheduler's node is the host with its server's id, or else with one of its
    addresses, or else its name, whole or up to the first dot. What two have in common
    tells nothing. A node that no host is stands as a host of its own. Where a scheduler
    could not be read, what is given out on the hosts (of its cluster, if it has one) is
    not known.

    A server whose cluster the cloud does not tell is of the cluster whose Kubernetes
    has a node with its id.
    """
    hosts = _in_clusters(hosts, schedules)
    offers: dict[str, list[Offer]] = {host.name: [] for host in hosts}
    consumers: list[Consumer] = []
    warnings: list[str] = []
    for schedule in schedules:
        names = [schedule.source, schedule.cluster or ""]
        texts = (*schedule.warnings, *([schedule.failure] if schedule.failure else []))
        warnings += [f"{' '.join(filter(None, names))}: {text}" for text in texts]
        if schedule.failure:
            _add_unknown(offers, hosts, schedule)
        else:
            consumers += _add_offers(offers, hosts, schedule)
    for name, given in offers.items():
        if len(given) > 1:
            listed = ", ".join(offer.source for offer in given)
            warnings.append(
                f"{name}: has several schedulers ({listed}); the larger counts"
            )
    return Joined(
        hosts=_with_offers(hosts, offers, schedules),
        consumers=consumers,
        pending=_pending(schedules),
        warnings=warnings,
    )


def _in_clusters(
    hosts: t.Sequence[Host], schedules: t.Sequence[Schedule]
) -> list[Host]:
    """Return the hosts, in the cluster that a provider id says if they have none."""
    claimed = _once(
        (node.provider_id, schedule.cluster)
        for schedule in schedules
        if schedule.cluster and not schedule.failure
        for node in schedule.nodes
        if node.provider_id
    )
    clusters: dict[str | None, Cluster] = {}
    for host in hosts:
        cluster = host.server["cluster"] if host.server else None
        if cluster:
            clusters.setdefault(cluster["name"], cluster)
    return [_in_cluster(host, claimed, clusters) for host in hosts]


def _in_cluster(
    host: Host, claimed: dict[str, str], clusters: dict[str | None, Cluster]
) -> Host:
    """Return a host with the cluster that claims it, if it has none."""
    server = host.server
    name = claimed.get(str(server["id"])) if server and not server["cluster"] else None
    if server is None or name is None:
        return host
    unknown = Cluster(
        id=None, name=name, status=None, health_status=None, master_address=None
    )
    cluster = clusters.get(name, unknown)
    own = Server(**{**server, "cluster": cluster, "role": WORKER, "reason": None})
    return replace(host, server=own)


def _add_unknown(
    offers: dict[str, list[Offer]], hosts: t.Sequence[Host], schedule: Schedule
) -> None:
    """Add that what a scheduler has given out on its hosts is not known."""
    for host in hosts:
        if schedule.cluster in (None, cluster_of(host)):
            offers[host.name].append(Offer(source=schedule.source))


def _add_offers(
    offers: dict[str, list[Offer]], hosts: t.Sequence[Host], schedule: Schedule
) -> t.Iterator[Consumer]:
    """Add the offers of a scheduler; return its consumers with names of hosts."""
    names = _names(hosts, schedule.nodes)
    for node in schedule.nodes:
        offers.setdefault(names.get(node.name, node.name), []).append(node.offer)
    return (_renamed(row, names) for row in schedule.consumers)


def _renamed(row: Consumer, names: dict[str, str]) -> Consumer:
    devices, nodes = row.get("devices"), row.get("nodes")
    if devices is not None:
        devices = [(names.get(name, name), index) for name, index in devices]
    if nodes is not None:
        nodes = [(names.get(name, name), number) for name, number in nodes]
    return {**row, "devices": devices, "nodes": nodes}


def _with_offers(
    hosts: t.Sequence[Host],
    offers: dict[str, list[Offer]],
    schedules: t.Sequence[Schedule],
) -> list[Host]:
    """Return the hosts with their offers, and hosts for what only schedulers know."""
    known = {host.name: host for host in hosts}
    read = {each.cluster for each in schedules if each.cluster and not each.failure}
    return [
        replace(
            host,
            offers=tuple(given),
            unjoined=not given and cluster_of(host) in read,
        )
        for name, given in offers.items()
        for host in [known.get(name) or Host(name)]
    ]


def _pending(schedules: t.Sequence[Schedule]) -> float | None:
    """Return the devices that are waited for in all; None if one does not know."""
    total = 0.0
    for schedule in schedules:
        if schedule.failure or schedule.pending is None:
            return None
        total += schedule.pending
    return total if schedules else None


def cluster_of(host: Host) -> str | None:
    """Return the name of the cluster that a host is of."""
    cluster = host.server["cluster"] if host.server else None
    return cluster["name"] if cluster else None


def _names(hosts: t.Sequence[Host], nodes: t.Sequence[Scheduled]) -> dict[str, str]:
    """Return names of hosts by name of a scheduler's node."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    ways: tuple[tuple[_HostKeys, _NodeKeys], ...] = (
        (_ids, lambda node: {node.provider_id} if node.provider_id else set()),
        (_addresses, lambda node: {node.name, *node.aliases}),
        (lambda host: _spellings(host)[0], lambda node: {node.name, *node.aliases}),
        (lambda host: _spellings(host)[1], lambda node: {_short(node.name)}),
    )
    for host_keys, node_keys in ways:
        by_key = _once((key, host.name) for host in hosts for key in host_keys(host))
        pairs = _once((key, node.name) for node in nodes for key in node_keys(node))
        for key, node_name in pairs.items():
            host_name = by_key.get(key)
            if host_name and node_name not in names and host_name not in taken:
                names[node_name] = host_name
                taken.add(host_name)
    return names


_HostKeys = t.Callable[[Host], set[str]]
_NodeKeys = t.Callable[[Scheduled], set[str]]


def finder(hosts: t.Sequence[Host]) -> t.Callable[[t.Iterable[str]], str | None]:
    """Return what finds the host that has one of some names or addresses.

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
        matches = [whole.get(name) for name in names]
        matches += [short.get(_short(name)) for name in names]
        return next(filter(None, matches), None)

    return find


def _once(pairs: t.Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return values by key, of those keys that one value alone has."""
    listed = sorted(set(pairs))
    counts = Counter(key for key, _value in listed)
    return {key: value for key, value in listed if counts[key] == 1}


def _ids(host: Host) -> set[str]:
    ident = host.server["id"] if host.server else None
    return {ident} if ident else set()


def _addresses(host: Host) -> set[str]:
    listed = host.server["addresses"] if host.server else []
    return {entry["address"] for entry in listed}


def _spellings(host: Host) -> tuple[set[str], set[str]]:
    """Return a host's names: whole, and up to the first dot."""
    server = host.server["name"] if host.server else None
    itself = host.facts.hostname if host.facts else None
    names = {name for name in (host.name, server, itself) if name}
    return names, {_short(name) for name in names}


def _short(name: str) -> str:
    return name.split(".")[0].lower()
