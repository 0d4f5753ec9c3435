# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of Slurm's texts of generic resources (GRES).

Source: what Slurm 21.08 to 25.05 prints, in its src/interfaces/gres.c (`gres`,
`gres_used`), src/stepmgr/gres_stepmgr.c (`gres_detail`) and the TRES of jobs.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from ..._fleet.values import shown
from ..lookalikes import names_devices

GPU, SHARED = "gpu", ("shard", "mps")
"""Names of GRES: devices, and shares of devices."""

MOST_DEVICES = 256
"""Devices of a node; the same number as the reports take."""

_SEPARATOR = re.compile(r",(?![^()]*\))")
_OURS = re.compile(r"(?:gres[/:])?(?:gpu|shard|mps)(?:[:=(]|$)")
# A type may be a number: in `gpu:3090:8` the last number is the count. One of ten
# digits and more is neither.
_ENTRY = re.compile(
    r"(?:gres[/:])?(?P<name>gpu|shard|mps)"
    r"(?::(?P<type>(?!no_consume|[0-9]{10})[^:=()]+))??"
    r"(?::no_consume)?"
    r"(?:[:=](?P<count>[0-9]{1,9})(?P<suffix>[KMGTP]?))?"
    r"(?P<details>(?:\([^()]*\))*)"
)
_NAME = re.compile(r"(?:gres[/:])?([\w.+-]{1,64})(?=[:=(]|$)")
_SUFFIXES = "KMGTP"
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?(?::([0-9]{1,9}))?")
_SHARE = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Gres:
    """An entry of a text.

    Attributes:
        name: `gpu`, `shard` or `mps`.
        type: Type of the devices; empty if it has none.
        count: How many there are.
        indexes: Which they are; None if this is not known.
        shares: Of `shard` and `mps`: what is used of each device, and of how much.
    """

    name: str
    type: str = ""
    count: int = 1
    indexes: tuple[int, ...] | None = None
    shares: tuple[tuple[int, int], ...] = ()


def parse(text: object) -> tuple[Gres, ...]:
    """Return the devices, and shares of devices, in a text; other GRES are left out.

    An entry is `NAME[:TYPE][:no_consume][:COUNT]` and details in parentheses, or
    `NAME[:TYPE]=COUNT`. Without a count it is one: `gres/gpu:h100`.

    Args:
        text: `gpu:mi300x:8(IDX:0-3,5)`, `gpu:2`, `gres/gpu=4`, `gpu:(null):4(S:0-1)`,
            `gpu:1g.10gb(CNT:2)`, `gpu:h100:0(IDX:N/A),shard:h100:4(4/16,0/16)`.

    Raises:
        ValueError: What it says of devices, or shares of them, is not of this grammar.
    """
    return _parsed(text) if isinstance(text, str) else ()


@functools.lru_cache(4096)
def _parsed(text: str) -> tuple[Gres, ...]:
    """Return the entries of a text; thousands of nodes and jobs have the same ones."""
    # A type that is missing may be written as C does.
    plain = re.sub(r":\(null\)|[\"'\s]", "", text)
    return tuple(_entry(each) for each in _SEPARATOR.split(plain) if _OURS.match(each))


def others(text: object) -> frozenset[str]:
    """Return names of GRES in a text that look like devices, and are not counted."""
    return _others(text) if isinstance(text, str) else frozenset()


@functools.lru_cache(4096)
def _others(text: str) -> frozenset[str]:
    names = (_NAME.match(each.strip()) for each in _SEPARATOR.split(text))
    known = {GPU, *SHARED}
    return frozenset(
        match[1]
        for match in names
        if match and match[1] not in known and names_devices(match[1])
    )


def _entry(text: str) -> Gres:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise ValueError(f"GRES {shown(text)}")
    name, kind, count = match["name"], match["type"] or "", int(match["count"] or 1)
    if match["suffix"]:  # large counts have one: `2K` is 2048
        count *= 1024 ** (_SUFFIXES.index(match["suffix"]) + 1)
    listed: tuple[int, ...] | None = None
    shares: tuple[tuple[int, int], ...] = ()
    for detail in re.findall(r"\(([^()]*)\)", match["details"]):
        if detail.startswith("CNT:") and detail[4:].isdecimal():
            if not kind and match["count"]:
                kind = match["count"]  # of `gpu:3090(CNT:2)`
            count = int(detail[4:13])
        elif detail.startswith("IDX:"):
            numbers = indexes(detail[4:])
            listed = None if numbers is None else tuple(numbers)
        elif name in SHARED:
            shares = shares or _shares(detail)
    if listed and not match["count"]:
        count = max(count, len(listed))
    return Gres(name, kind, count, listed, shares)


def _shares(detail: str) -> tuple[tuple[int, int], ...]:
    """Return what is used of each device: of `4/16,0/16` 4 and 0, of 16 each."""
    matches = [_SHARE.fullmatch(part) for part in detail.split(",")]
    return tuple((int(each[1]), int(each[2])) for each in matches if each)


def of_tres(text: object) -> tuple[Gres, ...]:
    """Return the GRES in a text of TRES, such as `cpu=12,gres/gpu=3,gres/gpu:h100=3`.

    It has the count of all devices beside those of each type. The types are returned
    if they are all there, otherwise the count of all.

    Raises:
        ValueError: As `parse` does.
    """
    found = parse(text)
    kept: list[Gres] = []
    for name in (GPU, *SHARED):
        typed = [each for each in found if each.name == name and each.type]
        plain = [each for each in found if each.name == name and not each.type]
        whole = sum(each.count for each in plain)
        is_complete = sum(each.count for each in typed) >= whole
        kept += typed if typed and is_complete else plain
    return tuple(kept)


def indexes(text: str) -> list[int] | None:
    """Return the indexes of `0-3,5`; none for `N/A`.

    None where it is no such text, one that Slurm has cut short, which it does after 63
    characters, or one of more devices than a node has.
    """
    if text == "N/A":
        return []
    ranges = _ranges(text)
    if None in ranges or sum(len(each or ()) for each in ranges) > MOST_DEVICES:
        return None
    return [index for each in ranges for index in each or ()]


def length(text: str) -> tuple[int, bool]:
    """Return how many indexes a text of any length stands for, without listing them.

    Returns:
        The number, and whether these are all: Slurm cuts long texts, `1-20,22,...`.
    """
    ranges = _ranges(text)
    return sum(len(each or ()) for each in ranges), None not in ranges


def _ranges(text: str) -> list[range | None]:
    """Return the ranges of `0-3,5,7-15:2`; None for a part that is no range."""
    matches = [_RANGE.fullmatch(part) for part in text.strip("[]").split(",")]
    return [
        range(int(each[1]), int(each[2] or each[1]) + 1, int(each[3] or 1) or 1)
        if each
        else None
        for each in matches
    ]
