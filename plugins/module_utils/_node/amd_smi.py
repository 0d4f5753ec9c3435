# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AMD GPUs by the library amd_smi, for what amdgpu's files leave open.

Its wrapper must be of the library's version, and says otherwise in many ways: it
raises KeyError, AttributeError or OSError when imported, and prints. Source of names
and units: the wrapper's own documentation, amdsmi 6.1 to 10.1.
"""

from __future__ import annotations

import sys
import typing as t

from . import tool, trusted
from .guard import Unavailable
from .record import Record, gathered

GIVES = (
    "model",
    "serial",
    "memory_total_bytes",
    "memory_used_bytes",
    "utilization_percent",
    "power_watts",
    "temperature_celsius",
)
"""It reads a device only where one of these is not known yet."""


def wants(device: Record, gather: t.Collection[str]) -> bool:
    """Return whether amdgpu's files have left something open."""
    fields = [field for field in GIVES if gathered(field, gather)]
    lacks = any(device[field] is None for field in fields)
    return device["driver"] == "amdgpu" and device["health"] != "failed" and lacks


class AmdSmiReader:
    """Reads GPUs through the package amdsmi.

    Args:
        path: Folder that holds the package, None where Python finds it.
        gather: What to read besides identity and memory.
    """

    def __init__(self, path: str | None, gather: t.Collection[str]) -> None:
        self._path = path
        self._metrics = "metrics" in gather
        self._handles: dict[str, t.Any] = {}

    def open(self) -> Record:
        """Import the package and let it find its devices."""
        if self._path:
            try:
                trusted.check(self._path)
            except OSError as error:
                raise Unavailable(f"amdsmi_path: {error}") from error
            sys.path.insert(0, self._path)
        try:
            import amdsmi  # type: ignore[import-not-found] # of ROCm, in no registry
        except ImportError as error:
            raise Unavailable(f"no package amdsmi: {error}") from error
        except Exception as error:  # as its version and the library's differ
            raise Unavailable(
                f"amdsmi does not fit its library: {type(error).__name__}: {error}"
            ) from error
        self._amdsmi: t.Any = amdsmi
        try:
            amdsmi.amdsmi_init()
            for handle in amdsmi.amdsmi_get_processor_handles():
                bus = amdsmi.amdsmi_get_gpu_device_bdf(handle)
                self._handles[str(tool.address(str(bus)))] = handle
        except Exception as error:  # AmdSmiException, and what ctypes raises
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        version = getattr(amdsmi, "__version__", None)
        return {
            "version": str(version) if version else None,
            "count": len(self._handles),
        }

    def read(self, key: str) -> Record:
        """Read a device; the library leaves out what it can't open."""
        handle = self._handles.get(key)
        if handle is None:
            return {"errors": ["device: amdsmi does not list it"]}
        board = self._ask("gpu_board_info", handle)
        asic = self._ask("gpu_asic_info", handle)
        memory = self._ask("gpu_vram_usage", handle)
        facts: Record = {
            "model": word(board, "product_name") or word(asic, "market_name"),
            "serial": word(board, "product_serial"),
            "memory_total_bytes": number(memory, "vram_total", 2**20),
            "memory_used_bytes": number(memory, "vram_used", 2**20),
        }
        if self._metrics:
            activity = self._ask("gpu_activity", handle)
            power = self._ask("power_info", handle)
            metrics = self._ask("gpu_metrics_info", handle)
            watts = number(power, "current_socket_power")
            if watts is None:
                watts = number(power, "average_socket_power")
            facts.update(
                utilization_percent=number(activity, "gfx_activity"),
                memory_utilization_percent=number(activity, "umc_activity"),
                power_watts=None if watts is None else float(watts),
                temperature_celsius=number(metrics, "temperature_hotspot"),
                memory_temperature_celsius=number(metrics, "temperature_mem"),
            )
        return facts

    def _ask(self, what: str, handle: t.Any) -> t.Any:
        """The answer of a function of the package; nothing where it has none."""
        try:
            return getattr(self._amdsmi, f"amdsmi_get_{what}")(handle)
        except Exception:  # noqa: BLE001 -- each device lacks some of them
            return {}


def word(answer: t.Any, name: str) -> str | None:
    """Return a text of an answer of the package; None for N/A."""
    value = answer.get(name) if isinstance(answer, dict) else None
    return tool.word(value.strip()) if isinstance(value, str) else None


def number(answer: t.Any, name: str, factor: int = 1) -> int | None:
    """Return an integer of an answer of the package; None for N/A and sentinels."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    sentinels = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    if value in sentinels or abs(value) >= 2**64:  # its integers have 64 bits
        return None
    return value * factor
