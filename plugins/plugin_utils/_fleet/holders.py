# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices of a node are held: as its scheduler says, or else by processes."""

from __future__ import annotations

import typing as t

from .types import Device, Offer, Process

Places = dict[int, int]
"""Indexes of devices, by the number that a scheduler has for them."""


def places(devices: t.Sequence[Device], offer: Offer) -> Places | None:
    """Return which device each number of a scheduler is; None if this is not known.

    Kubernetes has no numbers: its indexes come from the exporters. Slurm counts the
    device files that it was configured with, which are minor numbers; without these
    its numbers are those of the facts where both have as many devices.
    """
    indexes = [device["index"] for device in devices]
    if offer.source == "kubernetes":
        return dict(zip(indexes, indexes, strict=True))
    minors = [device["minor_number"] for device in devices]
    if devices and None not in minors:
        return dict(zip(t.cast("list[int]", minors), indexes, strict=True))
    if offer.capacity == len(devices):
        return dict(zip(indexes, indexes, strict=True))
    return None


def shares(
    devices: t.Sequence[Device],
    offer: Offer | None,
    allocated: float | None,
    capacity: float,
) -> list[float | None]:
    """Return how much of each device is given out, 0 to 1; None where not known.

    Args:
        devices: The devices.
        offer: What the node's scheduler says; None if no scheduler has the node.
        allocated: How many devices are given out; None if not known.
        capacity: How many there are.
    """
    if offer is None:
        return [of_processes(device) for device in devices]
    if allocated is None:
        return [None] * len(devices)
    if not allocated or allocated >= capacity:
        return [1.0 if allocated else 0.0] * len(devices)
    known = places(devices, offer) if offer.devices is not None else None
    if known is None:
        return [None] * len(devices)
    held = {known.get(number) for number in offer.devices or ()}
    return [float(device["index"] in held) for device in devices]


def of_processes(device: Device) -> float | None:
    """Return how much of a device processes hold, 0 to 1; None if not known."""
    held = holdings(device)
    if held is None:
        return None
    return sum(size for processes, size in held if processes)


def holdings(device: Device) -> list[tuple[list[Process], float]] | None:
    """Return processes by the part of a device that they hold, as a fraction of it.

    Of its parts if all are known, else of the whole; None if not known.
    """
    if device["partitions"]:
        parts = [part["processes"] for part in device["partitions"]]
        if None not in parts:
            return [(held, 1 / len(parts)) for held in parts if held]
    whole = device["processes"]
    return None if whole is None else [(whole, 1.0)]
