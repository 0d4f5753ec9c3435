# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs in Slurm's texts of generic resources (GRES)."""

from __future__ import annotations

import re

_GRES = re.compile(
    r"gpu(?::(?P<type>[^:(),=]+))??[:=](?P<count>\d{1,9})(?!\d)(?:\((?P<more>[^)]*)\))?"
)
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")

MOST_DEVICES = 256
"""Devices of a node; the same number as the reports take."""


Gpus = list[tuple[int, list[int] | None]]
"""Counts of GPUs, each with its indexes where they are known."""


def gpus(text: str | None) -> Gpus:
    """Return counts of GPUs in a text, each with its indexes where it has them.

    `gpu:mi300x:8(IDX:0-3,5)`, `gpu:2`, `gres/gpu=4`, `gpu:a100:4(S:0-1),shard:8`.
    """
    counts = []
    text = text or ""
    for match in _GRES.finditer(text):
        start = match.start()
        before = text[max(0, start - 1) : start]
        if before and before not in ",/:":
            continue  # the end of another word
        more = match.group("more") or ""
        listed = indexes(more[4:]) if more.startswith("IDX:") else None
        counts.append((int(match.group("count")), listed))
    return counts


def count(text: str | None) -> int:
    """Return how many GPUs a text counts in all."""
    return sum(number for number, _indexes in gpus(text))


def indexes(text: str) -> list[int] | None:
    """Return the indexes of `0-3,5`; none for `N/A`.

    None where it is no such text, or one of more devices than a node has.
    """
    if text == "N/A":
        return []
    ranges = _ranges(text)
    if ranges is None or sum(map(len, ranges)) > MOST_DEVICES:
        return None
    return [index for each in ranges for index in each]


def length(text: str) -> int:
    """Return how many indexes a text of any length stands for, without listing them."""
    return sum(map(len, _ranges(text) or ()))


def _ranges(text: str) -> list[range] | None:
    """Return the ranges of `0-3,5`, None where it is no such text."""
    matches = [_RANGE.fullmatch(part) for part in text.split(",")]
    bounds = [(int(m[1]), int(m[2] or m[1])) for m in matches if m]
    if len(bounds) < len(matches):
        return None
    return [range(first, last + 1) for first, last in bounds]
