# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounds of all modules with a fifth of all requests hit by faults."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from integration.cloud_site import Site
from integration.faults.figures import KEY, Figures
from integration.faults.mix import Mix
from integration.faults.plays import PLAYS
from integration.faults.watch import Watched

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "5"))
SEED = 20261123

_NAMES = [list(PLAYS)[number % len(PLAYS)] for number in range(ROUNDS)]


@pytest.mark.parametrize(("number", "name"), list(enumerate(_NAMES)))
def test_round(
    site: Site, number: int, name: str, record_property: Callable[[str, Any], None]
) -> None:
    figures = Figures(rounds=1)
    watched = Watched(site, PLAYS[name], figures)
    tasks = PLAYS[name].tasks(site)
    mix = Mix(SEED + number)
    watched.runner.recorder.disturb = mix
    try:
        for task in tasks:
            watched.reach(task)
        left = watched.state()
    finally:
        figures.injected = dict(mix.injected)
        record_property(KEY, asdict(figures))
    assert left == {}
    assert figures.findings == []
    assert mix.injected, "no request was hit"
