# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pods of a cluster hold, and wait for, in devices."""

from __future__ import annotations

import typing as t
from collections import Counter

from ..._fleet.types import Scheduled
from ..._fleet.waiting import Waiting
from . import hami, shares
from .claims import Claims, Ident
from .records import GATED, Node, Pod


class Held:
    """Devices that pods hold or wait for.

    Args:
        nodes: All nodes.
        pods: All pods that request devices.
        claims: All resource claims; None if they are not known.

    Attributes:
        holding: Pods that hold devices, with how many units, and devices, that is.
        warnings: What is not known.
    """

    def __init__(
        self, nodes: t.Sequence[Node], pods: t.Sequence[Pod], claims: Claims | None
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._claims = claims
        self._users: Counter[Ident] = Counter(
            ident for pod in pods for ident in _idents(pod)
        )
        self._sizes: dict[str, float] = {}
        self.warnings: list[str] = []
        # By node; that of None is pending.
        self._requested: dict[str | None, float | None] = {}
        self._waiting: dict[str, float] = {}
        self.holding: list[tuple[Pod, int, float]] = []
        for pod in pods:
            self._take(pod)

    def _take(self, pod: Pod) -> None:
        """Add what a pod requests to its node, or to what is waited for."""
        plain, claimed = self._plain(pod), self._claimed(pod)
        before = self._requested.get(pod.node, 0.0)
        if claimed is None and pod.node:
            self.warnings.append(
                f"pod {pod.namespace}/{pod.name}: its resource claims are not known, "
                f"so what is allocated on {pod.node} is unknown"
            )
        if before is None or plain is None or claimed is None:
            self._requested[pod.node] = None
        elif pod.node:
            # What claims hold is counted once, however many pods share it.
            self._requested[pod.node] = before + plain
        else:
            self._requested[None] = before + plain + claimed
            if plain + claimed:
                self._waiting.setdefault(pod.waits, 0.0)
                self._waiting[pod.waits] += plain + claimed
        if pod.node and plain is not None and claimed is not None and plain + claimed:
            self.holding.append((pod, self._units(pod), plain + claimed))

    def _units(self, pod: Pod) -> int:
        """Return how many units a pod requests: devices, parts and shares of them."""
        if not pod.claims or self._claims is None:
            return pod.units
        found = self._claims
        return pod.units + sum(found.units(ident) or 0 for ident in _idents(pod))

    def scheduled(self) -> list[Scheduled]:
        """Return the nodes with what is given out there."""
        by_node = self._claims.by_node() if self._claims else {}
        result = []
        for name, node in self._nodes.items():
            claimed, allocated = by_node.get(name), self._requested.get(name, 0.0)
            if claimed and allocated is not None:
                allocated += claimed.allocated
            result.append(node.scheduled(allocated, claimed))
        return result

    def waiting(self) -> Waiting | None:
        """Return the devices that pods wait for; None if this is not known."""
        if self._requested.get(None, 0.0) is None:
            return None
        ready = sorted(self._waiting.keys() - {GATED})
        return Waiting(self._waiting, tuple(ready))

    def _plain(self, pod: Pod) -> float | None:
        """Return how many devices the extended resources of a pod are."""
        node = self._nodes.get(pod.node or "")
        if node and node.units is not None:
            return pod.equivalent(node)
        if pod.devices is None:
            return None
        return sum(n * self._size(name, pod) for name, n in pod.devices.items())

    def _size(self, resource: str, pod: Pod) -> float:
        """Return how much of a device a unit may be: the most on any node."""
        if resource == hami.RESOURCE:
            cards = next(
                (each.cards for each in self._nodes.values() if each.cards), None
            )
            if cards:
                return hami.equivalent(1, pod.sharing, cards)
        if resource not in self._sizes:
            sizes = (
                each.units.fractions.get(resource, 1.0)
                for each in self._nodes.values()
                if each.units and resource in each.units.counts
            )
            self._sizes[resource] = max(sizes, default=shares.anywhere(resource))
        return self._sizes[resource]

    def _claimed(self, pod: Pod) -> float | None:
        """Return how many devices the claims of a pod are, its part of shared ones."""
        if not pod.claims:
            return 0.0
        idents = _idents(pod)
        found = self._claims
        if found is None or any(found.units(ident) is None for ident in idents):
            return None
        if len(idents) < len(pod.claims) and pod.node:
            return None
        return sum(found.equivalent(each) / self._users[each] for each in idents)


def _idents(pod: Pod) -> list[Ident]:
    return [(pod.namespace, name) for name in pod.claims if name]
