# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AMD GPUs by amdgpu's files in sysfs, and the KFD's topology beside them.

Units as in the kernel's Documentation/gpu/amdgpu: hwmon in millidegrees, microwatts
and microjoules, memory in bytes.
"""

from __future__ import annotations

import os
import re
import typing as t

from . import files, gpu_metrics, tool
from .files import Roots
from .guard import Lost
from .record import METRICS, Record


class AmdgpuReader:
    """Reads GPUs that amdgpu drives.

    Args:
        roots: Where sysfs is.
        gather: What to read besides identity and memory.
    """

    def __init__(self, roots: Roots, gather: t.Collection[str]) -> None:
        self._sysfs = roots.sysfs
        self._gather = gather
        self._nodes: dict[str, list[Record]] = {}
        self._held: dict[int, list[Record]] = {}
        self._version: str | None = None

    def open(self) -> Record:
        """Read what all devices share: KFD's topology and processes."""
        self._version = files.text(self._sysfs, "module/amdgpu/version")
        kfd = os.path.join(self._sysfs, "class/kfd/kfd")
        for name in files.names(kfd, "topology/nodes"):
            node = _kfd_node(os.path.join(kfd, "topology/nodes", name))
            if node:
                self._nodes.setdefault(node["address"], []).append(node)
        if "processes" in self._gather:
            self._held = _kfd_processes(os.path.join(kfd, "proc"))
        return {"version": self._version}

    def read(self, key: str) -> Record:
        """Read a device."""
        folder = os.path.join(self._sysfs, "bus/pci/devices", key)
        nodes = sorted(self._nodes.get(key, []), key=lambda node: node["partition"])
        ident = files.text(folder, "unique_id")
        facts: Record = {
            "model": files.text(folder, "product_name"),
            # As HIP and rocminfo write it.
            "uuid": f"GPU-{ident.lower()}" if ident else None,
            "serial": files.text(folder, "serial_number"),
            "driver_version": self._version,
            "memory_total_bytes": files.integer(folder, "mem_info_vram_total"),
            "memory_used_bytes": files.integer(folder, "mem_info_vram_used"),
            "partition_mode": files.text(folder, "current_compute_partition"),
            "memory_partition_mode": files.text(folder, "current_memory_partition"),
            "xgmi_hive_id": next((node["hive"] for node in nodes), None),
        }
        if "metrics" in self._gather:
            facts.update(self._metrics(folder))
        if facts["memory_total_bytes"] is None and not facts.keys() & METRICS:
            raise Lost("no telemetry is readable: lost, resetting or wedged")
        if "processes" in self._gather:
            facts["processes"] = _merged(
                self._held.get(node["gpu_id"], []) for node in nodes
            )
        if len(nodes) > 1:
            facts["partitions"] = [self._partition(node) for node in nodes]
        return facts

    def _partition(self, node: Record) -> Record:
        gathered = "processes" in self._gather
        return {
            "index": node["partition"],
            "uuid": None,
            "profile": None,
            "memory_total_bytes": node["memory_total_bytes"],
            "memory_used_bytes": node["memory_used_bytes"],
            "processes": self._held.get(node["gpu_id"], []) if gathered else None,
        }

    def _metrics(self, folder: str) -> Record:
        """Sensors and counters; from gpu_metrics what has no file of its own."""
        facts: Record = {
            "utilization_percent": files.integer(folder, "gpu_busy_percent"),
            "memory_utilization_percent": files.integer(folder, "mem_busy_percent"),
            **_sensors(os.path.join(folder, "hwmon")),
        }
        facts = {name: value for name, value in facts.items() if value is not None}
        facts = {**gpu_metrics.read(files.data(folder, "gpu_metrics") or b""), **facts}
        return {**facts, **ras_counts(os.path.join(folder, "ras"))} if facts else {}


def _sensors(folder: str) -> Record:
    """Temperatures, power and energy of the hardware monitor."""
    facts: Record = {}
    for monitor in files.names(folder):
        place = os.path.join(folder, monitor)
        labels = {}
        for name in files.names(place):
            match = re.match(r"(temp\d+)_label$", name)
            if match:
                label = files.text(place, name) or ""
                labels[label] = files.scaled(1e-3, place, f"{match.group(1)}_input")
        hottest = labels.get("junction")
        power = files.scaled(1e-6, place, "power1_input")
        if power is None:
            power = files.scaled(1e-6, place, "power1_average")
        facts = {
            "temperature_celsius": labels.get("edge") if hottest is None else hottest,
            "memory_temperature_celsius": labels.get("mem"),
            "power_watts": power,
            "power_limit_watts": files.scaled(1e-6, place, "power1_cap"),
            "energy_joules": files.scaled(1e-6, place, "energy1_input"),
        }
    return facts


def ras_counts(folder: str) -> Record:
    """Errors since driver load, summed over the blocks; none where RAS is off."""
    sums: Record = {}
    for name in files.names(folder):
        if name.endswith("_err_count"):
            counted = re.findall(
                r"\b(ue|ce)\s*:\s*([0-9]{1,20})\b", files.text(folder, name) or ""
            )
            for kind, number in counted:
                field = "ecc_uncorrected" if kind == "ue" else "ecc_corrected"
                sums[field] = sums.get(field, 0) + int(number)
    return sums


def _kfd_node(folder: str) -> Record | None:
    """A GPU, or a partition of one, in KFD's topology; None for a CPU."""
    values = _properties(folder)
    location = values.get("location_id")
    if not values.get("simd_count") or location is None:
        return None
    bank = os.path.join(folder, "mem_banks/0")
    return {
        "address": tool.bdf(
            values.get("domain", 0), location >> 8 & 0xFF, location >> 3 & 0x1F
        ),
        # In the place of a PCI function stands the partition.
        "partition": location & 7,
        "gpu_id": files.integer(folder, "gpu_id"),
        "hive": f"{values['hive_id']:016x}" if values.get("hive_id") else None,
        "memory_total_bytes": _properties(bank).get("size_in_bytes"),
        "memory_used_bytes": files.integer(bank, "used_memory"),
    }


def _properties(folder: str) -> dict[str, int]:
    """Numbers of a file properties, a name and a value in each line."""
    lines = (files.text(folder, "properties") or "").splitlines()
    pairs = (line.split() for line in lines)
    return {
        pair[0]: int(pair[1])
        for pair in pairs
        if len(pair) == 2 and re.fullmatch("[0-9]{1,20}", pair[1])
    }


def _kfd_processes(folder: str) -> dict[int, list[Record]]:
    """Processes with memory or a queue on a GPU, by KFD's id of the GPU.

    The kernel lists all GPUs that a process may open, most of them with no memory.
    """
    held: dict[int, list[Record]] = {}
    for pid in files.names(folder):
        if not re.fullmatch("[0-9]{1,10}", pid):
            continue
        queues = {
            files.integer(folder, pid, "queues", queue, "gpuid")
            for queue in files.names(folder, pid, "queues")
        }
        for name in files.names(folder, pid):
            match = re.fullmatch(r"vram_([0-9]{1,20})", name)
            memory = files.integer(folder, pid, name) if match else None
            if match and memory is not None and (memory or int(match[1]) in queues):
                process = {"pid": int(pid), "memory_bytes": memory}
                held.setdefault(int(match[1]), []).append(process)
    return held


def _merged(lists: t.Iterable[list[Record]]) -> list[Record]:
    """Processes of several partitions, each once, with its memory in sum."""
    memory: dict[int, int] = {}
    for processes in lists:
        for process in processes:
            pid = process["pid"]
            memory[pid] = memory.get(pid, 0) + process["memory_bytes"]
    return [{"pid": pid, "memory_bytes": memory[pid]} for pid in sorted(memory)]
