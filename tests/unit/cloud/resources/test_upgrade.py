# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades, as Magnum's API reference describes them.

No driver that the integration tests can use is able to upgrade; what the Heat driver
answers is tested there too.
"""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import PROJECT, TEMPLATES, Reply, Site, templates
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    GROUPS,
    ID,
    OTHER_TEMPLATE,
    RESIZE,
    TEMPLATE,
    VIEW,
    WORKERS,
    changing,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")

UPGRADE = f"POST /v1/clusters/{ID}/actions/upgrade"
ASKED = {"name": "train", "template": "v2", "upgrade": True}


OLD_ONE = {
    "uuid": TEMPLATE,
    "name": "gpu-a100",
    "project_id": PROJECT,
    "public": False,
}
NEW_ONE = {**OLD_ONE, "uuid": OTHER_TEMPLATE, "name": "v2"}


@pytest.fixture(autouse=True)
def _two_templates(site: Site, gpu_template: None) -> None:
    """The cluster has the one, and there is another."""
    site.on(TEMPLATES, templates(OLD_ONE, NEW_ONE))
    there(site)


def test_another_template_is_an_upgrade(site: Site) -> None:
    site.on(UPGRADE, Reply(202, {"uuid": ID}))
    old, busy, done = changing(cluster_template_id=OTHER_TEMPLATE)
    # The old status stands a while, with the new template already.
    site.on(BY_ID, {**old, "cluster_template_id": OTHER_TEMPLATE}, busy, done)
    outcome = site.run(GpuClusterResource, **ASKED, max_batch_size=2)
    assert outcome.action == "update"
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before["template"], outcome.after["template"]) == ("gpu-a100", "v2")
    assert site.sent(UPGRADE) == [
        {"cluster_template": OTHER_TEMPLATE, "nodegroup": "w", "max_batch_size": 2}
    ]
    assert site.history == [
        BY_NAME,
        *VIEW,
        UPGRADE,
        *[BY_ID] * 3,
        GROUPS,
        WORKERS,
    ]


def test_a_name_means_its_newest_revision(site: Site) -> None:
    tags = "gpufleet-template=gpu-a100,gpufleet-revision=2"
    second = {**NEW_ONE, "name": "gpu-a100-r2", "tags": tags}
    site.on(TEMPLATES, templates(OLD_ONE, second))
    site.on(UPGRADE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, *changing(cluster_template_id=OTHER_TEMPLATE))
    asked = {**ASKED, "template": "gpu-a100"}
    plan = site.run(GpuClusterResource, **asked, check_mode=True)
    assert plan.diff_after["template"] == "gpu-a100-r2"
    outcome = site.run(GpuClusterResource, **asked)
    assert outcome.after is not None
    assert (outcome.after["template"], outcome.after["template_revision"]) == (
        "gpu-a100",
        2,
    )
    assert outcome.after["template_drift"] is None
    assert site.sent(UPGRADE) == [
        {"cluster_template": OTHER_TEMPLATE, "nodegroup": "w", "max_batch_size": 1}
    ]

    site.on(BY_NAME, cluster(cluster_template_id=OTHER_TEMPLATE))
    assert site.run(GpuClusterResource, **asked).action == "none"
    assert len(site.sent(UPGRADE)) == 1


def test_size_and_template_in_one_go(site: Site) -> None:
    site.on(UPGRADE, Reply(202, {"uuid": ID}))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    new = {"cluster_template_id": OTHER_TEMPLATE}
    site.on(
        BY_ID,
        cluster("UPDATE_COMPLETE", updated_at="1", **new),
        cluster("UPDATE_COMPLETE", updated_at="2", node_count=3, **new),
    )
    groups(site, workers(2), workers(3))
    site.run(GpuClusterResource, **ASKED, node_count=3)
    assert site.writes == [UPGRADE, RESIZE]
    assert site.sent(UPGRADE) == [
        {"cluster_template": OTHER_TEMPLATE, "nodegroup": "w", "max_batch_size": 1}
    ]


def test_the_same_template_is_no_upgrade(site: Site) -> None:
    asked = {**ASKED, "template": "gpu-a100"}
    assert site.run(GpuClusterResource, **asked).action == "none"
    assert site.history == [BY_NAME, *VIEW]


def test_check_mode_tells_the_template(site: Site) -> None:
    outcome = site.run(GpuClusterResource, **ASKED, check_mode=True)
    assert outcome.diff_before["template"] == "gpu-a100"
    assert outcome.diff_after["template"] == "v2"
    assert outcome.after is not None
    assert outcome.after["template_id"] == OTHER_TEMPLATE
    assert site.writes == []


def test_without_upgrade_it_is_a_conflict(site: Site) -> None:
    with pytest.raises(Conflict, match="set upgrade: true where Magnum's driver can"):
        site.run(GpuClusterResource, name="train", template="v2")
    assert site.writes == []


def test_a_driver_that_can_not(site: Site) -> None:
    detail = "Upgrading a cluster that uses the Magnum Heat driver is not supported."
    site.on(UPGRADE, Reply(400, {"errors": [{"detail": detail}]}))
    with pytest.raises(Conflict, match="Create a cluster of another name") as caught:
        site.run(GpuClusterResource, **ASKED)
    assert detail in caught.value.message
    assert caught.value.status == 400
    assert caught.value.changed is False


def test_another_refusal_keeps_its_type(site: Site) -> None:
    site.on(UPGRADE, Reply(400, {"errors": [{"detail": "Invalid template"}]}))
    with pytest.raises(InvalidInput, match="Invalid template") as caught:
        site.run(GpuClusterResource, **ASKED)
    assert caught.value.changed is False


def test_what_breaks_may_have_been_done(site: Site) -> None:
    site.on(UPGRADE, Reply(500, {}))
    with pytest.raises(ApiError) as caught:
        site.run(GpuClusterResource, **ASKED)
    assert caught.value.changed is True


def test_an_upgrade_that_fails(site: Site) -> None:
    site.on(UPGRADE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("UPDATE_FAILED", status_reason="image is gone"))
    with pytest.raises(ResourceError, match="UPDATE_FAILED: image is gone") as caught:
        site.run(GpuClusterResource, **ASKED)
    assert caught.value.changed is True


def test_it_needs_1_8(site: Site) -> None:
    site.magnum_version("1.7")
    with pytest.raises(ApiError, match=r"Upgrading needs Magnum API version 1\.8"):
        site.cloud().magnum.upgrade(ID, OTHER_TEMPLATE, "w")
    assert site.writes == []


def test_a_batch_has_a_node_at_least(site: Site) -> None:
    with pytest.raises(InvalidInput, match="max_batch_size: 0 is below 1"):
        site.run(GpuClusterResource, **ASKED, max_batch_size=0)
