# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import PROJECT, Raw, Reply, Site

ID = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0001"
BY_NAME = "GET /v1/clusters/train"
BY_ID = f"GET /v1/clusters/{ID}"
GROUPS = f"/v1/clusters/{ID}/nodegroups"
NAMED, GROUP = f"GET {GROUPS}/big", f"GET {GROUPS}/g"
CREATE, BOUNDS, DELETE = f"POST {GROUPS}", f"PATCH {GROUPS}/g", f"DELETE {GROUPS}/g"
RESIZE = f"POST /v1/clusters/{ID}/actions/resize"
MISSING = Reply(404, {"errors": [{"detail": "not found"}]})
UNDER_WAY = Reply(409, {"errors": [{"detail": "Cluster is UPDATE_IN_PROGRESS"}]})


def cluster(status: str = "CREATE_COMPLETE") -> Raw:
    return {
        "uuid": ID,
        "name": "train",
        "project_id": PROJECT,
        "status": status,
        "stack_id": "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c",
    }


def group(status: str = "CREATE_COMPLETE", **values: t.Any) -> Raw:
    return {
        "uuid": "g",
        "name": "big",
        "role": "worker",
        "is_default": False,
        "flavor_id": "gpu.a100.4",
        "image_id": "img",
        "labels": {},
        "node_count": 1,
        "min_node_count": 0,
        "max_node_count": 2,
        "node_addresses": [],
        "status": status,
        "updated_at": "1",
        **values,
    }


@pytest.fixture
def site(site: Site) -> Site:
    """A cluster at rest, with the node group."""
    site.on(BY_NAME, cluster())
    site.on(BY_ID, cluster())
    site.on(NAMED, group())
    return site


def run(site: Site, state: str = "present", **options: t.Any) -> t.Any:
    options = {"name": "big", "cluster": "train", **options}
    return site.run(NodeGroupResource, state, **options)


def test_no_change_is_two_requests(site: Site) -> None:
    assert not run(site, node_count=1, max_node_count=2).changed
    assert site.history == [BY_NAME, NAMED]


def test_a_missing_cluster_has_its_error(site: Site) -> None:
    site.on(BY_NAME, MISSING)
    site.on("GET /v1/clusters/detail", Reply(403))
    with pytest.raises(ClusterNotFound, match=r"no cluster 'train' in this project$"):
        run(site)


def test_create_waits_for_its_turn_and_tries_again(site: Site) -> None:
    site.on(NAMED, MISSING)
    site.on(BY_ID, cluster("UPDATE_IN_PROGRESS"), cluster())
    site.on(CREATE, UNDER_WAY, Reply(202, {"uuid": "g"}))
    site.on(GROUP, MISSING, group("CREATE_IN_PROGRESS"), group())
    outcome = run(site, node_count=1)
    assert (outcome.action, outcome.after["id"]) == ("create", "g")
    assert site.sent(CREATE) == [{"name": "big", "node_count": 1}] * 2
    assert site.history.index(CREATE) == site.history.index(BY_ID) + 2


def test_another_refusal_is_not_repeated(site: Site) -> None:
    site.on(NAMED, MISSING)
    site.on(CREATE, Reply(400, {"errors": [{"detail": "bad flavor"}]}))
    with pytest.raises(InvalidInput, match="bad flavor"):
        run(site, node_count=1)
    assert site.writes == [CREATE]


def test_a_cluster_that_never_settles_is_a_timeout(site: Site) -> None:
    site.on(NAMED, MISSING)
    site.on(BY_ID, cluster("UPDATE_IN_PROGRESS"))
    with pytest.raises(Timeout, match=r"nothing was written.*UPDATE_IN_PROGRESS"):
        run(site, node_count=1, timeout=30)
    assert site.writes == []


def test_widen_then_resize_then_narrow(site: Site) -> None:
    three = {"node_count": 3, "min_node_count": 0, "max_node_count": 4}
    last = {**three, "min_node_count": 3}
    site.on(BOUNDS, {})
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(
        GROUP,
        group("UPDATE_COMPLETE", max_node_count=4, updated_at="2"),
        group("UPDATE_IN_PROGRESS", **three),
        group("UPDATE_COMPLETE", **three, updated_at="3"),
        group("UPDATE_COMPLETE", **last, updated_at="4"),
    )
    outcome = run(site, node_count=3, min_node_count=3, max_node_count=4)
    assert site.writes == [BOUNDS, RESIZE, BOUNDS]
    assert outcome.after["min_node_count"] == 3


def test_frozen_fields_name_the_way_out(site: Site) -> None:
    with pytest.raises(Conflict, match=r"role.*another name"):
        run(site, role="infer")
    assert site.writes == []


def test_delete_until_it_is_gone(site: Site) -> None:
    site.on(DELETE, Reply(204))
    site.on(GROUP, group("DELETE_IN_PROGRESS"), MISSING)
    assert run(site, "absent").action == "delete"


def test_a_default_group_is_not_deleted(site: Site) -> None:
    site.on(NAMED, group(is_default=True))
    with pytest.raises(Conflict, match="goes only with it"):
        run(site, "absent")
    assert site.writes == []


def test_without_its_cluster_there_is_no_group(site: Site) -> None:
    site.on(BY_NAME, MISSING)
    another = {**cluster(), "name": "train-2"}
    site.on("GET /v1/clusters/detail", {"clusters": [another]})
    asked: Raw = {"name": "big", "cluster": "train"}
    with pytest.raises(ClusterNotFound, match=r"cluster 'train'.*mean 'train-2'\?"):
        site.run(NodeGroupResource, **asked)
    plan = site.run(NodeGroupResource, **asked, node_count=2, check_mode=True)
    assert plan.action == "create"
    assert "there is no cluster 'train'" in site.warnings[0]


def test_a_lost_create_is_looked_for_by_name(site: Site) -> None:
    site.on(NAMED, MISSING, MISSING, group("CREATE_IN_PROGRESS"))
    site.on(CREATE, Reply(504))
    site.on(GROUP, group("CREATE_IN_PROGRESS"), group())
    assert run(site, node_count=1).action == "create"
    assert site.writes == [CREATE]


def test_the_zone_is_a_label(site: Site) -> None:
    zone = {"availability_zone": "az2"}
    site.on(NAMED, MISSING)
    site.on(CREATE, Reply(202, {"uuid": "g"}))
    site.on(GROUP, group(labels=zone))
    outcome = run(site, **zone)
    assert site.sent(CREATE) == [{"name": "big", "labels": zone, "merge_labels": True}]
    assert outcome.after["availability_zone"] == "az2"
    site.on(NAMED, group(labels=zone))
    assert not run(site, **zone).changed
    with pytest.raises(Conflict, match=r"az2.*another name"):
        run(site, availability_zone="az3")
    with pytest.raises(InvalidInput, match="among the labels too"):
        run(site, **zone, labels=zone)


TAINTS = [
    {"key": "gpu", "value": "true", "effect": "NoSchedule"},
    {"key": "a", "effect": "NoExecute"},
]


def test_node_labels_and_taints_follow_the_documented_api(site: Site) -> None:
    """No Magnum with 1.14 was at hand: the exchange is that of its documentation."""
    site.magnum_version("1.14")
    site.on(NAMED, group(node_labels=None, node_taints=None))
    site.on(BOUNDS, Reply(202, {"uuid": "g"}))
    ordered = [TAINTS[1], TAINTS[0]]
    now = group("UPDATE_COMPLETE", node_labels={"tier": "1"}, node_taints=ordered)
    site.on(GROUP, {**now, "updated_at": "2"})
    outcome = run(site, node_labels={"tier": 1}, node_taints=TAINTS)
    assert site.sent(BOUNDS) == [
        [
            {"op": "replace", "path": "/node_labels", "value": {"tier": "1"}},
            {"op": "replace", "path": "/node_taints", "value": ordered},
        ]
    ]
    assert outcome.after["node_taints"] == ordered
    site.on(NAMED, now)
    assert not run(site, node_labels={"tier": "1"}, node_taints=TAINTS).changed


@pytest.mark.parametrize("state", ["there", "missing"])
def test_an_older_magnum_sends_to_kubernetes(site: Site, state: str) -> None:
    site.on(NAMED, group() if state == "there" else MISSING)
    for asked in ({"node_labels": {"a": "b"}}, {"node_taints": TAINTS}):
        with pytest.raises(ApiError, match=r"1\.14.*magnum.openstack.org/nodegroup"):
            run(site, **asked)
    assert site.writes == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"node_labels": {"a b": "c"}}, "node_labels: 'a b': the name of the key must"),
        (
            {"node_labels": {"a": "b c"}},
            "node_labels: a: 'b c' must have 63 characters",
        ),
        ({"node_labels": {"A/b": "c"}}, "'A/b': what is before '/' must be a domain"),
        (
            {"node_taints": [{"key": "a b", "effect": "NoExecute"}]},
            "node_taints: 'a b': the name of the key must",
        ),
        (
            {"node_taints": [{"key": "a", "value": "-", "effect": "NoExecute"}]},
            "node_taints: a: '-' must have 63 characters",
        ),
        ({"name": "new", "role": "a/b"}, "role: 'a/b' must have 63 characters"),
    ],
)
def test_what_kubernetes_does_not_take(site: Site, options: Raw, message: str) -> None:
    site.on(f"GET {GROUPS}/new", MISSING)
    for check_mode in (True, False):
        with pytest.raises(InvalidInput, match=message):
            run(site, check_mode=check_mode, **options)
    assert site.writes == []


def test_an_odd_name_that_is_there_is_left_alone(site: Site) -> None:
    site.on(f"GET {GROUPS}/two%20words", group(name="two words"))
    assert run(site, name="two words").action == "none"
