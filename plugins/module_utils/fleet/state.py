# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node does, and how much of it is given out: pure functions on plain data."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from . import faults
from .model import Record

HEALTHY, FAULTY, MAINTENANCE = "healthy", "faulty", "maintenance"
IDLE, PARTIAL, BUSY, UNKNOWN = "idle", "partial", "busy", "unknown"

STALE_AFTER = 300.0
"""Seconds after which facts say nothing of now."""

_FUTURE = 60.0
"""Seconds that a node's clock may be ahead."""


class Offer(t.NamedTuple):
    """What a scheduler knows of a node.

    Attributes:
        source: C(kubernetes) or C(slurm).
        capacity: How many devices it has there, None where not known.
        allocated: How many it has given out, parts as fractions; None where unknown.
        maintenance: Why the node was taken out on purpose, None where it was not.
        devices: Indexes of the devices that are given out, None where not known.
        faults: Rules that the node breaks there, each with its evidence.
    """

    source: str
    capacity: float | None
    allocated: float | None
    maintenance: str | None = None
    devices: tuple[int, ...] | None = None
    faults: tuple[tuple[str, str], ...] = ()


def node_state(
    node: Record,
    facts: Record | None,
    now: datetime | None = None,
    stale_after: float = STALE_AFTER,
    rules: faults.Policy | None = None,
    offers: t.Sequence[Offer] = (),
    unjoined: bool = False,
    expected_rdma_ports: int | None = None,
) -> Record:
    """State of a node that has accelerators.

    Args:
        node: As C(model.nodes) makes it.
        facts: What C(gpu_facts) has found there, None where nothing is known.
        now: The time, with its zone; the clock's without it.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
        offers: What the schedulers know; empty where none is configured.
        unjoined: Whether its cluster's scheduler was read and has no such node.
        expected_rdma_ports: How many ports should be active, None where nobody says.

    Returns:
        C(health): C(maintenance) where a scheduler says so, C(faulty) where C(faults)
        has one (as C(faults.of_facts) has them), else C(healthy).
        C(allocation): C(idle), C(partial), C(busy), or C(unknown) with its C(reason).
        C(capacity): how many devices there are: as a scheduler says, else by flavor,
        else as measured. C(allocated): how many of them are given out, parts as
        fractions: by the schedulers, or where there is none, those that a process
        holds; None where unknown. C(measured): how many devices the facts tell of now.
        C(gathered_at): when the facts were gathered.
    """
    rules = faults.policy() if rules is None else rules
    told = (facts or {}).get("gathered_at")
    moment = moment_of(told)
    now = now or datetime.now(timezone.utc)
    stale = unusable(facts, now, stale_after)
    known: list[Record] = (facts or {}).get("devices") or []
    devices = [] if stale else known
    declared = sum(one["count"] for one in node["hardware"]["accelerators"])
    found = faults.of_server(node, rules)
    if unjoined:
        found += faults.of_absence(node, moment_of(node.get("created_at")), now, rules)
    for offer in offers:
        found += faults.told(offer.faults, rules)
    if facts and not stale:
        found += faults.of_facts(facts, declared, expected_rdma_ports, moment, rules)
    allocated, reason = _given_out(offers, devices, stale)
    offered = next((one.capacity for one in offers if one.capacity is not None), None)
    # Devices don't go by themselves: facts that are old still tell how many there are.
    capacity = offered if offered is not None else declared or len(known)
    maintenance = next((one.maintenance for one in offers if one.maintenance), None)
    health = FAULTY if found else HEALTHY
    return {
        "health": MAINTENANCE if maintenance else health,
        "maintenance": maintenance,
        "faults": found,
        "allocation": _allocation(allocated, capacity),
        "reason": reason,
        "capacity": capacity,
        "allocated": allocated,
        "measured": len(devices),
        "gathered_at": told,
    }


def moment_of(told: t.Any) -> datetime | None:
    """A time as facts tell it, UTC where it names no zone; None where it is none."""
    try:
        moment = datetime.fromisoformat(str(told).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def unusable(facts: Record | None, now: datetime, stale_after: float) -> str | None:
    """Why facts say nothing of now; None where they do."""
    if not facts:
        return "there are no facts"
    if not facts.get("gathered_at") or not stale_after:
        return None
    moment = moment_of(facts["gathered_at"])
    if moment is None:
        return f"gathered_at is no time: {facts['gathered_at']!r}"
    age = (now - moment).total_seconds()
    if age > stale_after:
        return f"the facts are {age:.0f} s old"
    if age < -_FUTURE:
        return f"the facts are {-age:.0f} s ahead of time"
    return None


def _given_out(
    offers: t.Sequence[Offer], devices: list[Record], stale: str | None
) -> tuple[float | None, str | None]:
    """How many devices are given out; or why that is not known."""
    if offers:
        silent = [one.source for one in offers if one.allocated is None]
        if silent:
            return None, f"{', '.join(silent)} could not be read"
        return max(one.allocated or 0.0 for one in offers), None
    if stale:
        return None, stale
    shares = [share(device) for device in devices]
    if None in shares:
        return None, "processes were not gathered, or could not be read"
    return round(sum(one or 0.0 for one in shares), 6), None


def share(device: Record, offers: t.Sequence[Offer] = ()) -> float | None:
    """How much of a device is given out, 0 to 1; None where unknown.

    As the schedulers say, where they tell devices; else by its processes.
    """
    mapped = [one.devices for one in offers if one.devices is not None]
    if mapped:
        return float(any(device["index"] in devices for devices in mapped))
    held = holdings(device)
    if held is None:
        return None
    return sum(size for processes, size in held if processes)


def holdings(device: Record) -> list[tuple[list[Record], float]] | None:
    """Processes by the part of a device that they hold, as a fraction of it.

    Of its parts where all are known, else of the whole; None where unknown.
    """
    parts = [part.get("processes") for part in device.get("partitions") or []]
    if parts and None not in parts:
        return [(processes, 1 / len(parts)) for processes in parts if processes]
    whole = device.get("processes")
    return None if whole is None else [(whole, 1.0)]


def _allocation(allocated: float | None, capacity: float) -> str:
    if allocated is None or not capacity:
        return UNKNOWN
    if allocated == 0:
        return IDLE
    return BUSY if allocated >= capacity else PARTIAL
