# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of daily work, one after the other on one cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integration.cloud_site import Site

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def unused(site: Site, results: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What prune has listed; of the hardware, which all projects see, this test's."""
    [listed] = [one["unused"] for one in results if "unused" in one]
    own = [name for name in listed["hardware"] if name.endswith(site.project.name)]
    return {**listed, "hardware": own}


def actions(results: list[dict[str, Any]]) -> list[str]:
    """What was done."""
    return [one["action"] for one in results if one.get("action")]


def test_a_cluster_from_its_creation_to_its_end(site: Site) -> None:
    member = site.member
    create, scale, delete, prune = (
        PLAYBOOKS / f"{name}.yml"
        for name in ("cluster_create", "cluster_scale", "cluster_delete", "prune")
    )
    template, idle = site.template("cpu.worker"), site.name("idle")
    gpus = [{"model": "A100", "count": 1}]
    size = {"vcpus": 1, "ram_mib": 1024, "disk_gib": 10}
    assert site.admin("hardware", name=idle, accelerators=gpus, **size)["changed"]
    for name in ("used", "empty"):
        made = member("location", name=name, cidr=f"10.{len(name)}.0.0/24")
        assert made["changed"]

    # What a survey leaves blank is an empty text.
    wanted = {
        "cluster_name": "daily",
        "cluster_template": template,
        "cluster_location": "used",
        "cluster_nodes": "1",
        "cluster_masters": "",
        "cluster_labels": {},
    }
    assert actions(member.playbook(create, **wanted)) == ["create"]
    assert actions(member.playbook(create, **wanted)) == ["none"]

    output = member.refused(scale, cluster_name="daily", cluster_nodes="")
    assert "Give cluster_nodes, cluster_min_nodes" in output
    output = member.refused(scale, cluster_name="other", cluster_nodes=2)
    assert "ClusterNotFound" in output
    scaled = member.playbook(scale, cluster_name="daily", cluster_nodes=0)
    assert actions(scaled) == ["update"]
    [cluster] = member("gpu_cluster_info", name="daily")["gpu_clusters"]
    assert cluster["node_count"] == 0

    # A newer revision makes the one in use no candidate, and itself none either.
    changed = {**site.template_options(template, "cpu.worker"), "apiserver_port": 6500}
    newer = member("cluster_template", on_in_use="new_revision", **changed)
    assert newer["action"] == "create" or newer["changed"]
    listed = unused(site, member.playbook(prune))
    assert listed == {"locations": ["empty"], "hardware": [idle], "revisions": []}

    output = member.refused(delete, cluster_name="daily", cluster_name_again="dialy")
    assert "nothing was deleted" in output
    again = {"cluster_name": "daily", "cluster_name_again": "daily"}
    assert actions(member.playbook(delete, **again)) == ["delete"]

    output = member.refused(prune, prune=["clusters"])
    assert "clusters is none of locations, hardware, revisions" in output
    results = member.playbook(prune, prune=["locations", "revisions"])
    listed = unused(site, results)
    assert listed["locations"] == ["empty", "used"]
    assert len(listed["revisions"]) == 1
    assert actions(results) == ["delete"] * 3
    nothing = {"locations": [], "hardware": [idle], "revisions": []}
    assert unused(site, member.playbook(prune)) == nothing
    [left] = [
        one
        for one in member("cluster_template_info")["cluster_templates"]
        if one["revision_of"] == template
    ]
    assert left["revision"] == 2
