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
from .guard import Lost, Unavailable
from .record import Record

_COLUMNS = (
    "pci.bus_id",
    "name",
    "uuid",
    "serial",
    "driver_version",
    "memory.total",
    "memory.used",
    "utilization.gpu",
    "utilization.memory",
    "power.draw",
    "enforced.power.limit",
    "temperature.gpu",
    "temperature.memory",
    "ecc.errors.corrected.volatile.total",
    "ecc.errors.uncorrected.volatile.total",
    "mig.mode.current",
)


class NvidiaSmiReader:
    """Reads what one run of nvidia-smi prints.

    Args:
        gather: What to read besides identity and memory.
    """

    def __init__(self, gather: t.Collection[str]) -> None:
        """Run nothing yet."""
        self._gather = gather
        self._rows: dict[str, list[str]] = {}
        self._lost: dict[str, str] = {}
        self._processes: dict[str, list[Record]] = {}

    def open(self) -> Record:
        """Run it."""
        text = tool.run("nvidia-smi", f"--query-gpu={','.join(_COLUMNS)}", *_FORMAT)
        self._rows, self._lost = parse(text)
        if not self._rows and not self._lost:
            message = " ".join(text.split())
            raise Unavailable(message[:300] or "nvidia-smi printed nothing")
        if "processes" in self._gather:
            columns = "--query-compute-apps=gpu_bus_id,pid,used_gpu_memory"
            self._processes = parse_processes(tool.run("nvidia-smi", columns, *_FORMAT))
        version = next((row[4] for row in self._rows.values()), "")
        return {"version": tool.word(version), "count": len(self._rows)}

    def read(self, key: str) -> Record:
        """The device's row."""
        if key in self._lost:
            raise Lost(self._lost[key])
        if key not in self._rows:
            raise Lost("nvidia-smi does not list it")
        found = facts(self._rows[key], self._gather)
        if "processes" in self._gather:
            found["processes"] = self._processes.get(key, [])
        return found


_FORMAT = ("--format=csv,noheader,nounits",)


def parse(text: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Rows by PCI address, and the reasons of those that are lost.

    Args:
        text: What nvidia-smi printed.
    """
    found, lost = {}, {}
    for row in tool.rows(text, len(_COLUMNS)):
        address = tool.address(row[0])
        if address is None:
            continue
        gone = next((v for v in row if v.startswith("[") and "lost" in v.lower()), None)
        if gone:
            lost[address] = gone.strip("[]")
        else:
            found[address] = row
    # Before version 535 or so one lost device costs the whole table.
    pattern = r"device handle for GPU ?([0-9A-Fa-f:.]+): (.+)"
    for match in re.finditer(pattern, text):
        address = tool.address(match.group(1))
        if address is not None:
            lost[address] = match.group(2).strip()
    return found, lost


def facts(row: list[str], gather: t.Collection[str]) -> Record:
    """Fields of a device, of its row."""
    value = dict(zip(_COLUMNS, row))
    mode = {"Enabled": "mig", "Disabled": "none"}
    found: Record = {
        "model": tool.word(value["name"]),
        "uuid": tool.word(value["uuid"]),
        "serial": tool.word(value["serial"]),
        "driver_version": tool.word(value["driver_version"]),
        "memory_total_bytes": tool.mebibytes(value["memory.total"]),
        "memory_used_bytes": tool.mebibytes(value["memory.used"]),
        "partition_mode": mode.get(value["mig.mode.current"]),
    }
    if "metrics" in gather:
        found.update(
            utilization_percent=tool.integer(value["utilization.gpu"]),
            memory_utilization_percent=tool.integer(value["utilization.memory"]),
            power_watts=tool.number(value["power.draw"]),
            power_limit_watts=tool.number(value["enforced.power.limit"]),
            temperature_celsius=tool.number(value["temperature.gpu"]),
            memory_temperature_celsius=tool.number(value["temperature.memory"]),
            ecc_corrected=tool.integer(value["ecc.errors.corrected.volatile.total"]),
            ecc_uncorrected=tool.integer(
                value["ecc.errors.uncorrected.volatile.total"]
            ),
        )
    return tool.told(found)


def parse_processes(text: str) -> dict[str, list[Record]]:
    """Compute processes by PCI address."""
    found: dict[str, list[Record]] = {}
    for bus, pid, memory in tool.rows(text, 3):
        address = tool.address(bus)
        if address is not None and pid.isascii() and pid.isdigit():
            process = {"pid": int(pid), "memory_bytes": tool.mebibytes(memory)}
            found.setdefault(address, []).append(process)
    return found
