# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what schedulers count to devices: how much of a device one of their units is.

Schedulers count what they hand out: devices, MIG instances, partitions, and replicas of
time-slicing. Each source reads the hints that its scheduler has; the arithmetic is
here.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import partitions
from .partitions import Profile

MOST_DEVICES = 16
"""Devices of a node, where nobody knows how many units make one. The largest servers
have so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """The units that a scheduler has on a node.

    Attributes:
        counts: How many there are, by name of the resource.
        fractions: How much of a device one unit is, by name of the resource.
        parts: Resources whose units are parts that need not fill a device.
        counted: How many devices there are, as a feature discovery counts them; None
            if none does.
        unsized: Resources of which nobody says how many units make a device.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    fractions: Mapping[str, float] = field(default_factory=dict)
    parts: t.Collection[str] = ()
    counted: int | None = None
    unsized: tuple[str, ...] = ()

    @property
    def devices(self) -> float:
        """Return how many devices the units make."""
        return self.of(self.counts)

    @property
    def most(self) -> float:
        """Return of how many devices at most they are parts: no unit is of two."""
        return sum(
            count * (1.0 if name in self.parts else self.fractions.get(name, 1.0))
            for name, count in self.counts.items()
        )

    def of(self, counts: Mapping[str, int]) -> float:
        """Return how many devices some units are."""
        fractions = self.fractions
        return sum(count * fractions.get(name, 1.0) for name, count in counts.items())


def shared(
    units: int, devices: int | None = None, replicas: int | None = None
) -> float | None:
    """Return how much of a device one unit is, where devices may be shared.

    Args:
        units: How many units there are.
        devices: How many devices there are; None if nobody counts them.
        replicas: How many units are made of a device; None if nobody says so.

    Returns:
        The fraction; None if neither is known.
    """
    many = replicas if replicas and replicas > 1 else None
    if devices is None:
        return 1 / replicas if replicas else None
    if units <= devices and not many:
        return 1.0
    if not many or units > devices * many:
        return devices / units  # the two contradict each other, and devices are counted
    # Fewer than all devices would make. Some may not be shared, or may be gone.
    are_all_there = units >= devices and (units - devices) % (many - 1) == 0
    return devices / units if are_all_there else 1 / many


def capped(units: int) -> float:
    """Return how much of a device a unit is that nobody knows the size of."""
    return min(units, MOST_DEVICES) / units if units else 1.0


_Key = t.TypeVar("_Key")


def mig(
    counts: Mapping[_Key, tuple[Profile, int]],
    model: str | None = None,
    devices: float | None = None,
) -> dict[_Key, float]:
    """Return how much of a device one MIG instance of each profile of a node is.

    Instances need not fill a device. When all of them are allocated, the devices are.

    Args:
        counts: Profiles, and how many instances there are of each.
        model: Model of the devices; None if it is unknown.
        devices: How many devices are divided; None if nobody counts them. If it is less
            than the instances need, it does not count.
    """
    sizes = {key: partitions.part(size, model) for key, (size, _n) in counts.items()}
    listed = [(sizes[key], number) for key, (_size, number) in counts.items()]
    total = sum(size * number for size, number in listed)
    if not total:
        return sizes
    divided = max(partitions.devices(listed), devices or 0)
    return {key: min(1.0, size * divided / total) for key, size in sizes.items()}
