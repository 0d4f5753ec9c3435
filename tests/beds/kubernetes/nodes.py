# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes as a kubelet and a device plugin would register them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import programs
from .api import Api

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
DRA_DRIVER = "gpu.nvidia.com"


@dataclass(frozen=True)
class Node:
    """A machine that joins a cluster.

    Attributes:
        name: Its name.
        address: Its internal address.
        server_id: Its server in Nova, if it has one.
        version: Of its kubelet.
        cpus: How many.
        memory_mib: How much.
        devices: Accelerators by the name of the resource, such as nvidia.com/gpu.
        labels: Further labels.
        annotations: See stages.yaml.
        uuids: Of the devices that a ResourceSlice shall offer; it has one of each.
        control_plane: Whether it is a node of the control plane.
    """

    name: str
    address: str = "10.0.0.9"
    server_id: str = ""
    version: str = programs.KUBERNETES
    cpus: int = 8
    memory_mib: int = 16384
    devices: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    uuids: Sequence[str] = ()
    control_plane: bool = False


def join(api: Api, node: Node) -> None:
    """Register a node, unless one of its name is there.

    Args:
        api: The cluster's API server.
        node: The node.
    """
    # With its status, as a kubelet does: kwok fills in at once what is missing.
    api.create("/api/v1/nodes", {**_node(node), "status": _status(node)})
    if node.uuids:
        group = "/apis/resource.k8s.io/v1"
        api.create(f"{group}/deviceclasses", _device_class())
        api.create(f"{group}/resourceslices", _resource_slice(node))


def set_devices(
    api: Api, name: str, devices: Mapping[str, int | None], healthy: int | None = None
) -> None:
    """Change what a node's device plugin has registered.

    Args:
        api: The cluster's API server.
        name: The node.
        devices: Accelerators by the name of the resource; None: the plugin never was
            there. A plugin that is gone leaves capacity and allocatable at 0.
        healthy: How many of each can be used; all of them when not given.
    """
    capacity = {key: _text(value) for key, value in devices.items()}
    usable = {
        key: _text(value if healthy is None or value is None else healthy)
        for key, value in devices.items()
    }
    status = {"status": {"capacity": capacity, "allocatable": usable}}
    api.request("PATCH", f"/api/v1/nodes/{name}/status", status)


def annotate(api: Api, path: str, **annotations: str | None) -> None:
    """Set or, with None, remove annotations of the bed.

    Args:
        api: The cluster's API server.
        path: The object's path.
        **annotations: Their names with underscores, without the prefix.
    """
    named = {
        f"bed.gpufleet.example/{key.replace('_', '-')}": value
        for key, value in annotations.items()
    }
    api.request("PATCH", path, {"metadata": {"annotations": named}})


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _node(node: Node) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **node.labels,
    }
    spec: dict[str, Any] = {}
    if node.server_id:
        spec["providerID"] = f"openstack:///{node.server_id}"
    if node.control_plane:
        labels[CONTROL_PLANE] = ""
        spec["taints"] = [{"key": CONTROL_PLANE, "effect": "NoSchedule"}]
    return {
        "metadata": {
            "name": node.name,
            "labels": labels,
            "annotations": dict(node.annotations),
        },
        "spec": spec,
    }


def _status(node: Node) -> dict[str, Any]:
    offered = {
        "cpu": str(node.cpus),
        "memory": f"{node.memory_mib}Mi",
        "pods": "110",
        **{key: str(number) for key, number in node.devices.items()},
    }
    return {
        "capacity": offered,
        "allocatable": offered,
        "addresses": [
            {"type": "InternalIP", "address": node.address},
            {"type": "Hostname", "address": node.name},
            # Where the API server finds the kubelet: kwok.
            {"type": "InternalDNS", "address": "localhost"},
        ],
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": "",
            "containerRuntimeVersion": "containerd://2.2.0",
            "kernelVersion": "6.12.0",
            "kubeProxyVersion": "",
            "kubeletVersion": node.version,
            # With dashes: kwok would read 32 digits as a number.
            "machineID": node.server_id,
            "operatingSystem": "linux",
            "osImage": "played by the bed",
            "systemUUID": node.server_id,
        },
    }


def _device_class() -> dict[str, Any]:
    expression = f'device.driver == "{DRA_DRIVER}"'
    return {
        "metadata": {"name": DRA_DRIVER},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def _resource_slice(node: Node) -> dict[str, Any]:
    return {
        "metadata": {"name": f"{node.name}-{DRA_DRIVER}"},
        "spec": {
            "driver": DRA_DRIVER,
            "nodeName": node.name,
            "pool": {"name": node.name, "generation": 1, "resourceSliceCount": 1},
            "devices": [
                {
                    "name": f"gpu-{index}",
                    "attributes": {"type": {"string": "gpu"}, "uuid": {"string": uuid}},
                }
                for index, uuid in enumerate(node.uuids)
            ],
        },
    }
