# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of clusters that Cluster API made: proof of what Magnum says too early.

Magnum publishes no addresses of them, calls a change complete before it has begun, and
reports no failure. Users can't see Cluster API's machines, but they see the servers.
"""

from __future__ import annotations

import typing as t

from ..engine.errors import CloudError
from ..engine.status import Raw, status_of
from ..engine.waiter import NotYet
from ..services.drivers import (
    MASTERS,
    WORKERS,
    group_of,
    infrastructure_id,
    prefix,
)
from ..services.session import Cloud
from .capacity import Need, shortfall
from .sizes import scales_itself
from .template_images import Target

LASTS = 25.0
"""Seconds that a final status of Magnum has to last: it looks at Cluster API every 10
s, and may do so between its own two writes of the status."""

Servers = t.Dict[str, t.List[Raw]]
"""Servers by name of their node group."""


def by_group(cloud: Cloud, cluster: Raw) -> Servers:
    """Return the servers of a cluster by name of their node group.

    Args:
        cloud: Where they are.
        cluster: The cluster, with the names of its node groups under `group_names`.
            Without these, it has those that it came with.
    """
    groups = {*cluster.get("group_names", ()), MASTERS, WORKERS}
    servers: Servers = {group: [] for group in groups}
    ident = infrastructure_id(cluster)
    if not ident:
        return servers
    prefixes = {prefix(ident, group): group for group in groups}
    for page in cloud.nova.server_pages({"name": f"^{prefix(ident)}"}):
        for server in page:
            group = group_of(server["name"], prefixes)
            if group:
                servers[group].append(server)
    return servers


class ServerProof(t.NamedTuple):
    """Proves by a cluster's servers that a change of it is done, or has failed.

    Attributes:
        cloud: Where the cluster is.
        before: Status of each server before the change, by its id; none for a new
            cluster.
    """

    cloud: Cloud
    before: t.Mapping[str, str] = {}

    def applies(self, cluster: Raw) -> bool:
        """Return whether the servers can be seen: not those of another project."""
        ours = cluster.get("project_id") == self.cloud.project_id
        return ours and bool(infrastructure_id(cluster))

    def since(self, cluster: Raw) -> ServerProof:
        """Return the proof of a change that begins now."""
        found = by_group(self.cloud, cluster)
        servers = [server for group in found.values() for server in group]
        return self._replace(before={each["id"]: each["status"] for each in servers})

    def size_of(self, cluster: Raw) -> int | None:
        """Return how many servers a cluster has to have; None if it scales itself."""
        if scales_itself(cluster.get("labels")):
            return None
        return int(cluster["node_count"] + cluster["master_count"])

    def require_created(self, cluster: Raw) -> None:
        """Require that all nodes of a new cluster are there.

        Raises:
            NotYet: Says which are missing.
        """
        sizes = {MASTERS: cluster["master_count"]}
        if not scales_itself(cluster.get("labels")):
            sizes[WORKERS] = cluster["node_count"]
        self.require_sizes(cluster, sizes)

    def require_sizes(self, cluster: Raw, sizes: t.Mapping[str, int]) -> None:
        """Require as many active servers of node groups as are given.

        Raises:
            NotYet: There are more or fewer of a group.
        """
        servers = by_group(self.cloud, cluster)
        for group, size in sizes.items():
            _require_size(f"node group {group}", servers.get(group, []), size)

    def arriving(self, cluster: Raw, size: int, group: str | None = None) -> bool:
        """Return whether servers are still to come.

        After an update, Magnum does not wait for them; of a new cluster it does. A
        server that somebody has stopped is there.

        Args:
            cluster: The cluster.
            size: How many servers it has to have.
            group: The node group that counts, None for all.
        """
        if status_of(cluster).operation != "update":
            return False
        if scales_itself(cluster.get("labels")):
            return False
        found = by_group(self.cloud, cluster)
        servers = [
            server
            for name, listed in found.items()
            for server in listed
            if group in (None, name) and server["status"] not in ("BUILD", "ERROR")
        ]
        return len(servers) < size

    def require_target(self, cluster: Raw, target: Target, replaced: bool) -> None:
        """Require that all nodes of a cluster are as an upgrade makes them.

        Magnum can take an upgrade for done before it has begun. It never looks at the
        cluster again then, and goes on telling the old version; the servers' image
        proves the new one where that comes from it.

        Args:
            cluster: The cluster.
            target: What the nodes are to be like.
            replaced: Whether servers whose image Nova does not know, as they boot from
                a volume, must be other ones than before.

        Raises:
            NotYet: Says what is still old.
        """
        found = by_group(self.cloud, cluster)
        servers = [server for group in found.values() for server in group]
        size = cluster["node_count"] + cluster["master_count"]
        if scales_itself(cluster.get("labels")):
            size = len(servers)
        _require_size(f"cluster {cluster['name']}", servers, size)
        image, version = target.image, target.version
        old = [
            server["name"]
            for server in servers
            if image and self._is_old(server, image, replaced)
        ]
        if old:
            raise NotYet(
                f"{len(old)} of {size} nodes do not have the template's image {image} "
                f"yet: {', '.join(sorted(old))}"
            )
        now = cluster.get("coe_version") or "not known"
        if not version or now.lstrip("v") == version.lstrip("v"):
            return
        new = image and all(replaced or _has_image(server) for server in servers)
        if not (new and target.version_of_image):
            raise NotYet(
                f"the version of Kubernetes (coe_version) is {now}, and {version} is "
                "expected"
            )
        self.cloud.warn(
            f"cluster {cluster['name']}: all nodes have the image of {version}, and "
            f"Magnum still tells coe_version {now}: it took the upgrade for done too "
            "early. The next change of the cluster corrects that"
        )

    def _is_old(self, server: Raw, image: str, replaced: bool) -> bool:
        if _has_image(server):
            return bool(server["image"].get("id") != image)
        return replaced and server["id"] in self.before

    def summary(self, cluster: Raw, group: str | None = None) -> str:
        """Return what servers, quota and Magnum's health check say of a cluster.

        Args:
            cluster: The cluster, with sizes and flavors of what is to be there.
            group: The node group that counts, None for all.
        """
        texts = []
        try:
            found = by_group(self.cloud, cluster)
        except CloudError:
            pass
        else:
            masters = found.pop(MASTERS) if group is None else []
            listed = found if group is None else {group: found.get(group, [])}
            servers = [server for each in listed.values() for server in each]
            others = [each for each in masters + servers if each["status"] != "ACTIVE"]
            active = len(masters + servers) - len(others)
            texts += [f"it has {active} active servers", *map(fault, others)]
            needs = [
                Need(
                    cluster["master_flavor_id"], cluster["master_count"] - len(masters)
                ),
                Need(cluster["flavor_id"], cluster["node_count"] - len(servers)),
            ]
            lacking = shortfall(self.cloud, needs)
            texts += [f"too little quota or hardware: {lacking}"] if lacking else []
        health = cluster.get("health_status_reason") or {}
        texts += [
            f"{part}: {reason}"
            for part, reason in sorted(health.items())
            if reason not in ("Ready", "True", "ok")
        ]
        return "; ".join(texts)

    def emptied(self, cluster: Raw, group: str | None = None) -> bool:
        """Return whether no server of a cluster or node group is left.

        Raises:
            NotYet: Names those that are left.
        """
        found = by_group(self.cloud, cluster)
        groups = [group] if group else list(found)
        left = [server["name"] for name in groups for server in found.get(name, [])]
        if left:
            raise NotYet(f"these servers are left: {', '.join(sorted(left))}")
        return True


def _has_image(server: Raw) -> bool:
    """Return whether Nova knows a server's image: not if it boots from a volume."""
    return isinstance(server.get("image"), dict)


def _require_size(what: str, servers: list[Raw], size: int) -> None:
    others = [server for server in servers if server["status"] != "ACTIVE"]
    active = len(servers) - len(others)
    if others or active != size:
        more = "".join(f"; {fault(server)}" for server in others)
        raise NotYet(f"{what} has {active} active servers, and {size} are needed{more}")


def fault(server: Raw) -> str:
    """Return what Nova says of a server that is not active."""
    message = (server.get("fault") or {}).get("message")
    reason = f" ({str(message).strip().rstrip('.')})" if message else ""
    return f"server {server['name']} is in {server['status']}{reason}"
