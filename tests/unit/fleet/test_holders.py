# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device each of a scheduler's numbers is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    coverage,
    holders,
    types,
)
from unit.fleet import factory, fleets

IN_ORDER = {number: number for number in range(4)}


def devices(vendor: str, minors: Sequence[int | None]) -> list[types.Device]:
    return [
        factory.device(index, vendor=vendor, minor_number=minor)
        for index, minor in enumerate(minors)
    ]


@pytest.mark.parametrize(
    ("vendor", "minors", "capacity", "places"),
    [
        ("nvidia", (0, 1, 2, 3), 4, IN_ORDER),
        ("nvidia", (None,) * 4, 4, IN_ORDER),
        # Files for rendering, from the first one or behind one of another device.
        ("amd", (128, 129, 130, 131), 4, IN_ORDER),
        ("amd", (129, 130, 131, 132), 4, IN_ORDER),
        ("intel", (128, 130, 132, 134), 4, IN_ORDER),
        # /dev/accel/accel0 and so on.
        ("habana", (0, 1, 2, 3), 4, IN_ORDER),
        # By PCI address or by file: nobody tells which.
        ("nvidia", (3, 2, 1, 0), 4, None),
        ("amd", (129, 128, 131, 130), 4, None),
        # One is lost.
        ("nvidia", (0, 1, 3), 4, {0: 0, 1: 1, 3: 2}),
        ("nvidia", (0, 1, 2), 4, {0: 0, 1: 1, 2: 2}),
        ("nvidia", (1, 2, 3), 4, {1: 0, 2: 1, 3: 2}),
        ("nvidia", (None,) * 3, 4, None),
        ("amd", (128, 129, 131), 4, {0: 0, 1: 1, 3: 2}),
        ("amd", (128, 129, 130), 4, None),
        # Slurm has fewer, or counts the partitions.
        ("nvidia", (0, 1, 2, 3), 3, None),
        ("nvidia", (0, 1, 4), 4, None),
        ("amd", (128, 136), 16, None),
    ],
)
def test_places_of_slurm_s_numbers(
    vendor: str,
    minors: Sequence[int | None],
    capacity: float,
    places: holders.Places | None,
) -> None:
    offer = factory.offer(capacity)
    assert holders.places(devices(vendor, minors), offer) == places


def test_devices_of_several_vendors_have_no_order() -> None:
    both = [*devices("nvidia", [0]), *devices("amd", [None, 128])[1:]]
    assert holders.places(both, factory.offer(2)) is None


@pytest.mark.parametrize(
    ("minors", "numbers", "shares", "warnings"),
    [
        ((128, 129, 130, 131), (1, 2), [0, 1, 1, 0], 0),
        # No number of a device that was measured: unknown, and not idle.
        ((128, 129, 130, 131), (1, 7), [None] * 4, 1),
        ((128, 129, 131), (1, 2), [None] * 3, 1),
        ((131, 130, 129, 128), (1, 2), [None] * 4, 1),
        # Slurm does not say which.
        ((128, 129, 130, 131), None, [None] * 4, 0),
    ],
)
def test_given_out_devices_are_never_idle(
    minors: Sequence[int],
    numbers: tuple[int, ...] | None,
    shares: list[float | None],
    warnings: int,
) -> None:
    given = factory.offer(4, 2, devices=numbers)
    facts = fleets.facts(devices("amd", minors))
    host = types.Host("n", factory.server("n", 4), facts, (given,))
    [node] = factory.fleet(host, now=fleets.NOW).nodes
    assert node.shares == shares
    assert len(list(coverage.gaps([node], 300))) == warnings
