# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a device one unit of Slurm's generic resources is."""

from __future__ import annotations

import functools
import re
import typing as t

from ..._fleet import partitions
from ..._fleet.partitions import Profile
from ..._fleet.units import mig
from .gres import GPU, SHARED, Gres

_MIG = re.compile(r"(?P<model>.*_)?(?P<profile>[1-9]g\.\d+gb(?:\+.*)?)")


class Units:
    """The units that a node has.

    Args:
        entries: What its text of GRES says.
    """

    def __init__(self, entries: t.Sequence[Gres]) -> None:
        devices = [each for each in entries if each.name == GPU]
        self._parts = _parts(devices)
        self.capacity = sum(each.count * self.share(each) for each in devices)
        shared = sum(each.count for each in entries if each.name in SHARED)
        self._shared = self.capacity / shared if shared else None

    @classmethod
    @functools.lru_cache(4096)
    def of(cls, entries: tuple[Gres, ...]) -> Units:
        """Return the units of some entries, which thousands of nodes share."""
        return cls(entries)

    def share(self, entry: Gres) -> float:
        """Return how much of a device one unit of an entry is."""
        if entry.name in SHARED:
            return self._shared or 0.0
        return self._parts.get(entry.type, anywhere(entry))

    def equivalent(self, entries: t.Iterable[Gres]) -> float:
        """Return how many devices some entries are.

        Raises:
            ValueError: The node has no shares.
        """
        return sum(self._equivalent(each) for each in entries)

    def _equivalent(self, entry: Gres) -> float:
        if entry.shares:
            return sum(used / whole for used, whole in entry.shares if whole)
        if entry.name in SHARED and entry.count and self._shared is None:
            raise ValueError(f"{entry.name}: nobody knows how many make a device")
        return entry.count * self.share(entry)

    def are_whole(self, entries: t.Iterable[Gres]) -> bool:
        """Return whether some entries are devices, not parts or shares of them."""
        return all(
            each.name == GPU and each.type not in self._parts
            for each in entries
            if each.count
        )


def anywhere(entry: Gres) -> float:
    """Return how much of a device one unit of an entry is on a node not known.

    Raises:
        ValueError: This differs from node to node.
    """
    if entry.name in SHARED:
        raise ValueError(f"{entry.name}: nobody knows how many make a device")
    found = _profile(entry.type)
    return partitions.part(*found) if found else 1


def _profile(kind: str) -> tuple[Profile, str | None] | None:
    """Return the MIG profile, and the model before it, that a type is; None if none."""
    match = _MIG.fullmatch(kind)
    size = partitions.profile(match["profile"]) if match else None
    return (size, match["model"]) if match and size else None


def _parts(devices: t.Iterable[Gres]) -> dict[str, float]:
    """Return how much of a device a part is, by type; those of MIG are parts."""
    by_model: dict[str | None, dict[str, tuple[Profile, int]]] = {}
    for each in devices:
        found = _profile(each.type)
        if found and each.count:
            sizes = by_model.setdefault(found[1], {})
            count = each.count + sizes.get(each.type, (found[0], 0))[1]
            sizes[each.type] = (found[0], count)
    return {
        kind: share
        for model, sizes in by_model.items()
        for kind, share in mig(sizes, model).items()
    }
