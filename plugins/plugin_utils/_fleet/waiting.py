# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that are requested and not given out."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from .types import Schedule


@dataclass(frozen=True, slots=True)
class Waiting:
    """Devices that are requested and not given out.

    Attributes:
        by_reason: How many, by the reason as the scheduler names it.
        ready: The reasons that end as soon as there is room.
    """

    by_reason: Mapping[str, float]
    ready: tuple[str, ...]

    @property
    def pending(self) -> float:
        """Return how many are given out as soon as there is room."""
        return sum(n for why, n in self.by_reason.items() if why in self.ready)


def waited_for(schedules: t.Iterable[Schedule]) -> Waiting | None:
    """Return what waits in all schedulers; None without one, or if one does not tell.

    Args:
        schedules: What the schedulers know.
    """
    known = [None if each.failure else each.waiting for each in schedules]
    by_reason: dict[str, float] = {}
    ready: set[str] = set()
    for waiting in known:
        if waiting is None:
            return None
        ready.update(waiting.ready)
        for why, number in waiting.by_reason.items():
            by_reason[why] = by_reason.get(why, 0.0) + number
    in_order = dict(sorted(by_reason.items()))
    return Waiting(in_order, tuple(sorted(ready))) if known else None
