# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be concerns its own host, is unknown, and is warned of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    consumers,
    heatmap,
    nodes,
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    devices,
    door,
    snapshot,
    types,
    values,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.waiting import (
    Waiting,
)
from unit.fleet import factory, fleets

DEEP: list[Any] = []
for _depth in range(5000):
    DEEP = [DEEP]

ODD: list[Any] = [
    *([], {}, [None], [{}], {"a": 1}, [["a"]], DEEP, b"bytes", object(), ()),
    *(True, -1, 0.5, 10**400, 10**5000, -(10**400), 1e308),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "text", "x" * 100_000, "\0", "{{ 1 }}", "[]"),
]


def leaves(record: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values, those that hold others too."""
    pairs: Any = ()
    if isinstance(record, dict):
        pairs = record.items()
    elif isinstance(record, list):
        pairs = enumerate(record)
    return [
        path,
        *(leaf for key, value in pairs for leaf in leaves(value, (*path, key))),
    ]


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A record with another value at a path."""
    if not path:
        return value
    copy: Any = dict(record) if isinstance(record, dict) else list(record)
    copy[path[0]] = changed(record[path[0]], path[1:], value)
    return copy


PART = {"uuid": "MIG-1", "profile": "1g.10gb", "processes": [factory.process(7)]}
VARIABLES = {
    "gpufleet_node": factory.server(
        "odd", 2, addresses=[factory.address("10.0.0.9")], created_at="2026-11-24"
    ),
    "gpufleet_expected_rdma_ports": 1,
    "gpufleet": fleets.record(
        [
            factory.device(0, [7, 8], partitions=[PART], throttle_reasons=["power"]),
            factory.device(1, health="failed", health_reasons=["lost"]),
        ],
        hostname="odd",
        rdma_ports=[{"device": "mlx5_0", "port": 1, "state": "DOWN", "rate_gbps": 4}],
        xid_events=[
            {"code": 79, "pci_bus_id": "b", "action": "RESET_GPU", "age_seconds": 5}
        ],
    ),
}
GOOD = fleets.host("good", 8, 3)


def everything(*hosts: types.Host | None, **more: Any) -> dict[str, Any]:
    """All reports on hosts, of which one is well."""
    known = [host for host in hosts if host]
    fleet = snapshot.assemble([GOOD, *known], now=fleets.NOW, **more)
    reports = {
        "overview": overview.report(fleet),
        "consumers": consumers.report(fleet, group_by="user"),
        "heatmap": heatmap.report(fleet, matrix=True),
        "nodes": nodes.report(fleet),
    }
    json.dumps(reports, allow_nan=False)
    return reports


def row_of(reports: dict[str, Any], name: str = "good") -> Any:
    return next(row for row in reports["nodes"]["data"] if row["name"] == name)


@pytest.mark.parametrize("path", leaves(VARIABLES)[1:], ids=str)
def test_odd_variables_concern_their_host(path: tuple[Any, ...]) -> None:
    alone = row_of(everything())
    for value in ODD:
        odd: Any = changed(VARIABLES, path, value)
        warnings: list[str] = []
        host = door.host(
            "odd",
            odd["gpufleet_node"],
            odd["gpufleet"],
            odd["gpufleet_expected_rdma_ports"],
            warnings.append,
        )
        assert row_of(everything(host)) == alone
        assert all(text.startswith("odd: ") for text in warnings), warnings
        assert all(len(text) < 300 for text in warnings), warnings


SCHEDULE = factory.schedule(
    factory.scheduled(
        "odd",
        offer=factory.offer(devices=(0,), faults=(("slurm_state", "DOWN", None),)),
        aliases=("10.0.0.9",),
    ),
    consumers=[
        factory.consumer(
            pods=[{"name": "p", "node": "odd", "gpus": 1}], devices=[("odd", 0)]
        )
    ],
    waiting=factory.waiting(1),
)


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(type(value)))
def test_odd_schedules_concern_their_nodes(value: Any) -> None:
    [node], [row] = SCHEDULE.nodes, SCHEDULE.consumers
    alone = row_of(everything())
    for field in ("name", "provider_id", "aliases"):
        schedule = replace(SCHEDULE, nodes=[replace(node, **{field: value})])
        assert row_of(everything(schedules=[schedule])) == alone
    for field in ("capacity", "allocated", "maintenance", "devices"):
        odd = replace(node, offer=replace(node.offer, **{field: value}))
        schedule = replace(SCHEDULE, nodes=[odd])
        assert row_of(everything(schedules=[schedule])) == alone
    for path in leaves(row)[1:]:
        schedule = replace(SCHEDULE, consumers=[changed(row, path, value)])
        assert row_of(everything(schedules=[schedule])) == alone
    odd_number = Waiting({"Resources": value}, ("Resources",))
    schedule = replace(SCHEDULE, waiting=odd_number)
    assert row_of(everything(schedules=[schedule])) == alone


@pytest.mark.parametrize("value", ODD, ids=lambda value: str(type(value)))
def test_odd_measurements_and_listings_concern_their_nodes(value: Any) -> None:
    alone = row_of(everything())
    facts, server = VARIABLES["gpufleet"], VARIABLES["gpufleet_node"]
    measured = types.Measured(name="odd", aliases=("10.0.0.9",), facts=facts)
    for field in ("name", "aliases", "facts"):
        telemetry = types.Telemetry(measured=[replace(measured, **{field: value})])
        assert row_of(everything(measured=[telemetry])) == alone
    for path in leaves(server):
        listing = types.Listing(servers=[changed(server, path, value)])
        assert row_of(everything(listings=[listing])) == alone


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("gpu", "odd: gpufleet_node can't be 'gpu', so the node is unknown"),
        ({"id": "x"}, "odd: gpufleet_node has no hardware with a list of accelerators"),
        (
            factory.server("odd", hardware={"accelerators": [{"model": "A100"}]}),
            "odd: gpufleet_node has no hardware with a list of accelerators",
        ),
        (
            factory.server("odd", hardware={"accelerators": [{"count": "8"}]}),
            "odd: gpufleet_node has no hardware with a list of accelerators",
        ),
    ],
)
def test_a_wrong_node_is_none(node: Any, text: str) -> None:
    warnings: list[str] = []
    facts = fleets.record([factory.device(0)])
    host = door.host("odd", node, facts, None, warnings.append)
    assert host
    assert (host.server, len(warnings)) == (None, 1)
    assert text in warnings[0]
    row = row_of(everything(host), "odd")
    assert (row["capacity"], row["cluster"]) == (1, None)


def test_sizes_are_bounded() -> None:
    warnings: list[str] = []
    many = [factory.device(number) for number in range(door.MOST_DEVICES + 1)]
    assert door.facts(fleets.record(many), "a", warnings.append) is None
    assert "a: its facts hold 257 devices, more than 256" in warnings.pop()
    ports = [{"state": "ACTIVE"}] * (door.MOST_PORTS + 1)
    facts = door.facts(fleets.record([], rdma_ports=ports), "a", warnings.append)
    assert facts
    assert facts.ports is None
    assert "a: rdma_ports has 257 entries, more than 256" in warnings.pop()
    crowd = [factory.process(pid) for pid in range(devices.MOST_PROCESSES + 1)]
    known = devices.device({"processes": crowd}, "a", warnings.append)
    assert known["processes"] is None
    assert "a: device 0: processes has 4097 entries" in warnings.pop()
    long = devices.device({"model": "x" * 257}, "a", warnings.append)
    assert long["model"] is None
    assert "(257 characters)" in warnings.pop()


def test_ports_have_numbers() -> None:
    """Those of series have texts."""
    told = [{"device": "mlx5_0", "port": number} for number in (1, "2", "two")]
    facts = door.facts(fleets.record([], rdma_ports=told), "a", list[str]().append)
    assert facts
    assert [port.port for port in facts.ports or []] == [1, 2, None]


_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats()
    | st.text(max_size=300)
)
_values = _scalars | st.lists(_scalars, max_size=3)


@given(st.dictionaries(st.sampled_from([*devices.FIELDS, "pods", "more"]), _values))
def test_whole_devices_pass_as_they_are(fields: dict[str, Any]) -> None:
    """What is taken for sound at once passes one by one too."""
    warnings: list[str] = []
    known = devices.device(fields, "a", warnings.append)
    assert set(known) - {"pods"} == set(devices.FIELDS)
    again = devices._checked(values.Reader(known, "a", warnings.append), 0)
    count = len(warnings)
    assert again == known
    assert devices.device(known, "a", warnings.append) == known
    assert len(warnings) == count
