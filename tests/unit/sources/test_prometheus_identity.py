# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from Prometheus counts once, and for the node that it is of.

The series are those of a site with two nodes of eight devices: a pod holds four of the
first one's, another waits for eight.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from unit.fleet import factory
from unit.sources.exported import Labels, Metrics, prometheus

KSM = {"instance": "10.1.0.1:8080", "job": "kube-state-metrics"}
GPU = {"resource": "nvidia_com_gpu", "unit": "integer"}
NODES = {"gpu-1": "10.0.0.1", "gpu-2": "10.0.0.2"}


def kube_state() -> Metrics:
    """Series of kube-state-metrics, whose labels Prometheus keeps."""
    nodes = [{**KSM, "node": name} for name in NODES]
    train, wait = (
        {**KSM, "namespace": "ml", "pod": f"{name}-0", "uid": f"u-{name}"}
        for name in ("train", "wait")
    )
    owner = {"owner_kind": "StatefulSet", "owner_is_controller": "true"}
    return {
        "kube_node_status_capacity": [({**node, **GPU}, 8) for node in nodes],
        "kube_node_status_allocatable": [({**node, **GPU}, 8) for node in nodes],
        "kube_node_status_condition": [
            ({**node, "condition": "Ready", "status": status}, int(status == "true"))
            for node in nodes
            for status in ("true", "false", "unknown")
        ],
        "kube_node_info": [
            ({**node, "internal_ip": NODES[node["node"]], "provider_id": ""}, 1)
            for node in nodes
        ],
        "kube_pod_container_resource_requests": [
            ({**train, **GPU, "container": "main", "node": "gpu-1"}, 4),
            ({**wait, **GPU, "container": "main", "node": ""}, 8),
        ],
        "kube_pod_owner": [
            ({**train, **owner, "owner_name": "train"}, 1),
            ({**wait, **owner, "owner_name": "wait"}, 1),
        ],
    }


def dcgm(
    labels_of: Callable[[str, int], Labels], names: tuple[str, ...] = tuple(NODES)
) -> Metrics:
    """Series of an exporter of all devices, four of which are busy.

    Args:
        labels_of: Returns what differs between sites, by node and device.
        names: Names of nodes.
    """
    series = [
        (
            {
                "gpu": str(gpu),
                "UUID": f"GPU-{name}-{gpu}",
                "modelName": "NVIDIA H100 80GB HBM3",
                "job": "dcgm-exporter",
                **labels_of(name, gpu),
            },
            90 if is_busy(name, gpu) else 0,
        )
        for name in names
        for gpu in range(8)
    ]
    return {"DCGM_FI_DEV_GPU_UTIL": series}


def is_busy(name: str, gpu: int) -> bool:
    return name == "gpu-1" and gpu < 4


POD = {"namespace": "ml", "pod": "train-0", "container": "main"}
INFO = [
    (
        {
            **KSM,
            "namespace": "gpu",
            "pod": f"dcgm-{name}",
            "node": name,
            "host_ip": address,
            "pod_ip": f"10.244.{name[-1]}.17",
        },
        1.0,
    )
    for name, address in NODES.items()
]


def in_pods(name: str, gpu: int) -> Labels:
    """An exporter in its pod's network, whose labels Prometheus keeps."""
    own = {"Hostname": f"dcgm-{name}", "instance": f"10.244.{name[-1]}.17:9400"}
    return {**own, **(POD if is_busy(name, gpu) else {})}


def with_labels_of_pods(name: str, gpu: int) -> Labels:
    """The same, where Prometheus puts the labels of the exporter's pod in front."""
    held = {f"exported_{key}": text for key, text in POD.items()}
    own = {"namespace": "gpu", "pod": f"dcgm-{name}", "container": "main"}
    instance = {"instance": f"10.244.{name[-1]}.17:9400"}
    return {**own, **instance, **(held if is_busy(name, gpu) else {})}


def on_nodes(name: str, gpu: int) -> Labels:
    """An exporter in its node's network."""
    own = {"Hostname": name, "instance": f"{NODES[name]}:9400"}
    return {**own, **(POD if is_busy(name, gpu) else {})}


def replicated(metrics: Metrics) -> Metrics:
    """The same, twice: of a pair of Prometheus that nothing has deduplicated."""
    return {
        name: [
            ({**labels, "prometheus_replica": replica}, value)
            for labels, value in series
            for replica in "ab"
        ]
        for name, series in metrics.items()
    }


def doubled(metrics: Metrics) -> Metrics:
    """The same, by two exporters each."""
    other = {"instance": "10.1.0.9:8080"}
    return {
        name: [*series, *(({**labels, **other}, value) for labels, value in series)]
        for name, series in metrics.items()
    }


def renamed(metrics: Metrics, keep_uid: bool = True) -> Metrics:
    """The same, with labels of the target in front, as without `honor_labels`."""
    target = {
        "namespace": "monitoring",
        "pod": "kube-state-metrics-abc",
        "container": "kube-state-metrics",
        "node": "cpu-7",
    }

    def labels_of(labels: Labels) -> Labels:
        own = {key: text for key, text in labels.items() if text}
        exported = {f"exported_{key}": own.pop(key) for key in target if key in own}
        return {**own, **target, **exported}

    return {
        name: [(labels_of(labels), value) for labels, value in series]
        for name, series in metrics.items()
    }


def reported(
    metrics: Metrics,
    tmp_path: Path,
    *reports: str,
    hostvars: Any = None,
    **options: Any,
) -> dict[str, Any]:
    """Reports by name; options are of the source."""
    with prometheus(metrics) as server:
        source = {"type": "prometheus", "url": server.url, **options}
        names = reports or ("overview",)
        given = {"sources": [source]}
        listed = _reports.compute(names, given, hostvars or {}, str(tmp_path))
    return dict(zip(names, listed, strict=True))


KUBE = kube_state()


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param({**KUBE, **dcgm(on_nodes)}, id="in the node's network"),
        pytest.param(
            {**KUBE, **dcgm(in_pods), "kube_pod_info": INFO}, id="in the pod's network"
        ),
        pytest.param(
            {**KUBE, **dcgm(with_labels_of_pods), "kube_pod_info": INFO},
            id="with labels of the exporter's pod",
        ),
        pytest.param({**renamed(KUBE), **dcgm(on_nodes)}, id="without honor_labels"),
        pytest.param(
            {**KUBE, **dcgm(in_pods), **renamed({"kube_pod_info": INFO})},
            id="pods without honor_labels",
        ),
        pytest.param(
            replicated({**KUBE, **dcgm(in_pods), "kube_pod_info": INFO}),
            id="a pair of Prometheus",
        ),
        pytest.param(
            {**doubled(KUBE), **dcgm(on_nodes)}, id="a pair of kube-state-metrics"
        ),
        pytest.param(
            {
                **KUBE,
                "DCGM_FI_DEV_GPU_UTIL": [
                    *dcgm(on_nodes)["DCGM_FI_DEV_GPU_UTIL"],
                    *dcgm(in_pods)["DCGM_FI_DEV_GPU_UTIL"],
                ],
                "kube_pod_info": INFO,
            },
            id="a pair of exporters on each node",
        ),
    ],
)
def test_everything_counts_once(metrics: Metrics, tmp_path: Path) -> None:
    found = reported(metrics, tmp_path, "overview", "consumers", "nodes")
    overview = found["overview"]
    assert overview["warnings"] == []
    assert {row["name"] for row in found["nodes"]["data"]} == set(NODES)
    assert overview["totalGpus"] == 16
    assert overview["allocatedGpus"] == 4
    assert overview["pendingGpus"] == 8
    assert (overview["utilization"], overview["coverage"]) == (0.9, 1)
    [row] = found["consumers"]["data"]
    assert (row["kind"], row["name"], row["namespace"]) == (
        "StatefulSet",
        "train",
        "ml",
    )
    assert row["stat"] == {"gpuRequest": 4, "gpuEquivalent": 4, "gpuUtilization": 0.9}


def in_cluster(name: str) -> Any:
    server = factory.server(name, 8, cluster=factory.cluster("train"))
    return {"gpufleet_node": server}


IDLE = {name: KUBE[name] for name in KUBE if not name.startswith("kube_pod")}
MACHINES = {
    "kube_node_info": [
        ({**labels, "system_uuid": f"id-{labels['node']}"}, value)
        for labels, value in KUBE["kube_node_info"]
    ]
}


def xids() -> Metrics:
    """A device has fallen off the bus a minute ago."""
    labels = {
        "xid": "79",
        "action": "RESTART_BM",
        "pci_bus_id": "0000:01:00.0",
        **on_nodes("gpu-1", 0),
    }
    return {"gpufleet_xid_timestamp_seconds": [(labels, time.time() - 60)]}


@pytest.mark.parametrize("hosts", [(), tuple(NODES)])
@pytest.mark.parametrize(
    ("metrics", "options", "held"),
    [
        (KUBE, {}, 4),
        (KUBE, {"cluster": "train"}, 4),
        # Nobody holds a device, and the machines are the same.
        ({**IDLE, **MACHINES}, {}, 0),
        (IDLE, {"cluster": "train"}, 0),
    ],
)
def test_a_pair_of_servers_counts_once(
    metrics: Metrics,
    options: dict[str, Any],
    held: int,
    hosts: tuple[str, ...],
    tmp_path: Path,
) -> None:
    """Each of them has scraped everything, and both are sources."""
    metrics = {**metrics, **dcgm(on_nodes), **xids()}
    with prometheus(metrics) as one, prometheus(metrics) as other:
        sources = [
            {"type": "prometheus", "url": server.url, **options}
            for server in (one, other)
        ]
        hostvars = {name: in_cluster(name) for name in hosts}
        names = ["overview", "consumers"]
        given = {"sources": sources, "max_age": 0}
        overview, consumers = _reports.compute(names, given, hostvars, str(tmp_path))
    assert overview["warnings"] == []
    assert (overview["totalNodes"], overview["totalGpus"]) == (2, 16)
    assert (overview["allocatedGpus"], overview["pendingGpus"]) == (held, 2 * held)
    assert overview["coverage"] == 1
    assert len(consumers["data"]) == bool(held)
    assert len(overview["faults"]) == 1


def labeled(metrics: Metrics, cluster: str) -> Metrics:
    return {
        name: [({**labels, "cluster": cluster}, value) for labels, value in series]
        for name, series in metrics.items()
    }


def together(*listed: Metrics) -> Metrics:
    names = {name for metrics in listed for name in metrics}
    return {
        name: [each for metrics in listed for each in metrics.get(name, ())]
        for name in names
    }


def other_uuids(name: str, gpu: int) -> Labels:
    return {**on_nodes(name, gpu), "UUID": f"GPU-B-{name}-{gpu}"}


BOTH = together(
    labeled({**KUBE, **dcgm(on_nodes)}, "A"),
    labeled({**KUBE, **dcgm(other_uuids)}, "B"),
)


@pytest.mark.parametrize(
    ("metrics", "options", "clusters", "warnings"),
    [
        (BOTH, {}, ["A", "B"], 0),
        (BOTH, {"cluster": "B"}, ["B"], 0),
        (BOTH, {"matchers": 'cluster="A"'}, ["A"], 0),
        # It names neither, and they are told apart nevertheless.
        (BOTH, {"cluster": "C"}, ["A", "B"], 1),
        (labeled({**KUBE, **dcgm(on_nodes)}, "prod"), {"cluster": "C"}, ["C"], 0),
        ({**KUBE, **dcgm(on_nodes)}, {"cluster": "C"}, ["C"], 0),
        (BOTH, {"cluster_label": "site"}, [None], 0),
    ],
)
def test_clusters_behind_one_prometheus(
    metrics: Metrics,
    options: dict[str, Any],
    clusters: list[str],
    warnings: int,
    tmp_path: Path,
) -> None:
    found = reported(metrics, tmp_path, "overview", "consumers", **options)
    overview = found["overview"]
    count = len(clusters)
    assert [row["cluster"] for row in overview["byCluster"]] == clusters
    assert overview["totalNodes"] == 2 * count
    assert overview["totalGpus"] == 16 * count
    assert overview["allocatedGpus"] == 4 * count
    assert overview["pendingGpus"] == 8 * count
    assert (overview["utilization"], overview["coverage"]) == (0.9, 1)
    rows = found["consumers"]["data"]
    assert [row["stat"]["gpuUtilization"] for row in rows] == [0.9] * count
    assert sorted(str(row["cluster"]) for row in rows) == list(map(str, clusters))
    assert len(overview["warnings"]) == warnings


@pytest.mark.parametrize("label", ["train", "prod-eu"])
def test_an_inventory_has_other_names_for_clusters(label: str, tmp_path: Path) -> None:
    """Its hosts are matched nevertheless; what it does not have is of the label's."""
    server = factory.server("gpu-1", 8, cluster=factory.cluster("train"))
    found = reported(
        labeled({**KUBE, **dcgm(on_nodes)}, label),
        tmp_path,
        *("overview", "consumers"),
        hostvars={"gpu-1": {"gpufleet_node": server}},
    )
    overview = found["overview"]
    assert (overview["totalNodes"], overview["totalGpus"]) == (2, 16)
    assert overview["allocatedGpus"] == 4
    assert (overview["utilization"], overview["coverage"]) == (0.9, 1)
    clusters = {row["cluster"] for row in overview["byCluster"]}
    assert clusters == {"train", label}
    [row] = found["consumers"]["data"]
    assert row["stat"]["gpuUtilization"] == 0.9
    assert overview["warnings"] == []


def ended(**more: str) -> Metrics:
    """The pod train-0 has ended, as a series with these labels says."""
    labels = {**KSM, "namespace": "ml", "pod": "train-0", "phase": "Succeeded", **more}
    return {"kube_pod_status_phase": [(labels, 1)]}


def without_uids() -> Metrics:
    requests = "kube_pod_container_resource_requests"
    series = [({**labels, "uid": ""}, value) for labels, value in KUBE[requests]]
    return {**KUBE, requests: series}


@pytest.mark.parametrize(
    ("metrics", "allocated"),
    [
        ({**KUBE, **ended(uid="u-train")}, 0),
        ({**KUBE, **ended()}, 0),
        ({**without_uids(), **ended(uid="u-train")}, 0),
        # The one that had its name before.
        ({**KUBE, **ended(uid="u-before")}, 4),
    ],
)
def test_pods_that_have_ended(metrics: Metrics, allocated: int, tmp_path: Path) -> None:
    overview = reported(metrics, tmp_path)["overview"]
    assert overview["allocatedGpus"] == allocated


@pytest.mark.parametrize(
    ("metrics", "rules"),
    [
        # It has joined, and no device plugin runs there.
        ({"kube_node_info": KUBE["kube_node_info"]}, ["not_allocatable"]),
        ({"kube_node_info": KUBE["kube_node_info"][:1]}, ["never_joined"]),
    ],
)
def test_a_node_without_devices_has_joined(
    metrics: Metrics, rules: list[str], tmp_path: Path
) -> None:
    node = {**KSM, "node": "gpu-1"}
    capacity = [({**node, **GPU}, 8.0)]
    known = {
        **KUBE,
        "kube_node_status_capacity": capacity,
        "kube_node_status_allocatable": capacity,
        **metrics,
    }
    hostvars = {name: in_cluster(name) for name in NODES}
    for each in hostvars.values():
        each["gpufleet_node"]["created_at"] = "2026-01-01T00:00:00Z"
    found = reported(known, tmp_path, hostvars=hostvars, cluster="train")
    faults = found["overview"]["faults"]
    assert [(fault["node"], fault["rule"]) for fault in faults] == [
        ("gpu-2", rule) for rule in rules
    ]


def test_pods_that_share_a_device(tmp_path: Path) -> None:
    """Each has a series of its own; the device is none of the third pod's."""
    requests = "kube_pod_container_resource_requests"
    pods = [{**POD, "pod": name} for name in ("a", "b")]
    labels = {"node": "gpu-1", "resource": "nvidia_com_gpu_shared"}
    metrics = {
        **KUBE,
        "kube_node_status_capacity": [({**KSM, **labels}, 4)],
        "kube_node_status_allocatable": [({**KSM, **labels}, 4)],
        "kube_node_labels": [
            ({**KSM, "node": "gpu-1", "label_nvidia_com_gpu_replicas": "4"}, 1)
        ],
        requests: [({**KSM, **labels, **pod, "uid": pod["pod"]}, 1) for pod in pods],
        "kube_pod_owner": [],
        "DCGM_FI_DEV_GPU_UTIL": [
            ({"gpu": "0", "UUID": "u", "Hostname": "gpu-1", **pod}, 60) for pod in pods
        ],
    }
    rows = reported(metrics, tmp_path, "consumers")["consumers"]["data"]
    assert [(row["name"], row["stat"]["gpuUtilization"]) for row in rows] == [
        ("a", 0.6),
        ("b", 0.6),
    ]


def amd(numbers: str) -> Metrics:
    """Two devices of eight parts each, of which one part of the first is busy.

    Args:
        numbers: What `gpu_id` counts: `parts` or `devices`.
    """
    labels = [
        {
            "gpu_id": str(8 * number + part if numbers == "parts" else number),
            "gpu_partition_id": str(part),
            "serial_number": f"69240000{number}",
            "gpu_compute_partition_type": "cpx",
            "card_series": "AMD Instinct MI300X OAM",
            "hostname": "amd-1",
            "instance": "10.3.0.1:5000",
        }
        for number in range(2)
        for part in range(8)
    ]
    return {
        "gpu_gfx_activity": [
            (each, 80 if n == 0 else 0) for n, each in enumerate(labels)
        ],
        "gpu_power_usage": [(labels[0], 400), (labels[8], 410)],
        "gpu_health": [(each, float(n != 13)) for n, each in enumerate(labels)],
        "gpu_total_vram": [(each, 24576) for each in labels],
    }


@pytest.mark.parametrize("serial", [True, False])
def test_a_number_that_counts_parts(serial: bool, tmp_path: Path) -> None:
    metrics = amd("parts")
    if not serial:
        for series in metrics.values():
            for labels, _value in series:
                labels["serial_number"] = ""
    found = reported(metrics, tmp_path, "overview", "nodes")
    assert found["overview"]["totalGpus"] == 2
    [row] = found["nodes"]["data"]
    first, second = row["devices"]
    assert (first["index"], second["index"]) == (0, 1)
    assert (first["power_watts"], second["power_watts"]) == (400, 410)
    assert (first["utilization_percent"], second["utilization_percent"]) == (10, 0)
    assert first["memory_total_bytes"] == 8 * 24576 * 2**20
    # One of its parts is not well.
    assert (first["health"], second["health"]) == ("ok", "failed")


def test_a_number_that_counts_devices(tmp_path: Path) -> None:
    found = reported(amd("devices"), tmp_path, "nodes")
    [row] = found["nodes"]["data"]
    assert [device["utilization_percent"] for device in row["devices"]] == [10, 0]


def test_cards_of_two_devices_are_not_parts(tmp_path: Path) -> None:
    labels = [
        {
            "gpu_id": str(n),
            "gpu_partition_id": "0",
            "serial_number": "1",
            "hostname": "n",
        }
        for n in range(2)
    ]
    metrics: Metrics = {"gpu_gfx_activity": [(each, 1) for each in labels]}
    assert reported(metrics, tmp_path)["overview"]["totalGpus"] == 2


@pytest.mark.parametrize(
    ("name", "labels", "text"),
    [
        ("nvidia_smi_utilization_gpu_ratio", {"uuid": "x"}, "nvidia_gpu_exporter"),
        ("habanalabs_utilization", {"device": "0"}, "Intel Gaudi's"),
        ("npu_chip_info_utilization", {"id": "0"}, "Ascend's"),
        ("mlu_utilization", {"mlu": "0"}, "Cambricon's"),
        ("dcu_utilizationrate", {"minor_number": "0"}, "Hygon's"),
        ("ix_gpu_utilization", {"gpu": "0"}, "Iluvatar's"),
        ("mx_gpu_usage", {"deviceId": "0"}, "MetaX'"),
        ("enflame_gcu_usage", {"minor_number": "0"}, "Enflame's"),
        ("neuroncore_utilization_ratio", {"neuroncore": "0"}, "AWS Neuron"),
        ("gpu_power_usage", {"GPU_UUID": "x"}, "have no label gpu_id"),
    ],
)
def test_exporters_that_are_not_read(
    name: str, labels: Labels, text: str, tmp_path: Path
) -> None:
    warnings = reported({name: [(labels, 1)]}, tmp_path)["overview"]["warnings"]
    assert text in " ".join(warnings)
    # Prometheus keeps names of metrics longer than their series.
    warnings = reported({name: []}, tmp_path)["overview"]["warnings"]
    assert text not in " ".join(warnings)


@pytest.mark.parametrize(
    ("resource", "value", "is_told"),
    [
        ("example_com_fast_gpu", 4, True),
        ("vendor_ai_npu", 4, True),
        ("vendor_ai_npu", 0, False),
        ("nvidia_com_gpumem", 81920, False),
        ("nvidia_com_mig_1g_10gb", 7, False),
        ("huawei_com_Ascend910", 8, False),
        ("example_com_output", 4, False),
        ("ephemeral_storage", 4, False),
        ("hugepages_2Mi", 4, False),
    ],
)
def test_resources_that_look_like_devices(
    resource: str, value: float, is_told: bool, tmp_path: Path
) -> None:
    capacity = "kube_node_status_capacity"
    labels = {**KSM, "node": "gpu-1", "resource": resource}
    metrics = {**KUBE, capacity: [*KUBE[capacity], (labels, value)]}
    warnings = reported(metrics, tmp_path)["overview"]["warnings"]
    told = [text for text in warnings if "not known as devices" in text]
    assert len(told) == is_told
    assert all(resource in text for text in told)


def test_a_query_of_workloads_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the requests of pods, all devices would seem to be idle."""
    metrics = {**KUBE, **dcgm(on_nodes)}
    with prometheus(metrics) as server:
        evaluate = server.evaluate

        def failing(query: str) -> Any:
            if query.startswith("kube_pod_container"):
                raise ConnectionError
            return evaluate(query)

        monkeypatch.setattr(server, "evaluate", failing)
        source = {"type": "prometheus", "url": server.url}
        [overview] = _reports.compute(
            ["overview"], {"sources": [source]}, {}, str(tmp_path)
        )
    assert (overview["totalGpus"], overview["unknownGpus"]) == (16, 16)
    assert (overview["pendingGpus"], overview["allocationRate"]) == (None, None)
    assert "kube-state-metrics could not be read" in overview["warnings"][0]
