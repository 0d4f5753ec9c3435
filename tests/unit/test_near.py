# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._near import (
    did_you_mean,
    near,
    no_such,
)

CASES: dict[str, tuple[str, list[str], list[str]]] = {
    "a letter left out": ("trainng", ["training", "inference"], ["training"]),
    "two letters swapped": ("trianing", ["training", "inference"], ["training"]),
    "another case": ("TRAINING", ["training"], ["training"]),
    "singular": (
        "fleet_cluster",
        ["fleet_clusters", "fleet_hardware"],
        ["fleet_clusters"],
    ),
    "the closest first": ("gpu-1", ["gpu-100", "gpu-10"], ["gpu-10", "gpu-100"]),
    "three at most": (
        "gpu",
        ["gpu1", "gpu2", "gpu3", "gpu4"],
        ["gpu4", "gpu3", "gpu2"],
    ),
    "nothing like it": ("a100", ["training", "inference"], []),
    "no names": ("a100", [], []),
    "no name": ("", ["training"], []),
}


@pytest.mark.parametrize(("name", "names", "close"), CASES.values(), ids=CASES)
def test_near(name: str, names: list[str], close: list[str]) -> None:
    assert near(name, names) == close


def test_what_a_message_adds() -> None:
    assert did_you_mean("b", ["x"]) == ""
    assert did_you_mean("trian", ["train"]) == " (did you mean 'train'?)"
    assert did_you_mean("gpu-1", ["gpu-2", "gpu-3"]) == (
        " (did you mean 'gpu-3' or 'gpu-2'?)"
    )


def test_several_names_that_there_are_not() -> None:
    assert no_such("option", ["zone", "clustr"], ["clusters", "regions"]) == (
        "clustr (did you mean 'clusters'?), zone: no such option; there are clusters, "
        "regions"
    )


def test_many_long_names_take_a_moment_only() -> None:
    names = [f"{number:06}{'ab' * 500}" for number in range(20_000)]
    before = time.process_time()
    near("ba" * 50_000, names)
    assert time.process_time() - before < 2
