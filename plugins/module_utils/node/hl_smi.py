# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaudi by hl-smi, which knows what the kernel's files don't tell.

Source of names and units: hl-smi --help-query-aip.
"""

from __future__ import annotations

import typing as t

from . import tool
from .guard import Lost, Unavailable
from .record import Record

_COLUMNS = (
    "bus_id",
    "name",
    "uuid",
    "serial",
    "driver_version",
    "memory.total",
    "memory.used",
    "utilization.aip",
    "power.draw",
    "temperature.aip",
    "ecc.errors.corrected.volatile.total",
    "ecc.errors.uncorrected.volatile.total",
)


class HlSmiReader:
    """Reads what one run of hl-smi prints.

    Args:
        gather: What to read besides identity and memory.
    """

    def __init__(self, gather: t.Collection[str]) -> None:
        """Run nothing yet."""
        self._gather = gather
        self._rows: dict[str, list[str]] = {}

    def open(self) -> Record:
        """Run it."""
        text = tool.run(
            "hl-smi", "-Q", ",".join(_COLUMNS), "-f", "csv,noheader,nounits"
        )
        self._rows = parse(text)
        if not self._rows:
            message = " ".join(text.split())
            raise Unavailable(message[:300] or "hl-smi printed nothing")
        version = next(iter(self._rows.values()))[4]
        return {"version": tool.word(version), "count": len(self._rows)}

    def read(self, key: str) -> Record:
        """The device's row."""
        if key not in self._rows:
            raise Lost("hl-smi does not list it")
        return facts(self._rows[key], self._gather)


def parse(text: str) -> dict[str, list[str]]:
    """Rows by PCI address.

    Args:
        text: What hl-smi printed.
    """
    rows = tool.rows(text, len(_COLUMNS))
    known = ((tool.address(row[0]), row) for row in rows)
    return {address: row for address, row in known if address is not None}


def facts(row: list[str], gather: t.Collection[str]) -> Record:
    """Fields of a device, of its row."""
    value = dict(zip(_COLUMNS, row))
    found: Record = {
        "model": tool.word(value["name"]),
        "uuid": tool.word(value["uuid"]),
        "serial": tool.word(value["serial"]),
        "driver_version": tool.word(value["driver_version"]),
        "memory_total_bytes": tool.mebibytes(value["memory.total"]),
        "memory_used_bytes": tool.mebibytes(value["memory.used"]),
    }
    if "metrics" in gather:
        found.update(
            utilization_percent=tool.integer(value["utilization.aip"]),
            power_watts=tool.number(value["power.draw"]),
            temperature_celsius=tool.number(value["temperature.aip"]),
            ecc_corrected=tool.integer(value["ecc.errors.corrected.volatile.total"]),
            ecc_uncorrected=tool.integer(
                value["ecc.errors.uncorrected.volatile.total"]
            ),
        )
    return tool.told(found)
