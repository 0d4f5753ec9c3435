# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy the devices are that are given out."""

from __future__ import annotations

import typing as t

from .._fleet.counts import broken_devices
from .._fleet.types import Node

BY_DEVICE, BY_NODE, MIXED = "device", "node", "mixed"


class Busy(t.NamedTuple):
    """How busy devices are.

    Attributes:
        used: Sum of their utilization, of which each device has 1 at most.
        held: How many devices these are, parts as fractions.
        basis: How this is known.
    """

    used: float
    held: float
    basis: str


def of_node(node: Node) -> Busy | None:
    """Return how busy the devices of a node are that are given out.

    If it is known which ones these are, they count by themselves. Otherwise, if all
    devices are measured, their sum counts, and no more than is given out: idle devices
    have none.

    Returns:
        None if this is not known, or nothing is given out.
    """
    counts = node.state["devices"]
    devices, allocated = node.devices, counts["allocated"]
    if not devices or not allocated:
        return None
    usable = (node.state["capacity"] or 0.0) - counts["faulty"]
    faults = node.state["faults"]
    broken = broken_devices(faults, devices) if faults else ()
    if broken:
        pairs = [
            (device["utilization_percent"], share)
            for device, share in zip(devices, node.shares, strict=True)
            if device["index"] not in broken
        ]
        percents = [percent for percent, _share in pairs]
        shares = [share for _percent, share in pairs]
    else:
        percents = [device["utilization_percent"] for device in devices]
        shares = node.shares
    if allocated >= usable - 1e-6:
        shares = [1.0] * len(percents)
    if None not in shares:
        return _of_devices(percents, shares)
    known = [percent for percent in percents if percent is not None]
    if len(known) < len(percents) or len(known) < usable:
        return None
    return Busy(min(sum(known) / 100, allocated), allocated, BY_NODE)


def _of_devices(
    percents: list[float | None], shares: list[float | None]
) -> Busy | None:
    used = held = 0.0
    for percent, share in zip(percents, shares, strict=True):
        if percent is not None and share:
            used += min(percent / 100, share)
            held += share
    return Busy(used, held, BY_DEVICE) if held else None


def total(parts: t.Iterable[Busy | None]) -> Busy | None:
    """Return how busy the devices of several nodes are; None if nothing is known."""
    known = [part for part in parts if part]
    if not known:
        return None
    bases = {part.basis for part in known}
    return Busy(
        used=sum(part.used for part in known),
        held=sum(part.held for part in known),
        basis=bases.pop() if len(bases) == 1 else MIXED,
    )
