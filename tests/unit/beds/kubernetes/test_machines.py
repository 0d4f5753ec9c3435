# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
from types import SimpleNamespace as Namespace
from typing import Any

import pytest
import yaml

from beds.kubernetes import machines

JOIN = """\
kind: JoinConfiguration
nodeRegistration:
  kubeletExtraArgs:
  - name: cloud-provider
    value: external
  - name: node-labels
    value: capi.stackhpc.com/node-group=gpu,team=vision
"""
INIT = """\
kind: ClusterConfiguration
clusterName: train
---
kind: InitConfiguration
"""


def user_data(**files: str) -> str:
    written = [{"path": f"/{name}", "content": text} for name, text in files.items()]
    text = "#cloud-config\n" + yaml.safe_dump({"write_files": written})
    return base64.b64encode(text.encode()).decode()


def server(**specs: str) -> Any:
    flavor = Namespace(vcpus=8, ram=16384, extra_specs=specs)
    addresses = {"net": [{"addr": "10.0.0.5"}]}
    return Namespace(name="train-gpu-1", id="4-2", flavor=flavor, addresses=addresses)


class FakeApi:
    def __init__(self) -> None:
        self.created: dict[str, Any] = {}

    def create(self, path: str, body: Any) -> None:
        self.created[f"{path}/{body['metadata']['name']}"] = body


class FakePlane:
    def __init__(self, *, made: bool) -> None:
        self.client = FakeApi()
        self.calls: list[str] = []
        self.kubeconfig = Namespace(exists=lambda: made)

    def prepare(self, *given: Any) -> None:
        self.calls.append("prepare")

    def start(self) -> None:
        self.calls.append("start")

    def api(self) -> FakeApi:
        return self.client


def boot(plane: FakePlane, data: str, *, control_plane: bool = False) -> None:
    accelerated = server(**{"resources:CUSTOM_GPU_MI300X": "4", "trait:X": "required"})
    machine = machines.Machine(accelerated, "v1.36.3", data, control_plane)
    machines.boot(machine, plane)


def test_a_worker_joins_with_its_devices_and_labels() -> None:
    plane = FakePlane(made=True)
    boot(plane, user_data(**{"run/kubeadm/kubeadm-join-config.yaml": JOIN}))
    node = plane.client.created["/api/v1/nodes/train-gpu-1"]
    assert node["spec"]["providerID"] == "openstack:///4-2"
    assert node["metadata"]["labels"]["team"] == "vision"
    assert node["metadata"]["labels"]["capi.stackhpc.com/node-group"] == "gpu"
    status = node["status"]
    assert status["capacity"]["amd.com/gpu"] == "4"
    assert status["nodeInfo"]["kubeletVersion"] == "v1.36.3"
    assert plane.calls == []


@pytest.mark.parametrize(
    ("made", "calls"), [(False, ["prepare", "start"]), (True, ["start"])]
)
def test_the_first_machine_of_a_control_plane_makes_it(
    monkeypatch: pytest.MonkeyPatch, made: bool, calls: list[str]
) -> None:
    monkeypatch.setattr(machines.Authority, "sign", None)
    pki = {f"etc/kubernetes/pki/{name}": "x" for name in ("ca.crt", "ca.key", "sa.key")}
    plane = FakePlane(made=made)
    data = user_data(**pki, **{"run/kubeadm/kubeadm.yaml": INIT})
    boot(plane, data, control_plane=True)
    assert plane.calls == calls
    kept = plane.client.created[
        "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
    ]
    assert "clusterName: train" in kept["data"]["ClusterConfiguration"]
    pods = [path for path in plane.client.created if "/pods/" in path]
    assert [path.rpartition("/")[2] for path in pods] == [
        f"{name}-train-gpu-1" for name in machines.COMPONENTS
    ]
