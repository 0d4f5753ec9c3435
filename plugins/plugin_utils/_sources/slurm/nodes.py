# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's nodes: how many devices they have, and in which state they are."""

from __future__ import annotations

import typing as t

from ..._fleet.types import Offer, Record, Scheduled
from ..partial import text
from . import gres, values
from .units import Units

HEALTH_CHECKS = ("root", "slurm")
"""Users that drain nodes for a health check: programs of Slurm run as one of them."""

# For power saving, and by a reservation or reboot that somebody has planned. Nodes that
# are FUTURE do not exist yet.
_ON_PURPOSE = {
    "FUTURE",
    "MAINT",
    "MAINTENANCE",
    "POWERED_DOWN",
    "POWERING_DOWN",
    "POWER_DOWN",
    "REBOOT_ISSUED",
}
_STARTING = {"POWERING_UP", "POWER_UP"}
_OUT = {
    "DOWN",
    "ERROR",
    "FAIL",
    "FAILING",
    "INVAL",
    "INVALID",
    "INVALID_REG",
    "NOT_RESPONDING",
}
_DRAINED = {"DRAIN", "DRAINED", "DRAINING"}
_TO_REBOOT = {"REBOOT", "REBOOT_REQUESTED"}


class Condition(t.NamedTuple):
    """How a node is.

    Attributes:
        maintenance: Why it is out of use on purpose; None if it is not.
        faults: Rules that it breaks, each with its evidence and since when.
        unknown: Why it is not known what Slurm has given out there; None if it is.
    """

    maintenance: str | None = None
    faults: tuple[tuple[str, str, str | None], ...] = ()
    unknown: str | None = None


def units(node: Record) -> Units:
    """Return the units that a node has."""
    return Units.of(gres.parse(node.get("gres")))


def scheduled(
    node: Record,
    held: t.Mapping[str, set[int]],
    health_checks: t.Collection[str] = HEALTH_CHECKS,
) -> Scheduled | None:
    """Return a node; None without devices, as it is Slurm's own matter then.

    Args:
        node: Its record.
        held: Indexes of devices that jobs hold, by name of the node.
        health_checks: Users that drain nodes for a health check.
    """
    own, used = units(node), gres.parse(node.get("gres_used"))
    if not own.capacity:
        return None
    name, *aliases = names(node)
    state = condition(node, health_checks)
    offer = Offer(
        source="slurm",
        capacity=round(own.capacity, 3),
        allocated=None if state.unknown else round(own.equivalent(used), 3),
        reason=state.unknown,
        maintenance=state.maintenance,
        devices=_devices(used, held.get(name, set()), own),
        faults=state.faults,
    )
    return Scheduled(name=name, offer=offer, aliases=tuple(aliases))


def names(node: Record) -> tuple[str, ...]:
    """Return the name of a node, and its addresses."""
    addresses = (node.get("address"), node.get("hostname"))
    return (text(node["name"]), *filter(None, addresses))


def unknown(node: Record) -> Scheduled:
    """Return a node of which no more than its name can be read."""
    reason = "what Slurm tells of the node is not understood"
    offer = Offer(source="slurm", reason=reason)
    return Scheduled(name=text(node["name"]), offer=offer)


def _devices(
    used: tuple[gres.Gres, ...], of_jobs: set[int], own: Units
) -> tuple[int, ...] | None:
    """Return the indexes of the devices in use; None if they are not all known.

    Indexes of parts are not those of devices.
    """
    known = [index for each in used for index in each.indexes or ()]
    in_use = sum(each.count for each in used)
    if not own.are_whole(used) or len(known) != in_use:
        return None
    return tuple(sorted({*known, *of_jobs}))


def condition(node: Record, health_checks: t.Collection[str]) -> Condition:
    """Return how a node is, by its states and the author of its reason.

    What Slurm switches off to save power, and what a person takes out, is out of use on
    purpose. The states that Slurm sets by itself, and the drains of health checks, are
    faults.
    """
    states = values.states(node.get("state"), node.get("state_flags"))
    author = node.get("reason_set_by_user")
    why = node.get("reason") or "no reason is given"
    listed = ", ".join(sorted(states))
    evidence = f"{listed}: {why}"
    if author:
        evidence += f" ({author})"
    is_drained = bool(states & _DRAINED)
    if states & _ON_PURPOSE or (is_drained and states & _TO_REBOOT):
        return Condition(maintenance=evidence)
    if "UNKNOWN" in states:
        return Condition(unknown=f"the node's state in Slurm is {listed}")
    broken = states & _OUT
    if states & _STARTING:
        broken -= {"NOT_RESPONDING"}
    if broken or (is_drained and (not author or author in health_checks)):
        since = values.moment(node.get("reason_changed_at"))
        return Condition(faults=(("slurm_state", evidence, since),))
    return Condition(maintenance=evidence if is_drained else None)
