# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play that gets SIGTERM while it waits for the bed, and runs again."""

from __future__ import annotations

import signal
import time

import pytest

from beds.openstack import processes
from integration.cloud_site import Site
from integration.faults.plays import PLAYS


@pytest.mark.parametrize(
    ("name", "collection"), [("location", "/stacks"), ("gpu_cluster", "/v1/clusters")]
)
def test_interrupt(site: Site, name: str, collection: str) -> None:
    runner = site.member
    kind = PLAYS[name]
    [task, *_others, removal] = kind.tasks(site)
    play = runner.start([task])
    deadline = time.monotonic() + 120
    while not any(
        line.startswith("POST") and line.split()[1].endswith(collection)
        for line in runner.recorder.answers
    ):
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.02)
    leader = processes.look(play.pid)
    assert leader
    tree = processes.with_children([leader])
    play.send_signal(signal.SIGTERM)
    try:
        assert processes.wait_gone(tree, 60) == []
    finally:
        processes.signal_all(tree, signal.SIGKILL)
        play.communicate()
    [result] = runner.run([task])
    assert not result.get("failed"), result
    assert len(kind.state(site)) == 1
    creations = [line for line in runner.recorder.writes if line.endswith(collection)]
    assert creations == []
    runner.run([removal])
