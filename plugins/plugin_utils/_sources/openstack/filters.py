# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes are wanted, and how that restricts requests."""

from __future__ import annotations

import os.path
import typing as t

from ..._fleet.membership import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    MASTER,
    STANDALONE,
    Seen,
)
from ..._fleet.types import Record, Server


class Filters(t.NamedTuple):
    """Which nodes are wanted; None for all.

    Attributes:
        clusters: Names or ids of clusters.
        locations: Names of locations.
        node_groups: Names of node groups.
        statuses: Nova's statuses of servers.
        include_masters: Whether masters are wanted.
        include_standalone: Whether servers with accelerators and no cluster are.
    """

    clusters: list[str] | None = None
    locations: list[str] | None = None
    node_groups: list[str] | None = None
    statuses: list[str] | None = None
    include_masters: bool = True
    include_standalone: bool = False

    @property
    def of_clusters(self) -> bool:
        """Return whether only nodes are wanted whose cluster is known."""
        return bool(self.clusters or self.locations or self.node_groups)

    def wanted(self, node: Server) -> bool:
        """Return whether a node is wanted."""
        if node["role"] == MASTER and not self.include_masters:
            return False
        if node["role"] == STANDALONE and not self.include_standalone:
            return False
        return all(
            not values.isdisjoint(allowed)
            for option, values in self._values(node).items()
            for allowed in [getattr(self, option)]
            if allowed
        )

    def missed(self, nodes: t.Sequence[Server]) -> list[str]:
        """Return values of filters that no node has, as `option: value`."""
        known: dict[str, set[str | None]] = {}
        for node in nodes:
            for option, values in self._values(node).items():
                known.setdefault(option, set()).update(values)
        return [
            f"{option}: {name}"
            for option in ("clusters", "locations", "node_groups")
            for name in getattr(self, option) or []
            if name not in known.get(option, ())
        ]

    def _values(self, node: Server) -> dict[str, set[str | None]]:
        """Return what a node has, by the filter that looks at it."""
        cluster = node["cluster"]
        return {
            "clusters": {cluster["name"], cluster["id"]} if cluster else set(),
            "locations": {node["location"]},
            "node_groups": {node["node_group"]},
            "statuses": {node["status"]},
        }

    def query(self, seen: Seen | None = None) -> Record | None:
        """Return what of this restricts Nova's list of servers.

        Args:
            seen: Clusters and node groups; None where nothing is known of them.

        Returns:
            Parameters of the query; None where no server can be wanted.
        """
        query: Record = {}
        if self.statuses:
            query["status"] = self.statuses
        if not self.of_clusters or seen is None:
            return query
        starts = self._starts(seen)
        if not starts:
            return None
        if None not in starts:
            # Nova takes no "|" in its patterns.
            names = [each for each in starts if each]
            start = os.path.commonprefix(names)  # noqa: RUF071 -- names, not paths
            if start:
                query["name"] = f"^{start}"
        return query

    def _starts(self, seen: Seen) -> set[str | None]:
        """Return how the names of servers begin that may be wanted; None if unknown.

        Magnum's Heat driver begins them with the stack's name, and Cluster API with
        that of the cluster below Magnum.
        """
        starts: set[str | None] = set()
        chosen = set()
        for cluster in seen.clusters:
            named = {cluster["id"], cluster["name"]}
            if self.clusters and named.isdisjoint(self.clusters):
                continue
            if self.locations and cluster["location"] not in self.locations:
                continue
            if not cluster["stack"] and cluster["prefixes"]:
                wanted = [p for p, name in cluster["prefixes"] if self._has_group(name)]
                starts.update(wanted)
                continue
            chosen.add(cluster["id"])
            if self._has_group(DEFAULT_WORKER, DEFAULT_MASTER):
                starts.add(cluster["stack"])
        for group in seen.groups:
            if group["cluster"] in chosen and self._has_group(group["name"]):
                starts.add(group["stack"])
        return starts

    def _has_group(self, *names: str) -> bool:
        return not self.node_groups or not set(names).isdisjoint(self.node_groups)
