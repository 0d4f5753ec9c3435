# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices from outside, whoever has measured them, in one shape."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from operator import itemgetter

from ...module_utils._node.record import BOUNDS, FIELDS, UNKNOWN_AT_ZERO
from .shapes import Shape
from .types import Device, Partition, Process
from .values import Reader, Warn, is_count, is_text, sound_names

MOST_PROCESSES = 4096
"""Processes of a device; NVIDIA's MPS serves 48, and a time-sliced device hundreds."""

MOST_PARTITIONS = 64
"""Parts of a device; no vendor makes more than eight."""

MOST_PODS = 256
"""Pods that share a device."""

_UNKNOWN: dict[str, object] = {
    **dict.fromkeys(FIELDS),
    "partitions": [],
    "health": "unknown",
    "health_reasons": [],
    "sources": [],
    "errors": [],
}

_DEVICE, _PARTITION = Shape(Device, BOUNDS), Shape(Partition, BOUNDS)
_PROCESS = Shape(Process, BOUNDS)


def device(
    raw: Mapping[str, object], owner: str, warn: Warn, position: int = 0
) -> Device:
    """Return a device with every key.

    Args:
        raw: Any of the fields of `gpu_facts`, and `pods`. What it lacks is unknown.
        owner: Its host, for warnings.
        warn: Takes a warning for each value that can't be, which is unknown then.
        position: Its place among the devices, and its index if it names none.
    """
    record: Mapping[str, object] = raw
    if raw.__class__ is not dict or len(raw) != len(FIELDS):
        record = {**_UNKNOWN, "index": position, **raw}
    if len(record) == len(FIELDS) and _is_sound(record):
        return t.cast("Device", record)
    record = {**_UNKNOWN, "index": position, **raw}
    return _checked(Reader(record, f"{owner}: device {position}", warn), position)


_VALUES = itemgetter(*_DEVICE.keys)
_SENSORS = itemgetter(*UNKNOWN_AT_ZERO)
_LISTS = itemgetter("partitions", "processes", *_DEVICE.names)


def _is_sound(record: Mapping[str, t.Any]) -> bool:
    """Return whether a record is whole, and as it is in nearly all cases."""
    try:
        values = _VALUES(record)
    except KeyError:
        return False
    if not _DEVICE.fits(values) or 0 in _SENSORS(record):
        return False
    partitions, processes, *names = _LISTS(record)
    return (
        not partitions
        and (not processes or _are_sound(processes))
        and (not any(names) or all(map(sound_names, filter(None, names))))
    )


def _are_sound(processes: list[t.Any]) -> bool:
    """Return whether processes are as they are in nearly all cases."""
    if len(processes) > MOST_PROCESSES:
        return False
    return all(map(_PROCESS.fits_record, processes))


def _checked(fields: Reader, position: int) -> Device:
    """Return a device of which each value is checked by itself."""
    checked = _DEVICE.read(fields, index=position, health="unknown")
    values = t.cast("dict[str, object]", checked)
    values.update((key, None) for key in UNKNOWN_AT_ZERO if values[key] == 0)
    checked["partitions"] = _partitions(fields)
    checked["processes"] = _processes(fields)
    pods = fields.entries("pods", MOST_PODS)
    if pods is not None:
        checked["pods"] = [(pod[0], pod[1]) for pod in pods if _is_pod(pod)]
    return checked


def _partitions(fields: Reader) -> list[Partition]:
    """Return the parts of a device, none if they are not known."""
    records = fields.records("partitions", MOST_PARTITIONS) or []
    return [
        _partition(fields.inner(record, f"partition {number}"), number)
        for number, record in enumerate(records)
    ]


def _partition(fields: Reader, position: int) -> Partition:
    partition = _PARTITION.read(fields, index=position)
    partition["processes"] = _processes(fields)
    return partition


def _processes(fields: Reader) -> list[Process] | None:
    """Return processes; none are known if one of them is not."""
    entries = fields.entries("processes", MOST_PROCESSES)
    if entries is None or _are_sound(entries):
        return entries
    processes: list[Process] = []
    for entry in entries:
        pid = entry.get("pid") if isinstance(entry, Mapping) else None
        if not is_count(pid):
            fields.refuse("processes", entry if pid is None else pid)
            return None
        processes.append(_PROCESS.read(fields.inner(entry, f"process {pid}")))
    return processes


def _is_pod(entry: object) -> bool:
    """Return whether something is namespace and name of a pod."""
    pair = isinstance(entry, (list, tuple)) and len(entry) == 2
    return pair and all(is_text(name) for name in t.cast("list[object]", entry))
