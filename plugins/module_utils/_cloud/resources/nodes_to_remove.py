# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of a cluster's default workers, and the removal of some by name."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.errors import (
    AmbiguousName,
    Conflict,
    InvalidInput,
    NodeNotFound,
    ResourceError,
)
from ..engine.status import Raw
from ..services import exact
from ..services.drivers import HEAT, WORKERS, driver_of, infrastructure_id, refuse
from ..services.session import Cloud
from .servers import by_group

OPTION = "nodes_to_remove"

_WORKERS = ("kube-minion", "kube-minion-bfv")
"""What Magnum's templates for Heat call a worker's server."""


@dataclasses.dataclass
class NodesToRemove:
    """Removes nodes by name from a cluster's default workers.

    Attributes:
        cloud: Where the cluster lives.
        idents: Names, addresses or ids of the nodes.
    """

    cloud: Cloud
    idents: t.Sequence[str]

    def load(self, cluster: Raw) -> Raw:
        """Return the servers of the default workers, and which of them are to go."""
        ident = infrastructure_id(cluster)
        driver = driver_of(cluster.get("template_driver"), ident)
        refuse(driver, f"cluster {cluster['name']!r}", {OPTION: self.idents})
        servers = workers(self.cloud, cluster)
        return {"workers": servers, OPTION: select(servers, self.idents)}

    def desired(
        self,
        what: object,
        values: dict[str, t.Any],
        have: t.Mapping[str, t.Any],
        node_count: int | None,
    ) -> dict[str, t.Any]:
        """Return a cluster's values with the size that is left without the nodes.

        Args:
            what: How messages call the cluster.
            values: The values without that.
            have: The view of the cluster.
            node_count: The option of this name.

        Raises:
            InvalidInput: The option contradicts what is left.
        """
        leaving, size = len(have[OPTION]), have["node_count"]
        if not leaving:
            names = ", ".join(self.idents)
            self.cloud.warn(f"{OPTION}: {what} has no node {names}")
            return {**values, OPTION: []}
        left = size - leaving
        if node_count not in (None, left):
            raise InvalidInput(
                f"node_count: {node_count} does not fit nodes_to_remove, which leaves "
                f"{left} of {size}; leave node_count out"
            )
        return {**values, "node_count": left, OPTION: []}

    def removed(self, what: object, before: Raw, now: Raw) -> bool:
        """Return whether the nodes are gone, and no other one.

        Args:
            what: How messages call the cluster.
            before: The cluster with what `load` gave.
            now: The cluster as it is.

        Raises:
            ResourceError: Another one was removed.
        """
        left = {server["id"] for server in workers(self.cloud, now)}
        leaving = {server["id"] for server in before[OPTION]}
        others = [
            server["name"]
            for server in before["workers"]
            if server["id"] not in left | leaving
        ]
        if others:
            raise ResourceError(
                f"{what}: Magnum's driver removed {', '.join(others)}, which "
                f"{OPTION} does not name",
                details={"removed": others},
            )
        return not left & leaving


def workers(cloud: Cloud, cluster: Raw) -> list[Raw]:
    """Return the servers of the default workers: `id`, `name` and `addresses`.

    Raises:
        Conflict: No node can be chosen, as it is not known which are theirs.
    """
    ident = infrastructure_id(cluster)
    driver = driver_of(cluster.get("template_driver"), ident)
    if driver.cluster_api:
        return [_worker(server) for server in by_group(cloud, cluster)[WORKERS]]
    stack = cloud.heat.stack(ident) if ident else None
    if stack is None and driver == HEAT:
        raise Conflict(
            f"nodes_to_remove: cluster {cluster['name']!r} was made by Heat, and its "
            f"stack {ident} is gone, so its nodes are not known. Delete the cluster "
            "(state: absent) and create it again"
        )
    if stack is None:
        raise Conflict(
            f"nodes_to_remove: cluster {cluster['name']!r} has no Heat stack, so its "
            "driver would choose the nodes itself. Lower node_count instead"
        )
    ids = cloud.heat.servers(stack, _WORKERS)
    return [_worker(server) for server in cloud.nova.servers() if server["id"] in ids]


def _worker(server: Raw) -> Raw:
    addresses = [
        port["addr"] for ports in server["addresses"].values() for port in ports
    ]
    return {"id": server["id"], "name": server["name"], "addresses": addresses}


def select(servers: list[Raw], idents: t.Sequence[str]) -> list[Raw]:
    """Return the servers that names, addresses or ids mean; none if all are gone.

    Raises:
        NodeNotFound: Some are there and some are not, or servers nearly have such a
            name: rather a slip than a repetition.
        AmbiguousName: One means two.
    """
    selected: dict[str, Raw] = {}
    missing = []
    for ident in idents:
        matches = [
            server
            for server in servers
            if ident in (server["id"], server["name"], *server["addresses"])
        ]
        if len(matches) > 1:
            raise AmbiguousName(
                f"nodes_to_remove: {ident!r} means {len(matches)} nodes; give ids",
                details={"ids": sorted(server["id"] for server in matches)},
            )
        if matches:
            selected[matches[0]["id"]] = matches[0]
        else:
            missing.append(ident)
    names = [server["name"] for server in servers]
    near = sorted({name for ident in missing for name in exact.nearly(names, ident)})
    if missing and (selected or near):
        hint = exact.hint(near)
        raise NodeNotFound(
            f"nodes_to_remove: {', '.join(missing)} is not among the default workers"
            f"{hint}, which are {', '.join(sorted(names))}",
            details={"missing": missing},
        )
    return list(selected.values())
