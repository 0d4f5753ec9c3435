# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' records, over recorded lists of an API server (1.36) and made ones."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Schedule,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    resources as of_devices,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from fakes.recorded.kube import Kube

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


@pytest.fixture
def kube() -> Iterator[Kube]:
    server = Kube()
    yield server
    server.close()


@pytest.fixture
def options(kube: Kube, tmp_path: Path) -> dict[str, Any]:
    path = kube.kubeconfig(tmp_path / "kubeconfig")
    return {"kubeconfig": path, "cluster": "training"}


def read(options: dict[str, Any]) -> Schedule:
    return kubernetes.read(options, 5)


def running(kube: Kube) -> list[dict[str, Any]]:
    """Recorded pods that hold devices, told apart in the simplest way."""
    return [
        pod
        for pod in kube.items("pods")
        if pod["spec"].get("nodeName")
        and pod["status"]["phase"] not in ("Succeeded", "Failed")
        and gpus(pod)
    ]


def gpus(pod: dict[str, Any]) -> int:
    """Devices of a recorded pod, which has no init containers."""
    return sum(
        int(count)
        for container in pod["spec"]["containers"]
        for name, count in container["resources"].get("limits", {}).items()
        if name in ("nvidia.com/gpu", "amd.com/gpu")
    )


# The recorded cluster ---------------------------------------------------------------


def test_every_device_of_running_pods_is_in_one_row(
    kube: Kube, options: dict[str, Any]
) -> None:
    known = read(options)
    pods = running(kube)
    assert len(pods) > 20
    assert sum(row["stat"]["gpuRequest"] for row in known.consumers) == sum(
        map(gpus, pods)
    )
    listed = [pod["name"] for row in known.consumers for pod in row["pods"]]
    assert sorted(listed) == sorted(pod["metadata"]["name"] for pod in pods)
    for node in known.nodes:
        held = sum(gpus(pod) for pod in pods if pod["spec"]["nodeName"] == node.name)
        assert (node.offer.capacity, node.offer.allocated) == (8, held)
    assert known.warnings == ()


def test_rows_are_the_ends_of_chains(kube: Kube, options: dict[str, Any]) -> None:
    known = read(options)
    rows = {row["kind"]: row for row in known.consumers}
    assert set(rows) == {"Deployment", "CronJob", "Job", "StatefulSet"} | {
        "PyTorchJob",
        "Pod",
    }
    [deployment] = (
        one
        for one in kube.items("deployments")
        if one["metadata"]["uid"] == rows["Deployment"]["uid"]
    )
    assert rows["Deployment"]["name"] == deployment["metadata"]["name"]
    assert rows["Deployment"]["namespace"] == deployment["metadata"]["namespace"]
    assert {row["cluster"] for row in known.consumers} == {"training"}


def test_waiting_pods(kube: Kube, options: dict[str, Any]) -> None:
    waiting = [pod for pod in kube.items("pods") if not pod["spec"].get("nodeName")]
    known = read(options).waiting
    assert known is not None
    assert known.pending == sum(map(gpus, waiting)) > 0


def test_one_list_for_each_kind(kube: Kube, options: dict[str, Any]) -> None:
    read(options)
    paths = [target.partition("?")[0] for target in kube.requests]
    lists = [path for path in paths if path in kube.lists]
    assert sorted(lists) == sorted(set(lists))
    # And what each API offers, once for each of its kinds.
    assert len(paths) <= 2 * len(kube.lists)


def test_a_kind_that_lists_do_not_tell_at_all(
    kube: Kube, options: dict[str, Any]
) -> None:
    """A PyTorchJob is found like anything else: no kind is known by name."""
    jobs = kube.lists.pop("/apis/kubeflow.org/v1/pytorchjobs")
    jobs["kind"] = "LeaderWorkerSetList"
    kube.lists["/apis/leaderworkerset.x-k8s.io/v1/leaderworkersets"] = jobs
    for pod in kube.items("pods"):
        for owner in pod["metadata"].get("ownerReferences", []):
            if owner["kind"] == "PyTorchJob":
                owner["kind"] = "LeaderWorkerSet"
                owner["apiVersion"] = "leaderworkerset.x-k8s.io/v1"
    above = {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "name": "all-of-them",
        "uid": "above",
        "controller": True,
    }
    for job in jobs["items"]:
        job["metadata"]["ownerReferences"] = [above]
    rows = {row["uid"]: row for row in read(options).consumers}
    assert rows["above"]["kind"] == "LeaderWorkerSet"
    assert rows["above"]["name"] == "all-of-them"


# How it answers ---------------------------------------------------------------------


def test_pages(kube: Kube, options: dict[str, Any]) -> None:
    whole = read(options)
    kube.page = 7
    assert read(options) == whole


def test_a_page_that_expired(kube: Kube, options: dict[str, Any]) -> None:
    whole = read(options)
    kube.page, kube.expired = 30, 2
    assert read(options) == whole
    kube.expired = 100
    with pytest.raises(SourceError, match="410: The provided continue parameter"):
        read(options)


def test_a_token_that_is_wrong(kube: Kube, tmp_path: Path) -> None:
    path = kube.kubeconfig(tmp_path / "kubeconfig", "gu3ssed-token")
    with pytest.raises(SourceError, match="401: Unauthorized") as caught:
        read({"kubeconfig": path})
    assert "gu3ssed" not in str(caught.value)


def test_owners_that_may_not_be_listed(kube: Kube, options: dict[str, Any]) -> None:
    kube.forbidden = {"replicasets"}
    known = read(options)
    assert "ReplicaSet" in {row["kind"] for row in known.consumers}
    assert "Deployment" not in {row["kind"] for row in known.consumers}
    [warning] = known.warnings
    assert "owners of kind ReplicaSet" in warning
    assert "403: replicasets is forbidden" in warning


@pytest.mark.parametrize("resource", ["nodes", "pods"])
def test_nodes_and_pods_must_be_listed(
    kube: Kube, options: dict[str, Any], resource: str
) -> None:
    kube.forbidden = {resource}
    with pytest.raises(SourceError, match=f"403: {resource} is forbidden"):
        read(options)


def test_a_kind_that_is_gone(kube: Kube, options: dict[str, Any]) -> None:
    del kube.lists["/apis/kubeflow.org/v1/pytorchjobs"]
    known = read(options)
    assert "PyTorchJob" in {row["kind"] for row in known.consumers}
    assert known.warnings == ()


def test_nobody_answers(kube: Kube, options: dict[str, Any]) -> None:
    kube.close()
    with pytest.raises(SourceError, match=r"the API server did not answer: .*refused"):
        read(options)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "kubeconfig: "), ("a: [", "kubeconfig: "), ("{}", "kubeconfig: ")],
)
def test_a_kubeconfig_of_no_use(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SourceError, match=message):
        read({"kubeconfig": str(path)})


def test_a_context_that_is_not_there(options: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="elsewhere"):
        read({**options, "context": "elsewhere"})


# Nodes ------------------------------------------------------------------------------


def node(**more: Any) -> dict[str, Any]:
    """A node with eight devices, and changes of its parts."""
    parts: dict[str, Any] = {
        "metadata": {"name": "n", "labels": {}},
        "spec": {"providerID": "openstack:///6a9a46a7-9f4c-4a51-ab42-0f0e6c1a0c1f"},
        "status": {
            "capacity": {"cpu": "96", "memory": "1Gi", "nvidia.com/gpu": "8"},
            "allocatable": {"cpu": "96", "memory": "1Gi", "nvidia.com/gpu": "8"},
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.9"}],
        },
    }
    for part, changes in more.items():
        parts[part] = {**parts[part], **changes}
    return parts


def pod(containers: Any, init: Any = (), **more: Any) -> dict[str, Any]:
    """A pod of containers that ask for so much of `nvidia.com/gpu`, or of more."""

    def container(units: Any, **more: Any) -> dict[str, Any]:
        limits = units if isinstance(units, dict) else {"nvidia.com/gpu": str(units)}
        return {"resources": {"limits": limits}, **more}

    spec = {
        "nodeName": "n",
        "containers": [container(one) for one in containers],
        "initContainers": [
            container(asked, **({"restartPolicy": "Always"} if sidecar else {}))
            for asked, sidecar in init
        ],
    }
    metadata = {"name": "p", "namespace": "team", "uid": "p-uid"}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}, **more}


def schedule(*nodes: Any, pods: Any = (), resources: Any = ()) -> Schedule:
    lists = {NODES: list(nodes), PODS: list(pods)}
    return kubernetes.schedule(
        lambda path, _query, _accept: {"items": copy.deepcopy(lists.get(path, []))},
        (*of_devices.RESOURCES, *resources),
        None,
    )


@pytest.mark.parametrize("region", ["", "RegionOne", "eu-de-1"])
def test_a_node_is_told_by_its_server_and_addresses(region: str) -> None:
    provider = f"openstack://{region}/6a9a46a7-9f4c-4a51-ab42-0f0e6c1a0c1f"
    [scheduled] = schedule(node(spec={"providerID": provider})).nodes
    assert scheduled.provider_id == "6a9a46a7-9f4c-4a51-ab42-0f0e6c1a0c1f"
    assert (scheduled.name, scheduled.aliases) == ("n", ("10.0.0.9",))
    [plain] = schedule(node(spec={"providerID": "kind://docker/kind/n"})).nodes
    assert plain.provider_id is None


@pytest.mark.parametrize(
    ("capacity", "labels", "has_devices"),
    [
        ({"cpu": "4"}, {}, False),
        # Kubelet's five minutes after the device plugin went.
        ({"cpu": "4", "nvidia.com/gpu": "0"}, {}, True),
        # Kubelet was restarted since then.
        ({"cpu": "4"}, {"nvidia.com/gpu.present": "true"}, True),
        ({"cpu": "4"}, {"nvidia.com/gpu.present": "false"}, False),
        ({"cpu": "4"}, {"amd.com/gpu.device-id": "74a1"}, True),
    ],
)
def test_nodes_that_offer_nothing(
    capacity: Any, labels: Any, has_devices: bool
) -> None:
    """They are there: whether they should offer something is decided where all is."""
    [scheduled] = schedule(
        node(metadata={"labels": labels}, status={"capacity": capacity})
    ).nodes
    assert (scheduled.offer.capacity, scheduled.offer.allocated) == (0, 0)
    assert scheduled.offer.has_devices is has_devices


@pytest.mark.parametrize(
    ("changes", "maintenance", "rules"),
    [
        ({}, None, []),
        ({"spec": {"unschedulable": True}}, "cordoned", []),
        (
            {"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}},
            None,
            [],
        ),
        (
            {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
            None,
            ["not_ready"],
        ),
        (
            {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}},
            None,
            ["not_ready"],
        ),
        ({"status": {"conditions": []}}, None, ["not_ready"]),
    ],
)
def test_states(changes: Any, maintenance: Any, rules: list[str]) -> None:
    [scheduled] = schedule(node(**changes)).nodes
    assert scheduled.offer.maintenance == maintenance
    assert [rule for rule, *_more in scheduled.offer.faults] == rules


def test_evidence() -> None:
    condition = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "lastTransitionTime": "2026-11-24T11:00:00Z",
    }
    [scheduled] = schedule(node(status={"conditions": [condition]})).nodes
    assert scheduled.offer.faults == (
        ("not_ready", "Ready is Unknown: NodeStatusUnknown", "2026-11-24T11:00:00Z"),
    )


@pytest.mark.parametrize(
    ("allocatable", "withheld"),
    [({"nvidia.com/gpu": "8"}, 0), ({"nvidia.com/gpu": "6"}, 2), ({}, 8)],
)
def test_what_the_device_plugin_withholds(allocatable: Any, withheld: int) -> None:
    [scheduled] = schedule(node(status={"allocatable": allocatable})).nodes
    assert scheduled.offer.withheld == withheld


# What a unit of a resource is -------------------------------------------------------


HAMI = {
    "hami.io/node-nvidia-register": (
        "GPU-a,10,40960,100,NVIDIA-NVIDIA A100-PCIE-40GB,0,true:"
        "GPU-b,10,40960,100,NVIDIA-NVIDIA A100-PCIE-40GB,0,true:"
    )
}
HAMI_JSON = {
    "hami.io/node-nvidia-register": (
        '[{"id":"GPU-a","count":4,"devmem":81559,"devcore":100,"type":"NVIDIA H100",'
        '"mode":"hami-core","health":true}]'
    )
}


@pytest.mark.parametrize(
    ("capacity", "labels", "devices"),
    [
        ({"amd.com/gpu": "8"}, {}, 8),
        ({"habana.ai/gaudi": "8", "intel.com/npu": "1"}, {}, 9),
        ({"nvidia.com/gpu": "8"}, {"gpu.count": "8"}, 8),
        # Time-slicing and MPS: replicas are not devices.
        ({"nvidia.com/gpu": "32"}, {"gpu.replicas": "4"}, 8),
        ({"nvidia.com/gpu.shared": "32"}, {"gpu.replicas": "4"}, 8),
        ({"nvidia.com/gpu": "32"}, {"gpu.replicas": "4", "gpu.count": "8"}, 8),
        ({"nvidia.com/gpu": "32"}, {"gpu.count": "8"}, 8),
        ({"nvidia.com/gpu.shared": "32"}, {"gpu.count": "8"}, 8),
        # Labels that contradict each other: devices are counted, replicas configured.
        ({"nvidia.com/gpu": "64"}, {"gpu.replicas": "4", "gpu.count": "8"}, 8),
        ({"nvidia.com/gpu": "32"}, {"gpu.replicas": "1", "gpu.count": "8"}, 8),
        # Two of eight devices are shared, under the same name and under their own.
        ({"nvidia.com/gpu": "14"}, {"gpu.replicas": "4", "gpu.count": "8"}, 8),
        (
            {"nvidia.com/gpu": "6", "nvidia.com/gpu.shared": "8"},
            {"gpu.replicas": "4", "gpu.count": "8"},
            8,
        ),
        # One of eight devices is gone, with all its replicas.
        ({"nvidia.com/gpu": "28"}, {"gpu.replicas": "4", "gpu.count": "8"}, 7),
        # MIG, all parts alike, under the name of the whole.
        ({"nvidia.com/gpu": "56"}, {"gpu.product": "NVIDIA-H100-MIG-1g.10gb"}, 8),
        ({"nvidia.com/gpu": "16"}, {"gpu.product": "NVIDIA-H100-MIG-3g.40gb"}, 8),
        ({"nvidia.com/gpu": "24"}, {"gpu.product": "NVIDIA-H200-MIG-2g.35gb"}, 8),
        ({"nvidia.com/gpu": "16"}, {"gpu.product": "NVIDIA-A30-MIG-1g.6gb"}, 4),
        (
            {"nvidia.com/gpu": "32"},
            {"gpu.product": "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-1g.24gb"},
            8,
        ),
        (
            {"nvidia.com/gpu": "32"},
            {"gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.20gb", "gpu.count": "32"},
            8,
        ),
        (
            {"nvidia.com/gpu": "112"},
            {"gpu.product": "NVIDIA-H100-MIG-1g.10gb-SHARED", "gpu.replicas": "2"},
            8,
        ),
        # MIG, parts with names of their own.
        ({"nvidia.com/mig-1g.10gb": "14"}, {}, 2),
        ({"nvidia.com/mig-1g.24gb": "32"}, {}, 8),
        ({"nvidia.com/mig-1g.20gb": "8"}, {}, 2),
        ({"nvidia.com/mig-4g.40gb": "2", "nvidia.com/mig-3g.40gb": "2"}, {}, 2),
        ({"nvidia.com/mig-3g.40gb": "4"}, {"gpu.count": "2"}, 2),
        ({"nvidia.com/mig-1g.10gb.shared": "28"}, {"mig-1g.10gb.replicas": "2"}, 2),
        (
            {"nvidia.com/gpu": "4", "nvidia.com/mig-3g.40gb": "8"},
            {"gpu.count": "8"},
            8,
        ),
        (
            {"nvidia.com/gpu": "4", "nvidia.com/mig-3g.40gb": "8"},
            {"gpu.count": "4"},
            8,
        ),
        # vGPU types of KubeVirt, and devices passed through.
        ({"nvidia.com/NVIDIA_A10-12Q": "8"}, {}, 4),
        ({"nvidia.com/GRID_T4-8Q": "4"}, {}, 2),
        ({"nvidia.com/NVIDIA_A100D-1-10C": "7"}, {}, 1),
        ({"nvidia.com/GA100_A100_PCIE_40GB": "4"}, {}, 4),
        # AMD's partitions, under either naming.
        ({"amd.com/cpx_nps4": "64"}, {}, 8),
        ({"amd.com/dpx_nps1": "16"}, {}, 8),
        ({"amd.com/spx_nps1": "4", "amd.com/cpx_nps1": "32"}, {}, 8),
        # Intel's, of which its plugin may offer several for each device.
        ({"gpu.intel.com/i915": "10"}, {"gpu.intel.com/device-id.x.count": "2"}, 2),
        ({"gpu.intel.com/xe": "2"}, {}, 2),
    ],
)
def test_capacity(
    capacity: dict[str, str], labels: dict[str, str], devices: int
) -> None:
    named = {
        key if "/" in key else f"nvidia.com/{key}": value
        for key, value in labels.items()
    }
    raw = node(
        metadata={"labels": named},
        status={"capacity": capacity, "allocatable": capacity},
    )
    everything = pod([capacity])
    known = schedule(raw, pods=[everything])
    [one] = known.nodes
    assert one.offer.capacity == pytest.approx(devices, abs=1e-3)
    # Who holds all its parts holds all its devices.
    assert one.offer.allocated == pytest.approx(devices, abs=1e-3)
    assert (one.offer.withheld, one.offer.unsized) == (0, False)


@pytest.mark.parametrize(
    "label",
    ["amd.com/compute-memory-partition", "amd.com/gpu.compute-memory-partition"],
)
@pytest.mark.parametrize(
    ("product", "mode", "units"),
    [
        ("AMD_Instinct_MI300X_OAM", "cpx_nps4", 64),
        ("AMD_Instinct_MI300A", "cpx_nps1", 48),
        ("AMD_Instinct_MI300X_OAM", "QPX-NPS1", 32),
        ("AMD_Instinct_MI300X_OAM", "spx_nps1", 8),
    ],
)
def test_a_label_names_the_mode_of_amd_s_partitions(
    label: str, product: str, mode: str, units: int
) -> None:
    capacity = {"amd.com/gpu": str(units)}
    labels = {
        label: mode,
        "amd.com/compute-partitioning-supported": "true",
        "amd.com/gpu.product-name": product,
    }
    raw = node(
        metadata={"labels": labels},
        status={"capacity": capacity, "allocatable": capacity},
    )
    [one] = schedule(raw).nodes
    assert one.offer.capacity == 8


def test_a_unit_of_unknown_size() -> None:
    """Nobody says how many replicas a device has: no server has so many devices."""
    capacity = {"nvidia.com/gpu.shared": "40"}
    raw = node(status={"capacity": capacity, "allocatable": capacity})
    [one] = schedule(raw, pods=[pod([{"nvidia.com/gpu.shared": "20"}])]).nodes
    assert (one.offer.capacity, one.offer.allocated) == (16, 8)
    assert one.offer.unsized


@pytest.mark.parametrize(
    ("notes", "limits", "given", "devices"),
    [
        # The largest share of slots, memory and cores.
        (HAMI, {"nvidia.com/gpumem": "8192", "nvidia.com/gpucores": "10"}, None, 0.2),
        (HAMI, {"nvidia.com/gpumem": "1024", "nvidia.com/gpucores": "30"}, None, 0.3),
        (HAMI, {"nvidia.com/gpumem": "1024"}, None, 0.1),
        (HAMI, {"nvidia.com/gpumem-percentage": "50"}, None, 0.5),
        # Without an amount of memory, it is all of the card's.
        (HAMI, {}, None, 1.0),
        (HAMI, {"nvidia.com/gpumem": "0"}, None, 1.0),
        (HAMI, {"nvidia.com/gpucores": "30"}, None, 1.0),
        (HAMI, {"nvidia.com/gpumem": "0", "nvidia.com/gpucores": "0"}, None, 1.0),
        (HAMI, {"nvidia.com/gpumem-percentage": "0"}, None, 0.1),
        # An amount takes precedence over a percentage.
        (
            HAMI,
            {"nvidia.com/gpumem": "8192", "nvidia.com/gpumem-percentage": "50"},
            None,
            0.2,
        ),
        # The site has another default, 5000 MiB.
        (HAMI, {}, "GPU-a,NVIDIA,5000,0:;", 0.122),
        (HAMI, {}, "GPU-a,NVIDIA,20480,0:;", 0.5),
        (HAMI, {}, "GPU-a,NVIDIA,40960,0:GPU-b,NVIDIA,20480,0:;", 1.5),
        (HAMI_JSON, {"nvidia.com/gpumem": "1000"}, None, 0.25),
        # A form that nobody knows yet: what Kubernetes counts.
        ({"hami.io/node-nvidia-register": "?"}, {}, None, 1.0),
    ],
)
def test_hami(
    notes: dict[str, str], limits: dict[str, str], given: str | None, devices: float
) -> None:
    capacity = {"nvidia.com/gpu": "20" if notes is HAMI else "4"}
    raw = node(
        metadata={"annotations": notes},
        status={"capacity": capacity, "allocatable": capacity},
    )
    slot = pod([{"nvidia.com/gpu": "1", **limits}])
    if given:
        slot["metadata"]["annotations"] = {"hami.io/vgpu-devices-allocated": given}
    known = schedule(raw, pods=[slot])
    [one] = known.nodes
    cards = {id(HAMI): 2, id(HAMI_JSON): 1}.get(id(notes), 4)
    assert one.offer.capacity == cards
    assert one.offer.allocated == pytest.approx(devices, abs=1e-3)
    [row] = known.consumers
    assert row["stat"]["gpuEquivalent"] == pytest.approx(devices, abs=1e-3)


def test_parts_of_unlike_size() -> None:
    capacity = {"nvidia.com/mig-1g.10gb": "1", "nvidia.com/mig-3g.40gb": "2"}
    raw = node(status={"capacity": capacity, "allocatable": capacity})
    known = schedule(raw, pods=[pod([{"nvidia.com/mig-3g.40gb": "1"}])])
    [row] = known.consumers
    assert row["stat"]["gpuRequest"] == 1
    assert row["stat"]["gpuEquivalent"] == pytest.approx(float(Fraction(3, 7)))


def test_parts_need_not_fill_a_device() -> None:
    """Six of seven slices are divided of each of eight: they may be eight devices."""
    capacity = {"nvidia.com/mig-1g.10gb": "48"}
    raw = node(status={"capacity": capacity, "allocatable": capacity})
    [one] = schedule(raw).nodes
    assert one.offer.capacity == 7
    assert one.offer.most == 48


def test_further_resources() -> None:
    capacity = {"google.com/tpu": "4"}
    raw = node(status={"capacity": capacity, "allocatable": capacity})
    [scheduled] = schedule(raw).nodes
    assert not scheduled.offer.has_devices
    [scheduled] = schedule(raw, resources=["google.com/tpu"]).nodes
    assert scheduled.offer.capacity == 4


@pytest.mark.parametrize("name", of_devices.RESOURCES)
def test_no_node_with_a_known_resource_vanishes(name: str) -> None:
    capacity = {name.replace("*", "1"): "4"}
    raw = node(status={"capacity": capacity, "allocatable": capacity})
    [scheduled] = schedule(raw).nodes
    assert scheduled.offer.capacity


# What a pod asks for in effect ------------------------------------------------------


@pytest.mark.parametrize(
    ("containers", "init", "units"),
    [
        ([2, 1], [], 3),
        ([1], [(4, False)], 4),
        ([4], [(1, False), (2, False)], 4),
        # A sidecar runs beside the containers, and beside what comes after it.
        ([2], [(1, True)], 3),
        ([1], [(1, True), (3, False)], 4),
        ([1], [(3, False), (1, True)], 3),
        ([0], [(2, True), (2, True)], 4),
        ([0], [], None),
    ],
)
def test_effective_requests(
    containers: list[int], init: list[tuple[int, bool]], units: int | None
) -> None:
    rows = schedule(node(), pods=[pod(containers, init)]).consumers
    counts = [row["stat"]["gpuRequest"] for row in rows]
    assert counts == ([] if units is None else [units])


def test_effective_requests_against_the_pod_s_life() -> None:
    """The most that runs at any moment, played step by step."""
    for init in (
        [],
        [(3, False)],
        [(1, True), (2, False), (1, True), (3, False)],
        [(2, False), (2, True), (2, False)],
    ):
        for containers in ([], [1], [2, 3]):
            beside, most = 0, 0
            for count, sidecar in init:
                most = max(most, beside + count)
                beside += count if sidecar else 0
            most = max(most, beside + sum(containers))
            raw = pod(containers, init)["spec"]
            requested = of_devices.requests(raw, re.compile("nvidia.com/gpu").fullmatch)
            assert requested.get("nvidia.com/gpu", 0) == most


def test_pods_that_have_ended_hold_nothing() -> None:
    ended = pod([8], status={"phase": "Succeeded"})
    known = schedule(node(), pods=[ended])
    assert (known.consumers, known.nodes[0].offer.allocated) == ([], 0)


def test_a_static_pod_is_its_own() -> None:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "n-uid"}
    static = pod([1])
    static["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    [row] = schedule(node(), pods=[static]).consumers
    assert (row["kind"], row["name"], row["uid"]) == ("Pod", "p", "p-uid")


def test_an_owner_that_is_gone_keeps_its_name() -> None:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "old", "uid": "j"}
    orphan = pod([1])
    orphan["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    [row] = schedule(node(), pods=[orphan]).consumers
    assert (row["kind"], row["name"], row["uid"]) == ("Job", "old", "j")
