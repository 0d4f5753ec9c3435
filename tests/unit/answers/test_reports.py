# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports, against the worked example, their invariants and a slow second reading."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    consumers,
    heatmap,
    nodes,
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    counts,
    door,
    snapshot,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Fleet,
    Host,
)
from unit.answers import reference
from unit.fleet import factory, fleets


def build(*hosts: Host, **more: Any) -> Fleet:
    return factory.fleet(*hosts, now=fleets.NOW, **more)


# The overview ------------------------------------------------------------------


def test_the_worked_example() -> None:
    report = overview.report(build(*fleets.worked_example()))
    assert {key: report[key] for key in list(report)[:11]} == {
        "totalNodes": 10,
        "healthyNodes": 9,
        "faultyNodes": 1,
        "maintenanceNodes": 0,
        "fullyIdleNodes": 3,
        "partiallyIdleNodes": 4,
        "busyNodes": 2,
        "unknownNodes": 0,
        "allocationRate": 0.75,
        "utilization": 0.62,
        "utilizationBasis": "device",
    }
    assert report["totalGpus"] == 60
    assert report["allocatedGpus"] == 39
    assert report["idleGpus"] == 13
    assert report["faultyGpus"] == 8
    assert report["largestIdleBlock"] == 3
    assert report["coverage"] == round(52 / 60, 4)
    [fault] = report["faults"]
    assert (fault["node"], fault["rule"]) == ("broken", "server_status")
    assert report["byCluster"][0]["cluster"] == "training"
    assert json.dumps(report)


def test_nothing_is_known_of_nothing() -> None:
    report = overview.report(build())
    assert report["totalNodes"] == 0
    for key in ("allocationRate", "utilization", "coverage", "largestIdleBlock"):
        assert report[key] is None
    assert set(report["rdmaClusterStat"].values()) == {None}
    assert set(report["storageStat"].values()) == {None}


def test_hosts_without_accelerators_do_not_count() -> None:
    report = overview.report(build(Host("web", factory.server("web", 0)), Host("x")))
    assert report["totalNodes"] == 0


def test_stale_facts_are_unknown_and_no_fault() -> None:
    devices = [factory.device(0, [1], health="failed", utilization_percent=90)]
    old = Host("a", None, fleets.facts(devices, age=400))
    report = overview.report(build(old))
    assert (report["healthyNodes"], report["unknownNodes"]) == (1, 1)
    assert (report["totalGpus"], report["unknownGpus"]) == (1, 1)
    assert (report["coverage"], report["utilization"]) == (0.0, None)


def test_utilization_by_node_where_a_scheduler_tells_only_how_many() -> None:
    """Two of four are given out: 150 % of use are 75 % of each of these."""
    used = [90, 60, 0, 0]
    devices = [
        factory.device(n, None, utilization_percent=percent)
        for n, percent in enumerate(used)
    ]
    offer = factory.offer(4, 2)
    report = overview.report(build(Host("a", None, fleets.facts(devices), (offer,))))
    assert (report["utilization"], report["utilizationBasis"]) == (0.75, "node")


def test_more_given_out_than_there_is() -> None:
    offer = factory.offer(4, 6, source="kubernetes")
    seen = build(Host("a", factory.server("a", 4), None, (offer,)))
    report = overview.report(seen)
    assert (report["busyNodes"], report["allocationRate"]) == (1, 1.0)
    assert report["allocatedGpus"] == 4
    assert "6 devices are given out, and there are 4" in report["warnings"][0]


def test_a_node_in_maintenance_is_counted_apart() -> None:
    offer = factory.offer(4, 0, maintenance="drained: new disks")
    broken = factory.server("a", 4, status="SHUTOFF")
    report = overview.report(build(Host("a", broken, None, (offer,))))
    assert (report["maintenanceNodes"], report["faultyNodes"]) == (1, 0)
    assert report["faults"][0]["rule"] == "server_status"


@pytest.mark.parametrize(
    ("rates", "bandwidth", "total"),
    [
        ([400.0, 400.0], "400Gbps", 800.0),
        ([400.0, None], "400Gbps", None),
        ([float("nan")], None, None),
        ([float("inf"), -1.0], None, None),
        (["400"], None, None),
        ([], None, 0),
    ],
)
def test_rates_of_rdma_ports(
    rates: list[Any], bandwidth: str | None, total: float | None
) -> None:
    told = [{"state": "ACTIVE", "rate_gbps": rate} for rate in rates]
    warnings: list[str] = []
    record = fleets.record([factory.device(0)], rdma_ports=told)
    measured = door.facts(record, "a", warnings.append)
    stat = overview.report(build(Host("a", None, measured)))["rdmaClusterStat"]
    assert (stat["bandwidth"], stat["totalBandwidthGbps"]) == (bandwidth, total)
    assert stat["activePorts"] == len(rates)
    assert all("rate_gbps can't be" in text for text in warnings)


def test_ports_of_a_node_that_has_lost_its_devices() -> None:
    measured = fleets.facts([], rdma_ports=[{"state": "ACTIVE", "rate_gbps": 400}])
    report = overview.report(build(Host("a", factory.server("a", 8), measured)))
    assert report["rdmaClusterStat"]["activePorts"] == 1
    assert report["faultyNodes"] == 1


def test_rdma_ports() -> None:
    ports = [("ACTIVE", 400.0), ("ACTIVE", 400.0), ("ACTIVE", 200.0), ("DOWN", 100.0)]
    told = [{"state": state, "rate_gbps": rate} for state, rate in ports]
    measured = fleets.facts([factory.device(0)], rdma_ports=told)
    report = overview.report(build(Host("a", None, measured)))
    assert report["rdmaClusterStat"] == {
        "totalPorts": 4,
        "activePorts": 3,
        "bandwidth": "400Gbps",
        "totalBandwidthGbps": 1000.0,
    }


def test_storage() -> None:
    told = {"total_bytes": 1000 * 10**12, "used_bytes": 450 * 10**12}
    found = overview.report(build(storage=told))["storageStat"]
    assert list(found.values())[:4] == ["1000TB", "450TB", "550TB", 0.45]


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (0, "0TB"),
        (1_500_000_000_000, "1.5TB"),
        (9_999 * 10**12, "9999TB"),
        (10**16, "10PB"),
        (1_250 * 10**12 * 100, "125PB"),
        (12 * 10**17, "1.2EB"),
        (2**64, "18.4EB"),
    ],
)
def test_space_is_shown_in_few_digits(total: int, shown: str) -> None:
    told = {"total_bytes": total, "used_bytes": None}
    found = overview.report(build(storage=told))["storageStat"]
    assert found["totalCapacity"] == shown


@given(fleets.random_hosts())
def test_invariants(hosts: list[Host]) -> None:
    seen = build(*hosts)
    report = overview.report(seen)
    total = report["healthyNodes"] + report["faultyNodes"] + report["maintenanceNodes"]
    assert total == report["totalNodes"]
    parts = ("fullyIdleNodes", "partiallyIdleNodes", "busyNodes", "unknownNodes")
    assert sum(report[part] for part in parts) == report["healthyNodes"]
    parts = tuple(f"{name}Gpus" for name in counts.STATES)
    assert sum(report[part] for part in parts) == pytest.approx(report["totalGpus"])
    for rate in ("allocationRate", "usableRate", "utilization", "coverage"):
        assert report[rate] is None or 0 <= report[rate] <= 1
    for name in ("byModel", "byLocation", "byCluster"):
        for part in (*parts, "totalGpus"):
            told = sum(one[part] for one in report[name])
            assert told == pytest.approx(report[part], abs=0.01)
    json.dumps([report, heatmap.report(seen), consumers.report(seen)], allow_nan=False)


@given(reference.worlds())
def test_a_second_reading(world: reference.World) -> None:
    """The formulas as the documentation has them, node by node, without haste.

    Two clusters with the same names of nodes, two schedulers, sources that fail, nodes
    that are faulty or cordoned, or both.
    """
    fleet = snapshot.assemble(
        reference.hosts(world), schedules=reference.schedules(world), now=fleets.NOW
    )
    report = overview.report(fleet)
    expected = reference.overview(world)
    shown = {name: report[name] for name in expected}
    assert shown == {
        name: pytest.approx(value, abs=2e-3) if value is not None else None
        for name, value in expected.items()
    }


# The heatmap -------------------------------------------------------------------


def test_the_heatmap_lists_devices_and_not_nodes() -> None:
    devices = [
        factory.device(n, power_watts=watts, temperature_celsius=50)
        for n, watts in enumerate([700.5, 750.0, None, 750.0])
    ]
    hosts = [Host(name, None, fleets.facts(devices)) for name in ("b", "a")]
    report = heatmap.report(build(*hosts), top_k=3)
    power = report["power"]
    assert {key: power[key] for key in ("serial", "unit", "yAxisMax", "yAxisMin")} == {
        "serial": 2,
        "unit": "W",
        "yAxisMax": 850,
        "yAxisMin": 0,
    }
    top = [(one["nodeName"], one["deviceId"], one["value"]) for one in power["data"]]
    assert top == [("a", 1, 750.0), ("a", 3, 750.0), ("b", 1, 750.0)]
    assert power["data"][0]["gpuModel"] == "MI300X"
    assert (report["temperature"]["serial"], report["utilization"]["serial"]) == (3, 1)
    assert "matrix" not in power


def test_the_axis_grows() -> None:
    hot = fleets.facts([factory.device(0, power_watts=1201.5, temperature_celsius=-10)])
    report = heatmap.report(build(Host("a", None, hot)), matrix=True)
    assert report["power"]["yAxisMax"] == 1210
    assert report["temperature"]["yAxisMax"] == 110
    assert report["power"]["matrix"] == [
        {"nodeName": "a", "gpuModel": "MI300X", "values": [1201.5]}
    ]


@given(fleets.random_hosts())
def test_the_heatmap_read_slowly(hosts: list[Host]) -> None:
    seen = build(*hosts)
    for name, metric in heatmap.METRICS.items():
        values = [
            device[metric.key]
            for node in seen.nodes
            for device in node.devices or []
            if device[metric.key] is not None
        ]
        shown = heatmap.report(seen, top_k=4)[name]
        told = [point["value"] for point in shown["data"]]
        assert told == sorted(values, reverse=True)[:4]
        assert all(value <= shown["yAxisMax"] for value in values)


# The consumers -----------------------------------------------------------------


def test_processes_are_consumers() -> None:
    devices = [
        factory.device(0, [7, 8], utilization_percent=80),
        factory.device(1, [7], utilization_percent=40),
        factory.device(2),
    ]
    report = consumers.report(build(Host("a", None, fleets.facts(devices))))
    assert report["total"] == 2
    first, second = report["data"]
    assert first == {
        "kind": "Process",
        "name": "python3",
        "namespace": "alice",
        "uid": "a/7",
        "stat": {"gpuRequest": 2, "gpuEquivalent": 1.5, "gpuUtilization": 0.6},
        "pods": None,
        "source": "facts",
        "cluster": None,
        "devices": [("a", 0), ("a", 1)],
        "nodes": [("a", 1.5)],
    }
    assert (second["uid"], second["stat"]["gpuEquivalent"]) == ("a/8", 0.5)
    grouped = consumers.report(
        build(Host("a", None, fleets.facts(devices))), group_by="user"
    )
    [alice] = grouped["data"]
    assert (alice["name"], alice["consumers"]) == ("alice", 2)
    assert alice["stat"]["gpuEquivalent"] == 2.0


@given(fleets.random_hosts())
def test_consumers_hold_what_is_given_out(hosts: list[Host]) -> None:
    """Where no scheduler is, and all is known, the sums are the same."""
    alone = [replace(host, offers=()) for host in hosts]
    seen = build(*alone)
    told = consumers.report(seen, page_size=1000)
    held = sum(row["stat"]["gpuEquivalent"] for row in told["data"])
    known = [node.state["allocated"] for node in seen.nodes]
    if None not in known:
        assert held == pytest.approx(sum(known), abs=0.02)
    for row in told["data"]:
        assert row["stat"]["gpuRequest"] >= row["stat"]["gpuEquivalent"] > 0


def _rows(number: int) -> list[Any]:
    kinds = ("Deployment", "Job")
    return [
        factory.consumer(kind=kinds[n % 2], name=f"n{n:02}", uid=str(n), pods=["p"])
        for n in range(number)
    ]


def test_pages_and_filters() -> None:
    seen = build(consumers=_rows(25))
    pages = [consumers.report(seen, page, 10) for page in (1, 2, 3, 4)]
    assert [len(page["data"]) for page in pages] == [10, 10, 5, 0]
    assert {page["total"] for page in pages} == {25}
    names = [row["name"] for page in pages for row in page["data"]]
    assert names == [f"n{n:02}" for n in range(25)]
    assert pages[0]["data"][0]["pods"] is None
    jobs = consumers.report(seen, include_pods=True, kind="Job")
    assert jobs["total"] == 12
    assert jobs["data"][0]["pods"] == ["p"]
    assert consumers.report(seen, namespace="none")["total"] == 0


# The nodes ---------------------------------------------------------------------


def test_nodes() -> None:
    seen = build(*fleets.worked_example())
    assert nodes.report(seen)["total"] == 10
    [broken] = nodes.report(seen, status="faulty")["data"]
    assert (broken["name"], broken["serverStatus"]) == ("broken", "ERROR")
    assert nodes.report(seen, status="partial")["total"] == 4
    [one] = nodes.report(seen, name="n7")["data"]
    assert (one["capacity"], one["allocated"], one["model"]) == (8, 8, "MI300X")
    assert nodes.report(seen, node_id="id-n7")["data"] == [one]
    assert nodes.report(seen, cluster_name="none")["total"] == 0
    with pytest.raises(nodes.NodeNotFound, match="name: there is no node 'none'"):
        nodes.report(seen, name="none")
