# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in what all share: one test at a time."""

from __future__ import annotations

import pytest

from integration.cloud_site import Site

pytestmark = pytest.mark.serial


def test_conductor_down_at_creation(site: Site) -> None:
    """Magnum takes the request and can't show the cluster until its conductor is up."""
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    asked = {"name": "patient", "template": template, "node_count": 0}
    with site.stopped("magnum-conductor"):
        late = member("gpu_cluster", **asked, timeout=15)
    assert late["error"]["type"] == "Timeout"
    ident = late["error"]["details"]["id"]
    assert f"was accepted as {ident} and is not there yet" in late["msg"]
    # The message waits in the queue; no run can see it there.
    site.until_there(ident)
    found = member("gpu_cluster", **asked)
    assert found["gpu_cluster"]["status"] == "CREATE_COMPLETE", found
    assert len(member("gpu_cluster_info")["gpu_clusters"]) == 1


def test_agent_fails(site: Site) -> None:
    """What the nodes report as failed is told, and repaired by asking again."""
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    with site.vm_inside(fail=["broken"]):
        failed = member("gpu_cluster", name="broken", template=template, node_count=1)
    assert failed["error"]["type"] == "ResourceError"
    assert "CREATE_FAILED" in failed["msg"]
    member("gpu_cluster", name="broken", state="absent")


def test_magnum_down(site: Site) -> None:
    """A service that does not answer is an ApiError, not a traceback."""
    with site.stopped("magnum-api"):
        result = site.member("gpu_cluster_info")
    assert result["error"]["type"] == "ApiError"
    assert "Traceback" not in site.member.output
