# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of node groups, and the bounds that they keep."""

from __future__ import annotations

import typing as t

from .errors import InvalidInput

BOUNDS = ("min_node_count", "max_node_count")


def check_bounds(sizes: t.Mapping[str, t.Any]) -> None:
    """Raise where size and bounds contradict each other."""
    low, high = sizes.get("min_node_count"), sizes.get("max_node_count")
    if low is not None and high and low > high:
        raise InvalidInput(f"min_node_count: {low} is above max_node_count, {high}")
    size = sizes.get("node_count")
    if size is not None and not within(size, sizes):
        shown = f"{low or 0} to {high}" if high else f"{low} and more"
        raise InvalidInput(
            f"node_count: {size} is not within min_node_count and max_node_count, "
            f"{shown}"
        )


def within(size: int, bounds: t.Mapping[str, t.Any]) -> bool:
    """Whether a size fits the bounds; None for none."""
    high = bounds.get("max_node_count")
    return (bounds.get("min_node_count") or 0) <= size and (not high or size <= high)


def wide(one: dict[str, t.Any], other: dict[str, t.Any]) -> dict[str, t.Any]:
    """The bounds that hold both."""
    lows = [bounds["min_node_count"] or 0 for bounds in (one, other)]
    highs = [bounds["max_node_count"] for bounds in (one, other)]
    return {
        "min_node_count": min(lows),
        "max_node_count": max(highs) if all(highs) else None,
    }
