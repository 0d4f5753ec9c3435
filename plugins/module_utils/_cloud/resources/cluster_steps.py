# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writes that change a cluster, and how to see that each took effect."""

from __future__ import annotations

import dataclasses
import typing as t
from functools import partial

from ..engine.resource import Step
from ..engine.status import FAILED, Raw, status_of
from ..services.drivers import WORKERS
from ..services.session import Cloud
from .nodes_to_remove import OPTION as LEAVING
from .nodes_to_remove import NodesToRemove
from .servers import LASTS, ServerProof
from .sizes import BOUNDS, scales_itself, steps_to
from .template_images import Target

Reached = t.Callable[[Raw], bool]


@dataclasses.dataclass
class ClusterSteps:
    """Writes that change a cluster.

    Attributes:
        what: How messages call the cluster.
        cloud: Where it is.
        raw: The cluster before, as `GpuClusterResource.load` gave it.
        proof: Proves by its servers what Magnum does not; None without Cluster API.
        removal: The nodes to remove.
    """

    what: object
    cloud: Cloud
    raw: Raw
    proof: ServerProof | None
    removal: NodesToRemove

    def sizes(
        self, values: t.Mapping[str, t.Any], target: Target | None = None
    ) -> list[Step]:
        """Widen the bounds, resize, narrow the bounds.

        After a failed update the size is asked for in any case: that repairs it.

        Args:
            values: The values to set.
            target: What the nodes are like after such a repair, None for any.
        """
        size, bounded = values.get("node_count"), any(name in values for name in BOUNDS)
        if size is None and status_of(self.raw).phase == FAILED:
            size = self.raw["default_workers"]["node_count"]
        else:
            target = None
        if size is None and not bounded:
            return []
        now = {name: self.raw["default_workers"].get(name) for name in BOUNDS}
        return steps_to(
            size,
            now,
            {name: values.get(name, now[name]) for name in BOUNDS},
            lambda number: self.resize(number, target),
            self._bound,
        )

    def upgrade(self, template: str, batch: int, target: Target | None) -> list[Step]:
        """Upgrade; Magnum accepts that only after a failed update was repaired.

        Args:
            template: Id of the template.
            batch: How many nodes to replace at the same time.
            target: What the nodes are like afterwards, None if it is not known.
        """
        uuid, group = self.raw["uuid"], self.raw["default_workers"]["uuid"]
        steps = []
        if status_of(self.raw).phase == FAILED:
            steps.append(self.resize(self.raw["default_workers"]["node_count"]))

        def reached(now: Raw) -> bool:
            moved = now["cluster_template_id"] == template
            return moved and self._is(target, now, replaced=True)

        write = partial(self.cloud.magnum.upgrade, uuid, template, group, batch)
        return [*steps, self._step(write, reached)]

    def resize(self, size: int, target: Target | None = None) -> Step:
        """Set the size of the default workers.

        Args:
            size: Number of nodes.
            target: What the nodes are like afterwards, None for any.
        """
        magnum, uuid = self.cloud.magnum, self.raw["uuid"]
        group = self.raw["default_workers"]["uuid"]
        leaving = [server["id"] for server in self.raw.get(LEAVING) or []]

        def reached(now: Raw) -> bool:
            resized = magnum.node_group(uuid, group)["node_count"] == size
            if not resized or not self._has_nodes(now, size):
                return False
            if target and not self._is(target, now, replaced=False):
                return False
            return not leaving or self.removal.removed(self.what, self.raw, now)

        write = partial(magnum.resize, uuid, size, group, leaving)
        return self._step(write, reached)

    def _bound(self, changed: dict[str, t.Any]) -> Step:
        magnum, uuid = self.cloud.magnum, self.raw["uuid"]
        group = self.raw["default_workers"]["uuid"]

        def reached(_cluster: Raw) -> bool:
            workers = magnum.node_group(uuid, group)
            return all(workers[name] == value for name, value in changed.items())

        return self._step(
            partial(magnum.update_node_group, uuid, group, changed), reached
        )

    def _step(self, write: t.Callable[[], None], reached: Reached) -> Step:
        return Step([write], reached, lasts=LASTS if self.proof else 0.0)

    def _has_nodes(self, now: Raw, size: int) -> bool:
        if self.proof is None:
            addresses = now.get("node_addresses")
            return not addresses or len(addresses) == now["node_count"]
        if not scales_itself(now.get("labels")):
            self.proof.require_sizes(now, {WORKERS: size})
        return True

    def _is(self, target: Target | None, now: Raw, replaced: bool) -> bool:
        """Return whether all nodes are as an upgrade makes them."""
        if self.proof is None or target is None:
            return self._has_nodes(now, self.raw["default_workers"]["node_count"])
        self.proof.require_target(now, target, replaced)
        return True
