# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a node does, and how much of it is given out."""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime

from . import faults
from .types import Device, Facts, Fault, Host, NodeState, Offer, Process, Server

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


def node_state(
    host: Host,
    now: datetime,
    stale_after: float = STALE_AFTER,
    rules: faults.Policy | None = None,
) -> NodeState:
    """Return the state of a host that has accelerators.

    `health` is `maintenance` if a scheduler says so, `faulty` if a rule has found
    something, else `healthy`. `capacity` is how many devices there are: as a scheduler
    says, else by flavor, else as measured. `allocated` is how many of them are given
    out: as the schedulers say, or if there is none, those that a process holds.

    Args:
        host: What the sources know of it.
        now: The time, with its zone.
        stale_after: Age in seconds from which on facts are unknown; 0 for never.
        rules: What is a fault; the default policy without it.
    """
    rules = faults.policy() if rules is None else rules
    server, facts = host.server or NO_SERVER, host.facts
    stale = unusable(facts, now, stale_after)
    known = facts.devices if facts else []
    devices = [] if stale else known
    declared = sum(each["count"] for each in server["hardware"]["accelerators"])
    broken = _scheduling_faults(host, server, now, rules)
    if facts and not stale:
        moment = moment_of(facts.gathered_at)
        ports = host.expected_rdma_ports
        broken += faults.of_facts(facts, declared, ports, moment, now, rules)
    allocated, reason = _given_out(host.offers, devices, stale)
    offered = (offer.capacity for offer in host.offers if offer.capacity is not None)
    # Devices don't vanish by themselves: old facts still tell how many there are.
    capacity = next(offered, declared or len(known))
    reasons = (offer.maintenance for offer in host.offers if offer.maintenance)
    maintenance = next(reasons, None)
    health = FAULTY if broken else HEALTHY
    return {
        "health": MAINTENANCE if maintenance else health,
        "maintenance": maintenance,
        "faults": broken,
        "allocation": _allocation(allocated, capacity),
        "reason": reason,
        "capacity": capacity,
        "allocated": allocated,
        "measured": sum(map(_is_read, devices)),
        "gathered_at": facts.gathered_at if facts else None,
    }


def _scheduling_faults(
    host: Host, server: Server, now: datetime, rules: faults.Policy
) -> list[Fault]:
    """Return the faults that Nova and the schedulers know of."""
    broken = faults.of_server(server, rules)
    if host.unjoined:
        created = moment_of(server["created_at"])
        broken += faults.of_absence(server, created, now, rules)
    for offer in host.offers:
        broken += faults.of_scheduler(offer.faults, rules)
    return broken


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


def unusable(facts: Facts | None, now: datetime, stale_after: float) -> str | None:
    """Return why facts don't tell of now; None if they do."""
    if not facts:
        return "there are no facts"
    if not facts.gathered_at or not stale_after:
        return None
    moment = moment_of(facts.gathered_at)
    if moment is None:
        return f"gathered_at is no time: {facts.gathered_at!r}"
    age = (now - moment).total_seconds()
    if age > stale_after:
        return f"the facts are {age:.0f} s old"
    if age < -_FUTURE:
        return f"the facts are {-age:.0f} s ahead of time"
    return None


def _given_out(
    offers: t.Sequence[Offer], devices: list[Device], stale: str | None
) -> tuple[float | None, str | None]:
    """Return how many devices are given out; or why that is not known."""
    if offers:
        silent = [offer.source for offer in offers if offer.allocated is None]
        if silent:
            return None, f"{', '.join(silent)} could not be read"
        return max(offer.allocated or 0.0 for offer in offers), None
    if stale:
        return None, stale
    shares = [share(device) for device in devices]
    if None in shares:
        return None, "processes were not gathered, or could not be read"
    return round(sum(part or 0.0 for part in shares), 6), None


def share(device: Device, offers: t.Sequence[Offer] = ()) -> float | None:
    """Return how much of a device is given out, 0 to 1; None if not known.

    As the schedulers say, if they know devices; else by its processes.
    """
    if offers:
        mapped = [offer.devices for offer in offers if offer.devices is not None]
        if mapped:
            return float(any(device["index"] in indexes for indexes in mapped))
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
