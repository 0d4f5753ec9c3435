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

    Kubernetes has no numbers: its indexes come from the exporters. Slurm's are places.

    Args:
        devices: The devices.
        offer: What the scheduler says.
    """
    if offer.source == "kubernetes":
        return {device["index"]: device["index"] for device in devices}
    in_order = sorted(devices, key=lambda device: device["index"])
    numbers = _of_slurm(in_order, offer.capacity or 0.0)
    if numbers is None:
        return None
    indexes = [device["index"] for device in in_order]
    return dict(zip(numbers, indexes, strict=True))


def _of_slurm(devices: t.Sequence[Device], capacity: float) -> t.Sequence[int] | None:
    """Return the number that Slurm has for each device; None if this is not known.

    Slurm numbers the devices that it is configured with from 0: in order of their PCI
    addresses where it detects them itself, else in order of their files, as gres.conf
    lists these. It does not tell which, so both must be the same order. A device that
    is lost later keeps its number.

    Source: src/plugins/gres/gpu/gres_gpu.c (`_sort_gpu_by_file`,
    `_sort_gpu_by_links_order`) and src/interfaces/gres.c (`_init_gres_device`) of
    Slurm 21.08 to 25.05; gres.conf(5), Links.

    Args:
        devices: The devices, in order of their PCI addresses.
        capacity: How many Slurm has.
    """
    vendors = {device["vendor"] for device in devices}
    minors = [n for device in devices if (n := device["minor_number"]) is not None]
    if len(vendors) > 1 or minors != sorted(set(minors)):
        return None
    if len(devices) == capacity:
        return range(len(devices))
    if not minors or len(minors) < len(devices):
        return None
    # NVIDIA's driver numbers files from 0, /dev/nvidia0. Those for rendering are shared
    # by all drivers: the first one may be of a device that Slurm does not have.
    are_own = vendors == {"nvidia"}
    first = 0 if are_own else minors[0]
    last = minors[-1] - first
    is_certain = last < capacity if are_own else last + 1 == capacity
    return [minor - first for minor in minors] if is_certain else None


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
    known = places(devices, offer)
    if known is None or offer.devices is None or not known.keys() >= {*offer.devices}:
        return [None] * len(devices)
    held = {known[number] for number in offer.devices}
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
