# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of a cluster's default workers, as far as a Heat stack tells them."""

from __future__ import annotations

import typing as t

from .errors import AmbiguousName, Conflict, NodeNotFound
from .session import Cloud
from .waiter import Raw

_WORKERS = ("kube-minion", "kube-minion-bfv")
"""What Magnum's templates for Heat call a worker's server."""


def workers(cloud: Cloud, cluster: Raw) -> list[Raw]:
    """The servers of the default workers: C(id), C(name) and C(addresses).

    Raises:
        Conflict: No Heat stack tells them, so that no node can be chosen.
    """
    stack = cluster.get("stack_id") or cluster.get("cluster_id")
    found = cloud.heat.stack(stack) if stack else None
    if found is None:
        raise Conflict(
            f"nodes_to_remove: cluster {cluster['name']!r} has no Heat stack, so its "
            "driver would choose the nodes itself. Drain and delete their machines in "
            "Kubernetes (Cluster API), or lower node_count"
        )
    ids = cloud.heat.servers(found, _WORKERS)
    return [
        {
            "id": server["id"],
            "name": server["name"],
            "addresses": [
                port["addr"] for ports in server["addresses"].values() for port in ports
            ],
        }
        for server in cloud.nova.servers()
        if server["id"] in ids
    ]


def named(there: list[Raw], idents: t.Sequence[str]) -> list[Raw]:
    """Those of the servers that names, addresses or ids mean; none if all are gone.

    Raises:
        NodeNotFound: Some are there and some are not: rather a slip than a repetition.
        AmbiguousName: One means two.
    """
    found: dict[str, Raw] = {}
    missing = []
    for ident in idents:
        matches = [
            server
            for server in there
            if ident in (server["id"], server["name"], *server["addresses"])
        ]
        if len(matches) > 1:
            raise AmbiguousName(
                f"nodes_to_remove: {ident!r} means {len(matches)} nodes, give ids",
                details={"ids": sorted(server["id"] for server in matches)},
            )
        if matches:
            found[matches[0]["id"]] = matches[0]
        else:
            missing.append(ident)
    if found and missing:
        names = ", ".join(sorted(server["name"] for server in there))
        raise NodeNotFound(
            f"nodes_to_remove: {', '.join(missing)} is not among the default workers, "
            f"which are {names}",
            details={"missing": missing},
        )
    return list(found.values())
