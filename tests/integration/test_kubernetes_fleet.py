# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand nodes on a real control plane, counted by us and from `kubectl get`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from beds.kubernetes.alone import control_plane
from beds.kubernetes.api import Api
from beds.kubernetes.cluster import ControlPlane
from beds.kubernetes.nodes import Node, join, set_devices
from integration.runner import HERE
from integration.waiting import eventually

GPU = "nvidia.com/gpu"
NOT_READY = range(20)
WITH_SEVEN = range(20, 75)
CORDONED = range(75, 106)
PODS = {8: 40, 4: 30, 1: 90}
"""How many pods want so many devices; two more want more than any node has."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("thousand")) as started:
        fill(started)
        yield started


def fill(plane: ControlPlane) -> None:
    """Let nodes join and pods find their place."""

    def make(api: Api, numbers: range) -> None:
        for number in numbers:
            marks = {"bed.gpufleet.example/not-ready": "KubeletNotReady"}
            node = Node(
                f"n{number}",
                address=f"10.{number // 250}.0.{number % 250 + 1}",
                devices={GPU: 8},
                annotations=marks if number in NOT_READY else {},
            )
            join(api, node)

    apis = [plane.api() for _one in range(4)]
    with ThreadPoolExecutor() as pool:
        shares = (range(first, 1000, len(apis)) for first in range(len(apis)))
        list(pool.map(make, apis, shares))
    plane.kubectl("cordon", *(f"n{number}" for number in CORDONED))

    def ready() -> Counter[str]:
        nodes = items(plane, "nodes")
        return Counter(is_ready(node) for node in nodes)

    eventually(ready, {"True": 980, "False": 20}, 240)
    # Not before: kwok's first status of a node would win.
    for number in WITH_SEVEN:
        set_devices(apis[0], f"n{number}", {GPU: 8}, healthy=7)
    wanted = [count for count, many in PODS.items() for _one in range(many)]
    plane.apply(
        pod(f"p{number}", count) for number, count in enumerate([*wanted, 16, 16])
    )
    eventually(lambda: sum(map(is_running, items(plane, "pods"))), len(wanted), 240)


def pod(name: str, devices: int) -> dict[str, Any]:
    limits = {"limits": {GPU: devices}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "containers": [{"name": "main", "image": "none", "resources": limits}]
        },
    }


def items(plane: ControlPlane, kind: str) -> list[dict[str, Any]]:
    """What `kubectl get` prints."""
    shown = plane.kubectl("get", kind, "--all-namespaces", "-o", "json")
    found: list[dict[str, Any]] = json.loads(shown)["items"]
    return found


def is_ready(node: dict[str, Any]) -> str:
    conditions = node["status"].get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def is_running(pod: dict[str, Any]) -> bool:
    return bool(pod["status"]["phase"] == "Running")


def devices(pod: dict[str, Any]) -> int:
    [container] = pod["spec"]["containers"]
    return int(container["resources"]["limits"][GPU])


def counted(plane: ControlPlane) -> dict[str, Any]:
    """The overview's numbers, from what `kubectl get` prints."""
    pods = items(plane, "pods")
    held = Counter[str]()
    for one in filter(is_running, pods):
        held[one["spec"]["nodeName"]] += devices(one)
    numbers: Counter[str] = Counter(dict.fromkeys(("allocatedGpus", "idleGpus"), 0))
    blocks: Counter[int] = Counter()
    for node in items(plane, "nodes"):
        name = node["metadata"]["name"]
        has = int(node["status"]["capacity"][GPU])
        offers = int(node["status"]["allocatable"][GPU])
        numbers.update(totalNodes=1, totalGpus=has)
        if is_ready(node) != "True":
            numbers.update(faultyNodes=1, faultyGpus=has)
            continue
        if node["spec"].get("unschedulable"):
            numbers.update(maintenanceNodes=1, maintenanceGpus=has)
            continue
        free = offers - held[name]
        numbers.update(
            {"faultyNodes" if offers < has else "healthyNodes": 1},
            faultyGpus=has - offers,
            allocatedGpus=held[name],
            idleGpus=free,
        )
        if free:
            blocks[free] += 1
    waits = sum(map(devices, pods)) - sum(held.values())
    used, idle = numbers["allocatedGpus"], numbers["idleGpus"]
    return {
        **numbers,
        "unknownGpus": 0,
        "pendingGpus": waits,
        "pendingByReason": {"Unschedulable": waits},
        "largestIdleBlock": max(blocks),
        "freeBlocks": [
            {"model": None, "devices": size, "nodes": blocks[size]}
            for size in sorted(blocks, reverse=True)
        ],
        "allocationRate": round(used / (used + idle), 4),
        "usableRate": round((used + idle) / numbers["totalGpus"], 4),
    }


def told(plane: ControlPlane, folder: Path) -> dict[str, Any]:
    """The overview, as a playbook gets it from the lookup."""
    source = {
        "type": "kubernetes",
        "kubeconfig": str(plane.kubeconfig),
        "cluster": "training",
        "timeout": 120,
    }
    lookup = "lookup('gpufleet.openstack.gpu_report', 'overview', sources=sources)"
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"sources": [source]},
        "tasks": [{"ansible.builtin.debug": {"msg": "{{ " + lookup + " }}"}}],
    }
    book, results = folder / "overview.json", folder / "results"
    book.write_text(json.dumps([play]))
    subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", book],
        check=True,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "GPUFLEET_TEST_RESULTS": str(results),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )
    overview: dict[str, Any] = json.loads(results.read_text())["msg"]
    return overview


def test_the_overview_of_a_thousand_nodes(plane: ControlPlane, tmp_path: Path) -> None:
    right = counted(plane)
    # As the nodes were made: 20 with 8 and 55 with 1.
    assert right["faultyGpus"] == 215
    overview = told(plane, tmp_path)
    assert {name: overview[name] for name in right} == right
    # Nothing measures the devices.
    assert (overview["utilization"], overview["coverage"]) == (None, 0)
