# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a fleet is seen: nothing that nobody has looked at is well."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

from .capacity import largest
from .types import Node

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_NAMED = 3
"""Names of nodes in a warning."""


def share(nodes: t.Iterable[Node]) -> float | None:
    """Return the share of devices whose utilization is known, 0 to 1.

    Returns:
        None if there are no devices.
    """
    known = capacity = 0.0
    for node in nodes:
        devices = node.devices or ()
        seen = sum(device["utilization_percent"] is not None for device in devices)
        devices_in_all = node.state["capacity"] or 0.0
        known += min(seen, devices_in_all)
        capacity += devices_in_all
    return round(min(1.0, known / capacity), 4) if capacity else None


def gaps(nodes: Sequence[Node], stale_after: float) -> Iterator[str]:
    """Yield warnings of what is not seen.

    Args:
        nodes: The nodes of a fleet.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
    """
    if not nodes:
        yield (
            "no node was found: no source and no host of the inventory has devices. "
            "See gpufleet_node and sources"
        )
        return
    silent = [node.key for node in nodes if node.facts is None]
    if silent:
        yield (
            f"{len(silent)} nodes have no facts ({_names(silent)}), so it is not known "
            "whether their devices work, and how hard"
        )
    unusable = [(node, node.unusable) for node in nodes if node.facts and node.unusable]
    old = [why.age for _node, why in unusable if why.age is not None]
    if old:
        yield (
            f"{len(old)} nodes' facts are older than {stale_after:g} s, the oldest "
            f"{_span(max(old))}"
        )
    odd = [node.key for node, why in unusable if why.age is None]
    if odd:
        yield (
            f"{len(odd)} nodes' facts are of a time that can't be ({_names(odd)}); "
            "compare their clocks with that of this machine"
        )
    lost = [node.key for node in nodes if _is_unplaced(node)]
    if lost:
        yield (
            f"{len(lost)} nodes' devices can't be matched with Slurm's numbers of them "
            f"({_names(lost)}), so it is not known which of them are given out"
        )


def _is_unplaced(node: Node) -> bool:
    """Return whether nobody knows which devices a scheduler's numbers are."""
    offer = largest(node.capacity)
    if offer is None or offer.devices is None or node.state["allocated"] is None:
        return False
    return None in node.shares


def _names(names: list[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _span(seconds: float) -> str:
    """Return a time in the largest unit that it has at least one of."""
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds // size:g} {unit}"
