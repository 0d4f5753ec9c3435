# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that are killed while they create, and run again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import pytest

from integration.cloud_site import Site
from integration.faults.figures import KEY, Figures
from integration.faults.plays import PLAYS
from integration.faults.watch import Watched
from integration.proxy import Recorder, undisturbed

KILLS = int(os.environ.get("FAULT_KILLS", "3"))


class Moment(NamedTuple):
    """When a play is killed.

    Attributes:
        play: Which.
        request: Beginning of the request that marks the moment.
        answered: Whether the bed has answered it; else it is held back by the proxy,
            which forwards it when its sender is dead.
        later: Seconds later.
    """

    play: str
    request: str
    answered: bool
    later: float = 0.0


CLUSTER = "POST /v1/clusters"
MOMENTS = [
    Moment("gpu_cluster", CLUSTER, answered=False),
    Moment("gpu_cluster", CLUSTER, answered=True),
    Moment("hardware", "POST /v2.1/flavors", answered=True),
    Moment("node_group", "POST /v1/clusters/", answered=True),
    Moment("gpu_cluster", CLUSTER, answered=True, later=5),
    Moment("gpu_cluster", CLUSTER, answered=True, later=20),
    Moment("gpu_cluster", "GET /v1/clusters/shaken", answered=False),
    Moment("location", "POST /v1", answered=True),
    Moment("cluster_template", "POST /v1/clustertemplates", answered=False),
    Moment("heat_stack", "POST /v1", answered=True, later=0.5),
][:KILLS]


@pytest.mark.parametrize(
    "moment", MOMENTS, ids=[f"{n}-{m.play}" for n, m in enumerate(MOMENTS)]
)
def test_kill(
    site: Site, moment: Moment, record_property: Callable[[str, Any], None]
) -> None:
    figures = Figures(kills=1)
    watched = Watched(site, PLAYS[moment.play], figures)
    tasks = PLAYS[moment.play].tasks(site)
    module, asked = tasks[0]
    try:
        before = watched.state()
        recorder = watched.runner.recorder
        recorder.disturb = lambda method, path: (
            "delay" if f"{method} {path}".startswith(moment.request) else None
        )
        play = watched.runner.start([(module, asked)])
        _until(recorder, moment, play)
        watched.runner.kill(play)
        recorder.disturb = undisturbed
        # What the killed play had sent still arrives.
        recorder.settle()
        made = any(line.startswith("POST") for line in recorder.accepted)
        result = watched.run((module, asked), under_way=made)
        assert not result.get("failed"), result
        assert len(watched.state()) == 1
        assert not watched.run((module, asked))["changed"]
        watched.run(tasks[-1])
    finally:
        record_property(KEY, asdict(figures))
    assert before == {}
    assert figures.findings == []


def _until(recorder: Recorder, moment: Moment, play: subprocess.Popen[str]) -> None:
    """Wait for the moment."""
    deadline = time.monotonic() + 60
    while not any(
        line.startswith(moment.request)
        for line in (recorder.answers if moment.answered else recorder.requests)
    ):
        assert time.monotonic() < deadline, "the moment never came"
        assert play.poll() is None, "the play ended before the moment"
        time.sleep(0.02)
    time.sleep(moment.later)
