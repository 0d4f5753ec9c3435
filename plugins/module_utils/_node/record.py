# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record per device, the same shape for all vendors.

What is not known is null: never 0, never "N/A". Units stand in the names.
"""

from __future__ import annotations

import typing as t

Record = t.Dict[str, t.Any]

_MEASUREMENTS = (
    "utilization_percent",
    "memory_utilization_percent",
    "power_watts",
    "power_limit_watts",
    "energy_joules",
    "temperature_celsius",
    "memory_temperature_celsius",
    "ecc_corrected",
    "ecc_uncorrected",
)

METRICS = (
    *_MEASUREMENTS,
    "row_remap_pending",
    "row_remap_failed",
    "throttle_reasons",
)
"""What is read only where metrics are gathered."""

NUMBERS = ("memory_total_bytes", "memory_used_bytes", *_MEASUREMENTS)
"""Amounts and measurements of a device: each is a number, or None."""

COUNTERS = (*METRICS, "memory_used_bytes", "processes")
"""What a lost device has no longer; its zeros are no facts."""

FIELDS = (
    "index",
    "minor_number",
    "pci_bus_id",
    "vendor",
    "kind",
    "model",
    "uuid",
    "serial",
    "driver",
    "driver_version",
    "memory_total_bytes",
    "memory_used_bytes",
    *METRICS,
    "pcie_generation",
    "pcie_width",
    "numa_node",
    "xgmi_hive_id",
    "partition_mode",
    "memory_partition_mode",
    "partitions",
    "processes",
    "health",
    "health_reasons",
    "sources",
    "errors",
)

BOUNDS: dict[str, tuple[float, float]] = {
    "memory_total_bytes": (1, 2**50),
    "memory_used_bytes": (0, 2**50),
    "utilization_percent": (0, 100),
    "memory_utilization_percent": (0, 100),
    "power_watts": (0, 20000),
    "power_limit_watts": (1, 20000),
    "energy_joules": (0, 2**63),
    "temperature_celsius": (-60, 200),
    "memory_temperature_celsius": (-60, 200),
    "ecc_corrected": (0, 2**48),
    "ecc_uncorrected": (0, 2**48),
    "pcie_generation": (1, 9),
    "pcie_width": (1, 32),
    "minor_number": (0, 2**20 - 1),
    # Of a process, and of a port for RDMA.
    "memory_bytes": (0, 2**50),
    "rate_gbps": (0, 100000),
}
"""What a measured value can be; sentinels of firmware and drivers lie outside.

The reports hold all measurements, whoever made them, to the same bounds.
"""

UNKNOWN_AT_ZERO = (
    "power_watts",
    "temperature_celsius",
    "memory_temperature_celsius",
)
"""Fields that are 0 where there is no sensor, as on a virtual function: a device that
answers draws some power, and is hardly at the very point of freezing."""


_MOST_TEXT = 300


def printable(text: str) -> str:
    """Return a text as it may be shown anywhere.

    Args:
        text: What a device, a tool or a process has chosen.

    Returns:
        300 characters at most, with a question mark for each that does not print.
    """
    text = text[:_MOST_TEXT]
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "?" for each in text)


def new_device(address: str, vendor: str, kind: str) -> Record:
    """Return a device of which only its place is known.

    Args:
        address: PCI address, lower case, `dddd:bb:dd.f`.
        vendor: `amd`, `nvidia`, `intel` or `habana`.
        kind: `gpu` or `npu`.
    """
    record: Record = dict.fromkeys(FIELDS)
    record.update(pci_bus_id=address, vendor=vendor, kind=kind, partitions=[])
    record.update(health="unknown", health_reasons=[], sources=[], errors=[])
    return record


def gathered(field: str, gather: t.Collection[str]) -> bool:
    """Return whether a field is read where this is to be gathered."""
    return "metrics" in gather or field not in METRICS


def take(device: Record, source: str, facts: Record) -> None:
    """Put what a source has read where nothing is known yet.

    A value that can't be is left out, with an entry in `errors`.

    Args:
        device: Is changed.
        source: Name of the backend.
        facts: Values by field; `errors`, a list, is added to.
    """
    device["sources"].append(source)
    for name, value in facts.items():
        if name == "errors":
            device["errors"] += [printable(f"{source}.{error}") for error in value]
        elif value is None or name not in device or is_no_sensor(name, value):
            continue
        elif not plausible(name, value):
            device["errors"].append(printable(f"{source}.{name}: {value} can't be"))
        elif device[name] is None or device[name] == []:
            device[name] = printable(value) if isinstance(value, str) else value


def plausible(name: str, value: t.Any) -> bool:
    """Return whether a field can have this value."""
    if name not in BOUNDS:
        return True
    least, most = BOUNDS[name]
    return isinstance(value, (int, float)) and least <= value <= most


def is_no_sensor(name: str, value: t.Any) -> bool:
    """Return whether a value stands for a sensor that is not there."""
    return value == 0 and name in UNKNOWN_AT_ZERO


def lose(device: Record, reason: str) -> None:
    """Mark a device as lost: it stays in the list, without its counters."""
    device["health"] = "failed"
    device["health_reasons"].append(printable(reason))
    for name in COUNTERS:
        device[name] = None
