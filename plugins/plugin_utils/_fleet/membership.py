# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server belongs to which node group of which cluster."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from .addresses import connectable
from .types import Address, Cluster, Hardware, Server

WORKER, MASTER, STANDALONE = "worker", "master", "standalone"
DEFAULT_WORKER, DEFAULT_MASTER = "default-worker", "default-master"

# Magnum's Heat driver names servers so, and marks them in no other way.
_NAMED_BY_HEAT = re.compile(r"(?P<stack>.+)-(?P<role>node|master)-\d+", re.ASCII)


class CloudServer(t.TypedDict):
    """A server as Nova knows it; its place in a cluster is not known yet."""

    id: str
    name: str | None
    status: str | None
    hardware: Hardware
    addresses: list[Address]
    availability_zone: str | None
    created_at: str | None
    project_id: str | None
    os_distro: str | None


class CloudCluster(t.TypedDict):
    """A cluster as Magnum and Heat know it.

    `stack` is the name of its Heat stack, `networks` are names and ids of its network
    (none if it is not known), `workers` and `masters` are addresses. `prefixes` are
    how names of servers begin that Cluster API made, each with the name of the node
    group that this means.
    """

    id: str
    name: str
    status: str | None
    health_status: str | None
    stack: str | None
    prefixes: list[tuple[str, str]]
    networks: list[str]
    workers: list[str]
    masters: list[str]
    location: str | None


class NodeGroup(t.TypedDict):
    """A node group beside the default ones; `cluster` is the cluster's id."""

    cluster: str
    name: str
    role: str
    stack: str | None
    addresses: list[str]


class Seen(t.NamedTuple):
    """What a region of a cloud holds, as the sources have read it.

    Attributes:
        servers: Its servers.
        clusters: Its clusters.
        groups: The node groups of these, beside the default ones.
        unknown: Why clusters are not known, if they are not.
    """

    servers: list[CloudServer]
    clusters: list[CloudCluster]
    groups: list[NodeGroup]
    unknown: str | None = None


class _Place(t.NamedTuple):
    """Where a server belongs."""

    cluster: CloudCluster
    group: str
    role: str


_Places = dict[tuple[str | None, str], list[_Place]]


class _Prefixes(t.NamedTuple):
    """Places by how a server's name begins, and the lengths of these, longest first."""

    places: dict[str, list[_Place]]
    lengths: list[int]


def nodes(
    seen: Seen, cloud: str | None = None, region: str | None = None
) -> list[Server]:
    """Return the nodes: servers of clusters, and others that have accelerators.

    Those others have the role `standalone`, or none and a `reason` if they look as
    if they belonged to a cluster and it can't be told to which.

    Args:
        seen: What a region holds.
        cloud: Name of its cloud.
        region: Its name.
    """
    by_stack, by_address = _by_stack(seen), _by_address(seen)
    by_prefix = _by_prefix(seen)
    servers = []
    for server in seen.servers:
        place, reason = _place(server, by_stack, by_prefix, by_address)
        if place or server["hardware"]["accelerators"]:
            node = _node(server, place, seen.unknown or reason)
            node["cloud"], node["region"] = cloud, region
            servers.append(node)
    servers.sort(key=lambda node: (str(node["name"]), str(node["id"])))
    _add_master_addresses(servers, seen.clusters)
    return servers


def _node(server: CloudServer, place: _Place | None, reason: str | None) -> Server:
    """Return a server with its place; without one it is alone, if it has no reason."""
    alone = STANDALONE if reason is None else None
    return {
        "id": server["id"],
        "name": server["name"],
        "status": server["status"],
        "cluster": _cluster(place.cluster) if place else None,
        "node_group": place.group if place else None,
        "role": place.role if place else alone,
        "location": place.cluster["location"] if place else None,
        "availability_zone": server["availability_zone"],
        "hardware": server["hardware"],
        "addresses": server["addresses"],
        "created_at": server["created_at"],
        "project_id": server["project_id"],
        "os_distro": server["os_distro"],
        "cloud": None,
        "region": None,
        "reason": None if place else reason,
    }


def _cluster(cluster: CloudCluster) -> Cluster:
    return {
        "id": cluster["id"],
        "name": cluster["name"],
        "status": cluster["status"],
        "health_status": cluster["health_status"],
        "master_address": None,
    }


def _add_master_addresses(
    servers: list[Server], clusters: t.Sequence[CloudCluster]
) -> None:
    """Put the floating address of its first master into each node's cluster.

    Anybody who can make servers can give one a master's name, and a fixed address in a
    network of its own. So a master counts only where Magnum lists one of its addresses,
    and no other server of the cluster has its name or one of its addresses.
    """
    listed = {cluster["id"]: {*cluster["masters"]} for cluster in clusters}
    claims = Counter(claim for server in servers for claim in _claims(server))
    masters: dict[str, str] = {}
    for server in servers:
        cluster = server["cluster"]
        if server["role"] != MASTER or not cluster:
            continue
        ident, own = str(cluster["id"]), _claims(server)
        known = own & {(ident, address) for address in listed.get(ident, ())}
        if not known or any(claims[claim] > 1 for claim in own):
            continue
        for entry in server["addresses"]:
            address = connectable(entry["address"])
            if entry["floating"] and address:
                masters.setdefault(ident, address)
    for server in servers:
        cluster = server["cluster"]
        if cluster:
            cluster["master_address"] = masters.get(str(cluster["id"]))


def _claims(server: Server) -> set[tuple[str, str]]:
    """Return by what a server claims a place in its cluster: addresses and name."""
    addresses = {entry["address"] for entry in server["addresses"]}
    cluster = server["cluster"]
    if not cluster:
        return set()
    return {(str(cluster["id"]), text) for text in (*addresses, str(server["name"]))}


def _place(
    server: CloudServer,
    by_stack: dict[str, _Place],
    by_prefix: _Prefixes,
    by_address: _Places,
) -> tuple[_Place | None, str | None]:
    """Return where a server belongs; or why that can't be told, if it looks like it."""
    match = _NAMED_BY_HEAT.fullmatch(str(server["name"]))
    place = by_stack.get(match.group("stack")) if match else None
    if match and place:
        if match.group("role") == MASTER:
            return _Place(place.cluster, DEFAULT_MASTER, MASTER), None
        return place, None
    begun = _begun(str(server["name"]), by_prefix)
    if len(begun) == 1:
        return begun[0], None
    if begun:
        names = sorted({place.group for place in begun})
        return None, f"its name fits several node groups: {', '.join(names)}"
    reason = "it is named as a cluster's, and no cluster has it" if match else None
    for entry in server["addresses"]:
        if entry["floating"]:
            continue
        # A fixed address alone tells nothing: clusters' networks are alike.
        address = entry["address"]
        places = by_address.get((entry["network"], address), [])
        if len(places) == 1:
            return places[0], None
        maybe = places or by_address.get((None, address), [])
        if maybe:
            names = sorted({str(place.cluster["name"]) for place in maybe})
            why = "share it" if len(places) > 1 else "may be it: networks unknown"
            reason = f"its address {address}: {', '.join(names)} {why}"
    return None, reason


def _by_stack(seen: Seen) -> dict[str, _Place]:
    """Return places by name of the Heat stack that made the servers."""
    clusters = {cluster["id"]: cluster for cluster in seen.clusters}
    places = {
        cluster["stack"]: _Place(cluster, DEFAULT_WORKER, WORKER)
        for cluster in seen.clusters
        if cluster["stack"]
    }
    for group in seen.groups:
        if group["stack"] and group["cluster"] in clusters:
            cluster = clusters[group["cluster"]]
            places[group["stack"]] = _Place(cluster, group["name"], group["role"])
    return places


def _by_prefix(seen: Seen) -> _Prefixes:
    """Return places by how a server's name begins, for what Cluster API made."""
    places: dict[str, list[_Place]] = {}
    for cluster in seen.clusters:
        for prefix, group in cluster["prefixes"]:
            role = MASTER if group == DEFAULT_MASTER else WORKER
            places.setdefault(prefix, []).append(_Place(cluster, group, role))
    return _Prefixes(places, sorted(set(map(len, places)), reverse=True))


def _begun(name: str, by_prefix: _Prefixes) -> list[_Place]:
    """Return the places of the longest prefix that a name begins with."""
    for length in by_prefix.lengths:
        places = by_prefix.places.get(name[:length])
        if places:
            return places
    return []


def _by_address(seen: Seen) -> _Places:
    """Return places by network and fixed address, for drivers without Heat stacks.

    If a cluster's network is not known, None stands in its place.
    """
    places: _Places = {}
    for cluster in seen.clusters:
        if cluster["stack"]:
            continue
        for address, place in _of_cluster(cluster, seen.groups).items():
            networks: list[str | None] = [*cluster["networks"]] or [None]
            for network in networks:
                places.setdefault((network, address), []).append(place)
    return places


def _of_cluster(cluster: CloudCluster, groups: list[NodeGroup]) -> dict[str, _Place]:
    """Return the places of a cluster by address."""
    places = {
        **{a: _Place(cluster, DEFAULT_MASTER, MASTER) for a in cluster["masters"]},
        **{a: _Place(cluster, DEFAULT_WORKER, WORKER) for a in cluster["workers"]},
    }
    for group in groups:  # the clusters' own lists hold those of all groups
        if group["cluster"] == cluster["id"]:
            place = _Place(cluster, group["name"], group["role"])
            places.update(dict.fromkeys(group["addresses"], place))
    return places
