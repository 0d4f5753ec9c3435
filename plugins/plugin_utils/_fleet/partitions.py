# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How devices are divided: data about models.

Sources: NVIDIA's MIG user guide (supported profiles), AMD's data center GPU
partitioning guide.
"""

from __future__ import annotations

import math
import re
import typing as t

_SLICES = (
    (re.compile(r"(?<![A-Z0-9])A30(?![0-9])", re.IGNORECASE), 4),
    (re.compile(r"RTX.?PRO.?6000", re.IGNORECASE), 4),
    (re.compile(r"RTX.?PRO.?[45][05]00|Thor", re.IGNORECASE), 2),
)
"""Slices of the models that do not have seven."""

_USUAL = 7
_PROFILE = re.compile(r"(?<![0-9])([1-9])g\.([0-9]{1,3})gb", re.IGNORECASE)
_MEMORY = re.compile(r"([0-9]{2,3})\s?GB", re.IGNORECASE)

_OF_FEW = {
    **dict.fromkeys(((1, 6), (2, 12), (4, 24), (1, 24), (2, 48), (4, 96)), 4),
    **dict.fromkeys(((1, 16), (2, 32)), 2),
}
"""Slices of the devices with these profiles, where the model is unknown."""

_DOUBLE = {20, 35, 45, 47, 67, 70}
"""Gigabytes of one slice with twice its share of memory, where the model is unknown.

`1g.10gb` is not here: on a device of 80 GB it is a usual slice.
"""

_MODES = {"spx": 1, "dpx": 2, "tpx": 3, "qpx": 4, "cpx": 8}


class Profile(t.NamedTuple):
    """A MIG profile: slices of compute, and gigabytes of memory."""

    slices: int
    gigabytes: int


def slices(model: str | None) -> int:
    """Return how many slices NVIDIA's MIG divides a device into.

    Args:
        model: The device's model as its driver, an exporter or NVIDIA's feature
            discovery names it; None if it is unknown.
    """
    known = (count for name, count in _SLICES if name.search(model or ""))
    return next(known, _USUAL)


def profile(text: str) -> Profile | None:
    """Return the MIG profile that a text names: `mig-3g.40gb`, `1g.10gb+me`."""
    match = _PROFILE.search(text)
    return Profile(int(match[1]), int(match[2])) if match else None


def part(size: Profile, model: str | None) -> float:
    """Return the fraction of a device that a MIG instance takes.

    It is the share of the compute slices. One slice with twice its share of the memory
    takes a fourth, because four of them use up the memory.

    Args:
        size: Its profile.
        model: The device's model; None if it is unknown.
    """
    name = _PROFILE.sub("", model or "").strip(" -_")
    of = slices(name) if name else _OF_FEW.get(size, _USUAL)
    if of == _USUAL and size.slices == 1 and _is_double(size.gigabytes, name):
        return 1 / 4
    return min(1.0, size.slices / of)


def per_device(size: Profile, model: str | None) -> int:
    """Return how many MIG instances of one profile fit into a device."""
    return max(1, math.floor(1 / part(size, model) + 1e-9))


def _is_double(gigabytes: int, model: str) -> bool:
    memory = _MEMORY.search(model)
    if memory is None:
        return gigabytes in _DOUBLE
    return round(8 * gigabytes / int(memory[1])) == 2


def devices(parts: t.Iterable[tuple[float, int]]) -> int:
    """Return the least number of devices that hold parts.

    Args:
        parts: Fraction of a device that a part takes, and how many of them there are.
    """
    known = [(size, count) for size, count in parts if count]
    # Two that take more than half do not fit into one device.
    large = sum(count for size, count in known if size > 0.5)
    total = sum(size * count for size, count in known)
    return max(math.ceil(total - 1e-6), large)


def amd_parts(mode: str, model: str | None = None) -> int | None:
    """Return how many partitions a mode of AMD's makes of a device.

    Args:
        mode: `CPX`, `cpx_nps4` and the like.
        model: The device's model; None if it is unknown.

    Returns:
        None if it is no such mode.
    """
    word = mode.lower().split("_")[0].split("-")[0]
    # A partition of CPX is one die: an MI300A has six, all other models have eight.
    if word == "cpx" and "MI300A" in (model or "").upper():
        return 6
    return _MODES.get(word)
