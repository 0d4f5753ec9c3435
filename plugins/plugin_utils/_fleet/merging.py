# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several exporters have measured of a node, as one."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from . import state
from .types import Device, Facts, Port, Record, XidEvent

LATE = 60.0
"""Seconds; what is so much older than the newest is of an exporter that is gone."""


def merged(listed: Sequence[Facts]) -> Facts:
    """Return the facts of several exporters as one; of what two know, the newer."""
    ranked, newest = newest_first(listed)
    devices: list[Device] = []
    ports: dict[object, Port] = {}
    events: dict[object, XidEvent] = {}
    for facts in ranked:
        own = len(devices)
        for device in facts.devices:
            # Of one exporter's devices no two are the same.
            same = _position(device, devices[:own])
            if same is None:
                devices.append(device)
            else:
                devices[same] = _filled(devices[same], device)
        for port in facts.ports or []:
            same_port = (port.device, port.port) if port.device else len(ports)
            ports.setdefault(same_port, port)
        for event in facts.xid_events or []:
            _add_event(events, event)
    return Facts(
        gathered_at=newest.isoformat() if newest else None,
        devices=_numbered(devices),
        are_of_devices=any(facts.devices for facts in ranked),
        ports=list(ports.values())
        if any(facts.ports is not None for facts in ranked)
        else None,
        xid_events=list(events.values())
        if any(facts.xid_events is not None for facts in ranked)
        else None,
    )


def _add_event(events: dict[object, XidEvent], event: XidEvent) -> None:
    """Add an event, of two readings of the same one the younger."""
    key = (event.type, event.code, event.pci_bus_id)
    other = events.setdefault(key, event)
    ages = [each.age_seconds for each in (other, event) if each.age_seconds is not None]
    events[key] = replace(
        other, age_seconds=min(ages, default=None), action=other.action or event.action
    )


def _position(device: Device, others: list[Device]) -> int | None:
    """Return the place of a device among those that another exporter has measured."""
    for position, other in enumerate(others):
        if _is_same(device, other):
            return position
    return None


def _is_same(device: Device, other: Device) -> bool:
    """Return whether two records are of one device, by the surest that both know."""
    known = t.cast(Record, device), t.cast(Record, other)
    for key in ("pci_bus_id", "uuid", "serial"):
        one, two = (record[key] for record in known)
        if one and two:
            return bool(one == two)
    return (device["vendor"], device["index"]) == (other["vendor"], other["index"])


def newest_first(listed: Sequence[Facts]) -> tuple[list[Facts], datetime | None]:
    """Return facts without those of exporters that are gone, and the newest time.

    Facts that tell no time are the last.
    """
    times = [(state.moment_of(facts.gathered_at), facts) for facts in listed]
    newest = max((moment for moment, _facts in times if moment), default=None)
    old = datetime.min.replace(tzinfo=UTC)
    times.sort(key=lambda pair: pair[0] or old, reverse=True)  # keeps equals in order
    late = timedelta(seconds=LATE)
    present = [
        facts
        for moment, facts in times
        if not (moment and newest and newest - moment > late)
    ]
    return present, newest


def _numbered(devices: list[Device]) -> list[Device]:
    """Return devices in order; numbered anew if each vendor counts its own from 0."""
    devices.sort(key=lambda device: (device["index"], device["vendor"] or ""))
    if len({device["index"] for device in devices}) == len(devices):
        return devices
    return [{**device, "index": index} for index, device in enumerate(devices)]


def _filled(device: Device, older: Device) -> Device:
    """Return a device with what it lacked."""
    lacking = {
        key: value
        for key, value in older.items()
        if t.cast(Record, device).get(key) in (None, [])
    }
    return t.cast("Device", {**device, **lacking})


def completed(facts: Facts, measured: Facts) -> Facts:
    """Return facts with what they lack: ports, and the pods that hold devices."""
    pods = {
        ident: device.get("pods", [])
        for device in measured.devices
        for ident in (device["uuid"], device["pci_bus_id"])
        if ident
    }
    devices: list[Device] = [
        {
            **device,
            "pods": pods.get(device["uuid"] or "")
            or pods.get(device["pci_bus_id"] or "", []),
        }
        for device in facts.devices
    ]
    return replace(
        facts,
        devices=devices,
        ports=measured.ports if facts.ports is None else facts.ports,
        xid_events=measured.xid_events
        if facts.xid_events is None
        else facts.xid_events,
    )
