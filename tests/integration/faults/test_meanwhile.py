# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others do while a task runs."""

from __future__ import annotations

from integration.cloud_site import MAGNUM, Site
from integration.faults.plays import PLAYS
from integration.faults.watch import ERRORS
from integration.proxy import undisturbed


def test_a_template_is_deleted_meanwhile(site: Site) -> None:
    """After it was looked up, before the request that names it."""
    member = site.member
    template = site.template("cpu.worker")
    [found] = member("cluster_template_info", name=template)["cluster_templates"]

    def deleted_before(write: str) -> None:
        def disturb(method: str, path: str) -> None:
            if f"{method} {path}".startswith(write):
                magnum = site.as_member.container_infrastructure_management
                magnum.delete(f"/clustertemplates/{found['id']}", headers=MAGNUM)

        member.recorder.disturb = disturb

    deleted_before("POST /v1/clusters")
    refused = member("gpu_cluster", name="orphan", template=template, node_count=0)
    assert refused["failed"], refused
    assert refused["error"]["type"] in ERRORS, refused
    assert not refused["changed"], refused
    assert "Traceback" not in member.output
    assert PLAYS["gpu_cluster"].state(site) == {}

    member.recorder.disturb = undisturbed
    template = site.template("cpu.worker")
    [found] = member("cluster_template_info", name=template)["cluster_templates"]
    deleted_before("PATCH /v1/clustertemplates")
    late = member("cluster_template", name=template, network_driver="calico")
    assert late["failed"], late
    assert late["error"]["type"] in ERRORS, late
    assert not late["changed"], late
    assert "Traceback" not in member.output


def test_two_resizes_and_two_of_a_name(site: Site) -> None:
    member = site.member
    template = site.template("cpu.worker")
    asked = {"name": "twice", "template": template}
    made = member("gpu_cluster", **asked, node_count=0)
    assert made["action"] == "create", made

    begun, final = member.run(
        [
            ("gpu_cluster", {**asked, "node_count": 2, "wait": False}),
            ("gpu_cluster", {**asked, "node_count": 1}),
        ]
    )
    assert begun["action"] == "update", begun
    assert final["action"] == "update", final
    assert final["gpu_cluster"]["status"] == "UPDATE_COMPLETE"
    assert final["gpu_cluster"]["node_count"] == 1
    assert site.active_workers("twice") == 1
    resizes = [line for line in member.recorder.writes if line.endswith("/resize")]
    assert len(resizes) == 2, member.recorder.writes

    # Names need not be unique in Magnum.
    magnum = site.as_member.container_infrastructure_management
    body = {
        "name": "twice",
        "cluster_template_id": made["gpu_cluster"]["template_id"],
        "node_count": 0,
    }
    answer = magnum.post("/clusters", json=body, headers=MAGNUM)
    assert answer.status_code == 202, answer.text
    second = answer.json()["uuid"]
    site.until_there(second)
    both = sorted([second, made["gpu_cluster"]["id"]])
    for result in member.run(
        [
            ("gpu_cluster", {"name": "twice", "node_count": 2}),
            ("gpu_cluster", {"name": "twice", "state": "absent"}),
            ("gpu_cluster_info", {"name": "twice"}),
        ]
    ):
        assert result["error"]["type"] == "AmbiguousName", result
        assert result["error"]["details"]["ids"] == both
        assert not result["changed"]
    assert member.recorder.writes == []
    gone = member("gpu_cluster", name=second, state="absent")
    assert gone["action"] == "delete", gone
    assert list(PLAYS["gpu_cluster"].state(site)) == [made["gpu_cluster"]["id"]]
