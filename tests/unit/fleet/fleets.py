# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets for tests: the Clusters API's worked example, and random ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import door
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Host,
)
from unit.fleet import factory
from unit.fleet.factory import Record, device, process

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def record(devices: list[Record], age: float = 10, **more: Any) -> Record:
    """Facts of some seconds ago, as gpu_facts leaves them."""
    moment = NOW - timedelta(seconds=age)
    gathered_at = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"gathered_at": gathered_at, "devices": devices, **more}


def facts(devices: list[Record], age: float = 10, **more: Any) -> Any:
    """Facts of some seconds ago, behind the door."""
    warnings: list[str] = []
    known = door.facts(record(devices, age, **more), "a host", warnings.append)
    assert warnings == []
    return known


def variables(host: Host) -> Record:
    """Variables of a host, from which the door makes it again."""
    known = host.facts
    devices = list(known.devices) if known else []
    return {
        "gpufleet_node": host.server,
        "gpufleet": known and {"gathered_at": known.gathered_at, "devices": devices},
    }


def host(name: str, capacity: int, allocated: int, used: float = 62) -> Host:
    """A host with so many devices, so many of which are held and used."""
    devices = [
        device(
            n, [n] if n < allocated else [], utilization_percent=used * (n < allocated)
        )
        for n in range(capacity)
    ]
    return Host(name, factory.server(name, capacity), facts(devices))


def worked_example() -> list[Host]:
    """Ten nodes: nine healthy; 39 of their 52 devices given out, at 0.62."""
    sizes = [(1, 0), (1, 0), (2, 0), (8, 6), (8, 6), (8, 6), (8, 5), (8, 8), (8, 8)]
    hosts = [host(f"n{number}", *size) for number, size in enumerate(sizes)]
    return [*hosts, Host("broken", factory.server("broken", 8, status="ERROR"))]


_percent = st.none() | st.integers(0, 100)
_processes = st.none() | st.lists(st.integers(1, 6), max_size=3, unique=True)


_PART = ("uuid", "profile", "memory_total_bytes", "memory_used_bytes")


@st.composite
def device_lists(draw: st.DrawFn) -> list[Record]:
    found = []
    for index in range(draw(st.integers(0, 8))):
        parts = [
            {
                "index": n,
                **dict.fromkeys(_PART),
                "processes": held and [process(pid) for pid in held],
            }
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


port_lists = st.none() | st.lists(
    st.fixed_dictionaries(
        {
            "state": st.sampled_from(["ACTIVE", "DOWN"]),
            "rate_gbps": st.sampled_from([100.0, 200.0, 400.0, None]),
        }
    ),
    max_size=4,
)

offers = st.builds(
    factory.offer,
    source=st.sampled_from(["kubernetes", "slurm"]),
    capacity=st.none() | st.integers(0, 8),
    allocated=st.none() | st.integers(0, 10),
    maintenance=st.none() | st.just("drained: new disks"),
    devices=st.none() | st.lists(st.integers(0, 8), max_size=3).map(tuple),
)


@st.composite
def random_hosts(draw: st.DrawFn) -> list[Host]:
    """Hosts that may lack anything, and contradict themselves."""
    hosts = []
    for number in range(draw(st.integers(0, 6))):
        name = f"n{number}"
        declared = factory.server(
            name,
            draw(st.integers(0, 8)),
            status=draw(st.sampled_from(["ACTIVE", "ACTIVE", "ERROR"])),
            location=draw(st.sampled_from([None, "a", "b"])),
        )
        age = draw(st.sampled_from([0, 299, 301, -59, -61]))
        measured = facts(draw(device_lists()), age, rdma_ports=draw(port_lists))
        hosts.append(
            Host(
                name,
                draw(st.none() | st.just(declared)),
                draw(st.none() | st.just(measured)),
                tuple(draw(st.lists(offers, max_size=2))),
            )
        )
    return hosts
