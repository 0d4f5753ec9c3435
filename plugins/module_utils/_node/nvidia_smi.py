# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA GPUs by nvidia-smi, for where NVML does not answer.

Source of names and units: nvidia-smi --help-query-gpu.
"""

from __future__ import annotations

import re
import typing as t

from . import tool
from .guard import Lost, Unusable
from .record import Record
from .tool import Column

COLUMNS = (
    Column("pci.bus_id", "pci_bus_id", tool.address),
    Column("name", "model", tool.word),
    Column("uuid", "uuid", tool.word),
    Column("serial", "serial", tool.word),
    Column("driver_version", "driver_version", tool.word),
    Column("memory.total", "memory_total_bytes", tool.mebibytes),
    Column("memory.used", "memory_used_bytes", tool.mebibytes),
    Column("utilization.gpu", "utilization_percent", tool.integer),
    Column("utilization.memory", "memory_utilization_percent", tool.integer),
    Column("power.draw", "power_watts", tool.number),
    Column("enforced.power.limit", "power_limit_watts", tool.number),
    Column("temperature.gpu", "temperature_celsius", tool.number),
    Column("temperature.memory", "memory_temperature_celsius", tool.number),
    Column("ecc.errors.corrected.volatile.total", "ecc_corrected", tool.integer),
    Column("ecc.errors.uncorrected.volatile.total", "ecc_uncorrected", tool.integer),
    Column(
        "mig.mode.current",
        "partition_mode",
        {"Enabled": "mig", "Disabled": "none"}.get,
    ),
)
_FORMAT = "--format=csv,noheader,nounits"

# What stands in any column of a device that is lost or wedged; memory may be told.
_LOST = re.compile(r"\[.*(?:lost|requires? reset|reset required).*\]", re.IGNORECASE)
# `GPU 0000:02:00.0`, `GPU0000:17:00.0` or, of newer ones, `GPU0: 0000:23:00.0`.
_NO_HANDLE = re.compile(
    r"device handle for GPU ?(?:[0-9]{1,3}: )?"
    r"((?:[0-9A-Fa-f]{1,8}:)?[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}(?:\.[0-7])?): (.+)"
)


def wants(device: Record, _gather: t.Collection[str]) -> bool:
    """Return whether a device was not read by NVML."""
    unread = "nvml" not in device["sources"]
    return device["driver"] == "nvidia" and device["health"] != "failed" and unread


class NvidiaSmiReader:
    """Reads what one run of nvidia-smi prints.

    Args:
        gather: What to read besides identity and memory.
    """

    def __init__(self, gather: t.Collection[str]) -> None:
        self._gather = gather
        self._rows: dict[str, list[str]] = {}
        self._lost: dict[str, str] = {}
        self._processes: dict[str, list[Record]] = {}

    def open(self) -> Record:
        """Run nvidia-smi."""
        text = tool.run("nvidia-smi", f"--query-gpu={tool.names(COLUMNS)}", _FORMAT)
        self._rows, self._lost = parse(text)
        if not self._rows and not self._lost:
            refusal = tool.refusal("nvidia-smi", text)
            if "version mismatch" in text:
                raise Unusable(str(refusal))
            raise refusal
        if "processes" in self._gather:
            columns = "--query-compute-apps=gpu_bus_id,pid,used_gpu_memory"
            self._processes = parse_processes(tool.run("nvidia-smi", columns, _FORMAT))
        version = next((row[4] for row in self._rows.values()), "")
        return {"version": tool.word(version), "count": len(self._rows)}

    def read(self, key: str) -> Record:
        """Return the facts of a device's row."""
        if key in self._lost:
            raise Lost(self._lost[key])
        if key not in self._rows and self._rows:
            raise Lost("nvidia-smi does not list it")
        if key not in self._rows:
            return {"errors": ["device: nvidia-smi lists none, as one is lost"]}
        facts = tool.facts(COLUMNS, self._rows[key], self._gather)
        if "processes" in self._gather:
            facts["processes"] = self._processes.get(key, [])
        return facts


def parse(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return rows by PCI address, and why devices are lost.

    Args:
        text: What nvidia-smi printed.
    """
    rows, lost = {}, {}
    for row in tool.rows(text, len(COLUMNS)):
        address = tool.address(row[0])
        if address is None:
            continue
        gone = next(filter(_LOST.fullmatch, row), None)
        if gone:
            lost[address] = gone.strip("[]")
        else:
            rows[address] = row
    # One lost device may cost the whole table.
    for match in _NO_HANDLE.finditer(text):
        address = tool.address(match.group(1))
        if address is not None:
            lost[address] = match.group(2).strip()
    return rows, lost


def parse_processes(text: str) -> dict[str, list[Record]]:
    """Return compute processes by PCI address."""
    processes: dict[str, list[Record]] = {}
    for bus, pid, memory in tool.rows(text, 3):
        address = tool.address(bus)
        if address is not None and re.fullmatch("[0-9]{1,10}", pid):
            process = {"pid": int(pid), "memory_bytes": tool.mebibytes(memory)}
            processes.setdefault(address, []).append(process)
    return processes
