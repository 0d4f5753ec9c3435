# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets for tests: the Clusters API's worked example, and random ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet.fleet import (
    Host,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet.model import (
    Record,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet.state import (
    Offer,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def node(name: str, count: int, **more: Any) -> Record:
    """A node whose flavor declares so many devices."""
    accelerators = [{"vendor": "amd", "model": "MI300X", "count": count}]
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "ACTIVE",
        "cluster": {"id": "c", "name": "training"},
        "node_group": "default-worker",
        "role": "worker",
        "location": "frankfurt",
        "hardware": {"name": "gpu", "accelerators": accelerators if count else []},
        **more,
    }


def device(index: int, processes: Any = (), **more: Any) -> Record:
    """A device, held by processes of these ids; None where that is not known."""
    held = None if processes is None else [process(pid) for pid in processes]
    return {
        "index": index,
        "pci_bus_id": f"0000:{index:02x}:00.0",
        "model": "MI300X",
        "health": "ok",
        "utilization_percent": 0,
        "processes": held,
        **more,
    }


def process(pid: int) -> Record:
    """A process of alice's."""
    return {"pid": pid, "name": "python3", "user": "alice", "memory_bytes": 1}


def facts(devices: list[Record], age: float = 10, **more: Any) -> Record:
    """Facts of some seconds ago."""
    moment = NOW - timedelta(seconds=age)
    told = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"gathered_at": told, "devices": devices, **more}


def host(name: str, capacity: int, allocated: int, used: float = 62) -> Host:
    """A host with so many devices, so many of which are held and used."""
    devices = [
        device(
            n, [n] if n < allocated else [], utilization_percent=used * (n < allocated)
        )
        for n in range(capacity)
    ]
    return Host(name, node(name, capacity), facts(devices))


def worked_example() -> list[Host]:
    """Ten nodes: nine healthy; 39 of their 52 devices given out, at 0.62."""
    sizes = [(1, 0), (1, 0), (2, 0), (8, 6), (8, 6), (8, 6), (8, 5), (8, 8), (8, 8)]
    hosts = [host(f"n{number}", *size) for number, size in enumerate(sizes)]
    return [*hosts, Host("broken", node("broken", 8, status="ERROR"))]


_percent = st.none() | st.integers(0, 100)
_processes = st.none() | st.lists(st.integers(1, 6), max_size=3, unique=True)


@st.composite
def _devices(draw: st.DrawFn) -> list[Record]:
    found = []
    for index in range(draw(st.integers(0, 8))):
        parts = [
            {"index": n, "processes": held and [process(pid) for pid in held]}
            for n, held in enumerate(draw(st.lists(_processes, max_size=3)))
        ]
        found.append(
            device(
                index,
                draw(_processes),
                partitions=parts,
                utilization_percent=draw(_percent),
                power_watts=draw(st.none() | st.floats(0, 1500)),
                temperature_celsius=draw(st.none() | st.integers(-40, 130)),
                health=draw(st.sampled_from(["ok", "ok", "ok", "failed", "unknown"])),
            )
        )
    return found


_ports = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from(["ACTIVE", "DOWN"]),
            "rate_gbps": st.sampled_from([100.0, 200.0, 400.0, None]),
        }
    ),
    max_size=4,
)

_offers = st.builds(
    Offer,
    st.sampled_from(["kubernetes", "slurm"]),
    st.none() | st.integers(0, 8),
    st.none() | st.integers(0, 10),
    st.none() | st.just("drained: new disks"),
    # Hypothesis would make up others for what has a default.
    devices=st.none() | st.lists(st.integers(0, 8), max_size=3).map(tuple),
    faults=st.just(()),
)


@st.composite
def random_hosts(draw: st.DrawFn) -> list[Host]:
    """Hosts that may lack anything, and contradict themselves."""
    hosts = []
    for number in range(draw(st.integers(0, 6))):
        name = f"n{number}"
        declared = node(
            name,
            draw(st.integers(0, 8)),
            status=draw(st.sampled_from(["ACTIVE", "ACTIVE", "ERROR"])),
            location=draw(st.sampled_from([None, "a", "b"])),
        )
        age = draw(st.sampled_from([0, 299, 301, -59, -61]))
        measured = facts(draw(_devices()), age, rdma_ports=draw(_ports))
        hosts.append(
            Host(
                name,
                draw(st.none() | st.just(declared)),
                draw(st.none() | st.just(measured)),
                tuple(draw(st.lists(_offers, max_size=2))),
            )
        )
    return hosts
