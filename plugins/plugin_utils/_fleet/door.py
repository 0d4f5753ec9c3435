# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door: what comes from outside is checked here, record by record.

People write variables, exporters and schedulers have releases that nobody here has
seen. Behind the door every value has its type and a bounded size. What fails concerns
its host or series only: it is unknown, with a warning that names it, and no exception.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ...module_utils._node.record import BOUNDS
from .devices import device
from .shapes import Shape
from .types import (
    Accelerator,
    Address,
    Cluster,
    Device,
    Facts,
    Hardware,
    Host,
    Port,
    Server,
    XidEvent,
)
from .values import Reader, Warn, is_count, is_text, shown

MOST_DEVICES = 256
"""Devices of a node: the largest servers have 16, and show up to 8 parts of each."""

MOST_PORTS = 256
"""RDMA ports of a node; the largest have a few dozen."""

MOST_EVENTS = 100_000
"""XIDs of a node; the kernel's log, 16 MiB of it at most, holds fewer."""

MOST_ADDRESSES = 1024
"""Addresses of a server."""

MOST_ACCELERATORS = 64
"""Models of accelerators in a flavor."""


def host(
    name: str, record: object, facts_record: object, ports: object, warn: Warn
) -> Host | None:
    """Return a host of an inventory; None if nothing is known of it.

    Args:
        name: Its name.
        record: The variable `gpufleet_node`.
        facts_record: What `gpu_facts` has found, or anybody has put in its place.
        ports: The variable `gpufleet_expected_rdma_ports`.
        warn: Takes warnings.
    """
    if not record and not facts_record and ports is None:
        return None
    expected = None
    if ports is not None:
        variable = "gpufleet_expected_rdma_ports"
        expected = Reader({variable: ports}, name, warn).count(variable)
    return Host(
        name,
        server(record, name, warn) if record else None,
        facts(facts_record, name, warn) if facts_record else None,
        expected_rdma_ports=expected,
    )


# Servers ------------------------------------------------------------------------------


def server(record: object, owner: str, warn: Warn) -> Server | None:
    """Return a server with every key; None if it is not known what it is.

    Args:
        record: As `membership.nodes` makes it, or a person has written it.
        owner: The host, for warnings.
        warn: Takes warnings.
    """
    if isinstance(record, dict) and _is_sound(record):
        return t.cast("Server", record)
    reason = None
    hardware = None
    if not isinstance(record, Mapping):
        reason = f"can't be {shown(record)}"
    else:
        fields = Reader(record, f"{owner}: gpufleet_node", warn)
        hardware = _hardware(fields)
        reason = None if hardware else "has no hardware with a list of accelerators"
    if hardware is None:
        warn(f"{owner}: gpufleet_node {reason}, so the node is unknown")
        return None
    checked = _SERVER.read(fields)
    checked["cluster"] = _cluster(fields)
    checked["hardware"] = hardware
    checked["addresses"] = _addresses(fields)
    return checked


_SERVER, _CLUSTER, _ADDRESS = Shape(Server), Shape(Cluster), Shape(Address)
_HARDWARE, _ACCELERATOR = Shape(Hardware), Shape(Accelerator)
_PORT, _EVENT = Shape(Port, BOUNDS), Shape(XidEvent)


def _is_sound(record: dict[str, t.Any]) -> bool:
    """Return whether a whole server is as it is in nearly all cases."""
    if not _SERVER.fits_record(record):
        return False
    hardware, cluster = record["hardware"], record["cluster"]
    addresses = record["addresses"]
    return (
        _HARDWARE.fits_record(hardware)
        and len(hardware["accelerators"]) <= MOST_ACCELERATORS
        and all(map(_ACCELERATOR.fits_record, hardware["accelerators"]))
        and (cluster is None or _CLUSTER.fits_record(cluster))
        and len(addresses) <= MOST_ADDRESSES
        and all(map(_ADDRESS.fits_record, addresses))
    )


def _hardware(fields: Reader) -> Hardware | None:
    """Return what a flavor declares; None if it can't be told how many devices."""
    record = fields.record("hardware")
    if record is None:
        return None
    part = fields.inner(record, "hardware")
    accelerators = part.entries("accelerators", MOST_ACCELERATORS)
    if accelerators is None:
        return None
    for entry in accelerators:
        if not isinstance(entry, Mapping) or "count" not in entry:
            return None
        if entry["count"] is not None and not is_count(entry["count"]):
            return None
    checked = _HARDWARE.read(part)
    checked["accelerators"] = [
        _ACCELERATOR.read(part.inner(entry, "accelerator")) for entry in accelerators
    ]
    return checked


def _cluster(fields: Reader) -> Cluster | None:
    record = fields.record("cluster")
    return _CLUSTER.read(fields.inner(record, "cluster")) if record else None


def _addresses(fields: Reader) -> list[Address]:
    addresses = [
        _ADDRESS.read(fields.inner(record, "address"), floating=False)
        for record in fields.records("addresses", MOST_ADDRESSES) or []
    ]
    return [address for address in addresses if address["address"] is not None]


# Facts --------------------------------------------------------------------------------


def facts(record: object, owner: str, warn: Warn) -> Facts | None:
    """Return what was measured of a host; None if it holds no devices that count.

    Args:
        record: Any of the keys of `gpu_facts`, among them `devices`.
        owner: The host, for warnings.
        warn: Takes warnings.
    """
    devices = record.get("devices") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping) or not isinstance(devices, (list, tuple)):
        warn(f"{owner}: its facts hold no list of devices, and are left out")
        return None
    if len(devices) > MOST_DEVICES:
        warn(
            f"{owner}: its facts hold {len(devices)} devices, more than "
            f"{MOST_DEVICES}, and are left out"
        )
        return None
    fields = Reader(record, owner, warn)
    return Facts(
        gathered_at=_time(fields, record.get("gathered_at")),
        hostname=fields.text("hostname"),
        devices=_devices(devices, owner, warn),
        ports=_ports(fields),
        xid_events=_events(fields),
    )


def _time(fields: Reader, value: object) -> str | None:
    """Return when facts were gathered; what is no time is shown as it is.

    It must not be None, which stands for facts of now.
    """
    if not value:
        return None
    return fields.text("gathered_at") or shown(value)


def _devices(entries: t.Sequence[object], owner: str, warn: Warn) -> list[Device]:
    devices: dict[object, Device] = {}
    for number, entry in enumerate(entries):
        # Python looks up the type of a dictionary much faster than that of a mapping.
        if not isinstance(entry, dict) and not isinstance(entry, Mapping):
            warn(f"{owner}: device {number} is no dictionary, and is left out")
            continue
        record = device(entry, owner, warn, number)
        key = record["pci_bus_id"] or record["uuid"] or number
        if key in devices:
            warn(f"{owner}: device {key} is there twice; the first counts")
            continue
        devices[key] = record
    return list(devices.values())


def _ports(fields: Reader) -> list[Port] | None:
    records = fields.records("rdma_ports", MOST_PORTS)
    if records is None:
        return None
    return [
        _PORT.read(fields.inner({**record, "port": _number(record)}, "RDMA port"))
        for record in records
    ]


def _number(port: Mapping[str, object]) -> object:
    """Return the number of an RDMA port, which is a text if a series has told it."""
    number = port.get("port")
    is_label = is_text(number, 9) and str(number).isdecimal()
    return int(str(number)) if is_label else number


def _events(fields: Reader) -> list[XidEvent] | None:
    records = fields.records("xid_events", MOST_EVENTS)
    if records is None:
        return None
    return [_EVENT.read(fields.inner(record, "XID event")) for record in records]
