# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of node groups, and the bounds that they keep."""

from __future__ import annotations

import typing as t

from ..engine.errors import InvalidInput
from ..engine.resource import Step

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
    """Return whether a size fits the bounds; None for none."""
    high = bounds.get("max_node_count")
    return (bounds.get("min_node_count") or 0) <= size and (not high or size <= high)


def _wide(now: dict[str, t.Any], then: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the bounds that hold both."""
    lows = [bounds["min_node_count"] or 0 for bounds in (now, then)]
    highs = [bounds["max_node_count"] for bounds in (now, then)]
    return {
        "min_node_count": min(lows),
        "max_node_count": max(highs) if all(highs) else None,
    }


def autoscaled(
    values: t.Mapping[str, t.Any], have: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return the size where the autoscaler decides on it.

    Then `node_count` counts at creation only; later the size is kept within the bounds,
    and nothing more.
    """
    then = {**have, **values}
    low, high = then["min_node_count"], then["max_node_count"]
    marks = {**have["labels"], **values.get("labels", {})}
    if not scales_itself(marks) or low is None or not high:
        return {}
    return {"node_count": min(max(have["node_count"], low), high)}


def scales_itself(labels: t.Mapping[str, t.Any] | None) -> bool:
    """Return whether a cluster with these labels has an autoscaler."""
    return str((labels or {}).get("auto_scaling_enabled")).lower() == "true"


def steps_to(
    size: int | None,
    now: dict[str, t.Any],
    then: dict[str, t.Any],
    resize: t.Callable[[int], Step],
    patch: t.Callable[[dict[str, t.Any]], Step],
) -> list[Step]:
    """Return the steps to another size in the order that Magnum accepts.

    That is: widen the bounds, resize, narrow the bounds.

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
    steps = []
    if not _within(size, now):
        both = {**now, **_wide(now, then)}
        steps.append(towards(both))
        now = both
    steps.append(resize(size))
    if now != then:
        steps.append(towards(then))
    return steps
