# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of each device of a node: it is in exactly one."""

from __future__ import annotations

import math
import typing as t

from .types import Counts, Device, Fault

STATES = ("allocated", "idle", "faulty", "maintenance", "unknown")

_UNUSABLE = ("never_joined", "not_ready", "server_status", "slurm_state")
"""Rules that make all devices of a node unusable."""

_OF_A_DEVICE = (
    "device_failed",
    "ecc_corrected",
    "ecc_uncorrected",
    "row_remap",
    "temperature",
    "xid",
)
"""Rules about a device, even where a fault does not say which it is."""


def count(
    *,
    capacity: float,
    faults: t.Sequence[Fault],
    missing: float,
    is_maintained: bool,
    allocated: float | None,
    devices: t.Sequence[Device],
    shares: t.Sequence[float | None],
) -> Counts:
    """Return how many devices of a node are in which state.

    The first of these counts: a fault of the device or of its whole node, maintenance,
    an allocation that is not known, allocated, idle.

    Args:
        capacity: How many devices there are.
        faults: What the rules have found.
        missing: How many devices are not measured, or not offered, and must be.
        is_maintained: Whether the node was taken out on purpose.
        allocated: How many devices are given out; None if not known.
        devices: The devices that are measured.
        shares: How much of each of these is given out; None where not known.
    """
    broken = broken_devices(faults, devices)
    faulty = min(capacity, _faulty(capacity, faults, missing, broken, devices))
    left = capacity - faulty
    counts = Counts(allocated=0.0, idle=0.0, faulty=faulty, maintenance=0, unknown=0)
    if is_maintained:
        counts["maintenance"] = left
    elif allocated is None:
        counts["unknown"] = left
    else:
        held = min(left, _held(allocated, devices, shares, broken))
        counts["allocated"], counts["idle"] = held, left - held
    return counts


def is_unusable(faults: t.Iterable[Fault]) -> bool:
    """Return whether no device of a node can be used."""
    return any(fault["rule"] in _UNUSABLE for fault in faults)


def broken_devices(faults: t.Iterable[Fault], devices: t.Iterable[Device]) -> set[int]:
    """Return the indexes of the devices that have a fault of their own."""
    known = {device["index"] for device in devices}
    return {fault["index"] for fault in faults if fault["index"] is not None} & known


def _faulty(
    capacity: float,
    faults: t.Sequence[Fault],
    missing: float,
    broken: set[int],
    devices: t.Sequence[Device],
) -> float:
    """Return how many devices are faulty.

    A device that is missing in one place is missing in the others: the largest number
    of all places counts. A fault at an address where no device is measured is of a
    missing one; a fault without an address may be of any.
    """
    if is_unusable(faults):
        return capacity
    elsewhere = [
        fault["device"]
        for fault in faults
        if fault["rule"] in _OF_A_DEVICE and fault["index"] is None
    ]
    addresses = {address for address in elsewhere if address}
    gone = max(0.0, capacity - len(devices)) if devices and missing else 0.0
    return max(
        missing,
        min(gone, missing) + len(broken),
        len(broken) + len(addresses),
        float(bool(elsewhere)),
    )


def _held(
    allocated: float,
    devices: t.Sequence[Device],
    shares: t.Sequence[float | None],
    broken: set[int],
) -> float:
    """Return how many devices without a fault are given out."""
    if not broken:
        return allocated
    known = [share for share in shares if share is not None]
    if len(known) < len(devices) or abs(sum(known) - allocated) > 1e-3:
        return allocated
    return sum(
        share or 0.0
        for device, share in zip(devices, shares, strict=True)
        if device["index"] not in broken
    )


def free(
    counts: Counts,
    capacity: float,
    faults: t.Sequence[Fault],
    devices: t.Sequence[Device],
    shares: t.Sequence[float | None],
) -> int | None:
    """Return how many whole devices of a node can take work now.

    Returns:
        None if the node takes no work, or it is not known what is given out.
    """
    if not counts["allocated"] and not counts["idle"]:
        return None
    whole = math.floor(counts["idle"] + 1e-6)
    if None in shares or not shares:
        return whole
    broken = broken_devices(faults, devices)
    idle = sum(
        not share and device["index"] not in broken
        for device, share in zip(devices, shares, strict=True)
    )
    # Devices that are not measured may be free too.
    unseen = max(0, round(capacity) - len(devices))
    return min(whole, idle + unseen)
