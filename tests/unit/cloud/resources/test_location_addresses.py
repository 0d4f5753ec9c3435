# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of locations that Neutron can't take, or that can't be joined."""

from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from unit.cloud.fakes import Raw, Site
from unit.cloud.resources.test_location import EAST, LIST, WEST, stack, there

NORTH = "33333333-7a86-4f0e-8f0a-0a4b2f6d9b7c"


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cidr": "ten"}, "cidr: 'ten' does not appear to be"),
        ({"cidr": "10.0.0.1/24"}, "cidr: 10.0.0.1/24 has host bits set"),
        ({"cidr": "10.0.0.0/33"}, "cidr: '10.0.0.0/33' does not appear to be"),
        ({"cidr": "fd00::/64"}, "cidr: fd00::/64 is one of IPv6"),
        ({"cidr": "10.0.0.0"}, "must be written as '10.0.0.0/32'"),
        ({"cidr": "10.0.0.0/255.255.255.0"}, "must be written as '10.0.0.0/24'"),
        ({"cidr": "10.0.0.0/32"}, "10.0.0.0/32 is too small for a cluster"),
        ({"cidr": "10.0.0.0/30"}, "must be /29 or shorter"),
        ({"cidr": "0.0.0.0/0"}, "0.0.0.0/0 begins at 0.0.0.0"),
        ({"cidr": "0.0.0.0/24"}, "0.0.0.0/24 begins at 0.0.0.0"),
        ({"cidr": "224.0.0.0/24"}, "224.0.0.0/24 is for multicast"),
        ({"cidr": "127.1.0.0/24"}, "127.1.0.0/24 is for loopback"),
        ({"dns_nameservers": ["ns.example"]}, "dns_nameservers: 'ns.example'"),
        ({"dns_nameservers": ["fd00::53"]}, "fd00::53 is an address of IPv6"),
        (
            {"dns_nameservers": ["192.0.2.53", "192.0.2.53"]},
            "192.0.2.53 must be listed once",
        ),
    ],
)
def test_what_neutron_cannot_take(
    site: Site, options: Raw, message: str, check_mode: bool
) -> None:
    site.on(LIST, {"stacks": []})
    given = {"name": "a", "cidr": "10.0.0.0/24", **options}
    with pytest.raises(InvalidInput, match=message):
        site.run(LocationResource, check_mode=check_mode, **given)
    assert site.writes == []


@pytest.mark.parametrize("cidr", ["10.0.0.0/29", "10.0.0.0/8", "100.64.0.0/10"])
def test_what_neutron_takes(site: Site, cidr: str) -> None:
    site.on(LIST, {"stacks": []})
    outcome = site.run(LocationResource, check_mode=True, name="a", cidr=cidr)
    assert outcome.action == "create"


def test_a_small_one_that_exists_is_left_alone(site: Site) -> None:
    there(site, stack(cidr="10.1.0.0/30"))
    assert site.run(LocationResource, name="east", cidr="10.1.0.0/30").action == "none"


EXTERNAL = {"id": "x1", "name": "public"}
SUBNETS = "GET /v2.0/subnets?network_id=x1"


@pytest.mark.parametrize(
    ("external", "cidr", "overlaps"),
    [
        ("10.1.0.0/16", "10.1.2.0/24", True),
        ("10.1.2.128/25", "10.1.2.0/24", True),
        ("10.2.0.0/16", "10.1.2.0/24", False),
        ("fd00::/64", "10.1.2.0/24", False),
    ],
)
def test_the_external_network(
    site: Site, external: str, cidr: str, overlaps: bool
) -> None:
    site.on(LIST, {"stacks": []})
    site.on("GET /v2.0/networks?name=public", {"networks": [EXTERNAL]})
    subnet = {"id": "s1", "name": "public-v4", "cidr": external}
    site.on(SUBNETS, {"subnets": [subnet]})
    options = {"name": "a", "cidr": cidr, "external_network": "public"}
    if not overlaps:
        outcome = site.run(LocationResource, check_mode=True, **options)
        assert outcome.action == "create"
        return
    with pytest.raises(InvalidInput) as caught:
        site.run(LocationResource, check_mode=True, **options)
    assert caught.value.message == (
        f"external_network: location 'a' ({cidr}) and subnet 'public-v4' ({external}) "
        "overlap, so that no router can join them. Set another cidr"
    )


@pytest.mark.parametrize("says_so", ["west", "north"])
def test_a_network_behind_the_one_to_be_joined_with(site: Site, says_so: str) -> None:
    """Its router would have two routes for the same addresses."""
    west = stack(WEST, "west", "10.2.0.0/24")
    north = stack(NORTH, "north", "10.1.0.128/25")
    one, other = (west, NORTH) if says_so == "west" else (north, WEST)
    one["stack"]["tags"].append(f"peer={other}")
    there(site, stack(EAST, "east", "10.1.0.0/24"), west, north)
    with pytest.raises(InvalidInput) as caught:
        site.run(LocationResource, check_mode=True, name="east", connect_to=["west"])
    assert caught.value.message == (
        "connect_to: location 'east' (10.1.0.0/24) and location 'north' "
        "(10.1.0.128/25) overlap, and 'west' is joined with the latter, so that they "
        "can't be joined. Leave one of them out"
    )
