# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that are there: compared, refused, deleted."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Conflict,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import PROJECT, TEMPLATES, Raw, Reply, Site, templates
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    CREATE,
    DELETE,
    ID,
    MISSING,
    NEW,
    OTHER_TEMPLATE,
    ROOM,
    TEMPLATE,
    VIEW,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")


# no change -------------------------------------------------------------------


EVERYTHING: Raw = {
    "name": "train",
    "template": "gpu-a100",
    "keypair": "ops",
    "master_count": 1,
    "node_count": 2,
    "hardware": "gpu.a100.4",
    "master_hardware": "m1.master",
    "labels": {"gpu_enabled": True},
    "floating_ip_enabled": False,
    "master_lb_enabled": False,
    "discovery_url": "https://discovery.test/1",
    "create_timeout": 90,
}


def test_a_second_run_is_four_requests(site: Site) -> None:
    there(site)
    outcome = site.run(GpuClusterResource, **EVERYTHING)
    assert (outcome.action, outcome.changed) == ("none", False)
    assert site.history == [BY_NAME, *VIEW]


def test_a_second_run_with_ids_is_four_requests_too(site: Site) -> None:
    site.on(BY_ID, cluster())
    groups(site, workers())
    asked = {**EVERYTHING, "name": ID, "template": TEMPLATE}
    assert site.run(GpuClusterResource, **asked).action == "none"
    assert site.history == [BY_ID, *VIEW]


def test_names_and_ids_mean_the_same(site: Site) -> None:
    flavors = {"flavors": [{"id": "7", "name": "gpu.a100.4"}]}
    site.on("GET /v2.1/flavors/detail?is_public=None", flavors)
    there(site)
    asked = {**EVERYTHING, "hardware": "7"}
    assert site.run(GpuClusterResource, **asked).action == "none"


def test_another_template_of_the_same_name_is_another_one(site: Site) -> None:
    there(site)
    site.on(
        f"GET /v1/clustertemplates/{OTHER_TEMPLATE}",
        {
            "uuid": OTHER_TEMPLATE,
            "name": "gpu-a100",
            "project_id": PROJECT,
            "public": False,
        },
    )
    with pytest.raises(Conflict, match="template is 'gpu-a100' and can't be changed"):
        site.run(GpuClusterResource, name="train", template=OTHER_TEMPLATE)


def test_what_is_being_created_is_waited_for(site: Site) -> None:
    there(site, cluster("CREATE_IN_PROGRESS"))
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"), cluster())
    assert site.run(GpuClusterResource, **EVERYTHING).action == "none"
    assert site.history == [BY_NAME, BY_ID, BY_ID, *VIEW]


# frozen ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("master_count", 3),
        ("labels", {"gpu_enabled": "false"}),
        ("docker_volume_size", 20),
        ("master_lb_enabled", True),
        ("floating_ip_enabled", True),
    ],
)
def test_what_magnum_can_not_change_is_a_conflict(
    site: Site, field: str, asked: t.Any
) -> None:
    there(site)
    for check_mode in (False, True):
        with pytest.raises(Conflict) as caught:
            site.run(
                GpuClusterResource,
                name="train",
                **{field: asked},
                check_mode=check_mode,
            )
        assert caught.value.details["fields"][0]["field"] == field
        assert "create a cluster of another name" in caught.value.message
    assert site.writes == []


def test_labels_that_are_not_named_are_left_alone(site: Site) -> None:
    there(site)
    asked = {"name": "train", "labels": {"gpu_enabled": True}}
    assert site.run(GpuClusterResource, **asked).action == "none"


def test_labels_that_replace_are_compared_as_a_whole(site: Site) -> None:
    there(site)
    asked = {"name": "train", "merge_labels": False}
    whole = {"gpu_enabled": True, "kube_tag": "v1.28.9"}
    assert site.run(GpuClusterResource, **asked, labels=whole).action == "none"
    with pytest.raises(Conflict, match="labels is"):
        site.run(GpuClusterResource, **asked, labels={"gpu_enabled": True})


def test_labels_that_replace_are_sent_so(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster())
    groups(site, workers())
    site.run(
        GpuClusterResource,
        name="train",
        template="gpu-a100",
        labels={"gpu_enabled": True, "kube_tag": "v1.28.9"},
        merge_labels=False,
    )
    sent = site.sent(CREATE)[0]
    assert sent["merge_labels"] is False
    assert sent["labels"] == {"gpu_enabled": "true", "kube_tag": "v1.28.9"}


# absent ----------------------------------------------------------------------


def test_delete(site: Site) -> None:
    there(site)
    site.on(DELETE, Reply(204))
    site.on(BY_ID, cluster(), cluster("DELETE_IN_PROGRESS"), MISSING)
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert (outcome.action, outcome.after) == ("delete", None)
    assert site.history == [BY_NAME, *VIEW, DELETE, *[BY_ID] * 3]


def test_what_someone_else_deletes_is_waited_for_and_not_asked_again(
    site: Site,
) -> None:
    site.on(BY_NAME, cluster("DELETE_IN_PROGRESS"))
    site.on(BY_ID, cluster("DELETE_IN_PROGRESS"), MISSING)
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.history == [BY_NAME, BY_ID, BY_ID]


def test_deleting_what_is_not_there(site: Site) -> None:
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.history == [BY_NAME]


def test_a_deletion_that_fails(site: Site) -> None:
    there(site)
    site.on(DELETE, Reply(204))
    failed = cluster("DELETE_FAILED", updated_at=NEW, status_reason="a port is in use")
    site.on(BY_ID, cluster("DELETE_IN_PROGRESS"), failed)
    with pytest.raises(ResourceError, match="DELETE_FAILED: a port is in use"):
        site.run(GpuClusterResource, "absent", name="train")


def test_another_project_s_cluster_of_the_name_is_not_touched(site: Site) -> None:
    foreign = cluster(project_id="another")
    site.on(BY_NAME, foreign)
    site.on("GET /v1/clusters/detail", {"clusters": [foreign]})
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.writes == []


# check mode ------------------------------------------------------------------


MINIMUM: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}


def test_check_mode_of_a_create(site: Site) -> None:
    outcome = site.run(GpuClusterResource, **MINIMUM, check_mode=True)
    assert outcome.action == "create"
    assert outcome.after is not None
    assert outcome.after["id"] == "known after apply"
    assert outcome.after["node_count"] == 2
    assert site.history == [BY_NAME, TEMPLATES, *ROOM]


def test_check_mode_on_an_empty_cloud(site: Site) -> None:
    site.on(TEMPLATES, templates())
    site.on("GET /v1/clustertemplates/gpu-a100", MISSING)
    outcome = site.run(GpuClusterResource, **MINIMUM, check_mode=True)
    assert outcome.action == "create"
    assert site.warnings == [
        "template: there is no template named 'gpu-a100' in this project yet; what "
        "depends on it is known after apply"
    ]


def test_check_mode_of_a_resize_and_a_delete(site: Site) -> None:
    there(site)
    resized = site.run(GpuClusterResource, name="train", node_count=3, check_mode=True)
    assert (resized.action, resized.diff_after["node_count"]) == ("update", 3)
    deleted = site.run(GpuClusterResource, "absent", name="train", check_mode=True)
    assert deleted.action == "delete"
    assert site.writes == []


# input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"master_count": 0}, "master_count: 0 is below 1"),
        ({"node_count": -1}, "node_count: -1 is below 0"),
        ({"max_node_count": 0}, "max_node_count: 0 is below 1"),
        ({"create_timeout": 0}, "create_timeout: 0 is below 1"),
        (
            {"min_node_count": 4, "max_node_count": 3},
            "min_node_count: 4 is above max_node_count, 3",
        ),
        (
            {"node_count": 9, "max_node_count": 3},
            "node_count: 9 is not within min_node_count and max_node_count, 0 to 3",
        ),
        (
            {"node_count": 1, "min_node_count": 3},
            "node_count: 1 is not within min_node_count and max_node_count, 3 and more",
        ),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(
    site: Site, wrong: Raw, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100", **wrong)
    assert caught.value.message == said
    assert site.everything == []


# revisions of the template ---------------------------------------------------


def test_a_cluster_may_have_any_revision_and_tells_of_drift(site: Site) -> None:
    there(site)
    first = {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
    }
    tags = "gpufleet-template=gpu-a100,gpufleet-revision=2"
    second = {**first, "uuid": OTHER_TEMPLATE, "name": "gpu-a100-r2", "tags": tags}
    site.on(TEMPLATES, templates(first, second))
    outcome = site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert outcome.action == "none"
    assert outcome.after is not None
    assert outcome.after["template"] == "gpu-a100"
    assert outcome.after["template_revision"] == 1
    drift = {"template_id": OTHER_TEMPLATE, "revision": 2}
    assert outcome.after["template_drift"] == drift
    assert site.warnings == [
        "cluster 'train' has revision 1 of template 'gpu-a100', the newest is 2"
    ]
    assert site.history == [BY_NAME, *VIEW]

    site.warnings.clear()
    there(site, cluster(cluster_template_id=OTHER_TEMPLATE))
    after = site.run(GpuClusterResource, name="train", template="gpu-a100").after
    assert after is not None
    shown = [after[f"template{key}"] for key in ("", "_revision", "_drift")]
    assert shown == ["gpu-a100", 2, None]
    assert site.warnings == []
    with pytest.raises(Conflict, match="can't be changed"):
        site.run(GpuClusterResource, name="train", template=TEMPLATE)
