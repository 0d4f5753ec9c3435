# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses the network of a location can have: Neutron's rules, and ours.

Neutron applies its rules when Heat makes the subnet, and so leaves a failed stack. They
are in neutron_lib/api/validators (`validate_subnet`, `validate_nameservers`),
neutron/db/ipam_backend_mixin.py (`_validate_subnet_cidr`),
neutron/db/db_base_plugin_v2.py (`_validate_subnet`) and neutron/db/l3_db.py
(`_check_for_dup_router_subnets`).
"""

from __future__ import annotations

import ipaddress
import itertools
import typing as t

from ..engine.errors import InvalidInput
from ..engine.status import Raw

SMALLEST = 29
"""Longest prefix of a new location: the router, DHCP, a master and a node each need an
address. Neutron itself takes 30."""

Named = t.Tuple[str, str]
"""How messages call a network, and its CIDR."""


def check_cidr(cidr: str) -> None:
    """Check that Neutron can make a subnet of a CIDR.

    Raises:
        InvalidInput: It can't, or the CIDR is one of IPv6.
    """
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError as error:
        raise InvalidInput(f"cidr: {error}. Set one such as 10.0.0.0/24") from error
    if network.version != 4:
        raise InvalidInput(
            f"cidr: {cidr} is one of IPv6, and locations have networks of IPv4. Set "
            "one such as 10.0.0.0/24; for IPv6, create a network yourself and set "
            "network and subnet"
        )
    if str(network) != cidr:
        raise InvalidInput(f"cidr: {cidr!r} must be written as {str(network)!r}")
    # What Neutron refuses where DHCP is enabled; the first one includes 0.0.0.0/0.
    unusable = (
        "begins at 0.0.0.0"
        if int(network.network_address) == 0
        else "is for multicast"
        if network.is_multicast
        else "is for loopback"
        if network.is_loopback
        else ""
    )
    if unusable:
        raise InvalidInput(
            f"cidr: {cidr} {unusable}. Set a range of private addresses, such as "
            "10.0.0.0/24"
        )


def check_size(cidr: str) -> None:
    """Check that a new location has room for a cluster.

    Raises:
        InvalidInput: It has too few addresses.
    """
    if ipaddress.ip_network(cidr).prefixlen > SMALLEST:
        raise InvalidInput(
            f"cidr: {cidr} is too small for a cluster. The prefix must be /{SMALLEST} "
            "or shorter"
        )


def check_name_servers(addresses: t.Sequence[str]) -> None:
    """Check that Neutron takes these name servers for a subnet of IPv4.

    Raises:
        InvalidInput: It does not.
    """
    for address in addresses:
        try:
            version = ipaddress.ip_address(address).version
        except ValueError as error:
            raise InvalidInput(f"dns_nameservers: {error}") from error
        if version != 4:
            raise InvalidInput(
                f"dns_nameservers: {address} is an address of IPv6, and the network of "
                "a location is one of IPv4. Set addresses of IPv4"
            )
        if addresses.count(address) > 1:
            raise InvalidInput(f"dns_nameservers: {address} must be listed once")


def check_external(own: Named, subnets: t.Iterable[Raw]) -> None:
    """Check that a router can join a location with an external network.

    Args:
        own: The location's own network.
        subnets: The subnets of the external one.

    Raises:
        InvalidInput: They share addresses.
    """
    for subnet in subnets:
        external = (f"subnet {subnet['name'] or subnet['id']!r}", subnet["cidr"])
        why = "so that no router can join them"
        networks = [own, external]
        _refuse_overlap("external_network", networks, why, "Set another cidr")


def check_joined(networks: t.Sequence[Named], behind: str = "") -> None:
    """Check that networks can be joined.

    Args:
        networks: The networks.
        behind: Name of the location through which they are joined, empty for none. Its
            router would have two routes for the same addresses.

    Raises:
        InvalidInput: Two of them share addresses.
    """
    way = f"and {behind!r} is joined with the latter, " if behind else ""
    why = f"{way}so that they can't be joined"
    _refuse_overlap("connect_to", networks, why, "Leave one of them out")


def _refuse_overlap(
    option: str, networks: t.Sequence[Named], why: str, remedy: str
) -> None:
    """Raise where two of these networks share addresses."""
    for (name, cidr), (other, another) in itertools.combinations(networks, 2):
        if _overlap(cidr, another):
            raise InvalidInput(
                f"{option}: {name} ({cidr}) and {other} ({another}) overlap, {why}. "
                f"{remedy}"
            )


def _overlap(one: str, other: str) -> bool:
    """Return whether two CIDRs of one version share addresses."""
    try:
        return ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))
    except ValueError:
        return False  # a location that another version of this collection made
