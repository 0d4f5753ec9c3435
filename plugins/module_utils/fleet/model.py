# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes: which server belongs to which node group of which cluster.

Pure functions on plain data. A node is a dictionary with every key of C(NODE); what is
not known is None.
"""

from __future__ import annotations

import re
import typing as t

Record = t.Dict[str, t.Any]

NODE = (
    "id",
    "name",
    "status",
    "cluster",
    "node_group",
    "role",
    "location",
    "availability_zone",
    "hardware",
    "addresses",
    "created_at",
    "project_id",
    "os_distro",
    "cloud",
    "region",
    "reason",
)

WORKER, MASTER, STANDALONE = "worker", "master", "standalone"
DEFAULT_WORKER, DEFAULT_MASTER = "default-worker", "default-master"

# Magnum's Heat driver names servers so, and marks them in no other way.
_NAMED_BY_HEAT = re.compile(r"(?P<stack>.+)-(?P<role>node|master)-\d+", re.ASCII)


class Seen(t.NamedTuple):
    """What a region of a cloud holds, as the sources have read it.

    Attributes:
        servers: C(id, name, status, hardware, addresses, availability_zone,
            created_at, project_id, os_distro, cloud, region) of each; C(addresses) are
            lists of C(network, address, version, floating).
        clusters: C(id, name, status, health_status, stack, networks, workers,
            masters, location) of each: C(stack) the name of its Heat stack, C(networks)
            names and ids of its network, empty where it is not known, C(workers) and
            C(masters) addresses.
        groups: C(cluster, name, role, stack, addresses) of the node groups beside the
            default ones; C(cluster) is the id.
        unknown: Why clusters are not known, where they are not.
    """

    servers: list[Record]
    clusters: list[Record]
    groups: list[Record]
    unknown: str | None = None


class _Place(t.NamedTuple):
    """Where a server belongs."""

    cluster: Record
    group: str
    role: str


_Places = t.Dict[t.Tuple[t.Optional[str], str], t.List[_Place]]


def nodes(seen: Seen) -> list[Record]:
    """The nodes: servers of clusters, and others that have accelerators.

    Those others have the role C(standalone), or none and a C(reason) where they look as
    if they belonged to a cluster and it can't be told to which.
    """
    by_stack, by_address = _by_stack(seen), _by_address(seen)
    found = []
    for server in seen.servers:
        place, reason = _place(server, by_stack, by_address)
        if place or server["hardware"]["accelerators"]:
            found.append(_node(server, place, seen.unknown or reason))
    found.sort(key=lambda node: (str(node["name"]), node["id"]))
    _add_master_addresses(found)
    return found


def _node(server: Record, place: _Place | None, reason: str | None) -> Record:
    node: Record = {name: server.get(name) for name in NODE}
    if place:
        shown = ("id", "name", "status", "health_status")
        node.update(
            cluster={name: place.cluster.get(name) for name in shown},
            node_group=place.group,
            role=place.role,
            location=place.cluster.get("location"),
        )
    elif reason:
        node["reason"] = reason
    else:
        node["role"] = STANDALONE
    return node


def _add_master_addresses(nodes: list[Record]) -> None:
    """Tell the nodes of each cluster the floating address of its first master."""
    addresses: dict[str, str] = {}
    for node in nodes:
        if node["role"] == MASTER:
            for one in node["addresses"]:
                if one["floating"]:
                    addresses.setdefault(node["cluster"]["id"], one["address"])
    for node in nodes:
        if node["cluster"]:
            cluster = node["cluster"]
            cluster["master_address"] = addresses.get(cluster["id"])


def _place(
    server: Record, by_stack: dict[str, _Place], by_address: _Places
) -> tuple[_Place | None, str | None]:
    """Where a server belongs; or why that can't be told, for one that looks like it."""
    match = _NAMED_BY_HEAT.fullmatch(str(server["name"]))
    place = by_stack.get(match.group("stack")) if match else None
    if match and place:
        if match.group("role") == MASTER:
            return _Place(place.cluster, DEFAULT_MASTER, MASTER), None
        return place, None
    reason = "it is named as a cluster's, and no cluster has it" if match else None
    for one in server["addresses"]:
        if one["floating"]:
            continue
        # A fixed address alone tells nothing: clusters' networks are alike.
        address = one["address"]
        places = by_address.get((one["network"], address), [])
        if len(places) == 1:
            return places[0], None
        maybe = places or by_address.get((None, address), [])
        if maybe:
            names = sorted({str(place.cluster["name"]) for place in maybe})
            why = "share it" if len(places) > 1 else "may be it: networks unknown"
            reason = f"its address {address}: {', '.join(names)} {why}"
    return None, reason


def _by_stack(seen: Seen) -> dict[str, _Place]:
    """Places by name of the Heat stack that made the servers."""
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


def _by_address(seen: Seen) -> _Places:
    """Places by network and fixed address, for drivers that make no Heat stack.

    Where a cluster's network is not known, None stands in its place.
    """
    places: _Places = {}
    groups: dict[str, dict[str, _Place]] = {}
    clusters = {one["id"]: one for one in seen.clusters if not one["stack"]}
    for cluster in clusters.values():
        of = groups.setdefault(cluster["id"], {})
        for address in cluster["masters"]:
            of[address] = _Place(cluster, DEFAULT_MASTER, MASTER)
        for address in cluster["workers"]:
            of[address] = _Place(cluster, DEFAULT_WORKER, WORKER)
    for group in seen.groups:  # the clusters' own lists hold those of all groups
        cluster = clusters.get(group["cluster"]) or {}
        for address in group["addresses"] if cluster else ():
            place = _Place(cluster, group["name"], group["role"])
            groups[cluster["id"]][address] = place
    for ident, of in groups.items():
        for address, place in of.items():
            for network in clusters[ident]["networks"] or [None]:
                places.setdefault((network, address), []).append(place)
    return places
