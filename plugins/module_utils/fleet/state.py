# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node does, and how much of it is given out: pure functions on plain data."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from .model import Record

HEALTHY, FAULTY = "healthy", "faulty"
IDLE, PARTIAL, BUSY, UNKNOWN = "idle", "partial", "busy", "unknown"

STALE_AFTER = 300.0
"""Seconds after which facts say nothing of now."""

_FUTURE = 60.0
"""Seconds that a node's clock may be ahead."""

_BAD_XIDS = ("RESET_GPU", "RESTART_BM")
_XID_WINDOW = 7200.0  # seconds, as Azure's node health checks have it


def node_state(
    node: Record,
    facts: Record | None,
    now: datetime | None = None,
    stale_after: float = STALE_AFTER,
) -> Record:
    """State of a node that has accelerators.

    Args:
        node: As C(model.nodes) makes it.
        facts: What C(gpu_facts) has found there, None where nothing is known.
        now: The time, with its zone; the clock's without it.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.

    Returns:
        C(health): C(faulty) where C(faults) has a reason, else C(healthy).
        C(allocation): C(idle), C(partial), C(busy), or C(unknown) with its C(reason).
        C(capacity): how many devices there are, by flavor or else as measured.
        C(allocated): how many of them have a process, a part of one as that part; None
        where unknown.
        C(gathered_at): when the facts were gathered.
    """
    told = (facts or {}).get("gathered_at")
    reason = _unusable(facts, told, now or datetime.now(timezone.utc), stale_after)
    devices: list[Record] = (facts or {}).get("devices") or []
    declared = sum(one["count"] for one in node["hardware"]["accelerators"])
    faults = _server_faults(node)
    allocated = None
    if not reason:
        faults += _device_faults(devices, declared, facts or {})
        allocated = _allocated(devices)
        if allocated is None:
            reason = "processes were not gathered, or could not be read"
    capacity = declared or len(devices)
    return {
        "health": FAULTY if faults else HEALTHY,
        "faults": faults,
        "allocation": _allocation(allocated, capacity),
        "reason": reason,
        "capacity": capacity,
        "allocated": allocated,
        "gathered_at": told,
    }


def _unusable(
    facts: Record | None, told: t.Any, now: datetime, stale_after: float
) -> str | None:
    """Why facts say nothing of now; None where they do."""
    if not facts:
        return "there are no facts"
    if not told or not stale_after:
        return None
    try:
        moment = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    except ValueError:
        return f"gathered_at is no time: {told!r}"
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    age = (now - moment).total_seconds()
    if age > stale_after:
        return f"the facts are {age:.0f} s old"
    if age < -_FUTURE:
        return f"the facts are {-age:.0f} s ahead of time"
    return None


def _server_faults(node: Record) -> list[str]:
    if node["status"] == "ACTIVE":
        return []
    return [f"the server's status is {node['status']}"]


def _device_faults(devices: list[Record], declared: int, facts: Record) -> list[str]:
    faults = []
    if len(devices) < declared:
        faults.append(f"{len(devices)} devices are there, {declared} are declared")
    for device in devices:
        name = device.get("pci_bus_id")
        if device.get("health") == "failed":
            reasons = "; ".join(device.get("health_reasons") or []) or "failed"
            faults.append(f"{name}: {reasons}")
            continue
        if device.get("ecc_uncorrected"):
            number = device["ecc_uncorrected"]
            faults.append(f"{name}: {number} uncorrectable memory errors")
        if device.get("row_remap_pending"):
            faults.append(f"{name}: a row of its memory waits for a reset")
    for event in facts.get("xid_events") or []:
        recent = (event.get("age_seconds") or 0) <= _XID_WINDOW
        if event.get("action") in _BAD_XIDS and recent:
            name = event.get("pci_bus_id")
            faults.append(f"{name}: XID {event.get('code')}, {event['action']}")
    return faults


def _allocated(devices: list[Record]) -> float | None:
    """How many devices have a process; a part of one counts as that part."""
    shares = [_share(device) for device in devices]
    known = [share for share in shares if share is not None]
    return round(sum(known), 3) if len(known) == len(shares) else None


def _share(device: Record) -> float | None:
    """How much of a device is held by processes, 0 to 1; None where unknown."""
    parts = [part.get("processes") for part in device.get("partitions") or []]
    if parts and None not in parts:
        return sum(bool(held) for held in parts) / len(parts)
    held = device.get("processes")
    return None if held is None else float(bool(held))


def _allocation(allocated: float | None, capacity: int) -> str:
    if allocated is None or not capacity:
        return UNKNOWN
    if allocated == 0:
        return IDLE
    return BUSY if allocated >= capacity else PARTIAL
