# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a node's accelerators: the PCI bus first, then each vendor's way."""

from __future__ import annotations

import os
import socket
import time
import typing as t
from datetime import datetime, timezone

from . import accel, amd_smi, health, pci, rdma, xid
from .amd_smi import AmdSmiReader
from .amdgpu import AmdgpuReader
from .files import Roots
from .guard import Reader, Reading, read_guarded
from .hl_smi import HlSmiReader
from .nvidia_smi import NvidiaSmiReader
from .nvml import NvmlReader
from .processes import name_processes
from .record import Record, gathered, lose, new_device, take

SCHEMA_VERSION = 1
BACKENDS = ("amdgpu", "amdsmi", "nvml", "nvidia_smi", "accel", "hl_smi")
GATHER = ("metrics", "processes", "rdma", "xid")
TOTAL_TIMES = 15
"""A backend may take so many times as long as one device."""


class Options(t.NamedTuple):
    """What to read, and where.

    Attributes:
        roots: Where sysfs, procfs and dev are.
        backends: Names of C(BACKENDS), in the order they are asked.
        gather: Names of C(GATHER).
        expected_count: How many devices there should be.
        timeout: Seconds for one device.
        sample_ms: Milliseconds between two looks at a busy counter.
        nvml_library: Name or path of NVML.
        amdsmi_path: Folder of the package amdsmi.
    """

    roots: Roots = Roots()
    backends: t.Sequence[str] = BACKENDS
    gather: t.Sequence[str] = GATHER
    expected_count: int | None = None
    timeout: float = 2.0
    sample_ms: int = 100
    nvml_library: str | None = None
    amdsmi_path: str | None = None


def collect(options: Options) -> Record:
    """All facts of this node; a lost device is a fact.

    Args:
        options: What to read.
    """
    begun = time.monotonic()
    backends: dict[str, Record] = {}
    reader = pci.PciReader(options.roots)
    found = reader.accelerators()
    devices = _inventory(reader, found, options, backends)
    for name in options.backends:
        wanted = [d for d in devices if _wanted(name, d, options.gather)]
        if wanted:
            _read(name, options, wanted, backends)
    _name_models(devices, found)
    for index, device in enumerate(devices):
        device["index"] = index
        health.judge(device)
    if "processes" in options.gather:
        _name_all(devices, options.roots.procfs)
    facts: Record = {
        "schema_version": SCHEMA_VERSION,
        "gathered_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hostname": socket.gethostname(),
        "devices": devices,
        "rdma_ports": _rdma_ports(options, backends),
        "xid_events": _xid_events(options, backends),
        "backends": backends,
        "summary": health.summarize(devices, options.expected_count),
        "gathered": [name for name in GATHER if name in options.gather],
    }
    facts["elapsed_ms"] = _milliseconds(begun)
    return facts


def _inventory(
    reader: pci.PciReader,
    found: dict[str, pci.Found],
    options: Options,
    backends: dict[str, Record],
) -> list[Record]:
    """The accelerators, with what the PCI bus tells of them."""
    reading = _guarded("pci", reader, list(found), options, backends)
    backends["pci"]["count"] = len(found)
    devices = []
    for address, known in found.items():
        device = new_device(address, known.vendor, known.kind)
        facts = reading.records.get(address, {})
        fell_off = facts.pop("fell_off", False)
        take(device, "pci", facts)
        if address in reading.lost:
            lose(device, f"pci: {reading.lost[address]}")
        elif fell_off:
            lose(device, "pci: it fell off the bus, all ones are read")
        devices.append(device)
    return devices


def _name_models(devices: list[Record], found: dict[str, pci.Found]) -> None:
    """Name those that don't tell, a lost one for example, as their like are named."""
    told = {
        found[device["pci_bus_id"]]: device["model"]
        for device in devices
        if device["model"]
    }
    for device in devices:
        like = found[device["pci_bus_id"]]
        by_id = pci.MODELS.get((like.vendor, like.device_id))
        device["model"] = device["model"] or told.get(like) or by_id


def _wanted(name: str, device: Record, gather: t.Collection[str]) -> bool:
    """Whether a backend is to read a device."""
    driver, lost = device["driver"], device["health"] == "failed"
    if name == "amdgpu":
        return driver == "amdgpu"
    if name == "amdsmi":
        wished = [field for field in amd_smi.GIVES if gathered(field, gather)]
        lacks = any(device[field] is None for field in wished)
        return driver == "amdgpu" and not lost and lacks
    if name == "nvml":
        return driver == "nvidia"
    if name == "nvidia_smi":
        return driver == "nvidia" and not lost and "nvml" not in device["sources"]
    if name == "accel":
        return driver in accel.DRIVERS
    return driver == "habanalabs" and not lost


def _read(
    name: str, options: Options, devices: list[Record], backends: dict[str, Record]
) -> None:
    """Let a backend read devices, and put what it has read into them."""
    gather, roots = options.gather, options.roots
    readers: dict[str, t.Callable[[], Reader]] = {
        "amdgpu": lambda: AmdgpuReader(roots, gather),
        "amdsmi": lambda: AmdSmiReader(options.amdsmi_path, gather),
        "nvml": lambda: NvmlReader(options.nvml_library, gather),
        "nvidia_smi": lambda: NvidiaSmiReader(gather),
        "accel": lambda: accel.AccelReader(roots, gather, options.sample_ms),
        "hl_smi": lambda: HlSmiReader(gather),
    }
    addresses = [device["pci_bus_id"] for device in devices]
    reading = _guarded(name, readers[name](), addresses, options, backends)
    for device in devices:
        address = device["pci_bus_id"]
        if address in reading.lost:
            lose(device, f"{name}: {reading.lost[address]}")
        elif address in reading.records:
            facts = reading.records[address]
            failure = facts.pop("failure", None)
            take(device, name, facts)
            if failure:
                device["health"] = "failed"
                device["health_reasons"].append(f"{name}: {failure}")
        elif reading.error:
            device["errors"].append(f"{name}: {reading.error}")


def _guarded(
    name: str,
    reader: Reader,
    keys: list[str],
    options: Options,
    backends: dict[str, Record],
) -> Reading:
    """Read in a child, and note how that went."""
    begun = time.monotonic()
    limit = options.timeout
    reading = Reading({}, {}, {}, None)
    if keys:
        reading = read_guarded(reader, keys, limit, TOTAL_TIMES * limit)
    backends[name] = {
        "ok": reading.error is None,
        "version": reading.opened.get("version"),
        "count": reading.opened.get("count"),
        "error": reading.error,
        "elapsed_ms": _milliseconds(begun),
    }
    return reading


def _name_all(devices: list[Record], procfs: str) -> None:
    for device in devices:
        for holder in (device, *device["partitions"]):
            if holder["processes"] is not None:
                holder["processes"] = name_processes(procfs, holder["processes"])


def _rdma_ports(options: Options, backends: dict[str, Record]) -> list[Record] | None:
    """The ports for RDMA; None where they were not gathered."""
    if "rdma" not in options.gather:
        return None
    reader = rdma.RdmaReader(options.roots)
    ports = reader.ports()
    if not ports:
        return []
    reading = _guarded("rdma", reader, ports, options, backends)
    return [reading.records.get(port) or rdma.unknown(port) for port in ports]


def _xid_events(options: Options, backends: dict[str, Record]) -> list[Record] | None:
    """XIDs of the kernel log; None where it can't be read or was not gathered."""
    if "xid" not in options.gather:
        return None
    begun = time.monotonic()
    path = os.path.join(options.roots.dev, "kmsg")
    log = xid.read_log(path)
    found = None if log is None else xid.events(log)
    backends["kmsg"] = {
        "ok": log is not None,
        "version": None,
        "count": None if found is None else len(found),
        "error": f"can't read {path}" if log is None else None,
        "elapsed_ms": _milliseconds(begun),
    }
    return found


def _milliseconds(begun: float) -> float:
    return round((time.monotonic() - begun) * 1e3, 2)
