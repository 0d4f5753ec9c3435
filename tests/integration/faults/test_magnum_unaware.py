# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has ended behind Magnum, which does not notice: no wait goes on for an hour."""

from __future__ import annotations

import time
from typing import Any

from integration.cloud_site import MAGNUM, Site
from integration.waiting import eventually

AT_ONCE = 180
"""Seconds in which a task ends on a busy machine: what it waits for ends within half a
minute, and the wait a minute later."""


def test_no_floating_ip_and_a_stack_deleted_by_hand(site: Site) -> None:
    """Magnum 22 stumbles on the outputs of a stack that failed before its workers."""
    member = site.member
    site.set_floating_ip_quota(0)
    options = site.template_options("template", "cpu.worker", floating_ip_enabled=True)
    assert not member("cluster_template", **options)["failed"]
    asked = {"name": "large", "template": "template", "node_count": 1}
    failed, seconds = _timed(site, **asked, precheck=False)
    assert failed["error"]["type"] == "ResourceError", failed
    assert "floatingip" in failed["msg"], failed
    assert failed["error"]["details"]["status"] == "CREATE_IN_PROGRESS"
    assert seconds < AT_ONCE

    stack = site.stack("large")
    site.as_member.orchestration.delete(f"/stacks/{stack['stack_name']}/{stack['id']}")
    eventually(lambda: site.stack("large"), None)
    gone, seconds = _timed(site, name="large", state="absent")
    assert not gone.get("failed"), gone
    assert seconds < AT_ONCE
    assert _clusters(site) == []


def test_a_suspended_stack_and_a_creator_who_left(site: Site) -> None:
    """Magnum looks at the stack with the trust of the creator."""
    member = site.member
    template = site.template("cpu.worker")
    with site.user("a-colleague-who-leaves") as auth:
        site.make_keypair(auth)
        cloud = {"auth": auth, "region_name": "RegionOne"}
        asked = {"name": "left", "template": template, "node_count": 0}
        made = member("gpu_cluster", cloud=cloud, **asked)
        assert made["action"] == "create", made
        _suspend(site, "left")
        failed, seconds = _timed(site, name="left", node_count=1, precheck=False)
        assert failed["error"]["type"] == "ResourceError", failed
        assert "suspended" in failed["msg"].lower(), failed
        assert seconds < AT_ONCE

    gone, seconds = _timed(site, name="left", state="absent")
    assert gone["action"] == "delete", gone
    assert seconds < AT_ONCE
    # Keystone removes the trust with its user, and Magnum does not see the stack go.
    path = f"/v1/clusters/{made['gpu_cluster']['id']}"
    assert member.recorder.writes == [f"DELETE {path}"] * 2
    assert _clusters(site) == []
    eventually(lambda: site.stack("left"), None)


def _clusters(site: Site) -> list[dict[str, Any]]:
    magnum = site.as_member.container_infrastructure_management
    return list(magnum.get("/clusters", headers=MAGNUM).json()["clusters"])


def _suspend(site: Site, cluster: str) -> None:
    stack = site.stack(cluster)
    assert stack is not None
    path = f"/stacks/{stack['stack_name']}/{stack['id']}/actions"
    answer = site.as_member.orchestration.post(path, json={"suspend": None})
    assert answer.ok, answer.text

    def status() -> str:
        now = site.stack(cluster)
        return now["stack_status"] if now else "gone"

    eventually(status, "SUSPEND_COMPLETE")


def _timed(site: Site, **options: Any) -> tuple[dict[str, Any], float]:
    """What a task of `gpu_cluster` returns, and how long it took."""
    start = time.monotonic()
    return site.member("gpu_cluster", **options), time.monotonic() - start
