# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to read of a node: the table of backends, and the options of gpu_facts."""

from __future__ import annotations

import typing as t

from . import accel, amd_smi, files, hl_smi, nvidia_smi
from .amdgpu import AmdgpuReader
from .files import Roots
from .guard import Reader
from .nvml import NvmlReader
from .record import Record

GATHER = ("metrics", "processes", "rdma", "xid")


class Backend(t.NamedTuple):
    """A way to read devices.

    Attributes:
        wants: Returns whether it is to read a device, of the device as other backends
            have left it, and of what is gathered.
        make: Makes the reader.
    """

    wants: t.Callable[[Record, t.Collection[str]], bool]
    make: t.Callable[[Options], Reader]


def _driven_by(*drivers: str) -> t.Callable[[Record, t.Collection[str]], bool]:
    return lambda device, _gather: device["driver"] in drivers


BACKENDS: dict[str, Backend] = {
    "amdgpu": Backend(
        wants=_driven_by("amdgpu"),
        make=lambda options: AmdgpuReader(options.roots, options.gather),
    ),
    "amdsmi": Backend(
        wants=amd_smi.wants,
        make=lambda options: amd_smi.AmdSmiReader(options.amdsmi_path, options.gather),
    ),
    "nvml": Backend(
        wants=_driven_by("nvidia"),
        make=lambda options: NvmlReader(options.nvml_library, options.gather),
    ),
    "nvidia_smi": Backend(
        wants=nvidia_smi.wants,
        make=lambda options: nvidia_smi.NvidiaSmiReader(options.gather),
    ),
    "accel": Backend(
        wants=_driven_by(*accel.DRIVERS),
        make=lambda options: accel.AccelReader(
            options.roots, options.gather, options.sample_ms
        ),
    ),
    "hl_smi": Backend(
        wants=hl_smi.wants,
        make=lambda options: hl_smi.HlSmiReader(options.gather),
    ),
}
"""The backends in their usual order. A new one is a file and a row here."""


class Options(t.NamedTuple):
    """What to read, and where.

    Attributes:
        roots: Where sysfs, procfs and dev are.
        backends: Names of `BACKENDS`, in the order in which they read.
        gather: Names of `GATHER`.
        expected_count: How many devices there should be.
        timeout: Seconds for one device.
        sample_ms: Milliseconds between two looks at a busy counter.
        nvml_library: Name or path of NVML.
        amdsmi_path: Folder of the package amdsmi.
    """

    roots: Roots = Roots()
    backends: t.Sequence[str] = tuple(BACKENDS)
    gather: t.Sequence[str] = GATHER
    expected_count: int | None = None
    timeout: float = 2.0
    sample_ms: int = 100
    nvml_library: str | None = None
    amdsmi_path: str | None = None

    @classmethod
    def of(cls, params: Record) -> Options:
        """Return the options in values of `ARGUMENT_SPEC`."""
        roots = Roots(*(params[f"path_{name}"] for name in Roots._fields))
        names = (name for name in cls._fields if name != "roots")
        return cls(roots=roots, **{name: params[name] for name in names})

    def check(self) -> None:
        """Check that values are in range, and that there is a sysfs.

        Raises:
            ValueError: One is not; the message names the option.
        """
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if value is None or (least <= value and (most is None or value <= most)):
                continue
            allowed = f"within {least} to {most}" if most else f"{least} or more"
            raise ValueError(f"{name}: {value} is not {allowed}")
        sysfs = self.roots.sysfs
        if not files.names(sysfs):
            raise ValueError(f"path_sysfs: {sysfs} can't be read, or is empty")


ARGUMENT_SPEC: Record = {
    "backends": {
        "type": "list",
        "elements": "str",
        "choices": list(BACKENDS),
        "default": list(BACKENDS),
    },
    "gather": {
        "type": "list",
        "elements": "str",
        "choices": list(GATHER),
        "default": list(GATHER),
    },
    "expected_count": {"type": "int"},
    "timeout": {"type": "float", "default": 2.0},
    "sample_ms": {"type": "int", "default": 100},
    "path_sysfs": {"type": "path", "default": "/sys"},
    "path_procfs": {"type": "path", "default": "/proc"},
    "path_dev": {"type": "path", "default": "/dev"},
    "nvml_library": {"type": "str"},
    "amdsmi_path": {"type": "path"},
}
"""The options of the module `gpu_facts`."""

_RANGES: tuple[tuple[str, float, float | None], ...] = (
    ("timeout", 0.1, 60),
    ("sample_ms", 10, 5000),
    ("expected_count", 0, None),
)
