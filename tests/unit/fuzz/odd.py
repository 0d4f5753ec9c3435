# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Odd values in the place of each part of a record, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str | int, ...]

LONG = 100_000
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "{{ 7 * 7 }}\x00\n",
    "x" * LONG,
    [],
    {},
    [[None]],
    {"": {"a": []}},
    [{}] * LONG,
)
"""What JSON and YAML can hold, and no record should."""


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Return the paths of all parts of a value: leaves, lists and dictionaries."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def replaced(value: Any, path: Path, odd: Any) -> Any:
    """Return a copy of a value with an odd one at a path; the rest is shared."""
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


def oddities(value: Any, each: int = len(ODD)) -> Iterator[tuple[Path, Any, Any]]:
    """Return path, odd value and the whole value with it, for all of its parts.

    Args:
        value: A record as JSON has it.
        each: How many odd values each part gets. With fewer than there are, they take
            turns, so that parts of a kind get all of them among each other.
    """
    turn = 0
    for path in places(value):
        for odd in _turns(turn, each):
            yield path, odd, replaced(value, path, odd)
        turn += each


def _turns(start: int, count: int) -> Sequence[Any]:
    return [ODD[(start + number) % len(ODD)] for number in range(count)]
