# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts: their keys, and the servers and clusters that they are of."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace

from . import state
from .membership import WORKER
from .recognition import Claim, pairs
from .types import Cluster, Host, Schedule, Server


def add_servers(hosts: Sequence[Host], servers: Sequence[Server]) -> list[Host]:
    """Return the hosts with the servers that they are, the others as further hosts."""
    known = {host.key: host for host in hosts}
    places = pairs(hosts, [Claim.of_server(server) for server in servers])
    for number, server in enumerate(servers):
        key = places.get(number)
        if key is None:
            name = str(server["name"])
            key = new_key(name, str(server["id"]), known)
            known[key] = Host(name, key=key)
        known[key] = replace(known[key], server=server)
    return list(known.values())


def new_key(name: str, other: str | None, known: t.Container[str]) -> str:
    """Return a key that no host has: a name, with what tells it from its namesakes.

    Args:
        name: The name.
        other: What tells it from others, such as the name of its cluster.
        known: Keys that there are.
    """
    key, number = name, 1
    while key in known:
        mark = "" if number == 1 else f" {number}"
        key = f"{other or ''}/{name}{mark}"
        number += 1
    return key


def in_cluster(host: Host, name: str | None, ident: str | None = None) -> Host:
    """Return a host with its cluster, and its server's id, where these are not known.

    Args:
        host: The host.
        name: Name of the cluster; None if not known.
        ident: Id of the server; None if not known.
    """
    return replace(host, server=placed(host.server, name, ident))


def placed(
    server: Server | None, cluster: str | None, ident: str | None
) -> Server | None:
    """Return a server with its cluster and id, where these are not known."""
    known = server or state.NO_SERVER
    missing = cluster is not None and known["cluster"] is None
    if not missing and (known["id"] or not ident):
        return server
    own = known.copy()
    own["id"] = known["id"] or ident
    if missing:
        own["cluster"] = _named(str(cluster))
    return own


def in_clusters(hosts: Sequence[Host], schedules: Sequence[Schedule]) -> list[Host]:
    """Return the hosts, in the cluster that a provider id says if they have none."""
    claims: dict[str, set[str]] = {}
    for schedule in schedules:
        if schedule.cluster and not schedule.failure:
            for node in schedule.nodes:
                if node.provider_id:
                    claims.setdefault(node.provider_id, set()).add(schedule.cluster)
    claimed = {ident: min(names) for ident, names in claims.items() if len(names) == 1}
    clusters: dict[str | None, Cluster] = {}
    for host in hosts:
        cluster = host.server["cluster"] if host.server else None
        if cluster:
            clusters.setdefault(cluster["name"], cluster)
    return [_claimed(host, claimed, clusters) for host in hosts]


def _claimed(
    host: Host, claimed: dict[str, str], clusters: dict[str | None, Cluster]
) -> Host:
    """Return a host with the cluster that claims its server, if it has none."""
    server = host.server
    name = claimed.get(str(server["id"])) if server and not server["cluster"] else None
    if server is None or name is None:
        return host
    cluster = clusters.get(name) or _named(name)
    own = Server(**{**server, "cluster": cluster, "role": WORKER, "reason": None})
    return replace(host, server=own)


def _named(cluster: str) -> Cluster:
    """Return a cluster of which nothing but the name is known."""
    return Cluster(
        id=None, name=cluster, status=None, health_status=None, master_address=None
    )
