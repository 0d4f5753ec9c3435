# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations, request by request."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    Conflict,
    InvalidInput,
    LocationNotFound,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.places import (
    Place,
    pick,
)
from unit.cloud.fakes import TEMPLATES, Raw, Reply, Site, templates

EAST = "11111111-7a86-4f0e-8f0a-0a4b2f6d9b7c"
WEST = "22222222-7a86-4f0e-8f0a-0a4b2f6d9b7c"
LIST = "GET /v1.0/stacks?tags=gpufleet-location"
ZONES = {"availabilityZoneInfo": [{"zoneName": "nova"}]}


def listed(ident: str, name: str, *tags: str, stack_name: str = "") -> Raw:
    return {
        "id": ident,
        "stack_name": stack_name or f"gpufleet-location-{name}",
        "stack_status": "CREATE_COMPLETE",
        "tags": ["gpufleet-location", f"name={name}", *tags],
    }


def stack(
    ident: str = EAST, name: str = "east", cidr: str = "10.1.0.0/24", **more: t.Any
) -> Raw:
    """A location with a network of its own."""
    made = {key: f"{name}-{key}" for key in ("network", "subnet", "router")}
    parameters = {
        "region": "RegionOne",
        "cidr": cidr,
        "dns_nameservers": "",
        "connect_to": "",
        "metadata": "{}",
    }
    tags = (f"network={made['network']}", f"subnet={made['subnet']}")
    return {
        "stack": {
            **listed(ident, name, *tags),
            "parameters": {**parameters, **more},
            "outputs": [
                {"output_key": key, "output_value": value}
                for key, value in made.items()
            ],
            "updated_time": None,
        }
    }


def path(ident: str, name: str) -> str:
    return f"/v1.0/stacks/gpufleet-location-{name}/{ident}"


def there(site: Site, *stacks: Raw) -> None:
    """These locations exist."""
    site.on(LIST, {"stacks": [item["stack"] for item in stacks]})
    for item in stacks:
        raw = item["stack"]
        site.on(f"GET /v1.0/stacks/{raw['stack_name']}/{raw['id']}", item)


def test_a_new_location(site: Site) -> None:
    site.on(LIST, {"stacks": []})
    site.on("POST /v1.0/stacks", Reply(201, {"stack": {"id": EAST, "links": []}}))
    made = stack()
    bare = {**made["stack"], "tags": ["gpufleet-location", "name=east"]}
    marked = {**made["stack"], "updated_time": "later"}
    site.on(f"GET {path(EAST, 'east')}", {"stack": bare}, {"stack": marked})
    site.on(f"PATCH {path(EAST, 'east')}", Reply(202))
    outcome = site.run(LocationResource, name="east", cidr="10.1.0.0/24")
    assert outcome.action == "create"
    [body] = site.sent("POST /v1.0/stacks")
    assert body["stack_name"] == "gpufleet-location-east"
    assert body["tags"] == "gpufleet-location,name=east"
    assert body["parameters"]["region"] == ""
    assert sorted(body["template"]["resources"]) == [
        "own_interface",
        "own_network",
        "own_router",
        "own_subnet",
    ]
    # Its network is known only now, and becomes a tag to find it by.
    [update] = site.sent(f"PATCH {path(EAST, 'east')}")
    assert update["tags"] == (
        "gpufleet-location,name=east,network=east-network,subnet=east-subnet"
    )
    assert update["parameters"]["cidr"] == "10.1.0.0/24"


def test_a_plan_goes_on_with_the_network_of_a_new_one(site: Site) -> None:
    site.on(LIST, {"stacks": []})
    asked: Raw = {"name": "east", "cidr": "10.1.0.0/24"}
    planned = site.run(LocationResource, **asked, check_mode=True).after
    assert planned is not None
    later = {planned["id"], planned["network_id"], planned["subnet_id"]}
    assert later == {"known after apply"}


def test_the_same_again(site: Site) -> None:
    there(site, stack())
    outcome = site.run(
        LocationResource, name="east", cidr="10.1.0.0/24", region="RegionOne"
    )
    assert outcome.action == "none"
    assert site.history == [LIST, f"GET {path(EAST, 'east')}"]


def test_it_is_found_by_id_too(site: Site) -> None:
    there(site, stack(), stack(WEST, "west"))
    assert site.run(LocationResource, name=WEST).before == (
        site.run(LocationResource, name="west").before
    )


def test_a_name_that_exists_twice_is_ambiguous() -> None:
    with pytest.raises(AmbiguousName, match=f"one of {EAST}, {WEST}"):
        pick([listed(EAST, "east"), listed(WEST, "east")], "east")


def test_a_rename_changes_the_tags(site: Site) -> None:
    before = stack()
    after = {**before["stack"], "updated_time": "later"}
    after["tags"] = [t.replace("=east", "=ost", 1) for t in after["tags"]]
    site.on(LIST, {"stacks": [before["stack"]]})
    site.on(f"GET {path(EAST, 'east')}", before, {"stack": after})
    site.on(f"PATCH {path(EAST, 'east')}", Reply(202))
    outcome = site.run(LocationResource, name="east", new_name="ost")
    assert outcome.action == "update"
    [body] = site.sent(f"PATCH {path(EAST, 'east')}")
    assert "name=ost" in body["tags"].split(",")


def test_a_rename_that_is_done_is_no_change(site: Site) -> None:
    there(site, stack(name="ost"))
    assert site.run(LocationResource, name="east", new_name="ost").action == "none"


def test_a_rename_onto_another_is_a_conflict(site: Site) -> None:
    there(site, stack(), stack(WEST, "west"))
    with pytest.raises(Conflict, match="there is a location 'west' already"):
        site.run(LocationResource, name="east", new_name="west")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "a,b"}, "no comma"),
        ({"name": "a" * 76}, "1 to 75 characters"),
        ({"name": "a", "new_name": ""}, "new_name: ''"),
        ({"network": "n", "external_network": "x"}, "leave out network or external"),
        ({"subnet": "s"}, "together with network only"),
        ({"network": "n", "connect_to": ["b"]}, "leave out network"),
        ({}, "cidr is needed"),
        ({"cidr": "10.0.0.0/24", "availability_zone": "moon"}, "none of nova"),
    ],
)
def test_bad_input(site: Site, options: Raw, message: str) -> None:
    site.on(LIST, {"stacks": []})
    site.on("GET /v2.1/os-availability-zone", ZONES)
    with pytest.raises(InvalidInput, match=message):
        site.run(LocationResource, **{"name": "a", **options})
    assert site.writes == []


def test_joined_with_another(site: Site) -> None:
    east, west = stack(), stack(WEST, "west", "10.2.0.0/24")
    there(site, east, west)
    joined = {**west["stack"], "updated_time": "later"}
    joined["parameters"] = {**joined["parameters"], "connect_to": EAST}
    joined["tags"] = [*joined["tags"], f"peer={EAST}"]
    site.on(f"GET {path(WEST, 'west')}", west, {"stack": joined})
    site.on(f"PATCH {path(WEST, 'west')}", Reply(202))
    outcome = site.run(LocationResource, name="west", connect_to=["east"])
    assert outcome.after is not None
    assert outcome.after["connect_to"] == ["east"]
    [body] = site.sent(f"PATCH {path(WEST, 'west')}")
    assert body["parameters"]["connect_to"] == EAST
    resources = body["template"]["resources"]
    assert resources[f"port_{EAST}"]["properties"]["network"] == "east-network"
    assert resources[f"route_{EAST}"]["properties"]["router"] == "east-router"
    assert f"peer={EAST}" in body["tags"]


def test_what_can_not_be_joined(site: Site) -> None:
    existing = stack(WEST, "lab", cidr="", network="n1")
    existing["stack"]["outputs"] = [{"output_key": "network", "output_value": "n1"}]
    there(site, stack(), existing)
    for peers, error, message in (
        (["nowhere"], LocationNotFound, "no location 'nowhere'"),
        (["east"], InvalidInput, "is the location itself"),
        (["lab"], InvalidInput, "no network of its own"),
    ):
        with pytest.raises(error, match=message):
            site.run(LocationResource, name="east", connect_to=peers)
    there(site, stack(), stack(WEST, "west", "10.1.0.128/25"))
    with pytest.raises(InvalidInput, match="overlap, so that they can't be joined"):
        site.run(LocationResource, name="east", connect_to=["west"])
    there(site, stack(), existing)
    with pytest.raises(Conflict, match="connect_to can't be set"):
        site.run(LocationResource, name="lab", connect_to=["east"])
    assert site.writes == []


def test_it_is_kept_while_others_need_it(site: Site) -> None:
    west = stack(WEST, "west", "10.2.0.0/24", connect_to=EAST)
    west["stack"]["tags"].append(f"peer={EAST}")
    there(site, stack(), west)
    with pytest.raises(Conflict, match="joined with it: west"):
        site.run(LocationResource, "absent", name="east")
    there(site, stack())
    cluster = {"uuid": "c", "name": "training", "fixed_network": "east-network"}
    site.on("GET /v1/clusters/detail", {"clusters": [cluster]})
    with pytest.raises(Conflict, match="while clusters use it: training"):
        site.run(LocationResource, "absent", name="east")
    assert site.writes == []


@pytest.mark.parametrize(
    ("network", "zone", "holds"),
    [("n", None, True), ("n", "b", True), ("n", "c", False), ("m", "b", False)],
)
def test_where_a_cluster_stands(network: str, zone: str | None, holds: bool) -> None:
    place = Place("id", "lab", "n", None, "b")
    labels = {"availability_zone": zone} if zone else {}
    assert place.holds({"fixed_network": network, "labels": labels}) is holds


# A cluster in a location -----------------------------------------------------


def test_a_cluster_is_placed(site: Site) -> None:
    site.on("GET /v1/clusters/gpu", Reply(404))
    tags = ("network=n1", "subnet=s1", "zone=b")
    site.on(LIST, {"stacks": [listed(EAST, "east", *tags)]})
    template = {"uuid": "t1", "name": "a100", "project_id": "p", "public": True}
    site.on(TEMPLATES, templates(template))
    site.on("GET /v1/clustertemplates/t1", template)
    site.on("GET /v2.1/flavors/detail?is_public=None", {"flavors": []})
    for kind, ident in (("network", "n1"), ("subnet", "s1")):
        matches = [{"id": ident, "name": ident}]
        site.on(f"GET /v2.0/{kind}s?name={ident}", {f"{kind}s": matches})
    outcome = site.run(
        GpuClusterResource,
        name="gpu",
        template="a100",
        location="east",
        precheck=False,
        check_mode=True,
    )
    assert outcome.after is not None
    assert outcome.after["fixed_network"] == "n1"
    assert outcome.after["fixed_subnet"] == "s1"
    assert outcome.after["labels"] == {"availability_zone": "b"}


def test_a_cluster_needs_its_location(site: Site) -> None:
    site.on("GET /v1/clusters/gpu", Reply(404))
    site.on(LIST, {"stacks": [listed(EAST, "east")]})
    with pytest.raises(LocationNotFound, match="no location 'west'"):
        site.run(GpuClusterResource, name="gpu", template="a100", location="west")
    with pytest.raises(Conflict, match="'east' has no network yet"):
        site.run(GpuClusterResource, name="gpu", template="a100", location="east")
    with pytest.raises(InvalidInput, match="fixed_network: follows from location"):
        site.run(GpuClusterResource, name="gpu", location="east", fixed_network="other")
