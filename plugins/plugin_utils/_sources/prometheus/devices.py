# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices, in the form of `gpu_facts`, from the series of exporters."""

from __future__ import annotations

import re
import typing as t
from datetime import UTC, datetime
from functools import partial

from ....module_utils._node import record
from ..._fleet.types import Measured, Record
from ..partial import guarded
from .exporters import Exporter
from .labels import SERIALS, Places, Prefixed, pci_address
from .series import Series

_LATE = 60.0
"""Seconds after which a series of a device lags behind the others of its node."""

_ROUNDED = 101.0
"""Percent; what is below it and above 100 is a ratio of 1 that was rounded."""

_MEMORY = (
    "memory_total_bytes",
    "memory_used_bytes",
    "memory_free_bytes",
    "memory_reserved_bytes",
)

Numbers = dict[str, float | None]


def measured(
    exporter: Exporter,
    series: t.Sequence[Series],
    places: Places,
    warn: t.Callable[[str], None],
) -> list[Measured]:
    """Return the nodes that an exporter has measured, with their devices.

    Args:
        exporter: The exporter.
        series: Its series, in the order of their keys.
        places: Tells where series were measured.
        warn: Takes warnings for the user.

    Returns:
        Each node once for each of its targets.
    """
    prefixed = Prefixed(labels for each in series for labels in each.holders)
    by_target: dict[tuple[str, str, str], list[Series]] = {}
    for each in series:
        by_target.setdefault(each.key[:3], []).append(each)
    read = guarded(
        partial(_node, exporter, places, prefixed),
        "node",
        warn,
        name=lambda series: places.of(series[0].labels).name,
    )
    return [node for node in map(read, by_target.values()) if node]


def _node(
    exporter: Exporter, places: Places, prefixed: Prefixed, series: list[Series]
) -> Measured:
    """A node, of all series of its target."""
    newest = max((each.time for each in series if each.time is not None), default=None)
    place = places.of(series[0].labels)
    aliases = (alias for each in series for alias in places.of(each.labels).aliases)
    devices = [
        device(exporter, parts, newest, prefixed)
        for parts in by_device(exporter, series)
    ]
    devices.sort(key=lambda each: each["index"])
    return Measured(
        name=place.name,
        aliases=tuple(dict.fromkeys(aliases)),
        target=place.target,
        cluster=series[0].key.cluster or None,
        exporter=exporter.name,
        facts={
            "gathered_at": None if newest is None else _iso(newest),
            "devices": devices,
        },
    )


class Parts(t.NamedTuple):
    """Series of a device, which come first, and of its parts.

    Attributes:
        number: Number of the device.
        series: The series.
        have_memory: Whether each part has its own memory, the first one too.
    """

    number: int
    series: list[Series]
    have_memory: bool


def by_device(exporter: Exporter, series: list[Series]) -> list[Parts]:
    """Return the series of a node by device.

    Where a driver shows each part of a device as a device, an exporter may count parts:
    each number has one part then. They are of the device with their serial number, or
    else of the one whose first part has the number before them.
    """
    by_number: dict[str, list[Series]] = {}
    for each in series:
        by_number.setdefault(each.key.number, []).append(each)
    alone = all(len(each) == 1 for each in by_number.values())
    if not (exporter.whole_is_first_part and alone and any(s.key.part for s in series)):
        return [Parts(_whole(key), each, False) for key, each in by_number.items()]
    devices: dict[object, list[Series]] = {}
    for each in sorted(series, key=lambda each: _whole(each.key.number)):
        first = _whole(each.key.number) - _whole(each.key.part)
        serials = (each.labels.get(name, "") for name in SERIALS)
        serial = next((text for text in serials if text.strip("0")), None)
        devices.setdefault(serial or first, []).append(each)
    return [Parts(index, each, True) for index, each in enumerate(devices.values())]


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def device(
    exporter: Exporter, parts: Parts, newest: float | None, prefixed: Prefixed
) -> Record:
    """Return a device.

    Args:
        exporter: The exporter.
        parts: Its series.
        newest: When the node was read last, in seconds since the epoch.
        prefixed: Knows the labels of pods.
    """
    labels = {
        name: value
        for part in reversed(parts.series)  # the whole comes first, and counts most
        for name, value in part.labels.items()
        if value
    }
    numbers = _numbers(exporter, parts, newest)
    uuid = labels.get(exporter.uuid)
    pods = {prefixed.pod(each) for part in parts.series for each in part.holders}
    return {
        "index": parts.number,
        "pci_bus_id": pci_address(labels.get("pci_bus_id", "")),
        "vendor": exporter.vendor or labels.get("vendor"),
        "model": exporter.model(labels),
        "uuid": uuid if uuid and uuid.strip("0-") else None,
        "serial": next(filter(None, map(labels.get, SERIALS)), None),
        **{name: numbers.get(name) for name in record.NUMBERS},
        "row_remap_failed": _flag(numbers.get("row_remap_failed")),
        "row_remap_pending": _flag(numbers.get("row_remap_pending")),
        **_health(numbers.get("healthy")),
        "partitions": [],
        "processes": None,
        "pods": sorted(pod for pod in pods if pod),
    }


def _flag(value: float | None) -> bool | None:
    return None if value is None else value > 0


def _health(healthy: float | None) -> Record:
    if healthy is None:
        return {"health": "unknown", "health_reasons": []}
    if healthy:
        return {"health": "ok", "health_reasons": []}
    return {"health": "failed", "health_reasons": ["its exporter says so"]}


def _numbers(exporter: Exporter, parts: Parts, newest: float | None) -> Numbers:
    """Numbers of a device: of the whole where they are known, else of its parts."""
    numbers: Numbers = {}
    series = parts.series
    for part in reversed(series):
        late = part.time is not None and (newest or 0) - part.time > _LATE
        if not late:
            numbers.update(part.values)
    healthy = [part.values["healthy"] for part in series if "healthy" in part.values]
    if healthy:
        numbers["healthy"] = min(healthy)
    utilization = _utilization(exporter, series, numbers)
    if utilization is not None and 100 < utilization < _ROUNDED:
        utilization = 100.0
    numbers["utilization_percent"] = utilization
    if parts.have_memory or (exporter.sums_memory and series[0].key.part):
        # Each part has its own memory, but what all of the device draws.
        for name in _MEMORY:
            each = [part.values[name] for part in series if name in part.values]
            numbers[name] = sum(each) if each else None
    used, free, reserved = (
        numbers.get(f"memory_{name}_bytes") for name in ("used", "free", "reserved")
    )
    total = numbers.get("memory_total_bytes")
    if total is None and used is not None and free is not None:
        # A device without memory of its own has none of either.
        numbers["memory_total_bytes"] = used + free + (reserved or 0) or None
    return numbers


def _utilization(
    exporter: Exporter, parts: list[Series], numbers: Numbers
) -> float | None:
    """Utilization of a device: its own, or else that of its parts or its engine."""
    divided = [part for part in parts if part.key.part]
    whole = not parts[0].key.part
    if divided and exporter.whole_is_first_part:
        divided, whole = parts, False
    own = numbers.get("utilization_percent")
    if divided and (not whole or own is None):
        return _of_parts(exporter, divided)
    return numbers.get("engine_active") if own is None else own


def _of_parts(exporter: Exporter, parts: list[Series]) -> float | None:
    """Utilization of a device as that of its parts, by their size."""
    used = total = 0.0
    for part in parts:
        active = part.values.get(
            "engine_active", part.values.get("utilization_percent")
        )
        if active is None:
            return None
        size = re.match(r"\d+", part.labels.get(exporter.profile, ""))
        weight = int(size.group()) if size else 1
        used += active * weight
        total += weight
    if exporter.slices:
        total = exporter.slices(exporter.model(parts[0].labels))
    return used / total


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds")
