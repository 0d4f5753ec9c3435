# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Usual records of a fleet, for what makes them odd."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from fakes.recorded.server import Cloud

RECORDED = Path(__file__).parents[2] / "fakes/recorded"
NOW = 1_795_000_000
"""2026-11-18T12:26:40Z"""

Record = dict[str, Any]
Lists = dict[str, list[Record]]

_NAMED = ("nv-gpu-0000", "deploy-000-00000", "deploy-000", "nv-gpu-0001")


def kubernetes() -> Record:
    """Return recorded answers by path: two nodes, and what runs on them."""
    lists: Record = json.loads((RECORDED / "kubernetes.json").read_text())
    kept = re.compile(rf"({'|'.join(_NAMED)}|sts-001-00001|bare-005-00059).*")
    for path, listed in lists.items():
        items = [i for i in listed["items"] if kept.fullmatch(i["metadata"]["name"])]
        lists[path] = {**listed, "items": items}
    return lists


def of_kubernetes_node() -> Lists:
    """Return by path what is, and runs, on the first of these nodes alone."""
    return {
        path: [
            item
            for item in listed["items"]
            if item["metadata"]["name"].startswith(_NAMED[:3])
        ]
        for path, listed in kubernetes().items()
    }


def kubernetes_resources(path: str, lists: Record) -> Record:
    """Return the answer of an API group: which kinds it has.

    Args:
        path: The group's.
        lists: Answers by path.
    """
    return {
        "resources": [
            {
                "name": listed.rpartition("/")[2],
                "kind": answer["kind"].removesuffix("List"),
            }
            for listed, answer in lists.items()
            if listed.rpartition("/")[0] == path
        ]
    }


def slurm() -> Lists:
    """Return recorded nodes and jobs."""
    lists: Lists = json.loads((RECORDED / "slurm.json").read_text())
    return lists


def of_slurm_node() -> Lists:
    """Return what is, and runs, on the node `gpu003` alone."""
    lists = slurm()
    return {
        "nodes": [node for node in lists["nodes"] if node["name"] == "gpu003"],
        "jobs": [job for job in lists["jobs"] if job["nodes"] in ("gpu003", "")],
    }


ODD_SERVER = "cluster-1-stack-node-0"


@functools.cache
def openstack() -> Lists:
    """Return recorded lists of a cloud: two clusters, each of a master and a node."""
    cloud = Cloud(servers=4, clusters=2)
    cloud.close()
    lists = {name: cloud.lists[name] for name in ("servers", "clusters", "stacks")}
    bodies = json.loads((RECORDED / "cloud.json").read_text()).values()
    recorded = {
        name: next(body[name] for body in bodies if name in body)
        for name in ("flavors", "images")
    }
    space = {"total_capacity_gb": 100, "free_capacity_gb": 60.5}
    pool = {"name": "pool", "capabilities": space}
    return {**lists, **recorded, "groups": [], "networks": [], "pools": [pool]}


def of_openstack_node() -> Lists:
    """Return what the second cluster and its node are alone."""
    names = (ODD_SERVER, "cluster-1", "cluster-1-stack")
    return {
        kind: [
            record
            for record in listed
            if {record.get("name"), record.get("stack_name")} & {*names}
        ]
        for kind, listed in openstack().items()
    }


def prometheus(host: str) -> dict[str, list[Record]]:
    """Return answers about a host to instant queries, by metric."""
    pod = {"exported_namespace": "ml", "exported_pod": "train-0"}
    dcgm = {
        "gpu": "0",
        "UUID": f"GPU-{host}",
        "pci_bus_id": "00000000:10:00.0",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname": host,
        "instance": f"{host}:9400",
        **pod,
    }
    ours = {
        "device": "1",
        "uuid": f"uuid-{host}",
        "vendor": "amd",
        "model": "MI300X",
        "node": host,
        "instance": f"{host}:9100",
    }
    infiniband = {"device": "mlx5_0", "port": "1", "instance": f"{host}:9100"}
    kube = {"node": host, "resource": "nvidia_com_gpu", "unit": "integer"}
    request = {"namespace": "ml", "pod": f"train-{host}", "uid": f"u-{host}", **kube}
    owner = {"owner_kind": "ReplicaSet", "owner_name": "train"}
    job = {"owner_kind": "Deployment", "owner_name": "train", "replicaset": "train"}
    table: dict[str, tuple[Record, float]] = {
        "DCGM_FI_DEV_GPU_TEMP": (dcgm, 50),
        "DCGM_FI_DEV_GPU_UTIL": ({**dcgm, "GPU_I_ID": "1"}, 80),
        "gpufleet_heartbeat_timestamp_seconds": (ours, NOW),
        "gpufleet_device_power_watts": (ours, 400),
        "gpufleet_xid_timestamp_seconds": ({**dcgm, "xid": "63"}, 10),
        "node_uname_info": ({"nodename": host, "instance": f"{host}:9100"}, 1),
        "node_infiniband_state_id": (infiniband, 4),
        "node_infiniband_rate_bytes_per_second": (infiniband, 5e10),
        "kube_node_status_capacity": (kube, 8),
        "kube_node_status_allocatable": (kube, 8),
        "kube_node_status_condition": (
            {"node": host, "condition": "Ready", "status": "true"},
            1,
        ),
        "kube_node_info": (
            {"node": host, "provider_id": "openstack:///x", "internal_ip": "10.0.0.9"},
            1,
        ),
        "kube_pod_container_resource_requests": (request, 1),
        "kube_pod_owner": ({**request, **owner}, 1),
        "kube_replicaset_owner": ({"namespace": "ml", **job}, 1),
    }
    return {
        name: [{"metric": labels, "value": [NOW, str(value)]}]
        for name, (labels, value) in table.items()
    }
