# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pytest

from beds.kubernetes import management, provider
from beds.kubernetes.controller import NEVER, SOON
from beds.openstack.layout import Bed
from beds.openstack.vm_inside import set_control

MACHINE = (provider.MACHINES, "ns", "train-gpu-1")
CLUSTER = (provider.CLUSTERS, "ns", "train")
LABELS = {"cluster.x-k8s.io/cluster-name": "train"}


class FakeApi:
    def __init__(self) -> None:
        self.patches: list[dict[str, Any]] = []

    def request(self, method: str, path: str, body: Any) -> None:
        self.patches.append(body)

    def get(self, path: str) -> Any:
        return {"data": {"value": "data"}}


class FakeInfrastructure:
    def __init__(self) -> None:
        self.found: Any = None
        self.asked: list[str] = []

    def server(self, name: str) -> Any:
        return self.found

    def create_server(self, name: str, *given: Any) -> None:
        self.asked.append(f"create {name}")

    def delete_servers(self, name: str) -> bool:
        self.asked.append(f"delete {name}")
        return self.found is None

    def remove_network(self) -> None:
        self.asked.append("remove network")


class Stage:
    """A provider that sees a cluster and one of its machines."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = FakeApi()
        self.cloud = FakeInfrastructure()
        self.booted: list[str] = []
        self.run = folder / "run"
        self.run.mkdir()
        plane = Namespace(api=lambda: self.api, remove=lambda: None)
        monkeypatch.setattr(management, "control_plane", lambda bed: plane)
        monkeypatch.setattr(
            provider,
            "boot",
            lambda machine, plane: self.booted.append(machine.server.name),
        )
        self.provider = provider.Provider(Bed(folder, folder))
        monkeypatch.setattr(self.provider, "_infrastructure", lambda one: self.cloud)
        monkeypatch.setattr(self.provider, "_plane", lambda one: plane)
        self.cluster = self.see(
            CLUSTER,
            {"identityRef": {"name": "credentials"}},
            {"ready": True, "network": {"id": "net"}},
            ownerReferences=[{"kind": "Cluster", "name": "train"}],
        )
        self.machine = self.see(MACHINE, {"flavor": "gpu"}, {})
        bootstrap = {"dataSecretName": "secret"}
        owner = (provider.OWNERS, *MACHINE[1:])
        self.owner = self.see(owner, {"bootstrap": bootstrap, "version": "v1.36.3"}, {})

    def see(self, key: Any, spec: Any, status: Any, **metadata: Any) -> dict[str, Any]:
        kind, namespace, name = key
        given = {"namespace": namespace, "name": name, "labels": LABELS, **metadata}
        thing = {"metadata": given, "spec": spec, "status": status}
        self.provider._objects._note(kind, {"type": "ADDED", "object": thing})
        return thing

    def has_server(self, status: str, **more: Any) -> None:
        self.cloud.found = Namespace(
            id="4-2", name=MACHINE[2], status=status, addresses={}, fault=None
        )
        vars(self.cloud.found).update(more)

    def act(self) -> float:
        return self.provider._machine(MACHINE, self.machine)

    def told(self, *path: str) -> list[Any]:
        found = []
        for patch in self.api.patches:
            value: Any = patch
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            if value is not None:
                found.append(value)
        return found


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_a_machine_gets_a_server(stage: Stage) -> None:
    assert stage.act() == SOON
    assert stage.cloud.asked == ["create train-gpu-1"]


@pytest.mark.parametrize("missing", ["bootstrap data", "network"])
def test_a_machine_waits_for_what_it_needs(stage: Stage, missing: str) -> None:
    if missing == "network":
        stage.cluster["status"] = {}
    else:
        stage.owner["spec"]["bootstrap"] = {}
    assert stage.act() == NEVER
    assert stage.cloud.asked == stage.api.patches == []


def test_a_machine_that_is_up_joins_once(stage: Stage) -> None:
    stage.has_server("ACTIVE")
    assert stage.act() == NEVER
    assert stage.booted == ["train-gpu-1"]
    assert stage.told("spec", "providerID") == ["openstack:///4-2"]
    assert stage.told("status", "ready") == [True]
    stage.machine["metadata"]["annotations"] = {provider.JOINED: "true"}
    assert stage.act() == NEVER
    assert stage.booted == ["train-gpu-1"]


def test_a_server_in_error_is_a_condition_and_stays(stage: Stage) -> None:
    stage.has_server("ERROR", fault={"message": "No valid host was found. "})
    act = stage.provider._machine
    stage.provider._objects._due[MACHINE] = NEVER
    for _time in range(2):
        stage.provider._objects._act(act, MACHINE, stage.machine)
        [conditions] = stage.told("status", "conditions")
        stage.machine["status"] = {"conditions": conditions}
    assert {one["reason"] for one in conditions} == {"InstanceStateError"}
    assert {one["message"] for one in conditions} == {"No valid host was found."}
    assert stage.cloud.asked == stage.told("status", "ready") == []


@pytest.mark.parametrize("change", [{"fail": ["gpu-1"]}, {"delay": 60}])
def test_a_machine_is_up_and_does_not_join(
    stage: Stage, change: dict[str, Any]
) -> None:
    set_control(stage.run, management.CONTROL, **change)
    stage.has_server("ACTIVE")
    assert stage.act() == SOON
    assert stage.told("status", "ready") == [True]
    assert stage.booted == []


def test_a_machine_goes_after_its_server(stage: Stage) -> None:
    stage.machine["metadata"]["deletionTimestamp"] = "now"
    stage.has_server("ACTIVE")
    assert stage.act() == SOON
    assert stage.api.patches == []
    stage.cloud.found = None
    assert stage.act() == NEVER
    assert stage.api.patches == [{"metadata": {"finalizers": None}}]


def test_a_cluster_goes_after_its_machines(stage: Stage) -> None:
    stage.cluster["metadata"]["deletionTimestamp"] = "now"
    assert stage.provider._cluster(CLUSTER, stage.cluster) == NEVER
    assert stage.cloud.asked == []
    deleted = {"type": "DELETED", "object": stage.machine}
    stage.provider._objects._note(provider.MACHINES, deleted)
    stage.provider._cluster(CLUSTER, stage.cluster)
    assert stage.cloud.asked == ["remove network"]
    assert stage.api.patches == [{"metadata": {"finalizers": None}}]
