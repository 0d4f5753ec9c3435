# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NPUs by the kernel's class accel: intel_vpu, amdxdna and habanalabs.

Source of files and units: the kernel's Documentation/ABI/testing/sysfs-driver-*,
Documentation/accel and drivers/accel/ivpu/ivpu_sysfs.c.
"""

from __future__ import annotations

import os
import time
import typing as t

from . import files
from .files import Roots
from .record import Record

DRIVERS = ("intel_vpu", "amdxdna", "habanalabs")


class AccelReader:
    """Reads NPUs that a driver of class accel drives.

    Args:
        roots: Where sysfs is.
        gather: What to read besides identity and memory.
        sample_ms: Milliseconds between two looks at a busy counter.
    """

    def __init__(
        self, roots: Roots, gather: t.Collection[str], sample_ms: int = 100
    ) -> None:
        self._sysfs = roots.sysfs
        self._metrics = "metrics" in gather
        self._sample = sample_ms / 1e3
        self._places: dict[str, str] = {}
        self._busy: dict[str, tuple[float, int]] = {}

    def open(self) -> Record:
        """Find the devices, and look at their busy counters for the first time."""
        folder = os.path.join(self._sysfs, "class/accel")
        for name in files.names(folder):
            place = os.path.join(folder, name, "device")
            self._places[os.path.basename(os.path.realpath(place)).lower()] = place
        if self._metrics:
            for address, place in self._places.items():
                busy = files.integer(place, "npu_busy_time_us")
                if busy is not None:
                    self._busy[address] = (time.monotonic(), busy)
        return {"count": len(self._places)}

    def read(self, key: str) -> Record:
        """Read a device."""
        place = self._places.get(key)
        if place is None:
            return {"errors": ["device: its driver made no device of class accel"]}
        driver = files.link_name(place, "driver") or ""
        facts: Record = {
            "driver_version": files.text(self._sysfs, "module", driver, "version"),
            "model": files.text(place, "vbnv"),
            "memory_used_bytes": files.integer(place, "npu_memory_utilization"),
        }
        status = files.text(place, "status")
        if status and status.lower() != "operational":
            facts["failure"] = f"its status is {status!r}"
        if self._metrics:
            facts["utilization_percent"] = self._utilization(key, place)
            facts.update(_sensors(os.path.join(place, "hwmon")))
        return facts

    def _utilization(self, key: str, place: str) -> int | None:
        """Share of the time between two looks that the device was busy."""
        if key not in self._busy:
            return None
        began, before = self._busy[key]
        time.sleep(max(0.0, began + self._sample - time.monotonic()))
        after = files.integer(place, "npu_busy_time_us")
        passed = (time.monotonic() - began) * 1e6
        if after is None or after < before or not passed:
            return None
        return min(100, round(100 * (after - before) / passed))


def _sensors(folder: str) -> Record:
    """The hottest temperature, and the power, of the hardware monitor."""
    temperatures: list[float | None] = []
    power, limit = None, None
    for monitor in files.names(folder):
        place = os.path.join(folder, monitor)
        temperatures += [
            files.scaled(1e-3, place, name)
            for name in files.names(place)
            if name.startswith("temp") and name.endswith("_input")
        ]
        power = files.scaled(1e-6, place, "power1_input")
        limit = files.scaled(1e-6, place, "power1_max")
    known = [value for value in temperatures if value is not None]
    return {
        "temperature_celsius": max(known) if known else None,
        "power_watts": power,
        "power_limit_watts": limit,
    }
