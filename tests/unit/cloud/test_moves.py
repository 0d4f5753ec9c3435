# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a run moves from one file to another: a measure of how hard it is to follow.

A profile of a run, signing in included, lists the calls of Python functions within
`module_utils/_cloud`. A move is a call whose function is in another file than the
function called before it. Before the engine got `load` and plans, no change took 131
moves, a plan to resize 168, a resize 301 and a creation 229.
"""

from __future__ import annotations

import inspect
import sys
import typing as t
from itertools import pairwise

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import Raw, Reply, Site
from unit.cloud.resources.clusters import (
    BY_ID,
    CREATE,
    ID,
    NEW,
    RESIZE,
    changing,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")

ROOM = "/module_utils/_cloud/"
GUARDS = 8
"""Moves for what guards a session: the limits of its answers, and its sign-in, which
comes before the first request to each service."""
DRIVER = 5
"""Moves for the cluster's driver, which decides what is refused and proven."""
QUOTAS = 11
"""Moves for the quotas of other services than Nova, and what a cluster takes of them."""
RULES = 26
"""Moves of a creation for what Magnum would refuse, and for its own quota."""


def moves(site: Site, action: str, check_mode: bool = False, **options: t.Any) -> int:
    """Return the moves of a run that ends with this action."""
    files: list[str] = []

    def profile(frame: t.Any, event: str, _argument: t.Any) -> None:
        code = frame.f_code
        # Bodies of modules and classes are no functions: an import makes no move.
        function = code.co_flags & inspect.CO_OPTIMIZED
        if event == "call" and function and ROOM in code.co_filename:
            files.append(code.co_filename)

    sys.setprofile(profile)
    try:
        outcome = site.run(
            GpuClusterResource, name="train", check_mode=check_mode, **options
        )
    finally:
        sys.setprofile(None)
    assert outcome.action == action
    return sum(file != following for file, following in pairwise(files))


def test_no_change(site: Site) -> None:
    there(site)
    options: Raw = {
        "template": "gpu-a100",
        "keypair": "ops",
        "master_count": 1,
        "node_count": 2,
        "hardware": "gpu.a100.4",
        "master_hardware": "m1.master",
        "labels": {"gpu_enabled": True},
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "create_timeout": 90,
    }
    assert 0 < moves(site, "none", **options) <= 65 + GUARDS + DRIVER


def test_a_plan_to_resize(site: Site) -> None:
    there(site)
    assert (
        0 < moves(site, "update", check_mode=True, node_count=3) <= 95 + GUARDS + QUOTAS
    )


def test_a_resize(site: Site) -> None:
    there(site, cluster(), workers(2), workers(3))
    before, busy, done = changing(node_count=3)
    late = cluster(
        "UPDATE_COMPLETE", updated_at=NEW, node_count=3, node_addresses=["a", "b"]
    )
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, before, busy, late, done)
    assert 0 < moves(site, "update", node_count=3) <= 153 + GUARDS + DRIVER + QUOTAS


def test_a_creation(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(
        BY_ID,
        cluster("CREATE_IN_PROGRESS", node_addresses=[]),
        cluster("CREATE_COMPLETE", node_addresses=["10.0.0.10"]),
        cluster(),
    )
    groups(site, workers())
    options: Raw = {"labels": {"gpu_enabled": True}, "create_timeout": 90}
    taken = moves(site, "create", template="gpu-a100", node_count=2, **options)
    assert 0 < taken <= 140 + GUARDS + DRIVER + QUOTAS + RULES
