# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room for a cluster."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.reconcile import (
    reconcile,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import Raw, Reply, Site
from unit.cloud.resources.clusters import (
    A100,
    BY_ID,
    CANDIDATES,
    CREATE,
    FLAVORS,
    ID,
    LIMITS,
    cluster,
    groups,
    limits,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")


# room ------------------------------------------------------------------------


def free(*hosts: tuple[int, int]) -> Raw:
    """What Placement says of hosts, each with its capacity and what is used of it."""
    summaries = {
        f"host-{number}": {
            "resources": {"CUSTOM_GPU_A100": {"capacity": capacity, "used": used}}
        }
        for number, (capacity, used) in enumerate(hosts)
    }
    return {"allocation_requests": [], "provider_summaries": summaries}


def test_what_fits_is_told(site: Site) -> None:
    site.on(LIMITS, limits(instances=20))
    site.on(CANDIDATES, free((8, 0), (8, 3)))
    resource = planned(site, node_count=3)
    assert resource.report["precheck"] == {
        "needed": {
            "instances": 4,
            "cores": 3 * 48 + 2,
            "ram_mib": 3 * 524288 + 4096,
            "CUSTOM_GPU_A100": 12,
        },
        # Of the five that are left on the second host one can't be used.
        "free": {"instances": 17, "CUSTOM_GPU_A100": 12},
        "skipped": [],
    }
    assert site.warnings == []


def planned(site: Site, **options: t.Any) -> GpuClusterResource:
    """A resource that has looked for room in check mode."""
    cloud = site.cloud()
    spec = {**GpuClusterResource.argument_spec()}
    params = {**dict.fromkeys(spec), "precheck": True, "merge_labels": True}
    params.update({"name": "train", "template": "gpu-a100", **options})
    resource = GpuClusterResource(cloud, params, check_mode=True)
    reconcile(resource, "present", clock=cloud.clock, check_mode=True)
    return resource


def test_what_does_not_fit_is_refused_before_any_write(site: Site) -> None:
    site.on(LIMITS, limits(instances=5, cores=100, ram=10**9))
    site.on(CANDIDATES, free((8, 4)))
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}
    with pytest.raises(ResourceError) as caught:
        site.run(GpuClusterResource, **asked)
    assert caught.value.message == (
        "gpu cluster 'train' does not fit, and nothing was written: instances: 3 "
        "needed, 2 free; cores: 98 needed, 90 free; CUSTOM_GPU_A100: 8 needed, 4 free. "
        "With precheck: false it is tried all the same"
    )
    assert caught.value.details["free"]["CUSTOM_GPU_A100"] == 4
    assert caught.value.changed is False
    assert site.writes == []
    # Until a plan is carried out there may be room.
    resource = planned(site, node_count=2)
    assert "does not fit" in site.warnings[0]
    assert resource.report["precheck"]["needed"]["CUSTOM_GPU_A100"] == 8
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster())
    groups(site, workers())
    assert site.run(GpuClusterResource, **asked, precheck=False).action == "create"


def test_what_can_not_be_asked_is_said(site: Site) -> None:
    site.on(FLAVORS, {"flavors": [A100]})
    report = planned(site, node_count=1).report["precheck"]
    assert "CUSTOM_GPU_A100" not in report["free"]
    assert report["skipped"] == [
        "m1.master: this flavor can't be seen with these credentials",
        "accelerators: Placement answered 403 to GET /allocation_candidates: not for "
        "you",
    ]


def test_growing_needs_room_for_what_is_added_only(site: Site) -> None:
    there(site)
    groups(site, workers(2))
    site.on(LIMITS, limits(instances=4))
    with pytest.raises(ResourceError, match="instances: 2 needed, 1 free"):
        site.run(GpuClusterResource, name="train", node_count=4)
    assert site.writes == []
    site.forget()
    site.run(GpuClusterResource, name="train", node_count=1, check_mode=True)
    assert LIMITS not in site.history
