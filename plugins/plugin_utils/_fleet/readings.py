# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sources have read, at the door: nodes, workloads and measurements."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from . import door
from .shapes import Shape
from .types import (
    Consumer,
    Facts,
    Listing,
    Measured,
    Offer,
    Schedule,
    Scheduled,
    Server,
    Stat,
    Telemetry,
)
from .values import (
    LONGEST_REASON,
    Reader,
    Warn,
    is_count,
    is_number,
    is_text,
    shown,
    sound_texts,
)
from .waiting import Waiting

MOST_ALIASES = 64
"""Names and addresses of a node."""

MOST_INDEXES = 4096
"""Indexes of devices of a node."""

MOST_PODS = 100_000
"""Pods of a workload, and devices that it holds: as many as a cluster has."""

_CONSUMER, _STAT = Shape(Consumer), Shape(Stat)


def servers(listings: Sequence[Listing], warn: Warn) -> list[Server]:
    """Return the servers of clouds that can be used."""
    records = [record for listing in listings for record in listing.servers]
    checked = identified(records, lambda text: warn(f"openstack: {text}"))
    return [server for server in checked if server["name"]]


def identified(records: t.Iterable[object], warn: Warn) -> list[Server]:
    """Return the servers of which it is known which they are."""
    checked = [door.server(record, _named(record), warn) for record in records]
    return [server for server in checked if server and server["id"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A node that was measured, behind the door."""

    name: str
    aliases: tuple[str, ...]
    target: str
    cluster: str | None
    exporter: str
    facts: Facts


def measurements(telemetry: Sequence[Telemetry], warn: Warn) -> list[Measurement]:
    """Return the nodes that were measured, those that can be used."""
    checked = [
        _measurement(measured, lambda text: warn(f"prometheus: {text}"))
        for reading in telemetry
        for measured in reading.measured
    ]
    return [measurement for measurement in checked if measurement]


def _measurement(measured: Measured, warn: Warn) -> Measurement | None:
    name = _name(measured.name, "a node", warn)
    facts = door.facts(measured.facts, name, warn) if name else None
    if name is None or facts is None:
        return None
    return Measurement(
        name=name,
        aliases=_aliases(measured.aliases),
        target=measured.target if is_text(measured.target) else "",
        cluster=measured.cluster if is_text(measured.cluster) else None,
        exporter=measured.exporter,
        facts=facts,
    )


def schedules(readings: t.Iterable[Schedule], warn: Warn) -> list[Schedule]:
    """Return what schedulers know, without what can't be used of it."""
    return [_schedule(reading, warn) for reading in readings]


def _schedule(schedule: Schedule, warn: Warn) -> Schedule:
    nodes = [_scheduled(node, schedule.source, warn) for node in schedule.nodes]
    rows = [_consumer(row, schedule.source, warn) for row in schedule.consumers]
    return replace(
        schedule,
        nodes=[node for node in nodes if node],
        others=tuple(map(_aliases, schedule.others)),
        consumers=[row for row in rows if row],
        waiting=_waiting(schedule, warn),
        cluster=schedule.cluster if is_text(schedule.cluster) else None,
    )


def _waiting(schedule: Schedule, warn: Warn) -> Waiting | None:
    """Return what is waited for; None if one of the numbers is none."""
    if schedule.waiting is None:
        return None
    fields = Reader(schedule.waiting.by_reason, schedule.source, warn)
    numbers = {why: fields.number(why) for why in schedule.waiting.by_reason}
    known = {why: number for why, number in numbers.items() if number is not None}
    is_whole = len(known) == len(numbers)
    return replace(schedule.waiting, by_reason=known) if is_whole else None


def _scheduled(node: Scheduled, source: str, warn: Warn) -> Scheduled | None:
    """Return a node of a scheduler; None if it has no name."""
    name = _name(node.name, f"{source}: a node", warn)
    if name is None:
        return None
    provider = node.provider_id if is_text(node.provider_id) else None
    offer = _offer(node.offer, f"{source}: node {name}", warn)
    return Scheduled(
        name=name,
        offer=offer,
        provider_id=provider,
        aliases=_aliases(node.aliases),
    )


def _offer(offer: Offer, owner: str, warn: Warn) -> Offer:
    record = {
        "capacity": offer.capacity,
        "most": offer.most,
        "counted": offer.counted,
        "withheld": offer.withheld,
        "allocated": offer.allocated,
        "reason": offer.reason,
        "maintenance": offer.maintenance,
        "devices": offer.devices,
    }
    fields = Reader(record, owner, warn)
    indexes = fields.entries("devices", MOST_INDEXES)
    return replace(
        offer,
        capacity=fields.number("capacity"),
        most=fields.number("most"),
        counted=fields.count("counted"),
        withheld=fields.number("withheld") or 0.0,
        allocated=fields.number("allocated"),
        reason=fields.text("reason", LONGEST_REASON),
        maintenance=fields.text("maintenance", LONGEST_REASON)
        or (shown(offer.maintenance) if offer.maintenance else None),
        devices=None if indexes is None else tuple(filter(is_count, indexes)),
        faults=tuple(
            (
                rule,
                evidence if is_text(evidence, LONGEST_REASON) else shown(evidence),
                since if is_text(since) else None,
            )
            for rule, evidence, since in offer.faults
        ),
    )


def _consumer(row: Consumer, source: str, warn: Warn) -> Consumer | None:
    """Return a consumer; None if it can't be told what it holds."""
    if _is_sound(row):
        return row
    owner = f"{source}: consumer {shown(row.get('name'))}"
    fields = Reader(row, owner, warn)
    stat = _STAT.read(Reader(fields.record("stat") or {}, owner, warn))
    if stat["gpuRequest"] is None or stat["gpuEquivalent"] is None:
        warn(f"{owner} holds an unknown number of devices, and is left out")
        return None
    pods = fields.records("pods", MOST_PODS)
    checked = _CONSUMER.read(fields)
    checked["stat"] = stat
    checked["pods"] = None if pods is None else list(filter(_is_plain, pods))
    checked["devices"] = _devices(fields)
    checked["nodes"] = _nodes(fields)
    return checked


def _is_sound(row: Consumer) -> bool:
    """Return whether a consumer is as it is in nearly all cases: fast."""
    stat, pods, held = row["stat"], row["pods"], row.get("devices")
    nodes = row.get("nodes")
    return (
        sound_texts(map(row.get, _CONSUMER.texts))
        and _STAT.fits_record(stat)
        and (pods is None or (isinstance(pods, list) and all(map(_is_plain, pods))))
        and (held is None or (isinstance(held, list) and all(map(_is_device, held))))
        and (nodes is None or (isinstance(nodes, list) and all(map(_is_node, nodes))))
    )


def _is_plain(pod: object) -> bool:
    """Return whether a pod is a record of texts and numbers."""
    if not isinstance(pod, Mapping):
        return False
    return all(
        value is None or is_text(value, LONGEST_REASON) or is_number(value)
        for value in pod.values()
    )


def _devices(fields: Reader) -> list[tuple[str, int]] | None:
    entries = fields.entries("devices", MOST_PODS)
    if entries is None or not all(map(_is_device, entries)):
        return None
    return [tuple(entry) for entry in entries]


def _nodes(fields: Reader) -> list[tuple[str, float]] | None:
    entries = fields.entries("nodes", MOST_PODS)
    if entries is None or not all(map(_is_node, entries)):
        return None
    return [tuple(entry) for entry in entries]


def _is_node(entry: object) -> bool:
    """Return whether something is name of a node and a number of devices."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return False
    return is_text(entry[0]) and is_number(entry[1])


def _is_device(entry: object) -> bool:
    """Return whether something is name of a node and index of a device."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return False
    return is_text(entry[0]) and is_count(entry[1])


def _named(record: object) -> str:
    """Return how warnings name a server that nobody has looked at."""
    name = record.get("name") if isinstance(record, Mapping) else None
    return f"server {shown(name)}"


def _name(name: object, owner: str, warn: Warn) -> str | None:
    """Return a name that records are known by; None with a warning if it is none."""
    if is_text(name) and name:
        return t.cast("str", name)
    warn(f"{owner} has no name that can be, {shown(name)}, and is left out")
    return None


def _aliases(aliases: object) -> tuple[str, ...]:
    if not isinstance(aliases, (list, tuple)):
        return ()
    return tuple(alias for alias in aliases[:MOST_ALIASES] if is_text(alias))
