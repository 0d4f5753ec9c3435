# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA GPUs by NVML, the library of the driver.

Devices are addressed by their PCI address, so that one that fell off the bus
is named. Source of functions and numbers: NVIDIA's nvml.h.
"""

from __future__ import annotations

import ctypes as c
import os
import typing as t

from . import nvml_library as nvml
from . import trusted
from .guard import Lost, Unavailable, Unusable
from .record import Record

LIBRARY = "libnvidia-ml.so.1"

_UNKNOWN_MEMORY = 2**64 - 1
_MEMORY_TEMPERATURE = 82  # NVML_FI_DEV_MEMORY_TEMP
_CORRECTED, _UNCORRECTED, _SINCE_DRIVER_LOAD = 0, 1, 0

# NVML_CLOCKS_THROTTLE_REASON_*; 0x1 means idle, which is none.
_THROTTLE = (
    (0x2, "applications_clocks_setting"),
    (0x4, "power_limit"),
    (0x8, "hardware_slowdown"),
    (0x10, "sync_boost"),
    (0x20, "temperature_limit"),
    (0x40, "hardware_temperature"),
    (0x80, "hardware_power_brake"),
    (0x100, "display_clock_setting"),
)


class NvmlReader:
    """Reads GPUs that NVIDIA's driver drives.

    Args:
        library: Name or path of the library.
        gather: What to read besides identity and memory.
    """

    def __init__(self, library: str | None, gather: t.Collection[str]) -> None:
        self._path = library or LIBRARY
        self._gather = gather
        self._driver_version: str | None = None

    def open(self) -> Record:
        """Load the library and let it find its driver."""
        try:
            if "/" in self._path:
                trusted.check(os.path.dirname(self._path))
            self._nvml = nvml.Library(self._path)
        except OSError as error:
            raise Unavailable(f"can't load {self._path}: {error}") from error
        try:
            self._nvml.call("nvmlInit_v2")
            self._driver_version = self._nvml.text("nvmlSystemGetDriverVersion")
            return {
                "version": self._nvml.text("nvmlSystemGetNVMLVersion"),
                "count": self._nvml.number("nvmlDeviceGetCount_v2"),
            }
        except nvml.NvmlError as error:
            # CUDA does not start either, until the driver is loaded anew.
            mismatch = error.code == nvml.VERSION_MISMATCH
            raise (Unusable if mismatch else Unavailable)(str(error)) from error

    def read(self, key: str) -> Record:
        """Read a device."""
        handle = c.c_void_p()
        try:
            self._nvml.call(
                "nvmlDeviceGetHandleByPciBusId_v2", key.encode(), c.byref(handle)
            )
        except nvml.NvmlError as error:
            if error.code in nvml.LOST or error.code == nvml.NOT_FOUND:
                raise Lost(f"{nvml.LOST.get(error.code, error)}") from error
            return {"errors": [f"device: {error}"]}
        facts = _Facts()
        facts.put("model", lambda: self._nvml.text("nvmlDeviceGetName", handle))
        facts.put("uuid", lambda: self._nvml.text("nvmlDeviceGetUUID", handle))
        facts.put("serial", lambda: self._nvml.text("nvmlDeviceGetSerial", handle))
        facts.put(
            "minor_number",
            lambda: self._nvml.number("nvmlDeviceGetMinorNumber", handle),
        )
        facts.values["driver_version"] = self._driver_version
        facts.update("memory_total_bytes", lambda: self._memory(handle))
        facts.put("partition_mode", lambda: self._mig_mode(handle))
        if facts.values.get("partition_mode") == "mig":
            facts.put("migs", lambda: self._mig_devices(handle))
        migs: list[c.c_void_p] = facts.values.pop("migs", [])
        facts.put("pcie_generation", lambda: self._pcie(handle, "Generation"))
        facts.put("pcie_width", lambda: self._pcie(handle, "Width"))
        if "metrics" in self._gather:
            self._metrics(handle, facts)
        if "processes" in self._gather:
            facts.put("processes", lambda: self._all_processes([handle, *migs]))
        if migs:
            facts.put(
                "partitions", lambda: [self._partition(*x) for x in enumerate(migs)]
            )
        return {**facts.values, "errors": facts.errors}

    def _metrics(self, handle: c.c_void_p, facts: _Facts) -> None:
        facts.update("utilization_percent", lambda: self._utilization(handle))
        facts.put(
            "power_watts",
            lambda: self._nvml.number("nvmlDeviceGetPowerUsage", handle) / 1e3,
        )
        facts.put(
            "power_limit_watts",
            lambda: self._nvml.number("nvmlDeviceGetEnforcedPowerLimit", handle) / 1e3,
        )
        facts.put(
            "energy_joules",
            lambda: (
                self._nvml.long("nvmlDeviceGetTotalEnergyConsumption", handle) / 1e3
            ),
        )
        facts.put(
            "temperature_celsius",
            lambda: float(self._nvml.number("nvmlDeviceGetTemperature", handle, 0)),
        )
        facts.put(
            "memory_temperature_celsius", lambda: self._memory_temperature(handle)
        )
        facts.put("ecc_corrected", lambda: self._ecc(handle, _CORRECTED))
        facts.put("ecc_uncorrected", lambda: self._ecc(handle, _UNCORRECTED))
        facts.update("row_remap_pending", lambda: self._row_remap(handle))
        facts.put("throttle_reasons", lambda: self._throttle_reasons(handle))

    # One fact each -------------------------------------------------------------

    def _memory(self, handle: c.c_void_p) -> Record:
        """Memory as nvidia-smi counts it: what the driver reserves is not used."""
        newer = nvml.MemoryV2(version=c.sizeof(nvml.MemoryV2) | 2 << 24)
        try:
            self._nvml.call("nvmlDeviceGetMemoryInfo_v2", handle, c.byref(newer))
        except nvml.NvmlError as error:
            if error.code in nvml.LOST:
                raise
            older = nvml.Memory()
            self._nvml.call("nvmlDeviceGetMemoryInfo", handle, c.byref(older))
            return _amounts(older.total, older.used)
        return _amounts(newer.total, newer.used)

    def _utilization(self, handle: c.c_void_p) -> Record:
        rates = nvml.Utilization()
        self._nvml.call("nvmlDeviceGetUtilizationRates", handle, c.byref(rates))
        return {
            "utilization_percent": rates.gpu,
            "memory_utilization_percent": rates.memory,
        }

    def _memory_temperature(self, handle: c.c_void_p) -> float:
        field = nvml.Field(field=_MEMORY_TEMPERATURE)
        self._nvml.call("nvmlDeviceGetFieldValues", handle, 1, c.byref(field))
        self._nvml.check(field.result)
        return float(field.value.uint)

    def _ecc(self, handle: c.c_void_p, kind: int) -> int:
        return self._nvml.long(
            "nvmlDeviceGetTotalEccErrors", handle, kind, _SINCE_DRIVER_LOAD
        )

    def _row_remap(self, handle: c.c_void_p) -> Record:
        corrected, uncorrected, pending, failed = (c.c_uint() for _number in range(4))
        self._nvml.call(
            "nvmlDeviceGetRemappedRows",
            handle,
            c.byref(corrected),
            c.byref(uncorrected),
            c.byref(pending),
            c.byref(failed),
        )
        return {
            "row_remap_pending": bool(pending.value),
            "row_remap_failed": bool(failed.value),
        }

    def _throttle_reasons(self, handle: c.c_void_p) -> list[str]:
        status = self._nvml.long("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        return [name for bit, name in _THROTTLE if status & bit]

    def _pcie(self, handle: c.c_void_p, what: str) -> int | None:
        return self._nvml.number(f"nvmlDeviceGetCurrPcieLink{what}", handle) or None

    def _mig_mode(self, handle: c.c_void_p) -> str:
        now, later = c.c_uint(), c.c_uint()
        self._nvml.call("nvmlDeviceGetMigMode", handle, c.byref(now), c.byref(later))
        return "mig" if now.value else "none"

    def _mig_devices(self, handle: c.c_void_p) -> list[c.c_void_p]:
        """Handles of the MIG instances that are there."""
        instances = []
        for index in range(self._nvml.number("nvmlDeviceGetMaxMigDeviceCount", handle)):
            instance = c.c_void_p()
            try:
                self._nvml.call(
                    "nvmlDeviceGetMigDeviceHandleByIndex",
                    handle,
                    index,
                    c.byref(instance),
                )
            except nvml.NvmlError as error:
                if error.code in nvml.LOST:
                    raise
                continue
            instances.append(instance)
        return instances

    def _partition(self, index: int, instance: c.c_void_p) -> Record:
        facts = _Facts()
        facts.put("profile", lambda: self._profile(instance))
        facts.put("uuid", lambda: self._nvml.text("nvmlDeviceGetUUID", instance))
        facts.update("memory_total_bytes", lambda: self._memory(instance))
        if "processes" in self._gather:
            facts.put("processes", lambda: self._all_processes([instance]))
        names = ("uuid", "profile", "memory_total_bytes", "memory_used_bytes")
        return {
            "index": index,
            **{name: facts.values.get(name) for name in (*names, "processes")},
        }

    def _profile(self, instance: c.c_void_p) -> str | None:
        """Profile of an instance, the end of its name: `1g.10gb`."""
        name = self._nvml.text("nvmlDeviceGetName", instance) or ""
        return name.rpartition("MIG ")[2] if "MIG " in name else None

    def _all_processes(self, handles: list[c.c_void_p]) -> list[Record]:
        """Processes that compute on a device and its instances, each once.

        One that only draws on a screen, such as an X server, is no workload.
        """
        memory: dict[int, int | None] = {}
        for handle in handles:
            for process in self._processes(handle):
                known = process.memory != _UNKNOWN_MEMORY
                used = int(process.memory) if known else None
                memory[process.pid] = used if known else memory.get(process.pid)
        return [{"pid": pid, "memory_bytes": memory[pid]} for pid in sorted(memory)]

    def _processes(self, handle: c.c_void_p) -> t.Sequence[nvml.Process]:
        room = 64
        while True:
            count, processes = c.c_uint(room), (nvml.Process * room)()
            name = "nvmlDeviceGetComputeRunningProcesses"
            try:
                self._nvml.newest(name, handle, c.byref(count), processes)
            except nvml.NvmlError as error:
                if error.code == nvml.TOO_SMALL and room < 65536:
                    room = max(2 * room, 2 * count.value)
                    continue
                if error.code == nvml.NOT_SUPPORTED:
                    return []
                raise
            return processes[: count.value]


class _Facts:
    """Facts of a device; one that can't be read costs only itself."""

    def __init__(self) -> None:
        self.values: Record = {}
        self.errors: list[str] = []

    def put(self, name: str, read: t.Callable[[], t.Any]) -> None:
        self.update(name, lambda: {name: read()})

    def update(self, name: str, read: t.Callable[[], Record]) -> None:
        try:
            self.values.update(read())
        except nvml.NvmlError as error:
            if error.code in nvml.LOST:
                raise Lost(nvml.LOST[error.code]) from error
            # What the device or its driver does not have is unknown, and no error.
            if error.code not in (None, nvml.NOT_SUPPORTED):
                self.errors.append(f"{name}: {error}")


def _amounts(total: int, used: int) -> Record:
    return {"memory_total_bytes": total or None, "memory_used_bytes": used}
