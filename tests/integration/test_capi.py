# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of Magnum 23 with magnum-capi-helm, in a region without Heat.

What Nova and the cluster's own Kubernetes say is held against what the modules say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beds.kubernetes.cluster import objects
from integration.cloud_site import Site
from integration.inventory import Inventory

OLD, NEW = "v1.35.4", "v1.36.3"


def create_template(site: Site, name: str, version: str, hardware: str) -> None:
    """A template for a version of Kubernetes."""
    options = site.template_options(
        name,
        hardware,
        image=f"ubuntu-24.04-{version}",
        labels={},
        network_driver="calico",
    )
    made = site.capi("cluster_template", **options)
    assert made["action"] == "create", made


def servers(site: Site, prefix: str) -> dict[str, tuple[str, str]]:
    """Status and image of the servers whose names begin so."""
    nova = site.as_member.compute
    return {
        server.name: (server.status, server.image.id)
        for server in nova.servers()
        if server.name.startswith(prefix)
    }


def nodes(config: Path) -> dict[str, str]:
    """Versions of the kubelets of the cluster's nodes."""
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in objects(config, "nodes")
    }


def test_life(site: Site, tmp_path: Path) -> None:
    capi = site.capi
    hardware = site.hardware("CUSTOM_GPU_A100", 1)
    create_template(site, "old", OLD, hardware)
    create_template(site, "new", NEW, hardware)
    image = {
        version: site.as_member.image.find_image(f"ubuntu-24.04-{version}").id
        for version in (OLD, NEW)
    }
    asked: dict[str, Any] = {"name": "train", "template": "old"}

    made = capi("gpu_cluster", **asked, node_count=1)
    assert made["action"] == "create", made
    shown = made["gpu_cluster"]
    assert shown["driver"] == "capi-helm"
    assert shown["status"] == "CREATE_COMPLETE"
    prefix = shown["infrastructure_id"]
    assert prefix.startswith("train-")
    assert shown["coe_version"] == OLD
    workers = f"{prefix}-default-worker-"
    assert [status for status, _image in servers(site, workers).values()] == ["ACTIVE"]

    again = capi("gpu_cluster", **asked, node_count=1)
    assert again["action"] == "none", again
    assert len(capi.recorder.counted) <= 4, capi.recorder.counted

    config = tmp_path / "config"
    assert capi("kubeconfig", name="train", path=str(config))["action"] == "create"
    assert sorted(nodes(config)) == sorted(servers(site, prefix))

    _refusals(site)

    # Done means that the servers are there, not that Magnum says so.
    grown = capi("gpu_cluster", **asked, node_count=2)
    assert grown["action"] == "update", grown
    there = servers(site, workers)
    assert [status for status, _image in there.values()] == ["ACTIVE"] * 2
    assert capi("gpu_cluster", **asked, node_count=2)["action"] == "none"

    _inventory(site, tmp_path, prefix)
    _groups(site, prefix)

    upgraded = capi("gpu_cluster", name="train", template="new", upgrade=True)
    assert upgraded["action"] == "update", upgraded
    assert upgraded["gpu_cluster"]["coe_version"] == NEW
    assert set(servers(site, prefix).values()) == {("ACTIVE", image[NEW])}
    assert set(nodes(config).values()) == {NEW}

    gone = capi("gpu_cluster", name="train", state="absent")
    assert gone["action"] == "delete", gone
    assert servers(site, prefix) == {}


def _refusals(site: Site) -> None:
    """What the driver would accept and ignore is refused before it is sent."""
    group = {"cluster": "train", "name": "more", "node_count": 1}
    [worker] = [name for name in servers(site, "train-") if "-default-worker-" in name]
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("node_group", {**group, "node_labels": {"a": "b"}}, "node_labels"),
        ("node_group", {**group, "image": f"ubuntu-24.04-{NEW}"}, "image"),
        (
            "gpu_cluster",
            {"name": "train", "template": "old", "nodes_to_remove": [worker]},
            "nodes_to_remove",
        ),
    ]
    tasks = [(module, args) for module, args, _option in refused]
    for results in (site.capi.plan(tasks), site.capi.run(tasks)):
        for (_module, _args, option), result in zip(refused, results, strict=True):
            assert result["error"]["type"] == "Conflict", result
            assert option in result["msg"]
    assert site.capi.recorder.writes == []


def _inventory(site: Site, tmp_path: Path, prefix: str) -> None:
    """Each server belongs to its cluster and group; no Heat is no warning."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    cloud = site.capi.cloud
    found = Inventory(folder, site.capi.environment, cloud=cloud).listing()
    assert "WARNING" not in found.warnings, found.warnings
    assert sorted(found.hosts) == sorted(servers(site, prefix))
    workers = found.nodes(role="worker", node_group="default-worker")
    assert len(workers) == 2
    assert len(found.nodes(role="master")) == 1
    clusters = {
        node["gpufleet_node"]["cluster"]["name"] for node in found.hosts.values()
    }
    assert clusters == {"train"}


def _groups(site: Site, prefix: str) -> None:
    """A group has its servers when its module ends, and none when it is gone."""
    group = {"cluster": "train", "name": "more"}

    def active() -> int:
        found = servers(site, f"{prefix}-more-").values()
        return [status for status, _image in found].count("ACTIVE")

    for count, action in ((1, "create"), (2, "update"), (1, "update")):
        changed = site.capi("node_group", **group, node_count=count)
        assert changed["action"] == action, changed
        assert active() == count
    assert site.capi("node_group", **group, state="absent")["action"] == "delete"
    assert servers(site, f"{prefix}-more-") == {}


def test_what_does_not_fit(site: Site) -> None:
    capi = site.capi
    create_template(site, "t", NEW, site.hardware("CUSTOM_GPU_A100", 1))
    assert capi("gpu_cluster", name="k", template="t", node_count=1)["changed"]
    # No host has five of them. Magnum would wait for ever, and then say COMPLETE.
    large = site.hardware("CUSTOM_GPU_H100", 5)
    group = {"cluster": "k", "name": "large", "hardware": large}
    failed = capi("node_group", **group, node_count=1)
    assert failed["error"]["type"] == "ResourceError", failed
    assert "No valid host" in failed["msg"]
    assert capi("node_group", **group, state="absent")["action"] == "delete"

    site.set_server_quota(2)
    asked = {"name": "k", "template": "t", "node_count": 2}
    refused = capi("gpu_cluster", **asked, precheck=False, timeout=60)
    assert refused["error"]["type"] == "Timeout", refused
    assert "quota" in refused["msg"].lower()
    site.set_server_quota(10)
    assert capi("gpu_cluster", **asked)["gpu_cluster"]["node_count"] == 2
    assert len([name for name in servers(site, "k-") if "-worker-" in name]) == 2


@pytest.mark.parametrize("module", ["location", "heat_stack"])
def test_what_needs_heat_says_so(site: Site, module: str) -> None:
    args: dict[str, Any] = {"name": "x"}
    if module == "heat_stack":
        args["template"] = {"heat_template_version": "2018-08-31"}
    else:
        args["cidr"] = "10.1.0.0/24"
    refused = site.capi(module, **args)
    assert "Heat" in refused["msg"], refused
    assert "region" in refused["msg"]
