# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups of a cluster, on real Magnum."""

from __future__ import annotations

from pathlib import Path

from integration.cloud_site import Site

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def test_life(site: Site) -> None:
    member = site.member
    asked = {"cluster": "groups", "name": "extra", "node_count": 1}
    lost = member("node_group", **asked)
    assert lost["error"]["type"] == "ClusterNotFound", lost
    assert member.check("node_group", **asked)["action"] == "create"
    assert not member("node_group", **asked, state="absent")["changed"]

    template = site.template("cpu.worker")
    made = member("gpu_cluster", name="groups", template=template, node_count=0)
    assert made["action"] == "create", made
    wrong = member("node_group", **asked, hardware="no-such-flavor")
    assert wrong["error"]["type"] == "HardwareNotFound", wrong
    marked = member("node_group", **asked, node_labels={"tier": "inference"})
    assert marked["error"]["type"] == "ApiError", marked
    assert "magnum.openstack.org/nodegroup=NAME selects" in marked["msg"]
    none = member("node_group_info", cluster="groups", name="extra", required=True)
    assert none["error"]["type"] == "NodeGroupNotFound", none

    # Begun at once, one after the other: each waits for its turn.
    first, second = member.run(
        [
            ("node_group", {**asked, "wait": False}),
            ("node_group", {**asked, "name": "other", "node_count": 0}),
        ]
    )
    assert first["action"] == second["action"] == "create", (first, second)
    again = member("node_group", **asked)
    assert not again["changed"], again
    assert again["node_group"]["status"].endswith("_COMPLETE")
    assert len(again["node_group"]["node_addresses"]) == 1
    assert member.recorder.writes == []
    assert len(member.recorder.counted) <= 4, member.recorder.counted

    plan = member.check("node_group", **{**asked, "node_count": 2})
    assert plan["diff"]["after"]["node_count"] == 2
    grown = member("node_group", **{**asked, "node_count": 2, "max_node_count": 2})
    assert grown["action"] == "update", grown
    assert grown["node_group"]["max_node_count"] == 2
    assert site.active_workers("groups") == 2
    above = member("node_group", cluster="groups", name="extra", node_count=3)
    assert above["error"]["type"] == "InvalidInput", above
    frozen = member("node_group", **asked, hardware="m1.master")
    assert frozen["error"]["type"] == "Conflict", frozen

    kept = member("node_group", cluster="groups", name="default-worker", state="absent")
    assert kept["error"]["type"] == "Conflict", kept
    listed = member("node_group_info", cluster="groups")["node_groups"]
    names = [group["name"] for group in listed]
    assert sorted(names) == ["default-master", "default-worker", "extra", "other"]

    # The example runs as it stands.
    example = PLAYBOOKS / "node_group.yml"
    assert member.playbook(example, cluster="groups")[0]["action"] == "create"
    again_ = member.playbook(example, cluster="groups")
    assert not any(result["changed"] for result in again_)

    gone = member.run(
        [
            ("node_group", {"cluster": "groups", "name": name, "state": "absent"})
            for name in ("extra", "extra", "inference")
        ]
    )
    assert [result["action"] for result in gone] == ["delete", "none", "delete"]
    assert site.active_workers("groups") == 0


def test_groups_declared_with_their_cluster(site: Site) -> None:
    member = site.member
    hybrid = site.template_options("hybrid", "cpu.worker", profile="hybrid_balanced")
    one, two = {"name": "one", "node_count": 1}, {"name": "two", "node_count": 0}
    asked = {"name": "inline", "template": "hybrid", "node_count": 0}
    wrong = {**one, "hardware": "no-such-flavor"}
    refused = member("cluster_template", **hybrid, node_groups=[wrong])
    assert refused["error"]["type"] == "HardwareNotFound", refused
    template = member("cluster_template", **hybrid, node_groups=[one])
    assert template["cluster_template"]["node_groups"] == [one], template
    assert not member("cluster_template", **hybrid, node_groups=[one])["changed"]
    refused = member("gpu_cluster", **asked, node_groups=[wrong])
    assert refused["error"]["type"] == "HardwareNotFound", refused
    assert member.recorder.writes == []
    plan = member.check("gpu_cluster", **asked, node_groups=[one])
    assert plan["action"] == "create", plan

    # Those of the template, where the task names none.
    made = member("gpu_cluster", **asked)
    assert made["action"] == "create", made
    groups = {group["name"]: group for group in made["gpu_cluster"]["node_groups"]}
    assert sorted(groups) == ["default-master", "default-worker", "one"]
    assert len(groups["one"]["node_addresses"]) == 1
    assert site.active_workers("inline") == 1
    assert not member("gpu_cluster", **asked)["changed"]
    again = member("gpu_cluster", **asked, node_groups=[one])
    assert not again["changed"], again
    assert len(member.recorder.counted) <= 5, member.recorder.counted

    # Those that are not named stay, unless they are purged.
    added = member("gpu_cluster", name="inline", node_groups=[two])
    assert added["action"] == "update", added
    grown = {"name": "two", "node_count": 1, "max_node_count": 2}
    purge = {"name": "inline", "node_groups": [grown], "purge_node_groups": True}
    plan = member.check("gpu_cluster", **purge)
    names = [group["name"] for group in plan["diff"]["after"]["node_groups"]]
    assert sorted(names) == ["default-master", "default-worker", "two"]
    purged = member("gpu_cluster", **purge)
    assert purged["action"] == "update", purged
    groups = {group["name"]: group for group in purged["gpu_cluster"]["node_groups"]}
    assert sorted(groups) == ["default-master", "default-worker", "two"]
    assert (groups["two"]["node_count"], groups["two"]["max_node_count"]) == (1, 2)
    assert not member("gpu_cluster", **purge)["changed"]
