# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.clock import (
    growing,
)
from unit.cloud.fakes import FakeTime


def test_counts_from_its_start_to_the_deadline(time: FakeTime) -> None:
    clock = time.clock(10)
    time.now += 4
    assert (clock.elapsed(), clock.remaining()) == (4, 6)
    time.now += 100
    assert (clock.elapsed(), clock.remaining()) == (104, 0)


def test_pauses_until_the_deadline_and_no_longer(time: FakeTime) -> None:
    clock = time.clock(10)
    assert [clock.pause(7), clock.pause(7), clock.pause(7)] == [True, True, False]
    assert time.sleeps == [7, 3]


def test_has_no_time_at_all_with_a_timeout_of_zero(time: FakeTime) -> None:
    assert time.clock(0).pause(1) is False
    assert time.sleeps == []


def test_pauses_grow_up_to_the_longest() -> None:
    assert list(itertools.islice(growing(0.5, 2, 8), 7)) == [0.5, 1, 2, 4, 8, 8, 8]
