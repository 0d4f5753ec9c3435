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
from .labels import SERIALS, address_of, aliases_of, pci_address, pods_of
from .series import Series

_LATE = 60.0
"""Seconds after which a series of a device lags behind the others of its node."""

_ROUNDED = 101.0
"""Percent; what is below it and above 100 is a ratio of 1 that was rounded."""

_MEMORY = ("memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes")

Numbers = dict[str, float | None]


def measured(
    exporter: Exporter, series: t.Iterable[Series], warn: t.Callable[[str], None]
) -> list[Measured]:
    """Return the nodes that an exporter has measured, with their devices.

    Args:
        exporter: The exporter.
        series: Its series, in the order of their keys.
        warn: Takes warnings for the user.

    Returns:
        Each node once for each of its targets.
    """
    by_target: dict[tuple[str, str], list[Series]] = {}
    for each in series:
        by_target.setdefault((each.key.target, each.key.host), []).append(each)
    read = guarded(
        partial(_node, exporter), "node", warn, name=lambda series: series[0].key.host
    )
    return [node for node in map(read, by_target.values()) if node]


def _node(exporter: Exporter, series: list[Series]) -> Measured:
    """A node, of all series of its target."""
    newest = max((each.time for each in series if each.time is not None), default=None)
    aliases = (alias for each in series for alias in aliases_of(each.labels))
    by_number: dict[str, list[Series]] = {}
    for each in series:
        by_number.setdefault(each.key.number, []).append(each)
    devices = [device(exporter, parts, newest) for parts in by_number.values()]
    devices.sort(key=lambda each: each["index"])
    return Measured(
        name=series[0].key.host,
        aliases=tuple(dict.fromkeys(aliases)),
        target=address_of(series[0].labels),
        exporter=exporter.name,
        facts={
            "gathered_at": None if newest is None else _iso(newest),
            "devices": devices,
        },
    )


def device(exporter: Exporter, parts: list[Series], newest: float | None) -> Record:
    """Return a device.

    Args:
        exporter: The exporter.
        parts: Series of the device, which come first, and of its parts.
        newest: When the node was read last, in seconds since the epoch.
    """
    labels = {
        name: value
        for part in reversed(parts)  # the whole comes first, and counts most
        for name, value in part.labels.items()
        if value
    }
    numbers = _numbers(exporter, parts, newest)
    number, uuid = parts[0].key.number, labels.get(exporter.uuid)
    return {
        "index": int(number) if number.isdecimal() else 0,
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
        "pods": sorted({pod for part in parts for pod in pods_of(part.labels)}),
    }


def _flag(value: float | None) -> bool | None:
    return None if value is None else value > 0


def _health(healthy: float | None) -> Record:
    if healthy is None:
        return {"health": "unknown", "health_reasons": []}
    if healthy:
        return {"health": "ok", "health_reasons": []}
    return {"health": "failed", "health_reasons": ["its exporter says so"]}


def _numbers(exporter: Exporter, parts: list[Series], newest: float | None) -> Numbers:
    """Numbers of a device: of the whole where they are known, else of its parts."""
    numbers: Numbers = {}
    for part in reversed(parts):
        late = part.time is not None and (newest or 0) - part.time > _LATE
        if not late:
            numbers.update(part.values)
    utilization = _utilization(exporter, parts, numbers)
    if utilization is not None and 100 < utilization < _ROUNDED:
        utilization = 100.0
    numbers["utilization_percent"] = utilization
    if exporter.sums_memory and parts[0].key.part:
        # Each part has its own memory, but what all of the device draws.
        for name in _MEMORY:
            each = [part.values[name] for part in parts if name in part.values]
            numbers[name] = sum(each) if each else None
    used, free, reserved = (numbers.get(name) for name in _MEMORY)
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
