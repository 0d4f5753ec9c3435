# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does what kubeadm does inside a machine: init, or join, as its user data says.

The first machine of a control plane starts a real one, on the cluster's address; all
machines of a control plane share it. A node's kubelet is played by kwok.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from beds.openstack.devices import classes_of
from beds.openstack.hardware import KUBERNETES

from .api import Api
from .certificates import Authority
from .cluster import ControlPlane
from .nodes import Node, join

PKI = "/etc/kubernetes/pki"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class Machine:
    """A machine that has booted.

    Attributes:
        server: As Nova shows it.
        version: The version of Kubernetes that is on its disk.
        user_data: In base64.
        control_plane: Whether it is one of the control plane.
    """

    server: Any
    version: str
    user_data: str
    control_plane: bool


def boot(machine: Machine, plane: ControlPlane) -> None:
    """Join a machine to its cluster; the first one makes it.

    Args:
        machine: The machine.
        plane: The cluster's control plane.
    """
    files = written_files(machine.user_data)
    if machine.control_plane:
        if not plane.kubeconfig.exists():
            _prepare(plane, files)
        plane.start()
        _keep_kubeadm_config(plane.api(), files)
    api = plane.api()
    join(api, _node(machine, files))
    if machine.control_plane:
        for component in COMPONENTS:
            api.create("/api/v1/namespaces/kube-system/pods", _pod(machine, component))


def written_files(user_data: str) -> dict[str, str]:
    """Return the files that cloud-init writes.

    Args:
        user_data: In base64.

    Returns:
        Contents by path.
    """
    config = yaml.safe_load(base64.b64decode(user_data))
    # Of the key that an external etcd keeps for itself, the path is empty.
    files = (file for file in config.get("write_files", []) if file["path"])
    return {file["path"]: file["content"] for file in files}


def _prepare(plane: ControlPlane, files: Mapping[str, str]) -> None:
    authority = Authority(files[f"{PKI}/ca.crt"], files[f"{PKI}/ca.key"])
    plane.prepare(authority.certificate, authority.sign, files[f"{PKI}/sa.key"])


def _kubeadm(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What kubeadm reads, for init or for join."""
    return [
        document
        for path, text in files.items()
        if path.startswith("/run/kubeadm/kubeadm")
        for document in yaml.safe_load_all(text)
        if document
    ]


def _keep_kubeadm_config(api: Api, files: Mapping[str, str]) -> None:
    for document in _kubeadm(files):
        if document["kind"] == "ClusterConfiguration":
            body = {
                "metadata": {"name": "kubeadm-config"},
                "data": {"ClusterConfiguration": yaml.safe_dump(document)},
            }
            api.create("/api/v1/namespaces/kube-system/configmaps", body)


def _labels(files: Mapping[str, str]) -> dict[str, str]:
    """The labels with which kubeadm lets the kubelet register its node."""
    labels = {}
    for document in _kubeadm(files):
        registration = document.get("nodeRegistration", {})
        for argument in registration.get("kubeletExtraArgs", []):
            if argument["name"] == "node-labels":
                labels.update(
                    pair.split("=", 1) for pair in argument["value"].split(",")
                )
    return labels


def _node(machine: Machine, files: Mapping[str, str]) -> Node:
    server = machine.server
    classes = classes_of(server.flavor.extra_specs or {})
    devices: Counter[str] = Counter()
    for resource_class, number in classes.items():
        devices[KUBERNETES[resource_class]] += number
    return Node(
        name=server.name,
        address=next(
            address["addr"]
            for addresses in server.addresses.values()
            for address in addresses
        ),
        server_id=server.id,
        version=machine.version,
        cpus=server.flavor.vcpus,
        memory_mib=server.flavor.ram,
        devices=devices,
        labels=_labels(files),
        control_plane=machine.control_plane,
    )


def _pod(machine: Machine, component: str) -> dict[str, Any]:
    """A static pod's mirror: else a drain evicts it, and managers look for it."""
    return {
        "metadata": {
            "name": f"{component}-{machine.server.name}",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": {
                "kubernetes.io/config.mirror": "played",
                "kubernetes.io/config.hash": "played",
            },
        },
        "spec": {
            "nodeName": machine.server.name,
            "hostNetwork": True,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": component,
                    "image": f"registry.k8s.io/{component}:{machine.version}",
                }
            ],
        },
    }
