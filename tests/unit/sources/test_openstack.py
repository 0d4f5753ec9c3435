# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions read by the real SDK from answers that a real cloud gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    api,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import groups
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    filters,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    source as openstack,
)
from fakes.recorded.server import Cloud, Record

Filters = filters.Filters
Make = Callable[..., Cloud]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make clouds, named in clouds.yaml."""
    monkeypatch.setattr(api, "PAUSES", (0.01,) * 6)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    made: list[Cloud] = []
    configs: dict[str, Record] = {}

    def cloud(name: str = "one", **more: Any) -> Cloud:
        size = {"servers": 7, "clusters": 2, "page": 3}
        made.append(Cloud(**{**size, **more}))
        configs[name] = made[-1].config
        (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": configs}))
        return made[-1]

    yield cloud
    for each in made:
        each.close()


def read(**wanted: Any) -> openstack.Region:
    """The one region of the cloud named one."""
    asked = Filters(**wanted)
    [region] = openstack.read_regions({"cloud": "one"}, None, None, asked)
    return region


def test_all_pages_in_few_requests(make: Make) -> None:
    cloud = make()
    region = read()
    assert (region.failure, region.missing) == (None, [])
    assert len(region.nodes) == 7
    assert {node["cluster"]["name"] for node in region.nodes} == {
        "cluster-0",
        "cluster-1",
    }
    assert {node["location"] for node in region.nodes} == {"here"}
    assert {node["os_distro"] for node in region.nodes} == {"fedora-coreos"}
    asked = [one for one in cloud.requests if "detail" in one or "v2/images" in one]
    assert sum("servers" in one for one in asked) == 3
    # Sign-in, three versions, flavors, stacks, clusters, images.
    assert len(cloud.requests) <= 9 + 3, cloud.requests


NEAR = "names are compared exactly)"


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("clusters", "cluster-0", []),
        ("clusters", "no-such", ["clusters: no-such: no node is of it"]),
        (
            "clusters",
            "Cluster-0",
            [f"clusters: Cluster-0: no node is of it (there is 'cluster-0': {NEAR}"],
        ),
        (
            "locations",
            "HERE",
            [f"locations: HERE: no node is of it (there is 'here': {NEAR}"],
        ),
        (
            "node_groups",
            "Default-Worker",
            [
                "node_groups: Default-Worker: no node is of it (there is "
                f"'default-worker': {NEAR}"
            ],
        ),
    ],
)
def test_filters_that_no_node_passes(
    make: Make, option: str, name: str, said: list[str]
) -> None:
    make()
    wanted = {option: [name]}
    region = read(**wanted)
    names = filters.joined([region.names, filters.NO_NAMES])
    assert Filters(**wanted).missed(region.nodes, names) == said
    # The cache holds the nodes that were wanted, and nothing else.
    usual = [text.partition(" (")[0] for text in said]
    assert Filters(**wanted).missed(region.nodes, filters.NO_NAMES) == usual


def test_a_page_that_comes_at_the_second_time(make: Make) -> None:
    cloud = make()
    answers = iter([None, None, 503])

    def third_fails(request: str) -> int | None:
        return next(answers, None) if "/servers/" in request else None

    cloud.disturb = third_fails
    region = read()
    assert region.failure is None
    assert len({node["id"] for node in region.nodes}) == 7


def test_a_page_that_never_comes(make: Make) -> None:
    """Half a list is none."""
    cloud = make()
    cloud.disturb = lambda request: 503 if "marker" in request else None
    region = read()
    assert region.nodes == []
    assert region.failure
    assert "Nova answered 503 to GET /servers/detail" in region.failure


def test_a_token_that_ends_between_pages(make: Make) -> None:
    cloud = make()

    def expire(request: str) -> None:
        # Once: where servers and clusters are read side by side, a second end would
        # meet the request that is being sent again.
        pages = "/servers/detail" in request and "marker" in request
        if pages and cloud.requests.count(request) == 1:
            cloud.expire()

    cloud.disturb = expire
    region = read()
    assert (region.failure, len(region.nodes)) == (None, 7)
    # Requests beside it may have met the same end.
    assert sum("auth/tokens" in request for request in cloud.requests) >= 2


def test_magnum_down(make: Make) -> None:
    cloud = make()
    cloud.disturb = lambda request: 503 if "/clusters" in request else None
    region = read()
    assert region.failure is None
    assert len(region.nodes) == 5, "masters have no accelerators"
    for node in region.nodes:
        assert node["cluster"] is None
        assert node["reason"].startswith("its cluster is not known: Magnum answered")
        assert groups.Group(groups.LOST) in groups.groups([node])[node["id"]]
    assert any("clusters are not known" in one for one in region.missing)
    asked = read(clusters=["cluster-0"])
    assert "Magnum answered 503" in (asked.failure or "")


@pytest.mark.parametrize(
    ("service", "what"),
    [
        ("/heat/", "locations and Heat stacks are not known"),
        ("/nova/v2.1/flavors", "flavors are not known"),
        ("/glance/v2/images", "images are not known"),
    ],
)
def test_other_services_down(make: Make, service: str, what: str) -> None:
    cloud = make()
    cloud.disturb = lambda request: 503 if service in request else None
    region = read(include_standalone=True)
    assert region.failure is None
    assert any(what in one for one in region.missing), region.missing
    # The embedded flavor tells the accelerators. Without stacks no cluster is told.
    assert sum(bool(node["hardware"]["accelerators"]) for node in region.nodes) == 5


def by_cluster_api(cloud: Cloud) -> None:
    """Make the clusters those of Cluster API, in a region without Heat."""
    for number, cluster in enumerate(cloud.lists["clusters"]):
        ident, helm = [("train-lfhd5anuthod", True), ("kube-ab12c", False)][number]
        cluster.update(
            stack_id=ident, node_addresses=[], master_addresses=[], fixed_network=None
        )
        old = f"cluster-{number}-stack"
        for kind in ("servers", "servers 2.100"):
            for server in cloud.lists[kind]:
                more = "-x1x1x" if helm else "-x1x1x-y2y2y"
                master = "control-plane" if helm else "aaaaa"
                for was, now in (
                    (f"{old}-node-", f"{ident}-default-worker{more}-"),
                    (f"{old}-master-", f"{ident}-{master}-"),
                ):
                    server["name"] = server["name"].replace(was, now)
    [tokens] = (one for one in cloud._recorded if one.startswith("POST"))
    token = cloud._recorded[tokens]["token"]
    token["catalog"] = [
        each for each in token["catalog"] if each["type"] != "orchestration"
    ]


def test_clusters_of_cluster_api_in_a_region_without_heat(make: Make) -> None:
    cloud = make()
    by_cluster_api(cloud)
    region = read(include_standalone=True)
    assert (region.failure, region.missing, region.warnings) == (None, [], [])
    assert sorted((n["cluster"]["name"], n["role"]) for n in region.nodes) == [
        *[("cluster-0", "master"), *[("cluster-0", "worker")] * 3],
        *[("cluster-1", "master"), *[("cluster-1", "worker")] * 2],
    ]
    # Two lists of node groups, and no networks.
    asked = [one for one in cloud.requests if "networks" in one or "nodegroups" in one]
    assert len(asked) == 2
    assert all(one.endswith("/nodegroups") for one in asked)


def test_a_filter_finds_servers_of_cluster_api(make: Make) -> None:
    cloud = make()
    by_cluster_api(cloud)
    nodes = read(clusters=["cluster-1"], node_groups=["default-worker"]).nodes
    assert [node["role"] for node in nodes] == ["worker", "worker"]
    [first] = [one for one in cloud.requests if "/servers/detail?" in one][:1]
    assert "name=%5Ekube-ab12c-default-worker-" in first


def test_locations_that_are_asked_for_need_heat(make: Make) -> None:
    cloud = make()
    by_cluster_api(cloud)
    [missing] = read(locations=["here"]).missing
    assert missing.startswith("locations and Heat stacks are not known: The cloud has")
    assert "Only locations, Heat stacks and clusters of Magnum's Heat" in missing


def test_node_groups_of_cluster_api_that_cannot_be_read(make: Make) -> None:
    """A master of magnum-cluster-api can be told only from all other servers."""
    cloud = make()
    by_cluster_api(cloud)
    cloud.disturb = lambda request: 403 if "/nodegroups" in request else None
    region = read()
    assert len(region.missing) == 2
    roles = sorted((n["cluster"]["name"], n["role"]) for n in region.nodes)
    assert roles.count(("cluster-0", "master")) == 1
    assert roles.count(("cluster-1", "master")) == 0
    assert len(roles) == 6


def test_keystone_down(make: Make) -> None:
    cloud = make()
    cloud.disturb = lambda request: 503 if "auth/tokens" in request else None
    assert "Keystone" in (read().failure or "")


def test_a_cluster_that_is_deleted_meanwhile(make: Make) -> None:
    cloud = make()
    gone = cloud.lists["clusters"][1]
    extra = {**cloud.lists["stacks"][-1], "id": "x", "stack_name": "cluster-1-more-xyz"}
    cloud.lists["stacks"].append(extra)
    region = read()
    asked = [one for one in cloud.requests if one.endswith("/nodegroups")]
    assert asked == [f"GET /magnum/v1/clusters/{gone['uuid']}/nodegroups"]
    assert (region.failure, region.missing, len(region.nodes)) == (None, [], 7)
    # Gone from Magnum's list, and its servers still there.
    cloud.lists["clusters"].remove(gone)
    lost = [node for node in read().nodes if node["reason"]]
    assert {node["reason"] for node in lost} == {
        "it is named as a cluster's, and no cluster has it"
    }
    assert len(lost) == 2


def test_what_nova_leaves_out(make: Make) -> None:
    cloud = make()
    region = read(clusters=["cluster-1"], statuses=["ACTIVE", "ERROR"])
    assert {node["cluster"]["name"] for node in region.nodes} == {"cluster-1"}
    [first] = [one for one in cloud.requests if "/servers/detail?" in one][:1]
    assert "status=ACTIVE&status=ERROR" in first
    assert "name=%5Ecluster-1-stack" in first


def test_nothing_is_asked_of_nova_where_no_cluster_is_wanted(make: Make) -> None:
    cloud = make()
    assert read(clusters=["none"]).nodes == []
    assert not [one for one in cloud.requests if "/servers" in one]


def test_regions_with_the_same_names(make: Make) -> None:
    make("one", region="north")
    make("two", region="south")
    read_both = openstack.read_regions({}, ["one", "two"], ["all"], Filters())
    assert [region.name for region in read_both] == ["one north", "two south"]
    nodes = [node for region in read_both for node in region.nodes]
    assert {node["region"] for node in nodes} == {"north", "south"}
    names = groups.host_names(nodes)
    assert len(nodes) == 14
    assert names == {node["id"]: node["id"] for node in nodes}
    told = {g.name for found in groups.groups(nodes).values() for g in found}
    assert sum(name.startswith("cluster_cluster_0_") for name in told) == 2
    assert sum(name.startswith("location_here_") for name in told) == 2
    assert "hardware_m1_master" in told


def test_one_cloud_of_two_fails(make: Make) -> None:
    make("one")
    make("two").disturb = lambda request: 503 if "/servers" in request else None
    one, two = openstack.read_regions({}, ["one", "two"], None, Filters())
    assert (one.failure, len(one.nodes)) == (None, 7)
    assert "503" in (two.failure or "")
    [none] = openstack.read_regions({"cloud": "no-such"}, None, ["all"], Filters())
    assert "no-such" in (none.failure or "")


# As a source of reports --------------------------------------------------------------


def pools(*spaces: tuple[Any, Any]) -> dict[str, Any]:
    """Cinder's answer, of total and free GiB of each pool."""
    return {
        "pools": [
            {
                "name": f"host@{number}#pool",
                "capabilities": {"total_capacity_gb": total, "free_capacity_gb": free},
            }
            for number, (total, free) in enumerate(spaces)
        ]
    }


@pytest.mark.parametrize(
    ("spaces", "total", "used", "warnings"),
    [
        ([(100, 40.0), (10, 10)], 110, 60, 0),
        ([(100, 40), ("infinite", "unknown")], 100, 60, 1),
        ([(None, 40)], None, None, 1),
        ([], None, None, 0),
    ],
)
def test_storage(
    spaces: Any, total: int | None, used: int | None, warnings: int
) -> None:
    told: list[str] = []
    found = openstack.space(pools(*spaces)["pools"], told.append)
    if total is None or used is None:
        assert found is None
    else:
        assert found == {"total_bytes": total * 2**30, "used_bytes": used * 2**30}
    assert len(told) == warnings


def test_storage_that_cannot_be_read(make: Make) -> None:
    """The recorded cloud has no Cinder."""
    make()
    told = openstack.read({"cloud": "one"}, 20)
    assert told.storage is None
    assert {node["cloud"] for node in told.servers} == {"one"}
    [warning] = told.warnings
    assert warning.startswith("storage pools are not known: ")


def test_a_report_without_an_inventory(make: Make, tmp_path: Path) -> None:
    make()
    sources = [{"type": "openstack", "cloud": "one"}]
    [overview] = _reports.compute(["overview"], {"sources": sources}, {}, str(tmp_path))
    assert overview["totalNodes"] == 5
    assert [one["cluster"] for one in overview["byCluster"]] == [
        "cluster-0",
        "cluster-1",
    ]


def test_nova_down_is_told(make: Make) -> None:
    cloud = make()
    cloud.disturb = lambda request: 503 if "/servers" in request else None
    with pytest.raises(SourceError, match="Nova answered 503"):
        openstack.read({"cloud": "one"}, 10)
