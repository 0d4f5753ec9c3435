# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes of a cluster that Magnum's Heat driver made, as its users see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from beds.kubernetes.cluster import kubectl, objects
from beds.openstack.devices import devices_of
from beds.openstack.layout import BedError, this_bed
from integration import claims
from integration.cloud_site import Site
from integration.waiting import eventually

PYTHON = os.environ.get("PEER_PYTHON", "")
"""Has PyPI's ansible, and with it kubernetes.core."""

GPU = "nvidia.com/gpu"
LABELS = {"boot_volume_size": 0, "kube_tag": "v1.36.3", "bed_kubernetes": "true"}


def devices(config: Path) -> dict[str, str]:
    """Devices that each Ready node offers."""
    return {
        node["metadata"]["name"]: node["status"]["allocatable"].get(GPU, "0")
        for node in objects(config, "nodes")
        if any(
            (one["type"], one["status"]) == ("Ready", "True")
            for one in node["status"]["conditions"]
        )
    }


def slices(config: Path) -> dict[str, list[str]]:
    """Uuids of the devices that each node's ResourceSlice offers."""
    return {
        one["spec"]["nodeName"]: [
            device["attributes"]["uuid"]["string"] for device in one["spec"]["devices"]
        ]
        for one in objects(config, "resourceslices")
    }


def grant_rights(site: Site, folder: Path) -> None:
    """Run the playbook, as a user would."""
    clouds = {"OS_CLIENT_CONFIG_FILE": str(site.project.clouds)}
    given = {"cluster": "k", "cloud": site.project.cloud}
    done = subprocess.run(
        [
            Path(PYTHON).parent / "ansible-playbook",
            "gpufleet.openstack.kubernetes_access",
            *("-i", "localhost,"),
            *("-e", json.dumps(given)),
            # Has the Python package kubernetes.
            *("-e", f"ansible_python_interpreter={sys.executable}"),
        ],
        env={**os.environ, **clouds, "ANSIBLE_HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_kubernetes_behind_a_cluster(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = site.member
    hardware = site.hardware("CUSTOM_GPU_A100", 2)
    options = site.template_options(
        "template",
        hardware,
        floating_ip_enabled=True,
        labels=LABELS,
    )
    assert not member("cluster_template", **options)["failed"]
    made = member("gpu_cluster", name="k", template="template", node_count=1)
    assert made["action"] == "create", made
    address = made["gpu_cluster"]["api_address"]
    assert address.startswith("https://127."), made

    # A credential that Magnum signs logs in, and Magnum's own look finds it healthy.
    config = tmp_path / "config"
    assert not member("kubeconfig", name="k", path=str(config))["failed"]

    def offered() -> list[str] | None:
        try:
            return sorted(devices(config).values())
        except BedError:  # it does not answer
            return None

    eventually(offered, ["0", "2"], 120)

    def health() -> Any:
        [found] = member("gpu_cluster_info", name="k")["gpu_clusters"]
        return found["health_status"]

    eventually(health, "HEALTHY", 120)

    # The reports read it with a certificate of the group that the playbook admits.
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(site.project.clouds))
    source = {"cloud": site.project.cloud, "cluster": "k"}
    with pytest.raises(SourceError, match=r"openstack\.kubernetes_access"):
        kubernetes.read(source, 60)
    grant_rights(site, tmp_path)
    known = kubernetes.read(source, 60)
    assert known.warnings == ()
    [node] = [one for one in known.nodes if one.offer.has_devices]
    assert (node.offer.capacity, node.offer.allocated) == (2, 0)
    workers = [
        server.id
        for server in site.as_member.compute.servers()
        if server.name in site.worker_names("k")
    ]
    assert workers == [node.provider_id]

    grown = member("gpu_cluster", name="k", template="template", node_count=2)
    assert grown["action"] == "update", grown
    eventually(offered, ["0", "2", "2"], 120)
    shrunk = member("gpu_cluster", name="k", template="template", node_count=1)
    assert shrunk["action"] == "update", shrunk
    eventually(offered, ["0", "2"], 120)
    assert set(devices(config)) >= set(site.worker_names("k"))

    assert member("gpu_cluster", name="k", state="absent")["action"] == "delete"
    eventually(offered, None)


def test_devices_by_resource_slices(site: Site, tmp_path: Path) -> None:
    """The cluster's own scheduler gives out the very devices of the server."""
    member = site.member
    labels = {**LABELS, "bed_resource_slices": "true"}
    options = site.template_options(
        "template",
        site.hardware("CUSTOM_GPU_H100", 2),
        floating_ip_enabled=True,
        labels=labels,
    )
    assert not member("cluster_template", **options)["failed"]
    made = member("gpu_cluster", name="k", template="template", node_count=1)
    assert made["action"] == "create", made
    config = tmp_path / "config"
    assert not member("kubeconfig", name="k", path=str(config))["failed"]

    def offered() -> dict[str, list[str]] | None:
        try:
            return slices(config)
        except BedError:  # it does not answer, or has no master yet
            return None

    [worker] = [one for one in site.as_member.compute.servers() if "-node-" in one.name]
    own = [one.uuid for one in devices_of(this_bed().data, worker.id)]
    assert len(own) == 2
    eventually(offered, {worker.name: own}, 120)
    # None by a device plugin.
    eventually(lambda: sorted(devices(config).values()), ["0", "0"])

    told = {"apiVersion": "v1", "kind": "List"}
    told["items"] = [
        claims.TEMPLATE,
        *(claims.pod(f"p{number}") for number in range(3)),
    ]
    kubectl(config, "apply", "-f-", stdin=json.dumps(told))

    def placed() -> list[str]:
        pods = objects(config, "pods")
        return [pod["spec"]["nodeName"] for pod in pods if "nodeName" in pod["spec"]]

    # The third has to wait.
    eventually(placed, [worker.name] * 2)
    given = claims.allocated(objects(config, "resourceclaims"))
    assert given == [(worker.name, "gpu-0"), (worker.name, "gpu-1")]

    known = kubernetes.read({"kubeconfig": str(config), "cluster": "k"}, 30)
    counted = {one.name: one.offer for one in known.nodes if one.offer.has_devices}
    assert {
        name: (offer.capacity, offer.allocated) for name, offer in counted.items()
    } == {worker.name: (2, 2)}
    assert known.waiting is not None
    assert known.waiting.by_reason == {"Unschedulable": 1}
