# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from keystoneauth1.adapter import Adapter
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    ApiError,
    Busy,
    Conflict,
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.magnum import (
    Magnum,
)
from unit.cloud.fakes import PROJECT, FakeTime, Raw, Reply, Site

SEVERAL = Reply(409, {"errors": [{"detail": "Multiple clusters exist with same name"}]})
MISSING = Reply(404, {"errors": [{"detail": "Cluster gpu could not be found."}]})
ID = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0001"
OTHER = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0002"


@pytest.fixture
def magnum(site: Site) -> Magnum:
    return client(site)


def client(site: Site, ceiling: tuple[int, int] | None = None) -> Magnum:
    adapter = Adapter(Session(auth=NoAuth()), endpoint_override="http://magnum.test/v1")
    return Magnum(lambda: adapter, site.time.clock(), site.warnings.append, ceiling)


def cluster(uuid: str, project: str = PROJECT, name: str = "gpu") -> Raw:
    return {"uuid": uuid, "name": name, "project_id": project}


# Versions -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "ceiling", "used"),
    [
        ("1.12", None, "1.12"),
        ("1.9", None, "1.9"),
        ("1.99", None, "1.14"),
        ("1.12", (1, 9), "1.9"),
        ("1.12", (1, 12), "1.12"),
        ("1.9", (1, 10), "1.9"),
        ("1.99", (1, 60), "1.14"),
    ],
)
def test_the_highest_version_that_all_know_is_used(
    site: Site, server: str, ceiling: tuple[int, int] | None, used: str
) -> None:
    site.magnum_version(server)
    site.on("GET /v1/clusters/gpu", cluster(ID))
    client(site, ceiling).get("/clusters/gpu")
    headers = site.last().headers
    assert headers["OpenStack-API-Version"] == f"container-infra {used}"
    assert headers["Accept"] == "application/json"


def test_versions_are_asked_for_once_and_without_a_version(
    site: Site, magnum: Magnum
) -> None:
    site.on("GET /v1/clusters/gpu", cluster(ID))
    magnum.get("/clusters/gpu")
    magnum.get("/clusters/gpu")
    assert site.everything == [
        "GET http://magnum.test/v1/",
        "GET http://magnum.test/v1/clusters/gpu",
        "GET http://magnum.test/v1/clusters/gpu",
    ]
    assert "OpenStack-API-Version" not in site.mocker.request_history[0].headers


def test_a_ceiling_above_the_server_s_is_warned_about_once(site: Site) -> None:
    site.on("GET /v1/clusters/gpu", cluster(ID))
    magnum = client(site, (1, 13))
    magnum.get("/clusters/gpu")
    magnum.get("/clusters/gpu")
    assert site.warnings == [
        "Magnum API version 1.13 was asked for, this cloud has 1.12 at most: 1.12 is "
        "used"
    ]


def test_a_ceiling_below_the_server_s_is_nothing_to_warn_about(site: Site) -> None:
    assert client(site, (1, 9)).version() == (1, 9)
    assert site.warnings == []


def test_a_server_that_does_not_say_its_version(site: Site, magnum: Magnum) -> None:
    site.magnum_version(None)
    with pytest.raises(ApiError, match="OpenStack-API-Maximum-Version"):
        magnum.version()


def test_asking_for_versions_is_repeated_like_a_read(
    site: Site, magnum: Magnum, time: FakeTime
) -> None:
    headers = {"OpenStack-API-Maximum-Version": "container-infra 1.12"}
    site.on("GET /v1/", Reply(503), Reply(200, {"id": "v1"}, headers))
    site.on("POST /v1/clusters", Reply(202, {"uuid": ID}))
    assert magnum.create_cluster({"name": "gpu"}) == {"uuid": ID}
    assert site.writes == ["POST /v1/clusters"]
    assert time.sleeps == [0.5]


def test_what_needs_more_names_both_versions(site: Site) -> None:
    with pytest.raises(ApiError) as caught:
        client(site, (1, 9)).require((1, 10), "A cluster with no worker")
    assert caught.value.message.startswith(
        "A cluster with no worker needs Magnum API version 1.10, and 1.9 is what"
    )


def test_what_is_there_needs_no_more(magnum: Magnum) -> None:
    magnum.require((1, 12), "Rotating credentials")
    with pytest.raises(ApiError):
        magnum.require((1, 13), "More")


def test_resizing_needs_1_7_and_node_groups_1_9(site: Site) -> None:
    with pytest.raises(ApiError, match=r"Resizing needs Magnum API version 1\.7"):
        client(site, (1, 6)).resize(ID, 2, "workers")
    with pytest.raises(ApiError, match=r"node groups needs Magnum API version 1\.9"):
        client(site, (1, 8)).node_groups(ID)
    assert site.history == []


# Clusters -------------------------------------------------------------------


def test_finds_a_cluster_by_name(site: Site, magnum: Magnum) -> None:
    site.on("GET /v1/clusters/gpu", cluster(ID))
    assert magnum.find_cluster("gpu", PROJECT) == cluster(ID)
    assert site.history == ["GET /v1/clusters/gpu"]


def test_finds_a_cluster_by_id_whosever_it_is(site: Site, magnum: Magnum) -> None:
    site.on(f"GET /v1/clusters/{ID}", cluster(ID, "another"))
    assert magnum.find_cluster(ID, PROJECT) == cluster(ID, "another")


def test_finds_none(site: Site, magnum: Magnum) -> None:
    site.on("GET /v1/clusters/gpu", MISSING)
    assert magnum.find_cluster("gpu", PROJECT) is None
    assert site.history == ["GET /v1/clusters/gpu"]


def test_names_are_quoted(site: Site, magnum: Magnum) -> None:
    site.on("GET /v1/clusters/a%2Fb%20c%3F", MISSING)
    assert magnum.find_cluster("a/b c?", PROJECT) is None
    assert site.history == ["GET /v1/clusters/a%2Fb%20c%3F"]


def test_another_project_s_cluster_is_not_ours(site: Site, magnum: Magnum) -> None:
    """An administrator's look-up by name finds those of all projects."""
    site.on("GET /v1/clusters/gpu", cluster(OTHER, "another"))
    site.on("GET /v1/clusters/detail", {"clusters": [cluster(OTHER, "another")]})
    assert magnum.find_cluster("gpu", PROJECT) is None
    assert site.history == ["GET /v1/clusters/gpu", "GET /v1/clusters/detail"]


@pytest.mark.parametrize("first", [SEVERAL, cluster(OTHER, "another")])
def test_of_several_projects_clusters_ours_is_found(
    site: Site, magnum: Magnum, first: t.Any
) -> None:
    listed = [cluster(OTHER, "another"), cluster("x", name="gpu-2"), cluster(ID)]
    site.on("GET /v1/clusters/gpu", first)
    site.on("GET /v1/clusters/detail", {"clusters": listed})
    assert magnum.find_cluster("gpu", PROJECT) == cluster(ID)


def test_two_of_our_own_are_ambiguous(site: Site, magnum: Magnum) -> None:
    listed = [cluster(OTHER), cluster(ID), cluster("foreign", "another")]
    site.on("GET /v1/clusters/gpu", SEVERAL)
    site.on("GET /v1/clusters/detail", {"clusters": listed})
    with pytest.raises(AmbiguousName) as caught:
        magnum.find_cluster("gpu", PROJECT)
    assert caught.value.message == (
        "2 clusters are named 'gpu': give an id instead, one of " + f"{ID}, {OTHER}"
    )
    assert caught.value.details == {"ids": [ID, OTHER]}


def test_reads_a_cluster_by_id(site: Site, magnum: Magnum) -> None:
    site.on(f"GET /v1/clusters/{ID}", cluster(ID), Reply(400), MISSING)
    assert [magnum.cluster(ID) for reading in range(3)] == [cluster(ID), None, None]


def test_a_bad_request_that_stands_is_no_cluster(site: Site, magnum: Magnum) -> None:
    site.on(f"GET /v1/clusters/{ID}", Reply(400))
    assert magnum.cluster(ID) is None
    assert len(site.history) == 4


def test_a_list_is_read_again_while_a_cluster_goes(site: Site, magnum: Magnum) -> None:
    """Seen on Magnum 22: its node groups went first, and the list answered 400."""
    site.on("GET /v1/clusters/detail", Reply(400), {"clusters": [cluster(ID)]})
    assert magnum.clusters() == [cluster(ID)]
    assert len(site.history) == 2


def test_other_failures_to_read_are_failures(site: Site, magnum: Magnum) -> None:
    site.on(f"GET /v1/clusters/{ID}", Reply(500, {"errors": [{"detail": "oops"}]}))
    with pytest.raises(ApiError, match="oops"):
        magnum.cluster(ID)


def test_writes_to_clusters(site: Site, magnum: Magnum) -> None:
    resize = f"POST /v1/clusters/{ID}/actions/resize"
    bounds = f"PATCH /v1/clusters/{ID}/nodegroups/workers"
    site.on(resize, Reply(202, {"uuid": ID}))
    site.on(bounds, Reply(202, {}))
    site.on(f"DELETE /v1/clusters/{ID}", Reply(204))
    magnum.resize(ID, 3, "workers")
    bounded = {"min_node_count": 1, "max_node_count": 5}
    magnum.update_node_group(ID, "workers", bounded)
    magnum.delete_cluster(ID)
    assert site.history == [resize, bounds, f"DELETE /v1/clusters/{ID}"]
    assert site.sent(resize) == [{"node_count": 3, "nodegroup": "workers"}]
    assert site.sent(bounds) == [
        [
            {"op": "replace", "path": "/min_node_count", "value": 1},
            {"op": "replace", "path": "/max_node_count", "value": 5},
        ]
    ]


def test_reads_node_groups(site: Site, magnum: Magnum) -> None:
    site.on(f"GET /v1/clusters/{ID}/nodegroups", {"nodegroups": [{"uuid": "w"}]})
    site.on(f"GET /v1/clusters/{ID}/nodegroups/w", {"uuid": "w", "node_count": 2})
    assert magnum.node_groups(ID) == [{"uuid": "w"}]
    assert magnum.node_group(ID, "w") == {"uuid": "w", "node_count": 2}


# Templates ------------------------------------------------------------------


def test_a_template_in_use_elsewhere_is_a_conflict(site: Site, magnum: Magnum) -> None:
    text = f"ClusterTemplate {ID} is referenced by one or multiple clusters."
    answer = Reply(400, {"errors": [{"title": text, "detail": text}]})
    site.on(f"PATCH /v1/clustertemplates/{ID}", answer)
    site.on(f"DELETE /v1/clustertemplates/{ID}", answer)
    with pytest.raises(Conflict, match="referenced by one or multiple clusters"):
        magnum.patch_template(ID, [])
    with pytest.raises(Conflict, match="referenced by one or multiple clusters"):
        magnum.delete_template(ID)


# One change at a time -------------------------------------------------------

GROUPS = f"/v1/clusters/{ID}/nodegroups"


@pytest.mark.parametrize("status", [400, 409])
def test_what_is_under_way_makes_writes_to_node_groups_busy(
    site: Site, magnum: Magnum, status: int
) -> None:
    detail = f"Cluster {ID} is UPDATE_IN_PROGRESS, try later"
    refusal = Reply(status, {"errors": [{"detail": detail}]})
    site.on(f"POST {GROUPS}", refusal)
    site.on(f"PATCH {GROUPS}/w", refusal)
    site.on(f"DELETE {GROUPS}/w", refusal)
    site.on(f"POST /v1/clusters/{ID}/actions/resize", refusal)
    for write in (
        lambda: magnum.create_node_group(ID, {}),
        lambda: magnum.update_node_group(ID, "w", {}),
        lambda: magnum.delete_node_group(ID, "w"),
        lambda: magnum.resize(ID, 2, "w"),
    ):
        with pytest.raises(Busy, match="UPDATE_IN_PROGRESS") as caught:
            write()
        assert (caught.value.status, caught.value.type) == (status, "Conflict")


def test_other_refusals_keep_their_type(site: Site, magnum: Magnum) -> None:
    site.on(f"DELETE {GROUPS}/w", Reply(400, {"errors": [{"detail": "bad flavor"}]}))
    with pytest.raises(InvalidInput, match="bad flavor"):
        magnum.delete_node_group(ID, "w")
