# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of node groups, and the bounds that they keep."""

from __future__ import annotations

import typing as t

from .errors import InvalidInput
from .reconcile import Step

BOUNDS = ("min_node_count", "max_node_count")


def check_bounds(sizes: t.Mapping[str, t.Any]) -> None:
    """Raise where size and bounds contradict each other."""
    low, high = sizes.get("min_node_count"), sizes.get("max_node_count")
    if low is not None and high and low > high:
        raise InvalidInput(f"min_node_count: {low} is above max_node_count, {high}")
    size = sizes.get("node_count")
    if size is not None and not _within(size, sizes):
        shown = f"{low or 0} to {high}" if high else f"{low} and more"
        raise InvalidInput(
            f"node_count: {size} is not within min_node_count and max_node_count, "
            f"{shown}"
        )


def _within(size: int, bounds: t.Mapping[str, t.Any]) -> bool:
    """Whether a size fits the bounds; None for none."""
    high = bounds.get("max_node_count")
    return (bounds.get("min_node_count") or 0) <= size and (not high or size <= high)


def _wide(one: dict[str, t.Any], other: dict[str, t.Any]) -> dict[str, t.Any]:
    """The bounds that hold both."""
    lows = [bounds["min_node_count"] or 0 for bounds in (one, other)]
    highs = [bounds["max_node_count"] for bounds in (one, other)]
    return {
        "min_node_count": min(lows),
        "max_node_count": max(highs) if all(highs) else None,
    }


def in_order(
    size: int | None,
    now: dict[str, t.Any],
    then: dict[str, t.Any],
    resize: t.Callable[[int], Step],
    patch: t.Callable[[dict[str, t.Any]], Step],
) -> list[Step]:
    """Widen the bounds, resize, narrow the bounds: the order that Magnum accepts.

    Args:
        size: Number of nodes to ask for, None to leave it.
        now: The bounds as they are, and whatever is patched with them.
        then: The same as it shall be.
        resize: Makes the step that sets the size.
        patch: Makes the step that sets the values which it is given.
    """

    def towards(goal: dict[str, t.Any]) -> Step:
        return patch({name: goal[name] for name in goal if goal[name] != now[name]})

    if size is None:
        return [towards(then)]
    steps = [resize(size)]
    if not _within(size, now):
        both = {**now, **_wide(now, then)}
        steps.insert(0, towards(both))
        now = both
    if now != then:
        steps.append(towards(then))
    return steps
