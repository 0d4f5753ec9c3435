# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes clusters of Magnum 23 with magnum-capi-helm, in a region without Heat.

What Nova and the cluster's own Kubernetes say is held against what the modules say. Each
test has a cluster of its own; `test_capi_reading.py` has what changes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from beds.kubernetes import management
from beds.kubernetes.cluster import kubectl
from beds.openstack.layout import this_bed
from integration.capi import (
    IMAGES,
    NEW,
    OLD,
    active,
    create_cluster,
    create_template,
    in_magnum,
    inventory,
    kubeconfig,
    nodes,
    reports,
    servers,
    show,
    workers,
)
from integration.cloud_site import Site
from integration.waiting import eventually


def test_node_groups(site: Site, tmp_path: Path) -> None:
    capi = site.capi
    create_template(site, "t")
    cluster = create_cluster(site, name="k", template="t", node_count=1)
    # The names of its servers begin as those of another group.
    group = {"cluster": "k", "name": "default-worker-b"}
    prefix = f"{workers(cluster)}b-"

    made = capi("node_group", **group, node_count=1, max_node_count=2)
    assert made["action"] == "create", made
    assert active(site, prefix) == 1
    again = capi("node_group", **group, node_count=1, max_node_count=2)
    assert again["action"] == "none", again
    assert len(capi.recorder.counted) <= 4, capi.recorder.counted

    grown = capi("node_group", **group, node_count=2)
    assert grown["action"] == "update", grown
    assert active(site, prefix) == 2
    listed = inventory(site, tmp_path)
    assert listed.nodes(node_group=group["name"]) == sorted(servers(site, prefix))
    assert len(listed.nodes(node_group="default-worker")) == 1

    # Bounds alone; Magnum has ended with them when the module ends.
    bounds = {"min_node_count": 2, "max_node_count": 3}
    bounded = capi("node_group", **group, **bounds)
    assert bounded["action"] == "update", bounded
    assert [write.split(" ")[0] for write in capi.recorder.writes] == ["PATCH"]
    path = f"/clusters/{cluster['id']}"
    kept = in_magnum(site, f"{path}/nodegroups/{group['name']}")
    assert {**kept, **bounds, "status": "UPDATE_COMPLETE"} == kept
    assert in_magnum(site, path)["status"] == "UPDATE_COMPLETE"
    assert capi("node_group", **group, **bounds)["action"] == "none"
    outside = capi("node_group", **group, node_count=4)
    assert outside["error"]["type"] == "InvalidInput", outside

    # Magnum accepts the size after the bound.
    shrunk = capi("node_group", **group, node_count=1, min_node_count=1)
    assert shrunk["action"] == "update", shrunk
    assert active(site, prefix) == 1
    assert capi("node_group", **group, state="absent")["action"] == "delete"
    assert servers(site, prefix) == {}
    assert active(site, workers(cluster)) == 1


def test_life(site: Site, tmp_path: Path) -> None:
    capi = site.capi
    create_template(site, "old", OLD)
    create_template(site, "new", NEW)
    image = {
        version: site.as_member.image.find_image(name).id
        for version, name in IMAGES.items()
    }
    asked: dict[str, Any] = {"name": "train", "template": "old"}

    cluster = create_cluster(site, **asked, node_count=1)
    prefix = cluster["infrastructure_id"]
    assert cluster["driver"] == "capi-helm"
    assert cluster["status"] == "CREATE_COMPLETE"
    assert cluster["coe_version"] == OLD
    assert active(site, workers(cluster)) == 1

    # Done means that the servers are there, not that Magnum says so.
    grown = capi("gpu_cluster", **asked, node_count=2)
    assert grown["action"] == "update", grown
    assert active(site, workers(cluster)) == 2
    assert capi("gpu_cluster", **asked, node_count=2)["action"] == "none"

    config = kubeconfig(site, "train", tmp_path)
    # Without max_batch_size, Magnum 23 would answer 500.
    upgraded = capi("gpu_cluster", name="train", template="new", upgrade=True)
    assert upgraded["action"] == "update", upgraded
    assert _tells_version(upgraded, NEW), upgraded
    assert set(servers(site, prefix).values()) == {("ACTIVE", image[NEW])}
    assert set(nodes(config).values()) == {NEW}

    gone = capi("gpu_cluster", name="train", state="absent")
    assert gone["action"] == "delete", gone
    assert servers(site, prefix) == {}


def _tells_version(upgraded: dict[str, Any], version: str) -> bool:
    """Return whether an upgrade ends with the version, or says that Magnum lags."""
    said = str(upgraded.get("warnings"))
    if "it took the upgrade for done too early" in said:
        return f"all nodes have the image of {version}" in said
    return bool(upgraded["gpu_cluster"]["coe_version"] == version)


def test_a_failed_update_is_repaired(site: Site) -> None:
    capi = site.capi
    image = site.name("ubuntu")
    site.as_member.image.create_image(
        image,
        data=b"nothing boots from it",
        disk_format="raw",
        container_format="bare",
        os_distro="ubuntu",
        kube_version=OLD,
    )
    create_template(site, "old", image=image)
    create_template(site, "new", NEW)
    cluster = create_cluster(site, name="mend", template="old", node_count=1)
    group = {"cluster": "mend", "name": "default-worker", "max_node_count": 3}

    with _without_version(site, image):
        failed = capi("node_group", **group)
    assert failed["error"]["type"] == "ResourceError", failed
    assert "UPDATE_FAILED: Image" in failed["msg"]
    repaired = capi("node_group", **group)
    assert repaired["action"] == "update", repaired
    assert repaired["node_group"]["status"] == "UPDATE_COMPLETE"
    assert capi("node_group", **group)["action"] == "none"

    with _without_version(site, image):
        failed = capi("gpu_cluster", name="mend", node_count=2)
    assert failed["error"]["type"] == "ResourceError", failed
    assert "does not have a kube_version" in failed["msg"]
    shown = show(site, "mend")
    assert (shown["status"], shown["node_count"]) == ("UPDATE_FAILED", 1)

    # Magnum upgrades no cluster that is in this state.
    upgraded = capi(
        "gpu_cluster", name="mend", template="new", upgrade=True, max_batch_size=2
    )
    assert upgraded["action"] == "update", upgraded
    actions = [write.rsplit("/", 1)[1] for write in capi.recorder.writes]
    assert actions == ["resize", "upgrade"]
    assert "max_batch_size: magnum-capi-helm ignores" in str(upgraded["warnings"])
    assert _tells_version(upgraded, NEW), upgraded
    new = site.as_member.image.find_image(IMAGES[NEW]).id
    found = servers(site, cluster["infrastructure_id"])
    assert set(found.values()) == {("ACTIVE", new)}


@contextmanager
def _without_version(site: Site, image: str) -> Iterator[None]:
    """Take the version of Kubernetes off an image: the driver then fails to update."""
    glance = site.as_member.image
    kind = "application/openstack-images-v2.1-json-patch"

    def patch(operation: dict[str, str]) -> None:
        answer = glance.patch(
            f"/images/{glance.find_image(image).id}",
            json=[{"path": "/kube_version", **operation}],
            headers={"Content-Type": kind},
        )
        answer.raise_for_status()

    patch({"op": "remove"})
    yield
    patch({"op": "add", "value": OLD})


def test_an_autoscaler(site: Site) -> None:
    capi = site.capi
    scales = {"auto_scaling_enabled": True}
    create_template(site, "unlabeled", labels=scales)
    create_template(site, "t", labels={**scales, "min_node_count": 1})
    asked: dict[str, Any] = {"name": "auto", "template": "t", "max_node_count": 3}
    for options, text in (
        ({"min_node_count": 0}, "min_node_count: 0 is below 1"),
        ({"template": "unlabeled"}, "unless the label min_node_count is 1 or more"),
        ({"min_node_count": 2}, "takes this bound of the default workers from"),
    ):
        refused = capi("gpu_cluster", **{**asked, "node_count": 2, **options})
        assert text in refused["msg"], refused
        assert capi.recorder.writes == []
    asked["min_node_count"] = 1
    cluster = create_cluster(site, **asked, node_count=1)

    group = {"cluster": "auto", "name": "more", "node_count": 1}
    for bound in ({}, {"min_node_count": 0}):
        low = capi("node_group", **group, **bound)
        assert "min_node_count: 0 is below 1" in low["msg"], low
    assert capi.recorder.writes == []

    # The autoscaler's part, which it does past Magnum.
    plane = management.control_plane(this_bed())
    machines = f"{cluster['infrastructure_id']}-default-worker"
    namespace = f"--namespace=magnum-{site.project.id}"
    plane.kubectl("scale", "machinedeployments", machines, namespace, "--replicas=2")
    eventually(lambda: active(site, workers(cluster)), 2, 120)
    # Its size is neither a change nor missing.
    assert capi("gpu_cluster", **asked, node_count=3)["action"] == "none"
    bounded = capi("gpu_cluster", **{**asked, "max_node_count": 4}, node_count=1)
    assert bounded["action"] == "update", bounded
    assert [write.split(" ")[0] for write in capi.recorder.writes] == ["PATCH"]
    assert active(site, workers(cluster)) == 2


def test_what_does_not_fit(site: Site) -> None:
    capi = site.capi
    create_template(site, "t")
    cluster = create_cluster(site, name="k", template="t", node_count=1)
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
    # Magnum may have called it complete without them before.
    assert active(site, workers(cluster)) == 2


def test_a_node_is_replaced(site: Site, tmp_path: Path) -> None:
    """By Cluster API, where somebody deletes its Node object; Magnum sees nothing."""
    create_template(site, "t", hardware=site.hardware("CUSTOM_GPU_MI300X", 1))
    asked = {"name": "heal", "template": "t", "node_count": 2}
    cluster = create_cluster(site, **asked)
    config = kubeconfig(site, "heal", tmp_path)
    gone, stays = sorted(servers(site, workers(cluster)))

    def replaced() -> bool:
        there = servers(site, workers(cluster))
        return gone not in there and active(site, workers(cluster)) == 2

    # The new machine does not join yet.
    with site.machines(fail=[workers(cluster)]):
        kubectl(config, "delete", "node", gone)
        eventually(replaced, True, 180)
        [new] = set(servers(site, workers(cluster))) - {stays}
        assert _allocations(site, tmp_path) == {stays: "idle", new: "unknown"}
        _looks_whole(site, tmp_path, asked, [stays, new])

        def unhealthy() -> tuple[str, bool]:
            shown = show(site, "heal")
            reason = shown["health_status_reason"].get("nodegroup", "")
            return shown["health_status"], reason.startswith("default-worker waiting")

        eventually(unhealthy, ("UNHEALTHY", True), 120)
    eventually(lambda: new in nodes(config), True, 60)
    assert sorted(nodes(config)) == sorted(servers(site, cluster["infrastructure_id"]))
    assert _allocations(site, tmp_path) == {stays: "idle", new: "idle"}
    _looks_whole(site, tmp_path, asked, [stays, new])


def _allocations(site: Site, folder: Path) -> dict[str, str]:
    """The allocation of each node of the reports, all of one cluster."""
    rows = reports(site, folder, "heal")["nodes"]["data"]
    assert {row["cluster"] for row in rows} == {"heal"}
    return {row["name"]: row["allocation"] for row in rows}


def _looks_whole(
    site: Site, folder: Path, asked: dict[str, Any], names: list[str]
) -> None:
    """Nothing is to be changed, and the inventory has these workers."""
    assert site.capi("gpu_cluster", **asked)["action"] == "none"
    listed = inventory(site, folder)
    assert listed.nodes(node_group="default-worker", role="worker") == sorted(names)
