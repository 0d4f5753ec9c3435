# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's sysfs, procfs and dev with accelerators, as the drivers write them.

Names and units are those of the kernel's amdgpu, amdkfd, intel_vpu, amdxdna and
habanalabs; the shape of an MI300X, in SPX and in CPX, is that of recorded topologies.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

VRAM = 206141652992
ALL_ONES = b"\xff" * 64

Gather = Callable[..., dict[str, Any]]
"""Collects a node's facts, with options as those of the module."""


class Node:
    """A node under a folder.

    Args:
        root: The folder; `sys`, `proc` and `dev` are made in it.

    Attributes:
        sysfs: Path of its sysfs.
        procfs: Path of its procfs.
        dev: Path of its devices.
    """

    def __init__(self, root: Path) -> None:
        self.sysfs, self.procfs, self.dev = (
            root / name for name in ("sys", "proc", "dev")
        )
        for folder in (self.sysfs / "bus/pci/devices", self.procfs, self.dev):
            folder.mkdir(parents=True)
        self._kfd = self.sysfs / "class/kfd/kfd"
        self._nodes = 0

    @property
    def paths(self) -> dict[str, str]:
        """The module's options."""
        return {
            "path_sysfs": str(self.sysfs),
            "path_procfs": str(self.procfs),
            "path_dev": str(self.dev),
        }

    def device(self, address: str) -> Path:
        """Folder of a PCI device."""
        return self.sysfs / "bus/pci/devices" / address

    # Devices ------------------------------------------------------------------

    def pci(
        self, address: str, ids: tuple[int, int], class_: int, driver: str | None
    ) -> Path:
        """A PCI device. Returns its folder."""
        bus = self.sysfs / "devices/pci0000:00"
        folder = bus / address
        folder.mkdir(parents=True)
        self.device(address).symlink_to(Path("../../../devices/pci0000:00") / address)
        write(
            folder,
            {
                "vendor": f"{ids[0]:#06x}",
                "device": f"{ids[1]:#06x}",
                "class": f"{class_:#08x}",
                "numa_node": 1,
                "current_link_speed": "32.0 GT/s PCIe",
                "current_link_width": 16,
                "power_state": "D0",
                "config": struct.pack("<HH", *ids) + bytes(60),
            },
        )
        if driver:
            target = self.sysfs / "bus/pci/drivers" / driver
            target.mkdir(parents=True, exist_ok=True)
            (folder / "driver").symlink_to(os.path.relpath(target, folder))
        return folder

    def mi300x(
        self,
        address: str,
        number: int = 0,
        partitions: int = 1,
        metrics: bytes | None = None,
        serial: str | None = None,
        uuid: str | None = None,
    ) -> Path:
        """An MI300X under amdgpu, in as many partitions. Returns its folder.

        Serial and uuid as `gpu_facts` shall read them; those of the number if not given.
        """
        folder = self.pci(address, (0x1002, 0x74A1), 0x120000, "amdgpu")
        unique = 0xE3A62AB8C12E4A51 + number
        if uuid:
            unique = int(uuid.removeprefix("GPU-"), 16)
        write(
            folder,
            {
                "gpu_busy_percent": 37 + number,
                "mem_busy_percent": 11,
                "mem_info_vram_total": VRAM,
                "mem_info_vram_used": 297963520 + number * 2**30,
                "unique_id": f"{unique:016x}",
                "serial_number": serial or f"692312000{number:03}",
                "product_name": "AMD Instinct MI300X OAM",
                "vbios_version": "113-M3000100-102",
                "subsystem_vendor": "0x1002",
                "subsystem_device": "0x74a1",
                "current_compute_partition": {1: "SPX", 2: "DPX", 8: "CPX"}[partitions],
                "current_memory_partition": "NPS1",
                "gpu_metrics": metrics or from_v1_4(5, number),
                "hwmon/hwmon3/name": "amdgpu",
                "hwmon/hwmon3/temp2_input": (52 + number) * 1000,
                "hwmon/hwmon3/temp2_label": "junction",
                "hwmon/hwmon3/temp3_input": (44 + number) * 1000,
                "hwmon/hwmon3/temp3_label": "mem",
                "hwmon/hwmon3/power1_input": (312 + number) * 10**6,
                "hwmon/hwmon3/power1_cap": 750 * 10**6,
                **{
                    f"ras/{block}_err_count": "ue: 0\nce: 0"
                    for block in ("umc", "sdma", "gfx", "mmhub", "xgmi_wafl")
                },
            },
        )
        self._drm(address, number, folder)
        write(self.sysfs / "module/amdgpu", {"version": "6.8.5", "initstate": "live"})
        for partition in range(partitions):
            self._kfd_node(address, number, partition, partitions, unique)
        return folder

    def _drm(self, address: str, number: int, folder: Path) -> None:
        """What AMD's own library finds a device by."""
        for name, minor in ((f"card{number}", number), (f"renderD{128 + number}", 128)):
            write(folder / "drm" / name, {"dev": f"226:{minor + number}"})
            (folder / "drm" / name / "device").symlink_to(f"../../../{address}")
            link(self.sysfs / "class/drm" / name, folder / "drm" / name)
        monitor = folder / "hwmon/hwmon3"
        link(self.sysfs / f"class/hwmon/hwmon{3 + number}", monitor)
        (monitor / "device").symlink_to(f"../../../{address}")

    def _kfd_node(
        self, address: str, number: int, partition: int, of: int, unique: int
    ) -> None:
        domain, bus, _slot = address.split(":")
        folder = self._kfd / f"topology/nodes/{self._nodes}"
        self._nodes += 1
        properties = {
            "cpu_cores_count": 0,
            "simd_count": 1216 // of,
            "simd_per_cu": 4,
            "array_count": 32 // of,
            "simd_arrays_per_engine": 1,
            "cu_per_simd_array": 10,
            "location_id": int(bus, 16) << 8 | partition,
            "domain": int(domain, 16),
            "hive_id": 15188982192727901047,
            "unique_id": unique,
            "num_xcc": 8 // of,
            "drm_render_minor": 128 + number,
            "vendor_id": 0x1002,
            "device_id": 0x74A1,
        }
        write(
            folder,
            {
                "name": "gfx942",
                "io_links/0/properties": _lines(
                    {
                        "type": 2,
                        "version_major": 0,
                        "version_minor": 0,
                        "node_from": self._nodes - 1,
                        "node_to": 0,
                        "weight": 20,
                        "min_latency": 0,
                        "max_latency": 0,
                        "min_bandwidth": 0,
                        "max_bandwidth": 64000,
                        "recommended_transfer_size": 0,
                        "flags": 1,
                    }
                ),
                "gpu_id": self.gpu_id(number, partition),
                "properties": _lines(properties),
                "mem_banks/0/properties": f"heap_type 1\nsize_in_bytes {VRAM // of}",
                "mem_banks/0/used_memory": 297963520 // of,
            },
        )

    def cpu(self) -> None:
        """A CPU in KFD's topology, which is no device."""
        folder = self._kfd / f"topology/nodes/{self._nodes}"
        self._nodes += 1
        write(folder, {"gpu_id": 0, "properties": "cpu_cores_count 96\nsimd_count 0"})
        (folder / "io_links").mkdir()

    @staticmethod
    def gpu_id(number: int, partition: int = 0) -> int:
        """KFD's id of a device, or of a partition of it."""
        return 51110 + 17 * number + partition

    def kfd_process(
        self, pid: int, gpu_id: int, memory: int, queue: int | None = None
    ) -> None:
        """A process that may open a device of AMD, with its memory there, and a queue.

        Args:
            pid: Its id.
            gpu_id: KFD's id of the device.
            memory: Memory that it holds there.
            queue: Number of a queue that it has there; None if it has none.
        """
        files = {f"vram_{gpu_id}": memory, f"sdma_{gpu_id}": 0, "pasid": 32770}
        if queue is not None:
            files.update(
                {f"queues/{queue}/gpuid": gpu_id, f"queues/{queue}/size": 1048576}
            )
        write(self._kfd / "proc" / str(pid), files)
        self.process(pid)

    def process(self, pid: int, name: str = "python3") -> None:
        """A process in procfs, of this user."""
        write(self.procfs / str(pid), {"comm": name})

    def nvidia(self, address: str, driver: str | None = "nvidia") -> Path:
        """An A100. Returns its folder."""
        if driver == "nvidia":
            gpus = self.procfs / "driver/nvidia/gpus"
            minor = len(list(gpus.iterdir())) if gpus.exists() else 0
            told = f"Model: \t\t NVIDIA A100-SXM4-40GB\nDevice Minor: \t {minor}"
            write(gpus / address, {"information": told})
        return self.pci(address, (0x10DE, 0x20B2), 0x030200, driver)

    def accel(self, address: str, driver: str, ids: tuple[int, int]) -> Path:
        """An NPU of class accel. Returns its folder."""
        class_ = {"intel_vpu": 0x120000, "amdxdna": 0x118000}.get(driver, 0x120000)
        folder = self.pci(address, ids, class_, driver)
        accels = self.sysfs / "class/accel"
        accels.mkdir(parents=True, exist_ok=True)
        place = accels / f"accel{len(list(accels.iterdir()))}"
        place.mkdir()
        (place / "device").symlink_to(os.path.relpath(folder, place))
        (folder / "accel" / place.name).mkdir(parents=True)
        return folder

    def rdma(self, device: str, port: int = 1, **files: Any) -> None:
        """A port for RDMA."""
        place = self.sysfs / "class/infiniband" / device
        write(place, {"device/numa_node": 0})
        write(
            place / "ports" / str(port),
            {
                "state": "4: ACTIVE",
                "phys_state": "5: LinkUp",
                "rate": "400 Gb/sec (4X NDR)",
                "link_layer": "InfiniBand",
                **files,
            },
        )

    # Faults --------------------------------------------------------------------

    def lose(self, address: str) -> None:
        """Let a device fall off the bus: the kernel keeps what it knows of it."""
        kept = {"vendor", "device", "class", "numa_node", "driver", "power_state"}
        for path in self.device(address).resolve().iterdir():
            if path.name in kept:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        write(self.device(address), {"config": ALL_ONES})

    def wedge(self, address: str, name: str) -> None:
        """Let a file of a device never answer."""
        path = self.device(address) / name
        path.unlink()
        os.mkfifo(path)


def _lines(values: dict[str, Any]) -> str:
    """A name and a value in each line, as KFD writes them."""
    return "\n".join(f"{name} {value}" for name, value in values.items())


def link(path: Path, target: Path) -> None:
    """Make a symbolic link that holds wherever the tree is mounted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def write(folder: Path, files: dict[str, Any]) -> None:
    """Write files; what is no bytes as text, with its end of line."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else f"{content}\n".encode()
        path.write_bytes(data)


# Tables of amdgpu's file gpu_metrics: struct gpu_metrics_v1_* of kgd_pp_interface.h,
# written down from the top, so that they check the offsets that the reader knows.

_NONE = 0xFFFF


def _table(minor: int, *parts: tuple[str, tuple[Any, ...]]) -> bytes:
    """A table of parts that each are aligned to their widest number."""
    body = bytearray(4)
    for form, values in parts:
        widest = max(struct.calcsize(letter) for letter in form if letter.isalpha())
        body += bytes(-len(body) % widest)
        body += struct.pack(f"<{form}", *values)
    body += bytes(-len(body) % 8)
    body[:4] = struct.pack("<HBB", len(body), 1, minor)
    return bytes(body)


def v1_3(number: int = 0, throttle: int = 0) -> bytes:
    """Of an MI200 or older, with an edge sensor."""
    return _table(
        3,
        ("6H", (_NONE, 52 + number, 44, _NONE, 47, _NONE)),
        ("3H", (37 + number, 11, 0)),
        ("H", (312 + number,)),
        ("QQ", (123456789, 987654321)),
        ("14H", (_NONE,) * 14),
        ("I", (0,)),
        ("3HH", (_NONE, 16, 320, 0)),
        ("II", (1000, 2000)),
        ("4H", (_NONE,) * 4),
        ("Q", (55555,)),
        ("4H", (_NONE,) * 4),
        ("Q", (throttle,)),
    )


def from_v1_4(minor: int, number: int = 0) -> bytes:
    """Of an MI300, version 1.4 to 1.8."""
    engines = {4: 4, 5: 4 + 32}.get(minor, 0)
    return _table(
        minor,
        ("3HH", (52 + number, 44, 47, 312 + number)),
        ("2H", (37 + number, 11)),
        *([(f"{engines}H", (0,) * engines)] if engines else []),
        *([("Q", (5300,))] if minor >= 7 else []),
        ("QQ", (123456789, 987654321)),
        # The throttle status, or a counter and five residencies.
        ("I", (0,)) if minor < 6 else ("6I", (0,) * 6),
        ("I", (0,)),
        ("4H", (16, 320, 16, 32)),
        ("II", (1000, 2000)),
        ("5Q", (5, 6, 3, 0, 0)),
    )
