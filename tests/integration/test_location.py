# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations, on real Heat and Neutron.

The bed has no data plane: that two networks are joined is read off Neutron's
configuration, no packet is sent.
"""

from __future__ import annotations

from typing import Any

from integration.cloud_site import Site

EAST = {
    "name": "east",
    "provider": "example",
    "datacenter": "fra1",
    "building": "7",
    "cidr": "10.31.0.0/24",
    "dns_nameservers": ["192.0.2.53"],
    "external_network": "public",
    "metadata": {"cost_centre": 4711, "racks": ["a", "b"]},
}
WEST = {"name": "west", "cidr": "10.32.0.0/24"}


def test_life(site: Site) -> None:
    member = site.member
    plan = member.check("location", **EAST)
    assert plan["action"] == "create", plan
    assert plan["location"]["id"] == "known after apply"
    assert plan["diff"]["after"]["cidr"] == "10.31.0.0/24"

    made = member("location", **EAST)
    assert made["action"] == "create", made
    east = made["location"]
    assert east["status"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert east["stack_name"] == "gpufleet-location-east"
    assert east["region"] == "RegionOne"
    assert east["metadata"] == EAST["metadata"]
    assert f"network={east['network_id']}" in east["tags"]
    assert east["tags"][0] == "gpufleet-location"
    router = site.network("routers", east["router_id"])
    assert router["external_gateway_info"]["network_id"] == east["external_network"]
    assert site.network("subnets", east["subnet_id"])["cidr"] == "10.31.0.0/24"

    again = member("location", **EAST)
    assert not again["changed"], again
    assert len(member.recorder.counted) <= 4, member.recorder.counted
    assert member.recorder.writes == []

    # What Heat would touch is told in check mode.
    change = {"name": "east", "dns_nameservers": ["192.0.2.54"], "building": "8"}
    plan = member.check("location", **change)
    touched = plan["location"]["resource_changes"]
    # Heat's preview takes what hangs on another resource for replaced.
    assert "own_subnet" in touched["updated"] + touched["replaced"]
    assert touched["added"] == touched["deleted"] == []
    assert plan["diff"]["before"]["building"] == "7"
    assert plan["diff"]["after"]["building"] == "8"
    changed = member("location", **change)
    assert changed["action"] == "update", changed
    subnet = site.network("subnets", east["subnet_id"])
    assert subnet["dns_nameservers"] == ["192.0.2.54"]
    assert changed["location"]["datacenter"] == "fra1"
    assert changed["location"]["network_id"] == east["network_id"]

    refused = member("location", name="east", cidr="10.99.0.0/24")
    assert refused["error"]["type"] == "Conflict"
    assert (
        "cidr is '10.31.0.0/24' and can't be changed to '10.99.0.0/24'"
        in (refused["msg"])
    )

    # A rename is a change of tags on the same stack.
    renamed = member("location", name="east", new_name="frankfurt")
    assert renamed["action"] == "update", renamed
    assert renamed["location"]["name"] == "frankfurt"
    assert renamed["location"]["id"] == east["id"]
    assert not member("location", name="east", new_name="frankfurt")["changed"]
    [found] = member("location_info", name="frankfurt")["locations"]
    assert found["id"] == east["id"]
    assert member("location_info", name="east")["locations"] == []
    missing = member("location_info", name="east", required=True)
    assert missing["error"]["type"] == "LocationNotFound"
    # The stack's name is still taken: the next location of that name gets a number.
    second = member("location", **WEST | {"name": "east"})
    assert second["location"]["stack_name"] == "gpufleet-location-east-2", second
    both = member("location", name="east", new_name="frankfurt")
    assert both["error"]["type"] == "Conflict"
    assert "there is a location 'frankfurt' already" in both["msg"]

    listed = member("location_info")["locations"]
    assert sorted(location["name"] for location in listed) == ["east", "frankfurt"]

    gone = member.run(
        [
            ("location", {"name": "frankfurt", "state": "absent"}),
            ("location", {"name": east["id"], "state": "absent"}),
        ]
    )
    assert [result["action"] for result in gone] == ["delete", "none"]
    assert site.network("networks", east["network_id"]) is None


def test_two_locations_are_joined_and_parted(site: Site) -> None:
    member = site.member
    unknown = member("location", **WEST, connect_to=["east"])
    assert unknown["error"]["type"] == "LocationNotFound"
    assert "connect_to: there is no location 'east'" in unknown["msg"]

    bare = {key: EAST[key] for key in ("name", "cidr")}
    east = member("location", **bare)["location"]
    overlapping = member(
        "location", name="west", cidr="10.31.0.128/25", connect_to=["east"]
    )
    assert overlapping["error"]["type"] == "InvalidInput"
    assert "overlap" in overlapping["msg"]

    # Apart: neither router knows the other network.
    west = member("location", **WEST)["location"]
    assert _networks_of(site, west["router_id"]) == {west["network_id"]}

    joined = member("location", **WEST, connect_to=["east"])
    assert joined["action"] == "update", joined
    assert joined["location"]["connect_to"] == ["east"]
    both = {east["network_id"], west["network_id"]}
    assert _networks_of(site, west["router_id"]) == both
    [route] = site.network("routers", east["router_id"])["routes"]
    assert route["destination"] == "10.32.0.0/24"
    assert route["nexthop"].startswith("10.31.0.")
    assert not member("location", **WEST, connect_to=[east["id"]])["changed"]

    refused = member("location", name="east", state="absent")
    assert refused["error"]["type"] == "Conflict"
    assert refused["error"]["details"] == {"locations": ["west"]}

    parted = member("location", **WEST, connect_to=[])
    assert parted["action"] == "update", parted
    assert _networks_of(site, west["router_id"]) == {west["network_id"]}
    assert site.network("routers", east["router_id"])["routes"] == []


def _networks_of(site: Site, router: str) -> set[str]:
    """The networks that a router has a port in."""
    ports = site.network_list("ports", device_id=router)
    return {port["network_id"] for port in ports}


def test_a_network_that_exists_and_a_cluster_on_it(site: Site) -> None:
    """Placed by name; the location is kept while the cluster is there."""
    member = site.member
    wrong: list[dict[str, Any]] = [
        {"network": "nowhere"},
        {"network": "lab", "cidr": "10.0.0.0/8"},
        {"region": "elsewhere", "cidr": "10.0.0.0/24"},
        {"availability_zone": "moon", "cidr": "10.0.0.0/24"},
        {"cidr": "10.0.0.7/24"},
        {},
    ]
    failed = member.run([("location", {"name": "lab", **args}) for args in wrong])
    for result, text in zip(
        failed,
        (
            "network: there is no network named 'nowhere'",
            "leave out network or cidr",
            "region: 'elsewhere' is not the session's, 'RegionOne'",
            "availability_zone: 'moon' is none of",
            "cidr: 10.0.0.7/24 has host bits set",
            "cidr is needed",
        ),
        strict=True,
    ):
        assert result["error"]["type"] == "InvalidInput", result
        assert text in result["msg"]
        assert not result["changed"]

    member("location", **EAST)
    template = site.template("cpu.worker")
    cluster = {"name": "placed", "template": template, "node_count": 1}
    lost = member("gpu_cluster", **cluster, location="nowhere")
    assert lost["error"]["type"] == "LocationNotFound"
    plan = member.check("gpu_cluster", **cluster, location="nowhere")
    assert plan["action"] == "create"
    assert any("no location 'nowhere'" in line for line in plan["warnings"])

    made = member("gpu_cluster", **cluster, location="east")
    assert made["action"] == "create", made
    [east] = member("location_info", name="east")["locations"]
    assert made["gpu_cluster"]["location"] == "east"
    assert made["gpu_cluster"]["fixed_network"] == east["network_id"]
    again = member("gpu_cluster", **cluster, location="east")
    assert not again["changed"], again
    assert len(member.recorder.counted) <= 5, member.recorder.counted
    [shown] = member("gpu_cluster_info", name="placed")["gpu_clusters"]
    assert shown["location"] == "east"
    servers = site.network_list("ports", network_id=east["network_id"])
    addresses = {port["fixed_ips"][0]["ip_address"] for port in servers}
    assert set(shown["node_addresses"]) <= addresses

    refused = member("location", name="east", state="absent")
    assert refused["error"]["type"] == "Conflict"
    assert "while clusters use it: placed" in refused["msg"]

    # Another location on the same network, which another one made.
    lab = {
        "name": "lab",
        "network": east["network_id"],
        "subnet": east["subnet_id"],
        "availability_zone": "nova",
    }
    stands = member("location", **lab)
    assert stands["action"] == "create", stands
    assert stands["location"]["network_id"] == east["network_id"]
    assert stands["location"]["router_id"] is None
    assert not member("location", **lab)["changed"]
    assert member("location", name="lab", state="absent")["error"]["type"] == "Conflict"

    member("gpu_cluster", name="placed", state="absent")
    gone = member.run(
        [("location", {"name": name, "state": "absent"}) for name in ("lab", "east")]
    )
    assert [result["action"] for result in gone] == ["delete", "delete"]
