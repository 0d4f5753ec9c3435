# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small worlds, through all sources to the reports: which numbers come out."""

from __future__ import annotations

import copy
import types
import typing as t
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.kubernetes import (
    Refused,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    source as slurm,
)
from unit.fleet import factory, fleets

Record = dict[str, Any]
Ask = Callable[..., dict[str, Record]]

REPORTS = ("overview", "consumers", "nodes", "heatmap")


def kube_node(name: str, gpus: int | None = 8, **more: Any) -> Record:
    """A node of Kubernetes that is Ready, and offers so many devices."""
    capacity = {"cpu": "64"}
    if gpus is not None:
        capacity["nvidia.com/gpu"] = str(gpus)
    return {
        "metadata": {"name": name, "labels": more.pop("labels", {})},
        "spec": {"unschedulable": more.pop("cordoned", False)},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [{"type": "Ready", "status": more.pop("ready", "True")}],
            "addresses": [],
            **more,
        },
    }


def kube_pod(name: str, gpus: int, on: str | None, **status: Any) -> Record:
    """A pod that requests devices, on a node or on none."""
    limits = {"nvidia.com/gpu": str(gpus)}
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": name},
        "spec": {"nodeName": on, "containers": [{"resources": {"limits": limits}}]},
        "status": {"phase": "Running" if on else "Pending", **status},
    }


def slurm_node(
    name: str, gres: str = "gpu:h100:8", used: str = "", **more: Any
) -> Record:
    """A node of Slurm."""
    usual = {"state": ["MIXED"], "hostname": name, "address": name}
    return {"name": name, "gres": gres, "gres_used": used, **usual, **more}


def slurm_job(number: int, gres: str, on: str) -> Record:
    """A job of Slurm's that runs on a node."""
    return {
        "job_id": number,
        "name": f"job-{number}",
        "partition": "gpu",
        "job_state": ["RUNNING"],
        "gres_detail": [gres],
        "job_resources": {"allocated_nodes": [{"nodename": on}]},
    }


def host(*percents: float | None, processes: Any = None, **more: Any) -> Record:
    """Facts of a host with devices of such utilization."""
    devices = [
        factory.device(n, processes, utilization_percent=percent, **more)
        for n, percent in enumerate(percents)
    ]
    return {"gpufleet": fleets.record(devices)}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Return what makes the reports of a world."""

    def run(
        hosts: Record | None = None,
        kube: Record | None = None,
        slurm_world: Record | None = None,
        clusters: t.Mapping[str, str] = types.MappingProxyType({}),
        **options: Any,
    ) -> dict[str, Record]:
        """Make the reports.

        Args:
            hosts: Variables of the inventory's hosts.
            kube: Lists of each Kubernetes cluster, by name; None if it is down.
            slurm_world: Lists of each Slurm, by name; None if it is down.
            clusters: Names of clusters, by name of the Kubernetes cluster.
            options: Other options of the reports.
        """

        def client(source: Record, _timeout: float) -> Any:
            lists = (kube or {})[Path(source["kubeconfig"]).name]

            def get(path: str, _query: Any, _accept: str) -> Any:
                if lists is None:
                    raise SchedulerError("the API server did not answer")
                items = lists.get(path.rpartition("/")[2])
                if items is None:
                    raise Refused(404, "not found")
                return {"items": copy.deepcopy(items)}

            return get

        def commands(login: str, _timeout: float) -> Any:
            lists = (slurm_world or {})[login]
            if lists is None:
                raise SchedulerError("scontrol did not answer")
            return lambda what: copy.deepcopy(lists.get(what) or [])

        monkeypatch.setattr(kubernetes, "client", client)
        monkeypatch.setattr(slurm.client, "commands", commands)
        sources = [
            {"type": "facts"},
            *(
                {
                    "type": "kubernetes",
                    "kubeconfig": name,
                    "cluster": clusters.get(name),
                }
                for name in kube or ()
            ),
            *({"type": "slurm", "login": name} for name in slurm_world or ()),
        ]
        usual = {"max_age": 0, "now": fleets.NOW.isoformat(), "include_pods": True}
        answers = _reports.compute(
            REPORTS,
            {"sources": sources, **usual, **options},
            hosts or {},
            str(tmp_path),
        )
        return dict(zip(REPORTS, answers, strict=True))

    return run


def of(report: Record, *names: str) -> tuple[Any, ...]:
    return tuple(report[name] for name in names)


STATES = ("allocatedGpus", "idleGpus", "faultyGpus", "maintenanceGpus", "unknownGpus")
USED = ("utilization", "utilizationBasis", "utilizationDevices")


# Capacity and states ------------------------------------------------------------------


def test_a_device_plugin_that_is_gone(ask: Ask) -> None:
    """The node stays, and all of its devices are faulty."""
    idle = {**host(*[0] * 8, processes=[]), "gpufleet_node": factory.server("n", 8)}
    for gpus in (0, None):  # kubelet's zero, and after its restart nothing at all
        found = ask({"n": idle}, {"k": {"nodes": [kube_node("n", gpus)], "pods": []}})
        report = found["overview"]
        assert of(report, "faultyNodes", "fullyIdleNodes") == (1, 0)
        assert of(report, *STATES) == (0, 0, 8, 0, 0)
        assert report["largestIdleBlock"] is None
        [fault] = report["faults"]
        assert (fault["rule"], fault["node"]) == ("not_allocatable", "n")


def test_a_thousand_nodes_of_which_some_are_bad(ask: Ask) -> None:
    """20 are not Ready, 55 offer 7 of 8 devices, 31 are cordoned."""
    nodes, pods = [], []
    for number in range(1000):
        name = f"n{number:03}"
        node = kube_node(
            name,
            ready="False" if number < 20 else "True",
            cordoned=100 <= number < 131,
        )
        if 20 <= number < 75:
            node["status"]["allocatable"] = {"nvidia.com/gpu": "7"}
        nodes.append(node)
        pods.append(kube_pod(f"p{number}", 3, name))
    report = ask(kube={"k": {"nodes": nodes, "pods": pods}})["overview"]
    assert of(report, "totalNodes", "healthyNodes", "faultyNodes") == (1000, 894, 75)
    assert report["maintenanceNodes"] == 31
    usable = 1000 - 20 - 31
    assert of(report, *STATES) == (
        3 * usable,
        5 * usable - 55,
        20 * 8 + 55,
        31 * 8,
        0,
    )
    assert report["totalGpus"] == 8000
    assert report["usableRate"] == round((8 * usable - 55) / 8000, 4)
    assert report["freeBlocks"] == [
        {"model": None, "devices": 5, "nodes": usable - 55},
        {"model": None, "devices": 4, "nodes": 55},
    ]


def test_devices_of_a_cordoned_node_are_not_idle(ask: Ask) -> None:
    nodes = [kube_node("a"), kube_node("b", cordoned=True)]
    found = ask(kube={"k": {"nodes": nodes, "pods": []}})
    assert of(found["overview"], *STATES) == (0, 8, 0, 8, 0)
    idle = ask(kube={"k": {"nodes": nodes, "pods": []}}, status="idle")["nodes"]
    assert [row["name"] for row in idle["data"]] == ["a"]
    assert idle["total"] == found["overview"]["fullyIdleNodes"]


@pytest.mark.parametrize("status", ["idle", "partial", "busy", "unknown"])
def test_nodes_by_state_are_those_of_the_tiles(ask: Ask, status: str) -> None:
    nodes = [
        kube_node("idle"),
        kube_node("partial"),
        kube_node("busy"),
        kube_node("cordoned", cordoned=True),
        kube_node("broken", ready="False"),
    ]
    pods = [kube_pod("a", 3, "partial"), kube_pod("b", 8, "busy")]
    hosts = {"stale": host(0, processes=[])}
    hosts["stale"]["gpufleet"]["gathered_at"] = "2026-11-24T10:00:00Z"
    found = ask(hosts, {"k": {"nodes": nodes, "pods": pods}}, status=status)
    tile = {
        "idle": "fullyIdleNodes",
        "partial": "partiallyIdleNodes",
        "busy": "busyNodes",
        "unknown": "unknownNodes",
    }[status]
    assert found["nodes"]["total"] == found["overview"][tile] == 1


def test_fewer_offered_than_declared(ask: Ask) -> None:
    hosts = {"n": {"gpufleet_node": factory.server("n", 8)}}
    report = ask(hosts, {"k": {"nodes": [kube_node("n", 6)], "pods": []}})["overview"]
    assert of(report, *STATES) == (0, 6, 2, 0, 0)
    [fault] = report["faults"]
    assert fault["rule"] == "devices_missing"
    assert fault["evidence"] == "8 are declared, kubernetes has 6"


def test_faults_of_namesakes_name_their_clusters(ask: Ask) -> None:
    """Two clusters have a node-0 each, as every cluster of a cloud may."""
    worlds = {
        name: {"nodes": [kube_node("node-0", ready="False")], "pods": []}
        for name in ("east", "west")
    }
    found = ask(kube=worlds, clusters={"east": "east", "west": "west"})["overview"]
    assert [of(fault, "node", "cluster") for fault in found["faults"]] == [
        ("node-0", "east"),
        ("node-0", "west"),
    ]


def test_time_slicing_that_nobody_has_labeled(ask: Ask) -> None:
    """The devices are measured: four units are one."""
    pods = [kube_pod(f"p{n}", 1, "n") for n in range(6)]
    found = ask(
        {"n": host(*[10] * 8)}, {"k": {"nodes": [kube_node("n", 32)], "pods": pods}}
    )
    assert of(found["overview"], *STATES) == (1.5, 6.5, 0, 0, 0)
    stats = [row["stat"] for row in found["consumers"]["data"]]
    assert [stat["gpuEquivalent"] for stat in stats] == [0.25] * 6
    assert [stat["gpuRequest"] for stat in stats] == [1] * 6


def test_claims_that_are_unknown(ask: Ask) -> None:
    """A node of dynamic resource allocation: neither idle, nor never joined."""
    pod = kube_pod("dra", 0, "n")
    pod["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": "x"}]
    hosts = {
        "n": {
            "gpufleet_node": factory.server("n", 8, created_at="2026-11-01T00:00:00Z")
        }
    }
    report = ask(hosts, {"k": {"nodes": [kube_node("n", None)], "pods": [pod]}})[
        "overview"
    ]
    assert of(report, *STATES) == (0, 0, 0, 0, 8)
    assert of(report, "healthyNodes", "unknownNodes") == (1, 1)
    assert "its resource claims are not known" in report["warnings"][0]


# Utilization --------------------------------------------------------------------------


def test_all_allocated_devices_count_busy_or_not(ask: Ask) -> None:
    hosts = {"n": host(90, 90, *[0] * 6)}
    lists = {"nodes": [kube_node("n")], "pods": [kube_pod("p", 8, "n")]}
    assert of(ask(hosts, {"k": lists})["overview"], *USED) == (0.225, "device", 8)


def test_what_processes_hold_is_not_allocated(ask: Ask) -> None:
    """A scheduler knows what is: nothing."""
    hosts = {"n": host(90, 90, processes=[7])}
    lists = {"nodes": [kube_node("n", 2)], "pods": []}
    found = ask(hosts, {"k": lists})
    assert of(found["overview"], *USED) == (None, None, 0)
    assert of(found["overview"], *STATES) == (0, 2, 0, 0, 0)
    assert found["consumers"]["total"] == 0


def test_one_device_does_not_decide_for_the_fleet(ask: Ask) -> None:
    """160 devices at 90 %, known by number; one of a workstation at 5 %."""
    names = [f"k{n:02}" for n in range(20)]
    hosts = {name: host(*[90] * 8) for name in names}
    hosts["workstation"] = host(5, processes=[1])
    lists = {
        "nodes": [kube_node(name) for name in names],
        "pods": [kube_pod(f"p-{name}", 8, name) for name in names],
    }
    report = ask(hosts, {"k": lists})["overview"]
    assert of(report, *USED) == (round((144 + 0.05) / 161, 4), "device", 161)


@pytest.mark.parametrize(
    ("percents", "held", "expected"),
    [
        ((90, 60, 0, 0), 2, (0.75, "node", 2)),
        # A load from elsewhere: no more than all of what is allocated.
        ((90, 90, 90, 90), 1, (1.0, "node", 1)),
        ((90, 90, 90, 90), 0, (None, None, 0)),
        # Not all are measured: nobody knows which ones are allocated.
        ((90, None, 0, 0), 2, (None, None, 0)),
        # All are allocated: those that are measured count.
        ((90, None, 30, 60), 4, (0.6, "device", 3)),
    ],
)
def test_utilization_of_a_node(
    ask: Ask, percents: Any, held: int, expected: Any
) -> None:
    pods = [kube_pod("p", held, "n")] if held else []
    lists = {"nodes": [kube_node("n", 4)], "pods": pods}
    report = ask({"n": host(*percents)}, {"k": lists})["overview"]
    assert of(report, *USED) == expected


def test_devices_of_the_scheduler_that_has_given_out_most(ask: Ask) -> None:
    node = slurm_node("n", "gpu:4", "gpu:3(IDX:0-2)")
    job = slurm_job(1, "gpu:3(IDX:0-2)", "n")
    report = ask(
        {"n": host(90, 60, 30, 0)},
        {"k": {"nodes": [kube_node("n", 4)], "pods": [kube_pod("p", 1, "n")]}},
        {"s": {"nodes": [node], "jobs": [job]}},
    )["overview"]
    assert of(report, *USED) == (0.6, "device", 3)
    assert of(report, *STATES) == (3, 1, 0, 0, 0)


def test_rates_of_groups(ask: Ask) -> None:
    hosts = {
        name: {
            **host(*[percent] * 4),
            "gpufleet_node": factory.server(name, 4, location=place),
        }
        for name, percent, place in (("a", 80, "x"), ("b", 20, "y"))
    }
    lists = {
        "nodes": [kube_node("a", 4), kube_node("b", 4)],
        "pods": [kube_pod("p", 4, "a"), kube_pod("q", 4, "b")],
    }
    report = ask(hosts, {"k": lists})["overview"]
    rates = ("location", "allocationRate", "usableRate", "utilization")
    assert [of(row, *rates) for row in report["byLocation"]] == [
        ("x", 1.0, 1.0, 0.8),
        ("y", 1.0, 1.0, 0.2),
    ]
    assert report["utilization"] == 0.5


def test_sums_over_what_is_measured(ask: Ask) -> None:
    half = {"memory_total_bytes": 100, "memory_used_bytes": 50, "power_watts": 250.5}
    hosts = {"a": host(0, 0, **half), "b": host(0)}
    hardware = {**factory.server("a", 2)["hardware"], "hourly_cost": 4.5}
    hosts["a"]["gpufleet_node"] = factory.server("a", 2, hardware=hardware)
    found = ask(hosts)["overview"]
    assert of(found, "memoryUsedRate", "powerWatts", "hourlyCost") == (0.5, 501.0, 4.5)
    nothing = ask({"b": host(0)})["overview"]
    names = ("memoryUsedRate", "powerWatts", "hourlyCost")
    assert of(nothing, *names) == (None, None, None)


# Consumers ----------------------------------------------------------------------------


def test_who_holds_all_of_a_node_is_as_busy_as_the_node(ask: Ask) -> None:
    lists = {"nodes": [kube_node("n")], "pods": [kube_pod("p", 8, "n")]}
    [row] = ask({"n": host(*[90] * 8)}, {"k": lists})["consumers"]["data"]
    assert row["stat"]["gpuUtilization"] == 0.9
    assert row["nodes"] == [("n", 8.0)]
    assert row["devices"] == [("n", index) for index in range(8)]
    [row] = ask({"n": host(*[90] * 7, None)}, {"k": lists})["consumers"]["data"]
    assert row["stat"]["gpuUtilization"] is None


@pytest.mark.parametrize(
    ("count", "minors", "expected"),
    [
        # As many as Slurm has: its numbers are theirs.
        (8, None, 0.3),
        # One is gone, and which one is not known.
        (7, None, None),
        # One is gone, and the others are known by their minor numbers.
        (7, (0, 1, 2, 3, 5, 6, 7), 0.35),
        # Their files are in another order than their PCI addresses.
        (8, (7, 6, 5, 4, 3, 2, 1, 0), None),
    ],
)
def test_slurm_s_numbers_are_places(
    ask: Ask, count: int, minors: Any, expected: float | None
) -> None:
    """Devices 3 and 5 are in use; the device at place n is at 10 n percent."""
    facts = host(*(10 * n for n in range(count)))
    for device, minor in zip(facts["gpufleet"]["devices"], minors or (), strict=False):
        device["minor_number"] = minor
    node = slurm_node("n", used="gpu:h100:2(IDX:3,5)")
    lists = {"nodes": [node], "jobs": [slurm_job(1, "gpu:h100:2(IDX:3,5)", "n")]}
    found = ask({"n": facts}, None, {"s": lists})
    [row] = found["consumers"]["data"]
    places = (
        {n: n for n in range(8)}
        if minors is None
        else dict(zip(minors, range(8), strict=False))
    )
    if expected is not None:
        expected = (places[3] + places[5]) / 20
    assert row["stat"]["gpuUtilization"] == expected


def test_consumers_on_faulty_nodes_keep_their_requests(ask: Ask) -> None:
    nodes = [kube_node("n", ready="False")]
    pods = [kube_pod("p", 5, "n")]
    found = ask(kube={"k": {"nodes": nodes, "pods": pods}})
    [row] = found["consumers"]["data"]
    assert row["stat"]["gpuRequest"] == 5
    [fault] = found["overview"]["faults"]
    assert fault["consumers"] == [
        {"kind": "Pod", "namespace": "ml", "name": "p", "uid": "p"}
    ]
    assert of(fault, "device", "index") == (None, None)


def test_a_faulty_device_names_who_holds_it(ask: Ask) -> None:
    facts = host(0, 0, 0, 0)
    facts["gpufleet"]["devices"][2]["health"] = "failed"
    node = slurm_node("n", "gpu:4", "gpu:2(IDX:0,2)")
    jobs = [slurm_job(1, "gpu:1(IDX:0)", "n"), slurm_job(2, "gpu:1(IDX:2)", "n")]
    found = ask({"n": facts}, None, {"s": {"nodes": [node], "jobs": jobs}})
    [fault] = found["overview"]["faults"]
    assert of(fault, "device", "index") == ("0000:02:00.0", 2)
    assert [each["name"] for each in fault["consumers"]] == ["job-2"]
    assert of(found["overview"], *STATES) == (1, 2, 1, 0, 0)


def test_the_order_of_the_input_does_not_matter(ask: Ask) -> None:
    nodes = [kube_node("a"), kube_node("b")]
    pods = [kube_pod(f"p{n}", 9, "ab"[n % 2]) for n in range(4)]
    owner = {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "j"}
    for pod in pods:
        pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    one = ask(kube={"k": {"nodes": nodes, "pods": pods}})
    other = ask(kube={"k": {"nodes": nodes[::-1], "pods": pods[::-1]}})
    assert one == other
    assert len(one["overview"]["warnings"]) == 3
    names = [pod["name"] for pod in one["consumers"]["data"][0]["pods"]]
    assert names == ["p0", "p1", "p2", "p3"]


# Several clusters ---------------------------------------------------------------------


def test_clusters_whose_nodes_have_the_same_names(ask: Ask) -> None:
    one = {"nodes": [kube_node("node-0")], "pods": [kube_pod("p", 2, "node-0")]}
    two = {"nodes": [kube_node("node-0")], "pods": [kube_pod("q", 8, "node-0")]}
    found = ask(kube={"a": one, "b": two}, clusters={"a": "A", "b": "B"})
    report = found["overview"]
    assert of(report, "totalNodes", "totalGpus") == (2, 16)
    assert of(report, *STATES) == (10, 6, 0, 0, 0)
    assert [of(row, "cluster", "allocatedGpus") for row in report["byCluster"]] == [
        ("A", 2),
        ("B", 8),
    ]
    rows = {row["name"]: row for row in found["consumers"]["data"]}
    assert rows["p"]["nodes"] == [("node-0", 2.0)]
    assert (rows["p"]["cluster"], rows["q"]["cluster"]) == ("A", "B")


# What is waited for -------------------------------------------------------------------


def test_pending_devices_by_reason(ask: Ask) -> None:
    why = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    gated = kube_pod("gated", 4, None)
    gated["spec"]["schedulingGates"] = [{"name": "queue"}]
    pods = [kube_pod("a", 8, None, conditions=why), kube_pod("new", 1, None), gated]
    report = ask(kube={"k": {"nodes": [kube_node("n")], "pods": pods}})["overview"]
    assert report["pendingGpus"] == 9
    assert report["pendingByReason"] == {
        "SchedulingGated": 4,
        "Unscheduled": 1,
        "Unschedulable": 8,
    }


def test_pending_devices_of_shared_ones_are_fractions(ask: Ask) -> None:
    labels = {"nvidia.com/gpu.replicas": "4"}
    nodes = [kube_node("n", 32, labels=labels)]
    pods = [kube_pod("a", 2, None)]
    report = ask(kube={"k": {"nodes": nodes, "pods": pods}})["overview"]
    assert report["pendingGpus"] == 0.5


def test_a_source_that_failed_makes_what_is_pending_unknown(ask: Ask) -> None:
    report = ask(kube={"k": None}, slurm_world={"s": {}})["overview"]
    assert of(report, "pendingGpus", "pendingByReason") == (None, None)
    alone = ask(slurm_world={"s": {}})["overview"]
    assert of(alone, "pendingGpus", "pendingByReason") == (0, {})
    assert of(ask()["overview"], "pendingGpus", "pendingByReason") == (None, None)


# Free devices, and space --------------------------------------------------------------


def test_free_blocks_are_of_one_model_each(ask: Ask) -> None:
    hosts = {
        "a": host(*[0] * 4, model="H100"),
        "b": host(*[0] * 4, model="H100"),
        "c": host(*[0] * 4, model="A100"),
        "d": host(*[0] * 4, model="A100"),
    }
    lists = {
        "nodes": [kube_node(name, 4) for name in hosts],
        "pods": [kube_pod("p", 3, "b"), kube_pod("q", 4, "d")],
    }
    report = ask(hosts, {"k": lists})["overview"]
    assert report["largestIdleBlock"] == 4
    assert report["freeBlocks"] == [
        {"model": "A100", "devices": 4, "nodes": 1},
        {"model": "H100", "devices": 4, "nodes": 1},
        {"model": "H100", "devices": 1, "nodes": 1},
    ]
