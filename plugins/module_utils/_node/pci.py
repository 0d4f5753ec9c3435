# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accelerators on the PCI bus, from sysfs.

This needs no driver, and is the list that all else is read for: vendors' libraries
silently leave out a device that fell off the bus.
"""

from __future__ import annotations

import os
import re
import typing as t

from . import files
from .files import Roots
from .record import Record

_GPU_CLASSES = {0x0300, 0x0302, 0x0380, 0x1200}

MODELS: dict[tuple[str, int | None], str] = {
    # https://pci-ids.ucw.cz
    ("amd", 0x738C): "AMD Instinct MI100",
    ("amd", 0x738E): "AMD Instinct MI100",
    ("amd", 0x7408): "AMD Instinct MI250X",
    ("amd", 0x740C): "AMD Instinct MI250X/MI250",
    ("amd", 0x740F): "AMD Instinct MI210",
    ("amd", 0x74A0): "AMD Instinct MI300A",
    ("amd", 0x74A1): "AMD Instinct MI300X",
    ("amd", 0x74A2): "AMD Instinct MI308X",
    ("amd", 0x74A5): "AMD Instinct MI325X",
    ("amd", 0x75A0): "AMD Instinct MI350X",
    ("amd", 0x75A3): "AMD Instinct MI355X",
    ("amd", 0x1502): "AMD XDNA (Phoenix, Hawk Point)",
    ("amd", 0x17F0): "AMD XDNA 2 (Strix, Krackan)",
    ("intel", 0x643E): "Intel NPU (Lunar Lake)",
    ("intel", 0x7D1D): "Intel NPU (Meteor Lake)",
    ("intel", 0xAD1D): "Intel NPU (Arrow Lake)",
    ("intel", 0xB03E): "Intel NPU (Panther Lake)",
    ("habana", 0x1000): "Gaudi",
    ("habana", 0x1020): "Gaudi 2",
    ("habana", 0x1060): "Gaudi 3",
}
"""Names by vendor and PCI device id, for devices without one. NPUs that share
their class with other things are known by their id alone."""

_GENERATIONS = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}


class Found(t.NamedTuple):
    """An accelerator.

    Attributes:
        vendor: `amd`, `nvidia`, `intel` or `habana`.
        kind: `gpu` or `npu`.
        device_id: PCI device id.
    """

    vendor: str
    kind: str
    device_id: int | None


class PciReader:
    """Reads accelerators in sysfs.

    Args:
        roots: Where sysfs and procfs are.
    """

    def __init__(self, roots: Roots) -> None:
        self._folder = os.path.join(roots.sysfs, "bus/pci/devices")
        self._nvidia = os.path.join(roots.procfs, "driver/nvidia/gpus")

    def accelerators(self) -> dict[str, Found]:
        """Return the accelerators by address.

        The kernel keeps their ids itself: a wedged device does not hold this up.
        """
        accelerators = {}
        for address in files.names(self._folder):
            folder = os.path.join(self._folder, address)
            vendor = files.integer(folder, "vendor", base=16, wait=False)
            device = files.integer(folder, "device", base=16, wait=False)
            class_ = files.integer(folder, "class", base=16, wait=False)
            known = classify(vendor or 0, device or 0, (class_ or 0) >> 8)
            # A virtual function is its guest's device, not one of this node.
            if known and not os.path.islink(os.path.join(folder, "physfn")):
                accelerators[address.lower()] = Found(*known, device)
        return accelerators

    def open(self) -> Record:
        """There is nothing to open."""
        return {}

    def read(self, key: str) -> Record:
        """Read a device; `fell_off` says whether it is gone from the bus."""
        folder = os.path.join(self._folder, key)
        node = files.integer(folder, "numa_node")
        driver = files.link_name(folder, "driver")
        return {
            "fell_off": _fell_off(folder),
            "driver": driver,
            "minor_number": self._minor_number(key, driver),
            "numa_node": node if node is not None and node >= 0 else None,
            "pcie_generation": generation(files.text(folder, "current_link_speed")),
            "pcie_width": files.integer(folder, "current_link_width") or None,
        }

    def _minor_number(self, key: str, driver: str | None) -> int | None:
        """The minor number of a device's file, by which programs open it.

        `/dev/nvidia3` is 3, `/dev/dri/renderD128` is 128, `/dev/accel/accel0` is 0.
        """
        if driver == "nvidia":  # whose file for rendering has another number
            told = files.text(self._nvidia, key, "information") or ""
            match = re.search(r"^Device Minor:\s*([0-9]{1,6})$", told, re.MULTILINE)
            return int(match.group(1)) if match else None
        names = (
            *files.names(self._folder, key, "drm"),
            *files.names(self._folder, key, "accel"),
        )
        matches = (
            re.fullmatch("(?:renderD|accel)([0-9]{1,6})", name) for name in names
        )
        return next((int(match.group(1)) for match in matches if match), None)


def classify(vendor: int, device: int, class_: int) -> tuple[str, str] | None:
    """Vendor and kind of an accelerator by its PCI ids; None for all else.

    Args:
        vendor: PCI vendor id.
        device: PCI device id.
        class_: PCI class and subclass, 16 bits.
    """
    if vendor == 0x10DE and class_ in _GPU_CLASSES:
        return "nvidia", "gpu"
    if vendor == 0x1002 and class_ in _GPU_CLASSES:
        return "amd", "gpu"
    if vendor == 0x1DA3 and class_ == 0x1200:
        return "habana", "npu"
    if vendor == 0x1022 and ("amd", device) in MODELS:
        return "amd", "npu"
    if vendor == 0x8086 and ("intel", device) in MODELS:
        return "intel", "npu"
    return None


def generation(speed: str | None) -> int | None:
    """The PCIe generation of a link speed as sysfs writes it, `32.0 GT/s PCIe`."""
    match = re.match(r"(\d+(?:\.\d+)?) GT/s", speed or "")
    if match is None:
        return None
    return _GENERATIONS.get(float(match.group(1)))


def _fell_off(folder: str) -> bool:
    """Whether the configuration space reads all ones, and it is not just asleep."""
    if files.text(folder, "power_state") in ("D3hot", "D3cold"):
        return False
    return (files.data(folder, "config") or b"")[:4] == b"\xff\xff\xff\xff"
