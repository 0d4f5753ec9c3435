# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which errors of NVIDIA's drivers ask for a reset or restart."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

from ...module_utils._node import xid_catalog
from .types import Facts, XidEvent

_Found = tuple[str | None, str, str | None]
"""PCI address of a device, evidence, and since when."""


def recent(
    facts: Facts, moment: datetime, now: datetime, window: float
) -> t.Iterator[_Found]:
    """Yield the events for which a device has to be reset, those of the window.

    An event of unknown age is none of them.

    Args:
        facts: What was measured of a host.
        moment: When that was; the ages of the events are of then.
        now: The time.
        window: Seconds for which an event counts.
    """
    elapsed = max(0.0, (now - moment).total_seconds())
    for age, event in _standing(facts.xid_events or []):
        action = _action(event)
        if age + elapsed <= window and action in xid_catalog.RESETS:
            name = "SXid" if event.type == xid_catalog.SXID else "XID"
            evidence = f"{name} {event.code}, {action}"
            yield event.pci_bus_id, evidence, _before(moment, age)


def _standing(events: list[XidEvent]) -> t.Iterator[tuple[float, XidEvent]]:
    """Yield the events that stand, in order, with their ages.

    An XID 154 takes the place of the ones before it. If it says that no action is left,
    it ends all events of its device before it.
    """
    ages = [(event.age_seconds, event) for event in events]
    known = [(age, event) for age, event in ages if age is not None]
    newest: dict[str | None, tuple[float, XidEvent]] = {}
    for age, event in known:
        is_recovery = event.code == xid_catalog.RECOVERY
        if is_recovery and age <= newest.get(event.pci_bus_id, (age, event))[0]:
            newest[event.pci_bus_id] = (age, event)
    for age, event in known:
        until, last = newest.get(event.pci_bus_id, (0.0, event))
        is_replaced = event.code == xid_catalog.RECOVERY and event is not last
        is_over = age >= until and event is not last and _action(last) == "IGNORE"
        if not is_replaced and not is_over:
            yield age, event


def _action(event: XidEvent) -> str | None:
    """Return what an event asks for: by its message, or else as its source says."""
    kind = event.type or xid_catalog.XID
    known = xid_catalog.action(event.code or 0, event.message, kind)
    return known if known and event.message else event.action or known


def _before(moment: datetime, age: float) -> str | None:
    """Return the time some seconds before a moment; None if there is no such time."""
    try:
        return (moment - timedelta(seconds=age)).isoformat(timespec="seconds")
    except OverflowError:
        return None
