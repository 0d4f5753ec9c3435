# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices from outside, whoever has measured them, in one shape."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from operator import itemgetter

from ...module_utils._node.record import FIELDS, NUMBERS
from .shapes import COUNT, FLAG, LIST, NUMBER, TEXT, Shape
from .types import Device, Partition, Process
from .values import LARGEST, Reader, Warn, is_count, is_text, sound_names

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

_LISTED = (
    "processes",
    "partitions",
    "throttle_reasons",
    "health_reasons",
    "sources",
    "errors",
)
_KINDS = {
    "index": COUNT,
    "minor_number": COUNT,
    **dict.fromkeys(_LISTED, LIST),
    "row_remap_pending": FLAG,
    "row_remap_failed": FLAG,
    "pcie_generation": COUNT,
    "pcie_width": COUNT,
    "numa_node": COUNT,
    **dict.fromkeys(NUMBERS, NUMBER),
}
"""Kinds of the fields that are no texts."""

_DEVICE = Shape(
    {field: _KINDS.get(field, TEXT) for field in FIELDS},
    ("index", *(key for key, value in _UNKNOWN.items() if value is not None)),
)
_PROCESS = Shape(
    {"pid": COUNT, "name": TEXT, "user": TEXT, "memory_bytes": COUNT}, ("pid",)
)


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


_VALUES, _LISTS = itemgetter(*FIELDS), itemgetter(*_LISTED)


def _is_sound(record: Mapping[str, t.Any]) -> bool:
    """Return whether a record is whole, and as it is in nearly all cases."""
    try:
        values = _VALUES(record)
    except KeyError:
        return False
    if not _DEVICE.fits(values):
        return False
    processes, partitions, *names = _LISTS(record)
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
    """Return a device of which each value is checked by itself.

    It is long because a device is: one line for each field.
    """
    index = fields.count("index")
    checked: Device = {
        "index": position if index is None else index,
        "minor_number": fields.count("minor_number"),
        "pci_bus_id": fields.text("pci_bus_id"),
        "vendor": fields.text("vendor"),
        "kind": fields.text("kind"),
        "model": fields.text("model"),
        "uuid": fields.text("uuid"),
        "serial": fields.text("serial"),
        "driver": fields.text("driver"),
        "driver_version": fields.text("driver_version"),
        "memory_total_bytes": fields.number("memory_total_bytes"),
        "memory_used_bytes": fields.number("memory_used_bytes"),
        "utilization_percent": fields.number("utilization_percent"),
        "memory_utilization_percent": fields.number("memory_utilization_percent"),
        "power_watts": fields.number("power_watts"),
        "power_limit_watts": fields.number("power_limit_watts"),
        "energy_joules": fields.number("energy_joules"),
        "temperature_celsius": fields.number("temperature_celsius", -LARGEST),
        "memory_temperature_celsius": fields.number(
            "memory_temperature_celsius", -LARGEST
        ),
        "ecc_corrected": fields.number("ecc_corrected"),
        "ecc_uncorrected": fields.number("ecc_uncorrected"),
        "row_remap_pending": fields.flag("row_remap_pending"),
        "row_remap_failed": fields.flag("row_remap_failed"),
        "throttle_reasons": fields.names("throttle_reasons"),
        "pcie_generation": fields.count("pcie_generation"),
        "pcie_width": fields.count("pcie_width"),
        "numa_node": fields.count("numa_node"),
        "xgmi_hive_id": fields.text("xgmi_hive_id"),
        "partition_mode": fields.text("partition_mode"),
        "memory_partition_mode": fields.text("memory_partition_mode"),
        "partitions": _partitions(fields),
        "processes": _processes(fields),
        "health": fields.text("health") or "unknown",
        "health_reasons": fields.names("health_reasons") or [],
        "sources": fields.names("sources") or [],
        "errors": fields.names("errors") or [],
    }
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
    index = fields.count("index")
    return {
        "index": position if index is None else index,
        "uuid": fields.text("uuid"),
        "profile": fields.text("profile"),
        "memory_total_bytes": fields.number("memory_total_bytes"),
        "memory_used_bytes": fields.number("memory_used_bytes"),
        "processes": _processes(fields),
    }


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
        record = fields.inner(entry, f"process {pid}")
        processes.append(
            {
                "pid": t.cast("int", pid),
                "name": record.text("name"),
                "user": record.text("user"),
                "memory_bytes": record.count("memory_bytes"),
            }
        )
    return processes


def _is_pod(entry: object) -> bool:
    """Return whether something is namespace and name of a pod."""
    pair = isinstance(entry, (list, tuple)) and len(entry) == 2
    return pair and all(is_text(name) for name in t.cast("list[object]", entry))
