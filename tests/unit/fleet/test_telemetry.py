# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of hosts, by several exporters and by gpu_facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    matching,
    pod_devices,
    readings,
    telemetry,
    types,
)
from unit.fleet import factory, fleets
from unit.fleet.factory import Record


def device(index: int, **more: Any) -> Record:
    """A device as a source of measurements knows it."""
    usual = {"pci_bus_id": None, "uuid": None, "vendor": "nvidia", "model": None}
    return factory.device(index, None, **{**usual, "pods": [], **more})


def told(
    name: str, devices: list[Record], age: float = 0, *aliases: str, **more: Any
) -> types.Measured:
    moment = fleets.NOW - timedelta(seconds=age)
    record = {"gathered_at": moment.isoformat(), "devices": devices, **more}
    return types.Measured(name=name, aliases=aliases, facts=record)


def measured(
    hosts: list[types.Host], *nodes: types.Measured, stale_after: float = 300
) -> dict[str, Any]:
    """Facts by host."""
    warnings: list[str] = []
    known = readings.measurements([types.Telemetry(measured=nodes)], warnings.append)
    assert warnings == []
    joined = telemetry.measure(hosts, known, fleets.NOW, warnings.append, stale_after)
    return {host.name: host.facts for host in joined}


def test_hosts_by_name_and_address() -> None:
    listed = [factory.address("10.0.0.2")]
    hosts = [
        types.Host("gpu1.example.com"),
        types.Host("gpu2", factory.server("gpu2", 1, addresses=listed)),
    ]
    found = measured(
        hosts,
        told("gpu1", [device(0)]),
        told("pod-x", [device(0)], 0, "10.0.0.2"),
        told("stranger", [device(0)]),
    )
    assert set(found) == {"gpu1.example.com", "gpu2", "stranger"}
    assert all(len(facts.devices) == 1 for facts in found.values())


def exported(target: str, *names: str, exporter: str = "nvidia") -> types.Measured:
    """What the exporter of a target has measured, of the node that its labels name."""
    moment = (fleets.NOW - timedelta(seconds=5)).isoformat()
    return types.Measured(
        name=names[0] if names else target,
        aliases=(*names, target),
        target=target,
        exporter=exporter,
        facts={"gathered_at": moment, "devices": [device(0, uuid=target)]},
    )


@pytest.mark.parametrize(
    ("nodes", "targets_of_a", "targets_of_b", "warnings"),
    [
        # Each by the address that Prometheus reads it from.
        ([exported("10.0.0.1"), exported("10.0.0.2")], ["10.0.0.1"], ["10.0.0.2"], 0),
        ([exported("10.0.0.1", "a", "pod-x")], ["10.0.0.1"], [], 0),
        # Node a says that it is b: it is unknown, and b is what it is.
        ([exported("10.0.0.1", "b")], [], [], 1),
        (
            [exported("10.0.0.1", "b"), exported("10.0.0.2", "b")],
            *([], ["10.0.0.2"], 1),
        ),
        # Labels that contradict each other, of a pod whose address nobody knows.
        ([exported("10.9.0.1", "a", "b")], [], [], 1),
        # A pod says that it is on b, whose exporter has the node's own address.
        (
            [exported("10.9.0.1", "b"), exported("10.0.0.2", "b")],
            *([], ["10.0.0.2"], 1),
        ),
        # Two pods say that they are on b: nobody knows which of them is.
        ([exported("10.9.0.1", "b"), exported("10.9.0.2", "b")], [], [], 2),
        # Another exporter of the node.
        (
            [exported("10.9.0.1", "b"), exported("10.9.0.2", "b", exporter="kepler")],
            *([], ["10.9.0.1", "10.9.0.2"], 0),
        ),
    ],
)
def test_no_exporter_speaks_for_another_node(
    nodes: list[types.Measured],
    targets_of_a: list[str],
    targets_of_b: list[str],
    warnings: int,
) -> None:
    hosts = [
        types.Host(
            name, factory.server(name, 1, addresses=[factory.address(f"10.0.0.{last}")])
        )
        for last, name in enumerate("ab", 1)
    ]
    texts: list[str] = []
    known = readings.measurements([types.Telemetry(measured=nodes)], texts.append)
    joined = telemetry.measure(hosts, known, fleets.NOW, texts.append)
    found = {
        host.name: sorted(str(each["uuid"]) for each in host.facts.devices)
        if host.facts
        else []
        for host in joined
    }
    assert found == {"a": targets_of_a, "b": targets_of_b}
    assert len(texts) == warnings


def test_facts_of_now_stay_and_old_ones_go() -> None:
    fresh = fleets.facts([factory.device(0, [7], uuid="a")], age=10)
    old = fleets.facts([factory.device(0, [7])], age=400)
    hosts = [types.Host("fresh", None, fresh), types.Host("old", None, old)]
    pods = [("team", "train-0")]
    ports = [{"state": "ACTIVE"}]
    found = measured(
        hosts,
        *(
            told(
                name, [device(0, uuid="a", power_watts=9, pods=pods)], rdma_ports=ports
            )
            for name in ("fresh", "old")
        ),
    )
    [kept] = found["fresh"].devices
    assert len(kept["processes"]) == 1
    assert kept["pods"] == pods
    [port] = found["fresh"].ports
    assert port.state == "ACTIVE"
    assert found["old"].devices[0]["power_watts"] == 9


def test_of_two_exporters_the_newer_and_what_it_lacks() -> None:
    found = measured(
        [],
        told("n", [device(0, uuid="a", power_watts=1, model="old")], 30),
        told("n", [device(0, uuid="a", power_watts=2)], 5),
    )
    [one] = found["n"].devices
    assert (one["power_watts"], one["model"]) == (2, "old")
    assert found["n"].gathered_at.startswith("2026-11-24T11:59:55")


def test_an_exporter_that_is_gone() -> None:
    """Its last series stand for five minutes; a device went with it."""
    found = measured(
        [],
        told("n", [device(0, uuid="a"), device(1, uuid="b")], 200),
        told("n", [device(0, uuid="a")], 5),
    )
    assert [one["uuid"] for one in found["n"].devices] == ["a"]


def test_vendors_count_their_own_devices() -> None:
    found = measured(
        [],
        told("n", [device(0), device(1)]),
        told("n", [device(0, vendor="amd")]),
    )
    listed = [(one["index"], one["vendor"]) for one in found["n"].devices]
    assert listed == [(0, "amd"), (1, "nvidia"), (2, "nvidia")]


def workload(*pods: str, node: str = "n", **more: Any) -> types.Consumer:
    return factory.consumer(
        namespace="team",
        devices=None,
        pods=[{"name": name, "node": node} for name in pods],
        **more,
    )


def assigned(
    row: types.Consumer, allocated: float, *, pods: Any = None
) -> tuple[Any, Any]:
    """Devices of the workload, and those of the node that are given out."""
    held = pods or [[("team", "a")], [], []]
    devices = [device(index, pods=each) for index, each in enumerate(held)]
    offer = factory.offer(3, allocated, source="kubernetes")
    host = types.Host("host", factory.server("n", 3), factory.facts(devices))
    host = replace(host, offers=(offer,))
    joined = matching.Joined(hosts=[host], consumers=[row], keys=[{"n": "host"}])
    known = pod_devices.assign(joined)
    return known.consumers[0].get("devices"), known.hosts[0].offers[0].devices


def test_devices_of_pods() -> None:
    assert assigned(workload("a"), 1) == ([("host", 0)], (0,))
    # Of another pod nobody tells the device, and so not of the whole.
    assert assigned(workload("a", "b"), 2) == (None, None)
    # On another node is another pod, whatever the clusters are called.
    assert assigned(workload("a", cluster="another"), 1) == ([("host", 0)], (0,))
    assert assigned(workload("a", node="m"), 1) == (None, (0,))
    # A part of a device is given out, or more than is told.
    assert assigned(workload("a"), 0.5) == ([("host", 0)], None)
    # Two pods share a device.
    shared = [[("team", "a"), ("team", "b")], [], []]
    assert assigned(workload("b"), 1, pods=shared) == ([("host", 0)], (0,))


# One identity per thing --------------------------------------------------------------


def of(cluster: str | None, name: str, target: str = "", **more: Any) -> types.Measured:
    """What an exporter of a cluster has measured."""
    moment = (fleets.NOW - timedelta(seconds=5)).isoformat()
    return types.Measured(
        name=name,
        aliases=(target,) if target else (),
        target=target,
        cluster=cluster,
        exporter="nvidia",
        facts={"gathered_at": moment, "devices": [device(0, **more)]},
    )


def there(name: str, cluster: str | None, *aliases: str) -> types.Host:
    server = factory.server(
        name, 1, id=f"{cluster}-{name}", cluster=cluster and factory.cluster(cluster)
    )
    key = f"{cluster}/{name}"
    return types.Host(name, server, key=key, aliases=frozenset(aliases))


@pytest.mark.parametrize(
    ("hosts", "nodes", "expected", "warnings"),
    [
        pytest.param(
            [],
            [of("A", "n", uuid="1"), of("B", "n", uuid="2")],
            {"n": "1", "B/n": "2"},
            0,
            id="two clusters behind one Prometheus",
        ),
        pytest.param(
            [there("n", "A"), there("n", "B")],
            [of("B", "n", uuid="2"), of("A", "n", uuid="1")],
            {"A/n": "1", "B/n": "2"},
            0,
            id="each host by its cluster",
        ),
        pytest.param(
            [there("n", "A"), there("n", "B")],
            [of(None, "n", uuid="2")],
            {"A/n": None, "B/n": None},
            1,
            id="of one of two hosts is of nobody",
        ),
        pytest.param(
            [there("n", "A", "10.9.0.1"), there("m", "B", "10.9.0.1")],
            [of(None, "pod-x", "10.9.0.1", uuid="2")],
            {"A/n": None, "B/m": None},
            1,
            id="of an address that pods of two clusters have",
        ),
        pytest.param(
            [there("n", "train")],
            [of("prod-eu", "n", uuid="1")],
            {"train/n": "1"},
            0,
            id="labels have names of their own for clusters",
        ),
        pytest.param(
            [there("n", "train")],
            [of("prod-eu", "n", "10.0.0.1", uuid="1"), of("prod-us", "n", "10.0.0.1")],
            {"train/n": None},
            1,
            id="of two clusters nobody knows which is the host's",
        ),
        pytest.param(
            [there("n", "A")],
            [of("A", "n", uuid="1"), of("A", "pod-x", uuid="1")],
            {"A/n": "1"},
            1,
            id="an exporter that names its pod, beside one that names the node",
        ),
        pytest.param(
            [],
            [of(None, "pod-y", uuid="1"), of(None, "pod-x", uuid="1")],
            {"pod-x": "1"},
            1,
            id="two exporters that name their pods",
        ),
    ],
)
def test_clusters_and_pairs_of_exporters(
    hosts: list[types.Host],
    nodes: list[types.Measured],
    expected: dict[str, str | None],
    warnings: int,
) -> None:
    texts: list[str] = []
    known = readings.measurements([types.Telemetry(measured=nodes)], texts.append)
    foreign = matching.is_foreign(hosts, [], [each.cluster for each in known])
    joined = telemetry.measure(hosts, known, fleets.NOW, texts.append, foreign=foreign)
    found = {
        host.key: host.facts.devices[0]["uuid"] if host.facts else None
        for host in joined
    }
    assert found == expected
    assert len(texts) == warnings, texts


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ({"uuid": "a"}, {"uuid": "a", "index": 3}, 1),
        ({"uuid": "a"}, {"uuid": "b"}, 2),
        ({"pci_bus_id": "0:1"}, {"pci_bus_id": "0:1", "index": 3}, 1),
        # Vendors' ids differ between tools; an address does not.
        ({"pci_bus_id": "0:1", "uuid": "a"}, {"pci_bus_id": "0:1", "uuid": "b"}, 1),
        ({"serial": "s"}, {"serial": "s", "index": 3}, 1),
        ({"uuid": "a"}, {"serial": "s"}, 1),  # by number
        ({"uuid": "a"}, {"serial": "s", "index": 3}, 2),
    ],
)
def test_a_device_of_two_exporters(one: Record, other: Record, count: int) -> None:
    found = measured(
        [],
        told("n", [device(**{"index": 0, **one})], 5),
        told("n", [device(**{"index": 0, **other})], 7),
    )
    assert len(found["n"].devices) == count


def test_ports_and_events_of_a_pair_of_exporters_count_once() -> None:
    port = {"device": "mlx5_0", "port": "1", "state": "ACTIVE"}
    event = {"code": 79, "pci_bus_id": "b"}
    more: Any = {"rdma_ports": [port], "xid_events": [event]}
    found = measured([], told("n", [], 5, **more), told("n", [], 6, **more))
    assert (len(found["n"].ports), len(found["n"].xid_events)) == (1, 1)
