# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from beds.openstack import vm_kubernetes
from beds.openstack.layout import Bed, BedError
from beds.openstack.vm_kubernetes import Clusters, Machine

LABELS = {vm_kubernetes.LABEL: "true"}


def machine(name: str, role: str, cluster: str = "u") -> Machine:
    params = {
        "CLUSTER_UUID": cluster,
        "NODEGROUP_ROLE": role,
        "KUBE_API_PUBLIC_ADDRESS": "127.30.0.5",
    }
    return Machine(name, name, params)


MASTER = machine("k-master-0", "master")
WORKER = machine("k-node-0", "worker")


class FakePlane:
    """In the place of a control plane; remembers what was done to it."""

    def __init__(self, _bed: Bed, _etcd: Any, name: str, _address: str) -> None:
        self.kubeconfig = Path("/")  # it exists: no certificates are asked for
        self.name = name

    def start(self) -> None:
        done.append("start")

    def remove(self) -> None:
        done.append("remove")

    def api(self) -> None:
        """No client."""


done: list[str] = []


@pytest.fixture
def magnum(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Magnum answers, one after the other; the last again and again."""
    done.clear()
    monkeypatch.setattr(vm_kubernetes, "ROUND", 0.01)
    monkeypatch.setattr(vm_kubernetes, "ControlPlane", FakePlane)
    monkeypatch.setattr(vm_kubernetes, "join", lambda _api, node: done.append(node))
    monkeypatch.setattr(vm_kubernetes._Cluster, "_node", lambda _self, one: one.name)
    monkeypatch.setattr(Bed, "ports", {"etcd": 1, "etcd-peer": 2})
    return []


@pytest.fixture
def clusters(magnum: list[Any], tmp_path: Path) -> Clusters:
    def call(_method: str, _service: str, _path: str) -> Any:
        done.append("look-up")
        answer = magnum.pop(0) if len(magnum) > 1 else magnum[0]
        if isinstance(answer, Exception):
            raise answer
        return {"labels": answer}

    return Clusters(call, Bed(tmp_path, tmp_path))


def until(clusters: Clusters, machines: list[Machine], expected: list[str]) -> None:
    """Say the same machines until that was done, and no more."""
    deadline = time.monotonic() + 5
    while done != expected and time.monotonic() < deadline:
        clusters.update(machines)
        time.sleep(0.01)
    for _round in range(5):
        clusters.update(machines)
        time.sleep(0.01)
    assert done == expected


@pytest.mark.parametrize(
    "problem",
    [
        requests.ConnectionError("Magnum is down"),
        requests.HTTPError("404"),
        BedError("the database is down"),
        KeyError("labels"),
        ValueError("no JSON"),
        OSError("no space"),
    ],
)
def test_a_failure_is_tried_again(
    clusters: Clusters, magnum: list[Any], problem: Exception
) -> None:
    magnum += [problem, problem, LABELS]
    begun = ["look-up", "look-up", "look-up", "start", MASTER.name]
    until(clusters, [MASTER], begun)
    until(clusters, [], [*begun, "remove"])


def test_nodes_join_once_their_master_is_there(
    clusters: Clusters, magnum: list[Any]
) -> None:
    magnum += [LABELS]
    until(clusters, [WORKER], ["look-up"])
    until(clusters, [WORKER, MASTER], ["look-up", "start", "k-node-0", "k-master-0"])


@pytest.mark.parametrize("labels", [LABELS, {}])
def test_a_cluster_that_is_gone_has_no_thread(
    clusters: Clusters, magnum: list[Any], labels: dict[str, str]
) -> None:
    """Also where no master ever joined, or it wanted no Kubernetes."""
    magnum += [labels]
    until(clusters, [WORKER], ["look-up"])
    until(clusters, [], ["look-up"])
    assert clusters._threads == {}


def test_a_cluster_without_the_label_is_looked_up_once(
    clusters: Clusters, magnum: list[Any]
) -> None:
    magnum += [{"kube_tag": "v1.36.3"}]
    until(clusters, [MASTER, WORKER], ["look-up"])


def test_each_cluster_has_its_own(clusters: Clusters, magnum: list[Any]) -> None:
    magnum += [LABELS]
    other = machine("other-master-0", "master", "v")
    clusters.update([MASTER, other])
    deadline = time.monotonic() + 5
    while done.count("start") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert sorted(done) == sorted(
        ["look-up", "start", MASTER.name, "look-up", "start", other.name]
    )
    clusters.update([other])
    time.sleep(0.2)
    assert done.count("remove") == 1
