# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gaudi by hl-smi, which knows what the kernel's files don't tell.

Source of names and units: hl-smi --help-query-aip.
"""

from __future__ import annotations

import typing as t

from . import tool
from .guard import Lost
from .record import Record
from .tool import Column

COLUMNS = (
    Column("bus_id", "pci_bus_id", tool.address),
    Column("name", "model", tool.word),
    Column("uuid", "uuid", tool.word),
    Column("serial", "serial", tool.word),
    Column("driver_version", "driver_version", tool.word),
    Column("memory.total", "memory_total_bytes", tool.mebibytes),
    Column("memory.used", "memory_used_bytes", tool.mebibytes),
    Column("utilization.aip", "utilization_percent", tool.integer),
    Column("power.draw", "power_watts", tool.number),
    Column("temperature.aip", "temperature_celsius", tool.number),
    Column("ecc.errors.corrected.volatile.total", "ecc_corrected", tool.integer),
    Column("ecc.errors.uncorrected.volatile.total", "ecc_uncorrected", tool.integer),
)


def wants(device: Record, _gather: t.Collection[str]) -> bool:
    """Return whether a device is a Gaudi that works."""
    return device["driver"] == "habanalabs" and device["health"] != "failed"


class HlSmiReader:
    """Reads what one run of hl-smi prints.

    Args:
        gather: What to read besides identity and memory.
    """

    def __init__(self, gather: t.Collection[str]) -> None:
        self._gather = gather
        self._rows: dict[str, list[str]] = {}

    def open(self) -> Record:
        """Run hl-smi."""
        query = ("-Q", tool.names(COLUMNS), "-f", "csv,noheader,nounits")
        text = tool.run("hl-smi", *query)
        self._rows = parse(text)
        if not self._rows:
            raise tool.refusal("hl-smi", text)
        version = next(iter(self._rows.values()))[4]
        return {"version": tool.word(version), "count": len(self._rows)}

    def read(self, key: str) -> Record:
        """Return the facts of a device's row."""
        if key not in self._rows:
            raise Lost("hl-smi does not list it")
        return tool.facts(COLUMNS, self._rows[key], self._gather)


def parse(text: str) -> dict[str, list[str]]:
    """Return rows by PCI address.

    Args:
        text: What hl-smi printed.
    """
    rows = tool.rows(text, len(COLUMNS))
    by_address = ((tool.address(row[0]), row) for row in rows)
    return {address: row for address, row in by_address if address is not None}
