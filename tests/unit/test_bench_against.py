# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of two revisions are paired by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import against


@pytest.mark.parametrize(
    ("old", "new", "both", "only_old", "only_new"),
    [
        ([{"s": 2}], [{"s": 3}], {"s": (2, 3, 1.5)}, {}, {}),
        (
            [{"s": 1}, {"s": 9}, {"s": 2}],
            [{"s": 1.0}, {"s": 1.0}, {"s": 5}],
            {"s": (2, 1, 0.5)},
            {},
            {},
        ),
        ([{"s": 0}], [{"s": 3}], {"s": (0, 3, None)}, {}, {}),
        ([{"a": 1, "s": 1}], [{"s": 1, "b": 2}], {"s": (1, 1, 1)}, {"a": 1}, {"b": 2}),
        # What one run lacks, or what is no number, is no figure.
        ([{"s": 1}, {}], [{"s": 1}, {"s": 1}], {}, {}, {"s": 1}),
        ([{"s": None, "t": "x", "u": True}], [{"s": 1}], {}, {}, {"s": 1}),
    ],
)
def test_compare(
    old: list[Any], new: list[Any], both: Any, only_old: Any, only_new: Any
) -> None:
    assert against.compare(old, new) == (both, only_old, only_new)


def test_the_table() -> None:
    compared = against.compare(
        [{"ms": 20.0, "n": 0, "a": 1}], [{"ms": 19.0, "n": 0, "b": 2}]
    )
    assert against.table(compared, "v1").splitlines() == [
        "| figure | v1 | now | ratio |",
        "|---|---|---|---|",
        "| ms | 20 | 19 | 0.950 |",
        "| n | 0 | 0 |  |",
        "| a | 1 | - | |",
        "| b | - | 2 | |",
    ]


def test_a_tree_does_not_get_the_environment_of_this_one() -> None:
    ours = str(Path(sys.executable).parent)
    given = {
        "PATH": os.pathsep.join([ours, "/usr/bin"]),
        "PYTHONPATH": "tests",
        "ANSIBLE_COLLECTIONS_PATH": "/x",
        "MAKEFLAGS": "w",
        "MAKELEVEL": "1",
        "HOME": "/root",
    }
    assert against.outside(given) == {"PATH": "/usr/bin", "HOME": "/root"}
