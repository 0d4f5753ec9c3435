# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that meet what others, or they themselves, have begun."""

from __future__ import annotations

import time

from integration.cloud_site import Site


def test_a_run_that_is_killed_is_picked_up(site: Site) -> None:
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    asked = {"name": "killed", "template": template, "node_count": 1}
    play = member.start([("gpu_cluster", asked)])
    deadline = time.monotonic() + 60
    while "POST /v1/clusters" not in member.recorder.requests:
        assert time.monotonic() < deadline, "the create was never sent"
        time.sleep(0.1)
    time.sleep(3)
    member.kill(play)

    # wait: false returns at once where nothing differs ...
    begun = member("gpu_cluster", **asked, wait=False)
    assert not begun["changed"], begun
    # ... and the next run waits for what is under way, and makes no second one.
    found = member("gpu_cluster", **asked)
    assert not found["changed"], found
    assert found["gpu_cluster"]["status"] == "CREATE_COMPLETE"
    assert member.recorder.writes == []
    assert len(member("gpu_cluster_info")["gpu_clusters"]) == 1

    # A deletion that somebody has begun is waited for, and is not this run's change.
    begun = member("gpu_cluster", name="killed", state="absent", wait=False)
    assert begun["action"] == "delete"
    assert not member("gpu_cluster", name="killed", state="absent")["changed"]
    assert member("gpu_cluster_info")["gpu_clusters"] == []


def test_time_is_up(site: Site) -> None:
    member = site.member
    template = site.template(site.hardware("CUSTOM_GPU_MI300X", 1))
    asked = {"name": "slow", "template": template, "node_count": 1}
    late = member("gpu_cluster", **asked, timeout=8)
    assert late["error"]["type"] == "Timeout"
    assert late["changed"]
    assert "CREATE_IN_PROGRESS" in late["msg"]
    assert "run again, with a longer timeout" in late["msg"]
    # Deleted while it is created.
    assert member("gpu_cluster", name="slow", state="absent")["action"] == "delete"
