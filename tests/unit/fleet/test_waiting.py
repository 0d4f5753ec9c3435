# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several schedulers have that waits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import types
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.waiting import (
    Waiting,
    waited_for,
)
from unit.fleet import factory

ROOM, LATER = factory.waiting(2), Waiting({"Later": 4}, ())


def slurm(waiting: Waiting | None, failure: str | None = None) -> types.Schedule:
    return factory.schedule(waiting=waiting, failure=failure)


@pytest.mark.parametrize(
    ("schedules", "pending", "by_reason"),
    [
        ([slurm(ROOM)], 2, {"Resources": 2}),
        ([slurm(ROOM), slurm(ROOM)], 4, {"Resources": 4}),
        ([slurm(ROOM), slurm(LATER)], 2, {"Later": 4, "Resources": 2}),
        ([slurm(factory.waiting(0))], 0, {}),
        # One that nobody could read.
        ([], None, None),
        ([slurm(ROOM), slurm(None)], None, None),
        ([slurm(ROOM), slurm(ROOM, failure="it is down")], None, None),
    ],
)
def test_what_is_waited_for(
    schedules: Sequence[types.Schedule],
    pending: float | None,
    by_reason: dict[str, float] | None,
) -> None:
    found = waited_for(schedules)
    assert (found.pending if found else None) == pending
    assert (found.by_reason if found else None) == by_reason
