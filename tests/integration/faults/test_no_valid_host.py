# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""More devices are asked for than any host has free."""

from __future__ import annotations

from integration.cloud_site import Site


def test_no_valid_host_at_creation(site: Site) -> None:
    """More devices than any host has: the reason is Nova's own."""
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_H100", 8))
    asked = {"name": "big", "template": template, "node_count": 1}
    # An administrator may ask Placement; to members it answers 403.
    key = site.name("admin")  # that of the template is the member's
    site.as_admin.compute.create_keypair(name=key)
    early = site.admin_here("gpu_cluster", **asked, keypair=key)
    site.as_admin.compute.delete_keypair(key)
    assert early["error"]["type"] == "ResourceError", early
    assert "CUSTOM_GPU_H100: 8 needed, 0 free" in early["msg"]
    assert not early["changed"]

    failed = member("gpu_cluster", **asked)
    assert failed["failed"]
    assert failed["changed"], "the cluster was created, and is there"
    assert failed["error"]["type"] == "ResourceError"
    assert "CREATE_FAILED" in failed["msg"]
    assert "No valid host was found" in failed["msg"]
    assert failed["error"]["details"]["faults"]

    again = member("gpu_cluster", **asked)
    assert again["error"]["type"] == "ResourceError"
    assert "recreate_failed: true" in again["msg"]
    assert not again["changed"]
    assert member.recorder.writes == []

    # With less asked for, the failed one is replaced: one cluster, never two.
    smaller = {**asked, "node_count": 0, "recreate_failed": True}
    assert member.check("gpu_cluster", **smaller)["action"] == "recreate"
    replaced = member("gpu_cluster", **smaller)
    assert replaced["action"] == "recreate", replaced
    assert replaced["gpu_cluster"]["status"] == "CREATE_COMPLETE"
    assert len(member("gpu_cluster_info")["gpu_clusters"]) == 1


def test_no_valid_host_at_a_resize(site: Site) -> None:
    """A failed update is never taken for no change: it is asked for again."""
    member = site.member
    # One node takes all there is.
    template = site.template(site.hardware("CUSTOM_GPU_SCARCE", 2))
    made = member("gpu_cluster", name="scarce", template=template, node_count=1)
    assert made["action"] == "create", made

    failed = member("gpu_cluster", name="scarce", node_count=2)
    assert failed["error"]["type"] == "ResourceError"
    assert "UPDATE_FAILED" in failed["msg"]
    assert "No valid host was found" in failed["msg"]
    assert failed["changed"]

    plan = member.check("gpu_cluster", name="scarce", node_count=1)
    assert plan["action"] == "update"
    repaired = member("gpu_cluster", name="scarce", node_count=1)
    assert repaired["action"] == "update", repaired
    assert repaired["gpu_cluster"]["status"] == "UPDATE_COMPLETE"
    assert len(repaired["gpu_cluster"]["node_addresses"]) == 1
    assert not member("gpu_cluster", name="scarce", node_count=1)["changed"]
