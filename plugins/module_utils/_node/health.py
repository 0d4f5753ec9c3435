# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health of devices, and the summary of a node's devices."""

from __future__ import annotations

import typing as t
from collections import Counter

from .record import Record


def judge(device: Record) -> None:
    """Set `health` of a device and its reasons, from what was read of it.

    A device that is lost stays so. Nothing is `ok` that was not read.
    """
    if device["health"] == "failed":
        return
    worse: list[str] = []
    if device["row_remap_failed"]:
        device["health"] = "failed"
        device["health_reasons"].append("a row of its memory can't be remapped")
        return
    if device["ecc_uncorrected"]:
        number = device["ecc_uncorrected"]
        worse.append(f"{number} uncorrectable memory errors since driver load")
    if device["row_remap_pending"]:
        worse.append("a row of its memory will be remapped at the next reset")
    if worse:
        device["health"] = "degraded"
        device["health_reasons"] += worse
    elif device["driver"] is None:
        device["health_reasons"].append("no driver is bound")
    elif device["sources"] == ["pci"]:
        reason = f"driver {device['driver']}: no backend read it"
        device["health_reasons"] += [reason, *device["errors"]]
    elif device["memory_total_bytes"] is not None or _has_none(device):
        device["health"] = "ok"
    else:
        device["health_reasons"].append("its memory could not be read")


def _has_none(device: Record) -> bool:
    """Return whether a device that was read has no memory of its own to tell of.

    Most NPUs have none, nor have GPUs of NVIDIA that use the memory of the processor,
    GB10 for one.
    """
    is_such = device["kind"] == "npu" or device["vendor"] == "nvidia"
    return is_such and bool(device["model"]) and not device["errors"]


def summarize(devices: list[Record], expected: int | None) -> Record:
    """Return the summary of a node's devices; what no device has is None.

    Args:
        devices: All of the node.
        expected: How many there should be, None where that is not known.
    """
    states = [device["health"] for device in devices]
    reasons = [
        f"{device['pci_bus_id']}: {reason}"
        for device in devices
        if device["health"] != "ok"
        for reason in device["health_reasons"]
    ]
    short = expected is not None and len(devices) < expected
    if short:
        reasons.insert(0, f"{len(devices)} devices are there, {expected} are expected")
    worst = ("failed", "degraded", "unknown", "ok")
    present = {"failed"} if short else set(states) or {"ok"}
    models = Counter(device["model"] or "unknown" for device in devices)
    used = _known(devices, "utilization_percent")
    power = _known(devices, "power_watts")
    memory = _known(devices, "memory_total_bytes")
    return {
        "device_count": len(devices),
        "expected_count": expected,
        "by_model": dict(sorted(models.items())),
        "healthy": states.count("ok"),
        "failed": states.count("failed"),
        "memory_total_bytes": sum(memory) if memory else None,
        "power_watts": round(sum(power), 3) if power else None,
        "utilization_percent": round(sum(used) / len(used), 1) if used else None,
        "health": next(state for state in worst if state in present),
        "health_reasons": reasons,
    }


def _known(devices: list[Record], name: str) -> list[t.Any]:
    return [device[name] for device in devices if device[name] is not None]
