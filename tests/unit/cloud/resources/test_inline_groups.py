# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Conflict,
    HardwareNotFound,
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
    GROUPS,
    ID,
    LIMITS,
    MISSING,
    RESIZE,
    TEMPLATE,
    TEMPLATE_BY_ID,
    VIEW,
    changing,
    cluster,
    groups,
    limits,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")

MAKE = f"POST /v1/clusters/{ID}/nodegroups"
BIG, OLD = f"{GROUPS}/b", f"{GROUPS}/o"
BY_GROUP = f"{GROUPS}/big"
DELETE_OLD = f"DELETE /v1/clusters/{ID}/nodegroups/o"


def group(uuid: str = "b", name: str = "big", **values: t.Any) -> Raw:
    return {
        "uuid": uuid,
        "name": name,
        "role": "worker",
        "is_default": False,
        "flavor_id": "gpu.a100.4",
        "image_id": "img",
        "labels": {},
        "node_count": 1,
        "min_node_count": 0,
        "max_node_count": None,
        "node_addresses": [],
        "status": "CREATE_COMPLETE",
        "status_reason": None,
        **values,
    }


def more(site: Site, *answers: Raw) -> None:
    """The cluster is there with these node groups besides its own."""
    there(site)
    site.on(GROUPS, {"nodegroups": [workers(), *answers]})
    for raw in answers:
        site.on(f"{GROUPS}/{raw['uuid']}", raw)


def run(site: Site, *declared: Raw, **options: t.Any) -> t.Any:
    return site.run(
        GpuClusterResource, name="train", node_groups=list(declared), **options
    )


def test_nothing_to_do_is_one_request_more(site: Site) -> None:
    more(site, group())
    outcome = run(site, {"name": "big", "node_count": 1, "hardware": "gpu.a100.4"})
    assert outcome.action == "none"
    assert site.history == [BY_NAME, *VIEW[:2], BIG, *VIEW[2:]]


def test_those_that_are_not_named_stay(site: Site) -> None:
    more(site, group("o", "old"))
    assert run(site).action == "none"
    names = [raw["name"] for raw in run(site).after["node_groups"]]
    assert names == ["default-worker", "old"]


def test_one_is_made_and_another_purged(site: Site) -> None:
    more(site, group("o", "old"))
    site.on(DELETE_OLD, Reply(204))
    site.on(f"{GROUPS}/old", MISSING)
    site.on(MAKE, Reply(202, {"uuid": "b"}))
    site.on(BY_GROUP, MISSING, group(status="CREATE_IN_PROGRESS"), group())
    busy, done = cluster("UPDATE_IN_PROGRESS"), cluster("UPDATE_COMPLETE")
    site.on(BY_ID, busy, done, done, {**done, "updated_at": "3"})
    outcome = run(site, {"name": "big", "labels": {"a": 1}}, purge_node_groups=True)
    assert outcome.action == "update"
    assert site.writes == [DELETE_OLD, MAKE]
    [sent] = site.sent(MAKE)
    assert sent == {"name": "big", "labels": {"a": "1"}, "merge_labels": True}
    before = [raw["name"] for raw in outcome.diff_before["node_groups"]]
    assert before == ["default-worker", "old"]


def test_a_plan_writes_nothing(site: Site) -> None:
    more(site, group("o", "old"))
    plan = run(site, {"name": "big"}, purge_node_groups=True, check_mode=True)
    assert [raw["name"] for raw in plan.diff_after["node_groups"]] == [
        "default-worker",
        "big",
    ]
    assert site.writes == []


def test_with_a_new_cluster(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(MAKE, Reply(202, {"uuid": "b"}))
    site.on(BY_GROUP, group())
    groups(site, workers())
    late = cluster("UPDATE_COMPLETE", updated_at="2")
    site.on(BY_ID, cluster(), cluster("UPDATE_IN_PROGRESS"), late)
    # One master, two workers and the one of the group; three are in use already.
    site.on(LIMITS, limits(instances=7))
    outcome = run(site, {"name": "big"}, template="gpu-a100", node_count=2)
    assert outcome.action == "create"
    assert site.writes == [CREATE, MAKE]
    assert "node_groups" not in site.sent(CREATE)[0]


def test_too_little_room_for_all_is_told_before_the_first_write(site: Site) -> None:
    site.on(LIMITS, limits(instances=6))
    with pytest.raises(ResourceError, match="instances: 4 needed, 3 free"):
        run(site, {"name": "big"}, template="gpu-a100", node_count=2)
    assert site.writes == []


def test_a_wrong_reference_is_told_before_the_first_write(site: Site) -> None:
    with pytest.raises(HardwareNotFound, match="no-such"):
        run(site, {"name": "big", "hardware": "no-such"}, template="gpu-a100")
    assert site.writes == []


def test_one_is_resized(site: Site) -> None:
    more(site, group())
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster(), *changing())
    site.on(BY_GROUP, group(node_count=3))
    assert run(site, {"name": "big", "node_count": 3}).action == "update"
    assert site.sent(RESIZE) == [{"node_count": 3, "nodegroup": "b"}]


def test_what_can_not_change_is_a_conflict(site: Site) -> None:
    more(site, group())
    with pytest.raises(Conflict, match=r"node group 'big': hardware is 'gpu\.a100\.4'"):
        run(site, {"name": "big", "hardware": "m1.master"})
    assert site.writes == []


def test_a_failed_one(site: Site) -> None:
    more(site, group(status="CREATE_FAILED", status_reason="no valid host"))
    asked = {"name": "big"}
    with pytest.raises(ResourceError, match=r"no valid host\. Set recreate_failed"):
        run(site, asked)
    site.on(f"DELETE /v1/clusters/{ID}/nodegroups/b", Reply(204))
    site.on(MAKE, Reply(202, {"uuid": "b2"}))
    site.on(BY_GROUP, MISSING, group())
    done = cluster("UPDATE_COMPLETE", updated_at="2")
    site.on(BY_ID, cluster("UPDATE_IN_PROGRESS"), done, {**done, "updated_at": "3"})
    assert run(site, asked, recreate_failed=True).action == "update"
    assert site.writes == [f"DELETE /v1/clusters/{ID}/nodegroups/b", MAKE]


def test_a_failed_update_is_asked_for_again(site: Site) -> None:
    more(site, group(status="UPDATE_FAILED", status_reason="no valid host"))
    plan = run(site, {"name": "big"}, check_mode=True)
    assert plan.action == "update"
    assert plan.diff_before == plan.diff_after
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster(), *changing())
    site.on(BY_GROUP, group())
    assert run(site, {"name": "big"}).action == "update"
    assert site.sent(RESIZE) == [{"node_count": 1, "nodegroup": "b"}]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([{"name": "default-worker"}], "default-worker comes with the cluster"),
        ([{"name": "a"}, {"name": "a"}], "the name 'a' is empty or there twice"),
        ([{"name": "a", "node_count": -1}], "node_groups: a: node_count: -1 is below"),
    ],
)
def test_bad_input(site: Site, declared: list[Raw], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        run(site, *declared)
    assert site.history == []


def test_purge_alone_means_nothing(site: Site) -> None:
    with pytest.raises(InvalidInput, match="needs node_groups, which may be empty"):
        site.run(GpuClusterResource, name="train", purge_node_groups=True)


def declared(site: Site, text: str) -> None:
    """The cluster's template declares node groups."""
    template = {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        "labels": {"gpufleet_node_groups": text},
    }
    site.on(TEMPLATES, templates(template))
    site.on(TEMPLATE_BY_ID, template)


ONE_BIG = '[{"name":"big","node_count":1}]'


def test_a_new_cluster_gets_those_of_its_template(site: Site) -> None:
    declared(site, ONE_BIG)
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(MAKE, Reply(202, {"uuid": "b"}))
    site.on(BY_GROUP, group())
    groups(site, workers())
    late = cluster("UPDATE_COMPLETE", updated_at="2")
    site.on(BY_ID, cluster(), cluster("UPDATE_IN_PROGRESS"), late)
    outcome = site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert outcome.action == "create"
    assert site.writes == [CREATE, MAKE]
    assert site.sent(MAKE) == [{"name": "big", "node_count": 1}]


def test_none_of_its_template_where_an_empty_list_says_so(site: Site) -> None:
    declared(site, ONE_BIG)
    more(site)
    assert run(site).action == "none"


def test_one_of_the_template_that_is_there_is_left_as_it_is(site: Site) -> None:
    declared(site, ONE_BIG)
    more(site, group(node_count=7))
    outcome = site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert outcome.action == "none"
    assert site.history == [BY_NAME, *VIEW]


def test_one_of_the_template_that_is_missing_is_made(site: Site) -> None:
    declared(site, ONE_BIG)
    more(site)
    plan = site.run(GpuClusterResource, name="train", check_mode=True)
    assert [raw["name"] for raw in plan.diff_after["node_groups"]] == [
        "default-worker",
        "big",
    ]
    assert site.writes == []


def test_one_of_the_template_that_was_made_is_shown_whole(site: Site) -> None:
    declared(site, ONE_BIG)
    more(site)
    listed = group(max_node_count=None)
    before, after = [workers()], [workers(), listed]
    site.on(GROUPS, {"nodegroups": before}, {"nodegroups": after})
    site.on(BIG, group(max_node_count=3))
    site.on(MAKE, Reply(202, {"uuid": "b"}))
    site.on(BY_GROUP, group())
    site.on(BY_ID, cluster(), *changing())
    outcome = site.run(GpuClusterResource, name="train")
    assert outcome.action == "update"
    assert outcome.after is not None
    shown = {raw["name"]: raw for raw in outcome.after["node_groups"]}
    assert shown["big"]["max_node_count"] == 3


def test_one_of_the_template_that_failed_is_told(site: Site) -> None:
    declared(site, ONE_BIG)
    more(site, group(status="CREATE_FAILED", status_reason="no valid host"))
    with pytest.raises(ResourceError, match=r"no valid host\. Set recreate_failed"):
        site.run(GpuClusterResource, name="train")


def test_a_label_of_another_kind_is_a_conflict(site: Site) -> None:
    declared(site, "[1]")
    more(site)
    with pytest.raises(Conflict, match="gpufleet_node_groups of its template holds no"):
        site.run(GpuClusterResource, name="train")
