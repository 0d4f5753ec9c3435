# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that several sources have read, such as two servers of a pair."""

from __future__ import annotations

from collections.abc import Sequence

from .types import Schedule


def once(schedules: Sequence[Schedule]) -> list[Schedule]:
    """Return the schedules, of each cluster that was read twice only one.

    Of two, that stays whose cluster the user names, or else that with more nodes.
    """
    kept: list[Schedule] = []
    for schedule in schedules:
        number = next(
            (n for n, other in enumerate(kept) if _are_same(schedule, other)), None
        )
        if number is None:
            kept.append(schedule)
        else:
            kept[number] = max(kept[number], schedule, key=_worth)
    return kept


def _worth(schedule: Schedule) -> tuple[bool, bool, int]:
    has_name = schedule.cluster is not None
    return has_name and not schedule.labeled, has_name, len(schedule.nodes)


def _are_same(one: Schedule, other: Schedule) -> bool:
    """Return whether two schedules are certainly of the same cluster.

    They have something in common that no other cluster has; or nodes of the same name,
    and their clusters have the same name, too.
    """
    if one.source != other.source or one.failure or other.failure:
        return False
    if not set(one.idents).isdisjoint(other.idents):
        # A label may have another name for a cluster than the user.
        has_names = one.cluster and other.cluster and one.labeled == other.labeled
        return not has_names or one.cluster == other.cluster
    names = {node.name for node in one.nodes}
    has_common = any(node.name in names for node in other.nodes)
    return has_common and one.cluster is not None and one.cluster == other.cluster
