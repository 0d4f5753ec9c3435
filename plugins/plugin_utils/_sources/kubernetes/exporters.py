# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the pods that measure a node, which Prometheus knows them by."""

from __future__ import annotations

from ..._fleet.types import Record
from ..partial import text

MOST = 32
"""Addresses of pods of a node; it has a dozen DaemonSets."""


class Addresses:
    """Addresses of pods of DaemonSets, as exporters are, by name of their node.

    Names of pods are left out: whoever makes a pod can give it the name of a node.
    """

    def __init__(self) -> None:
        self._of_nodes: dict[str, list[str]] = {}

    def add(self, pod: Record) -> None:
        """Add the address of a pod, if it is of a DaemonSet.

        Raises:
            Exception: The pod has a shape that nobody has seen.
        """
        owners = pod["metadata"].get("ownerReferences")
        if owners and owners[0].get("kind") == "DaemonSet":
            address = (pod.get("status") or {}).get("podIP")
            node = pod["spec"].get("nodeName")
            if address and node:
                known = self._of_nodes.setdefault(text(node), [])
                if len(known) < MOST:
                    known.append(text(address))

    def of(self, node: str) -> tuple[str, ...]:
        """Return the addresses of the pods of a node."""
        return tuple(self._of_nodes.get(node, ()))
