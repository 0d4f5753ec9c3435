# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Heat stack that failed ends a wait, where Magnum never says so.

Magnum 22 does not where a server with a floating IP could not be created.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import FakeTime, Raw, Reply, Site
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    CREATE,
    ID,
    MISSING,
    RESIZE,
    STACK_ID,
    cluster,
    there,
    with_template,
)

ACCEPTED = Reply(202, {"uuid": ID})
RESOURCES = [
    {"resource_name": "kube_minions", "resource_status": "CREATE_FAILED"},
    {
        "resource_name": "kube-minion",
        "parent_resource": "kube_minions",
        "resource_status": "CREATE_FAILED",
        "resource_status_reason": "No valid host was found",
    },
    {"resource_name": "network", "resource_status": "CREATE_COMPLETE"},
]


def stack(status: str, updated: str = "x") -> Raw:
    return {
        "stack": {
            "id": STACK_ID,
            "stack_name": "train-x",
            "stack_status": status,
            "stack_status_reason": "Resource CREATE failed",
            "updated_time": updated,
        }
    }


def on_stack(site: Site, *answers: t.Any) -> None:
    site.on(f"GET /v1.0/stacks/{STACK_ID}", *answers)
    site.on(
        f"GET /v1.0/stacks/train-x/{STACK_ID}/resources?nested_depth=5",
        {"resources": RESOURCES},
    )


def creates(site: Site, **options: t.Any) -> t.Any:
    with_template(site)
    site.on(BY_NAME, MISSING)
    site.on(CREATE, ACCEPTED)
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2, **options}
    return site.run(GpuClusterResource, **asked)


def test_a_creation_that_magnum_forgets(site: Site, time: FakeTime) -> None:
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"))
    on_stack(site, stack("CREATE_IN_PROGRESS"), stack("CREATE_FAILED"))
    began = time.now
    with pytest.raises(ResourceError) as raised:
        creates(site)
    assert "No valid host was found" in raised.value.message
    assert "CREATE_IN_PROGRESS" in raised.value.message
    # At the second look it may just have failed; Magnum had 20 s to say so.
    assert 60 <= time.now - began <= 90


@pytest.mark.parametrize(
    "stacks",
    [
        [stack("CREATE_IN_PROGRESS")],
        [stack("CREATE_COMPLETE")],
        [MISSING],
        [stack("UPDATE_FAILED", str(number)) for number in range(30)],
    ],
    ids=["in progress", "complete", "missing", "failed anew each time"],
)
def test_what_is_no_failure(site: Site, stacks: list[t.Any]) -> None:
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"))
    on_stack(site, *stacks)
    with pytest.raises(Timeout):
        creates(site, timeout=200)


def test_an_earlier_failure_is_none_of_a_resize(site: Site) -> None:
    """Its stack stays failed until the conductor gets the message."""
    with_template(site)
    there(site, cluster("UPDATE_FAILED"))
    site.on(BY_ID, cluster("UPDATE_FAILED"))
    site.on(RESIZE, ACCEPTED)
    on_stack(site, stack("UPDATE_FAILED"))
    with pytest.raises(Timeout):
        site.run(GpuClusterResource, name="train", node_count=3, timeout=120)
