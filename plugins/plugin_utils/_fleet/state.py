# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node does, and how much of it is given out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from . import capacity, counts, faults, holders
from .capacity import Capacity
from .types import Device, Facts, Fault, Host, NodeState, Server, Unusable

HEALTHY, FAULTY, MAINTENANCE = "healthy", "faulty", "maintenance"
IDLE, PARTIAL, BUSY, UNKNOWN = "idle", "partial", "busy", "unknown"

STALE_AFTER = 300.0
"""Seconds after which facts no longer tell of now."""

_FUTURE = 60.0
"""Seconds that a node's clock may be ahead."""


NO_SERVER: Server = {
    "id": None,
    "name": None,
    "status": None,
    "cluster": None,
    "node_group": None,
    "role": None,
    "location": None,
    "availability_zone": None,
    "hardware": {
        "name": None,
        "accelerators": [],
        "vcpus": None,
        "ram_mib": None,
        "power_watts": None,
        "hourly_cost": None,
    },
    "addresses": [],
    "created_at": None,
    "project_id": None,
    "os_distro": None,
    "cloud": None,
    "region": None,
    "reason": None,
}
"""What is known of a host that no inventory of ours lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known of a host that has accelerators.

    Attributes:
        state: How it does.
        capacity: Who says how many devices it has.
        shares: How much of each measured device is given out; None where not known.
        free: How many whole devices can take work now; None if it takes none.
        facts: Its facts; None if they don't tell of now.
        unusable: Why they don't; None if they do.
    """

    state: NodeState
    capacity: Capacity
    shares: list[float | None]
    free: int | None
    facts: Facts | None
    unusable: Unusable | None


def assess(
    host: Host,
    now: datetime,
    stale_after: float = STALE_AFTER,
    rules: faults.Policy | None = None,
) -> Assessment:
    """Return how a host does that has accelerators.

    `health` is `maintenance` if a scheduler says so, `faulty` if a rule has found
    something, else `healthy`. `capacity` is how many devices there are, the most that
    anybody says. `allocated` is how many of them are given out: as the schedulers say,
    or if there is none, those that a process holds.

    Args:
        host: What the sources know of it.
        now: The time, with its zone.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    rules = faults.policy() if rules is None else rules
    server = host.server or NO_SERVER
    problem = unusable(host.facts, now, stale_after)
    facts = None if problem else host.facts
    devices = facts.devices if facts else []
    declared = [each["count"] for each in server["hardware"]["accelerators"]]
    is_measured = facts is not None and facts.are_of_devices
    known = capacity.of(host, sum(filter(None, declared)), is_measured)
    is_uncounted = not known.devices and None in declared
    broken = _scheduling_faults(host, server, known, now, rules)
    if facts:
        moment = moment_of(facts.gathered_at)
        ports = host.expected_rdma_ports
        broken += faults.of_facts(facts, ports, moment, now, rules)
    offer = capacity.largest(known)
    if offer:
        allocated, reason = capacity.given_out(known)
        shares = holders.shares(devices, offer, allocated, known.devices)
    else:
        shares = holders.shares(devices, None, None, known.devices)
        allocated, reason = _held(shares, problem)
    reasons = (each.maintenance for each in known.offers if each.maintenance)
    maintenance = next(reasons, None)
    is_short = any(fault["rule"] in _SHORT for fault in broken)
    counted = counts.count(
        capacity=known.devices,
        faults=broken,
        missing=known.devices - known.available if is_short else 0.0,
        is_maintained=maintenance is not None,
        allocated=allocated,
        devices=devices,
        shares=shares,
    )
    health = FAULTY if broken else HEALTHY
    state: NodeState = {
        "health": MAINTENANCE if maintenance else health,
        "maintenance": maintenance,
        "faults": broken,
        "allocation": _allocation(allocated, known.devices),
        "reason": reason or (_UNCOUNTED if is_uncounted else None),
        "capacity": None if is_uncounted else known.devices,
        "allocated": allocated,
        "devices": counted,
        "measured": sum(map(_is_read, devices)),
        "gathered_at": host.facts.gathered_at if host.facts else None,
    }
    free = counts.free(counted, known.devices, broken, devices, shares)
    return Assessment(
        state=state,
        capacity=known,
        shares=shares,
        free=free,
        facts=facts,
        unusable=problem,
    )


_UNCOUNTED = "how many devices there are is unknown"

_SHORT = ("devices_missing", "not_allocatable")


def _scheduling_faults(
    host: Host, server: Server, known: Capacity, now: datetime, rules: faults.Policy
) -> list[Fault]:
    """Return the faults that Nova and the schedulers know of."""
    broken = faults.of_server(server, rules)
    if host.unjoined:
        created = moment_of(server["created_at"])
        broken += faults.of_absence(server, created, now, rules)
    for offer in known.offers:
        broken += faults.of_scheduler(offer.faults, rules)
    return broken + faults.of_scheduler(capacity.shortages(known), rules)


def moment_of(text: str | None) -> datetime | None:
    """Return a time as ISO 8601 has it, in UTC if it names no zone.

    Returns:
        None if it is no time.
    """
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def unusable(facts: Facts | None, now: datetime, stale_after: float) -> Unusable | None:
    """Return why facts don't tell of now; None if they do."""
    if not facts:
        return Unusable("there are no facts")
    if not facts.gathered_at or not stale_after:
        return None
    moment = moment_of(facts.gathered_at)
    if moment is None:
        return Unusable(f"gathered_at is no time: {facts.gathered_at!r}")
    age = (now - moment).total_seconds()
    if age > stale_after:
        return Unusable(f"the facts are {age:.0f} s old", age)
    if age < -_FUTURE:
        return Unusable(f"the facts are {-age:.0f} s ahead of time")
    return None


def _held(
    shares: list[float | None], problem: Unusable | None
) -> tuple[float | None, str | None]:
    """Return how many devices processes hold; or why that is not known."""
    if problem:
        return None, problem.reason
    if None in shares:
        return None, "processes were not gathered, or could not be read"
    return round(sum(part or 0.0 for part in shares), 6), None


def _is_read(device: Device) -> bool:
    """Return whether more is known of a device than that it is there."""
    measured = (
        device["utilization_percent"],
        device["memory_used_bytes"],
        device["processes"],
    )
    return device["health"] != "unknown" or any(each is not None for each in measured)


def _allocation(allocated: float | None, capacity: float) -> str:
    if allocated is None or not capacity:
        return UNKNOWN
    if allocated == 0:
        return IDLE
    return BUSY if allocated >= capacity else PARTIAL
