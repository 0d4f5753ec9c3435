# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes are wanted, and what of that Nova can be told."""

from __future__ import annotations

import os.path
import typing as t

from ..fleet.model import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    MASTER,
    STANDALONE,
    Record,
    Seen,
)


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
        """Whether only nodes are wanted whose cluster is known."""
        return bool(self.clusters or self.locations or self.node_groups)

    def wanted(self, node: Record) -> bool:
        """Whether a node is wanted."""
        if node["role"] == MASTER and not self.include_masters:
            return False
        if node["role"] == STANDALONE and not self.include_standalone:
            return False
        return all(
            not allowed or not allowed.isdisjoint(values)
            for allowed, values in self._pairs(node)
        )

    def missed(self, nodes: t.Sequence[Record]) -> list[str]:
        """What was asked for by name and no node is of, as C(option: value)."""
        missed = []
        options = ("clusters", "locations", "node_groups")
        found: list[set[t.Any]] = [set(), set(), set()]
        for node in nodes:
            for names, (_allowed, values) in zip(found, self._pairs(node)):
                names.update(values)
        for option, names in zip(options, found):
            asked = getattr(self, option) or []
            missed += [f"{option}: {name}" for name in asked if name not in names]
        return missed

    def _pairs(self, node: Record) -> list[tuple[set[str], set[t.Any]]]:
        """What each filter lets through, and what a node has there."""
        cluster = node["cluster"] or {}
        return [
            (set(self.clusters or ()), {cluster.get("name"), cluster.get("id")}),
            (set(self.locations or ()), {node["location"]}),
            (set(self.node_groups or ()), {node["node_group"]}),
            (set(self.statuses or ()), {node["status"]}),
        ]

    def query(self, seen: Seen | None = None) -> Record | None:
        """What of this Nova's list of servers is told.

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
        stacks = self._stacks(seen)
        if not stacks:
            return None
        if None not in stacks:
            # Magnum's Heat driver begins servers' names with the stack's. Nova takes no
            # "|" in its patterns.
            names = [stack for stack in stacks if stack]
            start = os.path.commonprefix(names)  # noqa: RUF071 -- names, not paths
            if start:
                query["name"] = f"^{start}"
        return query

    def _stacks(self, seen: Seen) -> set[str | None]:
        """Names of the stacks whose servers may be wanted; None for one without."""
        stacks: set[str | None] = set()
        chosen = set()
        for cluster in seen.clusters:
            named = {cluster["id"], cluster["name"]}
            if self.clusters and named.isdisjoint(self.clusters):
                continue
            if self.locations and cluster["location"] not in self.locations:
                continue
            chosen.add(cluster["id"])
            if self._has_group(DEFAULT_WORKER, DEFAULT_MASTER):
                stacks.add(cluster["stack"])
        for group in seen.groups:
            if group["cluster"] in chosen and self._has_group(group["name"]):
                stacks.add(group["stack"])
        return stacks

    def _has_group(self, *names: str) -> bool:
        return not self.node_groups or not set(names).isdisjoint(self.node_groups)
