# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that two sources have read."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    repeated,
    types,
)
from unit.fleet import factory


def read(*names: str, **more: Any) -> types.Schedule:
    nodes = map(factory.scheduled, names)
    return factory.schedule(*nodes, **{"source": "kubernetes", **more})


ONE = read("a", idents=("pod-1", "a/machine"))


@pytest.mark.parametrize(
    ("schedules", "kept"),
    [
        # The same pods, or the same machine by the same name.
        ([ONE, ONE], [0]),
        ([ONE, read("a", idents=("pod-1",))], [0]),
        ([ONE, read("a", idents=("a/machine",))], [0]),
        ([ONE, read("a", idents=("pod-2", "b/machine"))], [0, 1]),
        # Nobody knows whether both are the same.
        ([read("a"), read("a")], [0, 1]),
        # The one that knows more.
        ([ONE, read("a", "b", idents=("pod-1",))], [1]),
        ([ONE, read("a", idents=("pod-1",), cluster="east")], [1]),
        ([read("a", idents=("pod-1",), cluster="x", labeled=True), ONE], [0]),
        (
            [
                read("a", idents=("pod-1",), cluster="x", labeled=True),
                read("a", idents=("pod-1",), cluster="east"),
            ],
            [1],
        ),
        # By the names of the cluster and a node.
        ([read("a", cluster="east"), read("a", cluster="east")], [0]),
        ([read("a", cluster="east"), read("b", cluster="east")], [0, 1]),
        ([read("a", cluster="east"), read("a", cluster="west")], [0, 1]),
        (
            [
                read("a", idents=("pod-1",), cluster="east"),
                read("a", idents=("pod-1",), cluster="west"),
            ],
            [0, 1],
        ),
        # Another scheduler, and one that could not be read.
        ([ONE, read("a", idents=("pod-1",), source="slurm")], [0, 1]),
        ([ONE, read(failure="it is down")], [0, 1]),
    ],
)
def test_once(schedules: list[types.Schedule], kept: list[int]) -> None:
    assert repeated.once(schedules) == [schedules[number] for number in kept]
