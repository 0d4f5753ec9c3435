# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports on several Kubernetes clusters, from what their API servers answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from unit.fleet import factory, fleets
from unit.sources.exported import prometheus

Lists = dict[str, list[dict[str, Any]]]


def world(*pods: int, name: str = "node-0", **capacity: str) -> Lists:
    """A cluster of one node with eight devices, which pods hold."""
    devices = {"nvidia.com/gpu": "8", **capacity}
    status = {
        "capacity": devices,
        "allocatable": devices,
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return {
        "/api/v1/nodes": [{"metadata": {"name": name}, "spec": {}, "status": status}],
        "/api/v1/pods": [
            {
                "metadata": {
                    "name": f"p{n}",
                    "namespace": "ns",
                    "uid": str(uuid.uuid4()),
                },
                "spec": {
                    "nodeName": name,
                    "containers": [
                        {"resources": {"limits": {"nvidia.com/gpu": count}}}
                    ],
                },
            }
            for n, count in enumerate(pods)
        ],
    }


@pytest.fixture
def report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """Makes reports on clusters by name; one of None can't be reached."""

    def make(
        worlds: dict[str, Lists | None], hostvars: Any = None, *, named: bool = True
    ) -> dict[str, Any]:
        def client(options: dict[str, Any], _timeout: float) -> Any:
            lists = worlds[options["kubeconfig"]]
            if lists is None:
                raise SchedulerError("it is down")
            return lambda path, _query, _accept: {
                "kind": "List",
                "metadata": {},
                "items": lists.get(path, []),
            }

        monkeypatch.setattr(kubernetes, "client", client)
        sources: list[dict[str, Any]] = [{"type": "facts"}]
        for name in worlds:
            more = {"cluster": name} if named else {}
            sources.append({"type": "kubernetes", "kubeconfig": name, **more})
        options = {"sources": sources, "max_age": 0, "now": fleets.NOW.isoformat()}
        names = ["overview", "consumers", "nodes"]
        listed = _reports.compute(names, options, hostvars or {}, str(tmp_path))
        return dict(zip(names, listed, strict=True))

    return make


@pytest.mark.parametrize("named", [True, False])
def test_nodes_of_one_name_in_two_clusters(report: Any, named: bool) -> None:
    found = report({"/A": world(2), "/B": world(8)}, named=named)
    overview = found["overview"]
    assert (overview["totalNodes"], overview["totalGpus"]) == (2, 16)
    assert overview["allocatedGpus"] == 10
    rows = [(row["name"], row["allocated"]) for row in found["nodes"]["data"]]
    assert sorted(rows) == [("node-0", 2), ("node-0", 8)]
    by_cluster = {row["cluster"]: row["allocatedGpus"] for row in overview["byCluster"]}
    assert by_cluster == ({"/A": 2, "/B": 8} if named else {None: 10})
    assert len(found["consumers"]["data"]) == 2


def test_a_node_that_no_host_is_has_its_cluster(report: Any) -> None:
    found = report({"/A": world()})
    assert [row["cluster"] for row in found["overview"]["byCluster"]] == ["/A"]
    assert [row["cluster"] for row in found["nodes"]["data"]] == ["/A"]


def test_facts_of_a_host_without_a_cluster(report: Any) -> None:
    """They are of the only cluster that has such a node, by whatever name."""
    devices = [
        factory.device(number, None, utilization_percent=50, pods=[("ns", "p0")])
        for number in range(8)
    ]
    hostvars = {"node-0.example.com": {"gpufleet": fleets.record(devices)}}
    found = report({"/A": world(8)}, hostvars)
    [node] = found["nodes"]["data"]
    assert (node["name"], node["cluster"]) == ("node-0.example.com", "/A")
    [row] = found["consumers"]["data"]
    assert row["stat"]["gpuUtilization"] == 0.5
    assert found["overview"]["warnings"] == []


def test_pending_with_a_source_that_failed(report: Any) -> None:
    found = report({"/A": world(2), "/B": None})
    assert found["overview"]["pendingGpus"] is None
    assert found["overview"]["allocatedGpus"] == 2


def test_resources_that_look_like_devices(report: Any) -> None:
    """Those that count memory or cores of a device are none."""
    more = {
        "example.com/fast-gpu": "4",
        "nvidia.com/gpumem": "81920",
        "nvidia.com/gpucores": "100",
        "vendor.io/ascend910": "0",
        "example.com/output": "1",
        "memory": "1Ti",
    }
    [text] = [
        text
        for text in report({"/A": world(**more)})["overview"]["warnings"]
        if "resources" in text
    ]
    assert "example.com/fast-gpu are not known as devices" in text


def test_an_exporter_in_a_pod_s_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Prometheus knows its address only, and has no kube-state-metrics."""
    lists = world(4)
    for number, kind in enumerate(("DaemonSet", "ReplicaSet")):
        lists["/api/v1/pods"].append(
            {
                "metadata": {
                    # Whoever makes a pod names it, after another node for one.
                    "name": "node-0" if number else "dcgm-exporter-x",
                    "namespace": "gpu",
                    "uid": f"u{number}",
                    "ownerReferences": [{"kind": kind, "name": "x"}],
                },
                "spec": {"nodeName": "node-0", "containers": []},
                "status": {"podIP": f"10.244.0.{number}"},
            }
        )

    def get(path: str, _query: Any, _accept: str) -> Any:
        return {"kind": "List", "metadata": {}, "items": lists.get(path, [])}

    monkeypatch.setattr(kubernetes, "client", lambda _options, _timeout: get)
    series = [
        (
            {
                "gpu": str(gpu),
                "UUID": f"GPU-{gpu}",
                "Hostname": "dcgm-exporter-x",
                "instance": "10.244.0.0:9400",
            },
            50,
        )
        for gpu in range(8)
    ]
    with prometheus({"DCGM_FI_DEV_GPU_UTIL": series}) as server:
        sources = [
            {"type": "kubernetes", "kubeconfig": "/A", "cluster": "A"},
            {"type": "prometheus", "url": server.url},
        ]
        options = {"sources": sources, "max_age": 0}
        [overview] = _reports.compute(["overview"], options, {}, str(tmp_path))
    assert (overview["totalNodes"], overview["totalGpus"]) == (1, 8)
    assert (overview["coverage"], overview["warnings"]) == (1, [])
