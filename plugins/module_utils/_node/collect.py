# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a node's accelerators: the PCI bus first, then each vendor's way."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime, timezone

from . import health, pci, rdma, xid
from .guard import Reader, Reading, read_guarded
from .options import BACKENDS, GATHER, Options
from .processes import name_processes
from .record import Record, lose, new_device, take

SCHEMA_VERSION = 1
TOTAL_TIMES = 15
"""A backend may take so many times as long as one device."""


def collect(options: Options) -> Record:
    """Return all facts of this node; a lost device is a fact.

    Args:
        options: What to read.
    """
    begun = time.monotonic()
    backends: dict[str, Record] = {}
    reader = pci.PciReader(options.roots)
    accelerators = reader.accelerators()
    devices = _inventory(reader, accelerators, options, backends)
    for name in options.backends:
        wants = BACKENDS[name].wants
        wanted = [device for device in devices if wants(device, options.gather)]
        if wanted:
            _read(name, options, wanted, backends)
    _name_models(devices, accelerators)
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
    accelerators: dict[str, pci.Found],
    options: Options,
    backends: dict[str, Record],
) -> list[Record]:
    """The accelerators, with what the PCI bus knows of them."""
    reading = _guarded("pci", reader, list(accelerators), options, backends)
    backends["pci"]["count"] = len(accelerators)
    devices = []
    for address, found in accelerators.items():
        device = new_device(address, found.vendor, found.kind)
        facts = reading.records.get(address, {})
        fell_off = facts.pop("fell_off", False)
        take(device, "pci", facts)
        if address in reading.lost:
            lose(device, f"pci: {reading.lost[address]}")
        elif fell_off:
            lose(device, "pci: it fell off the bus, all ones are read")
        devices.append(device)
    return devices


def _name_models(devices: list[Record], accelerators: dict[str, pci.Found]) -> None:
    """Name those that have no model, lost ones for example, as their like are named."""
    models = {
        accelerators[device["pci_bus_id"]]: device["model"]
        for device in devices
        if device["model"]
    }
    for device in devices:
        like = accelerators[device["pci_bus_id"]]
        by_id = pci.MODELS.get((like.vendor, like.device_id))
        device["model"] = device["model"] or models.get(like) or by_id


def _read(
    name: str, options: Options, devices: list[Record], backends: dict[str, Record]
) -> None:
    """Let a backend read devices, and put what it has read into them."""
    reader = BACKENDS[name].make(options)
    addresses = [device["pci_bus_id"] for device in devices]
    reading = _guarded(name, reader, addresses, options, backends)
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
        elif reading.error and reading.is_unusable:
            lose(device, f"{name}: {reading.error}")
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
    events = None if log is None else xid.events(log)
    backends["kmsg"] = {
        "ok": log is not None,
        "version": None,
        "count": None if events is None else len(events),
        "error": f"can't read {path}" if log is None else None,
        "elapsed_ms": _milliseconds(begun),
    }
    return events


def _milliseconds(begun: float) -> float:
    return round((time.monotonic() - begun) * 1e3, 2)
