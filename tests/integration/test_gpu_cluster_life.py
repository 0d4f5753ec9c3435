# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A GPU cluster from its creation to its deletion, on real Magnum and Heat."""

from __future__ import annotations

import time

import pytest

from integration.cloud_site import Site

pytestmark = pytest.mark.xdist_group("gpu_cluster")


def test_life(site: Site) -> None:
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    asked = {"name": "life", "template": template, "node_count": 2}

    plan = member.check("gpu_cluster", **asked)
    assert plan["action"] == "create"
    assert plan["diff"]["after"]["node_count"] == 2
    assert member("gpu_cluster_info")["gpu_clusters"] == []

    marks = {
        "gpufleet_test": True,
        "auto_healing_enabled": True,
        "auto_healing_controller": "magnum-auto-healer",
    }
    made = member("gpu_cluster", **asked, labels=marks)
    assert made["action"] == "create", made
    cluster = made["gpu_cluster"]
    assert cluster["status"] == "CREATE_COMPLETE"
    assert cluster["node_count"] == 2
    assert len(cluster["node_addresses"]) == 2
    assert cluster["labels"]["gpufleet_test"] == "true"
    assert cluster["labels"]["boot_volume_size"] == "0", "the template's labels stay"
    roles = {group["name"]: group["role"] for group in cluster["node_groups"]}
    assert roles == {"default-master": "master", "default-worker": "worker"}
    assert len([r for r in member.recorder.writes if r == "POST /v1/clusters"]) == 1

    # A second run changes nothing, by name or by id, and asks little.
    again = member("gpu_cluster", **asked)
    assert not again["changed"]
    assert len(member.recorder.counted) <= 4, member.recorder.counted
    by_id = {**asked, "name": cluster["id"], "template": cluster["template_id"]}
    assert not member("gpu_cluster", **by_id)["changed"]

    # Check mode tells what would change, and writes nothing.
    plan = member.check("gpu_cluster", name="life", node_count=3)
    assert plan["diff"]["before"]["node_count"] == 2
    assert plan["diff"]["after"]["node_count"] == 3
    assert not member("gpu_cluster", **asked)["changed"]

    grown = member("gpu_cluster", name="life", node_count=3)
    assert grown["action"] == "update", grown
    assert grown["gpu_cluster"]["status"] == "UPDATE_COMPLETE"
    assert grown["gpu_cluster"]["node_count"] == 3
    assert len(grown["gpu_cluster"]["node_addresses"]) == 3
    assert site.active_workers("life") == 3

    # The node that is named goes, and no other one.
    before = site.worker_names("life")
    slip = member("gpu_cluster", name="life", nodes_to_remove=[before[1], "no-such"])
    assert slip["error"]["type"] == "NodeNotFound", slip
    without = {"name": "life", "nodes_to_remove": [before[1]]}
    plan = member.check("gpu_cluster", **without)
    assert plan["diff"]["before"]["nodes_to_remove"] == [before[1]]
    assert plan["diff"]["after"]["node_count"] == 2
    removed = member("gpu_cluster", **without)
    assert removed["action"] == "update", removed
    assert site.worker_names("life") == [before[0], before[2]]
    assert not member("gpu_cluster", **without)["changed"]

    # Bounds and size move in the order that Magnum accepts.
    bounded = member(
        "gpu_cluster", name="life", node_count=1, min_node_count=1, max_node_count=2
    )
    assert bounded["action"] == "update", bounded
    cluster = bounded["gpu_cluster"]
    assert (cluster["node_count"], cluster["max_node_count"]) == (1, 2)
    assert len(cluster["node_addresses"]) == 1
    outside = member("gpu_cluster", name="life", node_count=5)
    assert outside["error"]["type"] == "InvalidInput"
    assert "node_count: 5 is not within" in outside["msg"]

    # What Magnum can't change is named, with the way out, before any write.
    frozen = member(
        "gpu_cluster", name="life", keypair="other", labels={"gpufleet_test": False}
    )
    assert frozen["error"]["type"] == "Conflict"
    assert "keypair is 'bed' and can't be changed to 'other'" in frozen["msg"]
    assert "labels" in frozen["msg"]
    assert "create a cluster of another name" in frozen["msg"]
    assert member.recorder.writes == []

    # Magnum's Heat driver can't upgrade, and says so without touching anything.
    newer = site.template_options(f"{template}-v2", "cpu.worker")
    assert member("cluster_template", **newer)["action"] == "create"
    other = member("gpu_cluster", name="life", template=newer["name"])
    assert other["error"]["type"] == "Conflict"
    assert "set upgrade: true" in other["msg"]
    to_newer = {"name": "life", "template": newer["name"], "upgrade": True}
    assert member.check("gpu_cluster", **to_newer)["action"] == "update"
    refused = member("gpu_cluster", **to_newer, max_batch_size=1)
    assert refused["error"]["type"] == "Conflict"
    assert refused["error"]["status"] == 400
    assert "Create a cluster of another name from the new template" in refused["msg"]
    assert not refused["changed"]
    assert not member("gpu_cluster", name="life", node_count=1)["changed"]
    assert not member("gpu_cluster", **{**to_newer, "template": template})["changed"]

    # Its template is in use.
    in_use = member("cluster_template", name=template, network_driver="calico")
    assert in_use["error"]["type"] == "Conflict"
    assert in_use["error"]["details"]["clusters"] == [
        {
            "id": cluster["id"],
            "name": "life",
            "template_id": cluster["template_id"],
        }
    ]
    kept = member("cluster_template", name=template, state="absent")
    assert kept["error"]["type"] == "Conflict"
    assert "can't be deleted while clusters use it: life" in kept["msg"]

    info = member("gpu_cluster_info", name="life", required=True)["gpu_clusters"]
    assert info[0]["hostname"] in info[0]["api_address"]
    runtime = info[0]["runtime_config"]
    assert runtime["labels"] == info[0]["labels"]
    assert runtime["labels"]["kube_tag"] == "v1.28.9"
    assert runtime["coe_version"] == info[0]["coe_version"]
    assert runtime["api_versions"] == {"magnum": "1.12", "magnum_newest": "1.12"}
    assert [group["node_count"] for group in info[0]["node_groups"]] == [1, 1]
    assert all(group["node_addresses"] for group in info[0]["node_groups"])

    # The health that the healer in the cluster tells is shown, with its reasons.
    for status, ready in (("UNHEALTHY", "False"), ("HEALTHY", "True")):
        reason = {"life-node-0.Ready": ready}
        site.set_health(cluster["id"], status, reason)
        deadline = time.monotonic() + 30
        [seen] = member("gpu_cluster_info", name="life")["gpu_clusters"]
        while seen["health_status"] != status and time.monotonic() < deadline:
            [seen] = member("gpu_cluster_info", name="life")["gpu_clusters"]
        assert (seen["health_status"], seen["health_status_reason"]) == (status, reason)
    assert not member("gpu_cluster", name="life", node_count=1)["changed"]

    # To the administrator, of another project, the name means nothing.
    assert site.admin("gpu_cluster_info", name="life")["gpu_clusters"] == []
    assert site.admin("gpu_cluster_info", name=cluster["id"])["gpu_clusters"]

    assert member.check("gpu_cluster", name="life", state="absent")["changed"]
    gone = member("gpu_cluster", name="life", state="absent")
    assert gone["action"] == "delete"
    assert site.active_workers("life") == 0
    assert not member("gpu_cluster", name="life", state="absent")["changed"]
    missing = member("gpu_cluster_info", name="life", required=True)
    assert missing["error"]["type"] == "ClusterNotFound"
