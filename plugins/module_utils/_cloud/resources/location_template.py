# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Heat template of a location."""

from __future__ import annotations

import typing as t

Template = t.Dict[str, t.Any]


class Peer(t.NamedTuple):
    """Another location with a network of its own, to be joined with this one."""

    id: str
    name: str
    cidr: str
    network: str
    subnet: str
    router: str


def build(
    texts: t.Iterable[str], own: bool, routed: bool, peers: t.Sequence[Peer]
) -> Template:
    """Return the template of a location.

    Args:
        texts: Names of the properties that are plain text. All properties are
            parameters of the stack, which so keeps them, even where no resource needs
            them.
        own: Whether it has a network of its own, else one that exists.
        routed: Whether its router leads to an external network.
        peers: Locations that its network is joined with.
    """
    parameters: Template = {name: {"type": "string", "default": ""} for name in texts}
    parameters["dns_nameservers"] = {"type": "comma_delimited_list", "default": ""}
    parameters["connect_to"] = {"type": "comma_delimited_list", "default": ""}
    parameters["metadata"] = {"type": "json", "default": {}}
    resources = _network(routed) if own else {}
    for peer in peers:
        resources.update(_joined(peer))
    return {
        "heat_template_version": "2018-08-31",
        "description": "A location of GPU clusters, made by gpufleet.openstack",
        "parameters": parameters,
        "resources": resources,
        "outputs": {
            name: {"value": {"get_resource": f"own_{name}"} if own else existing}
            for name, existing in (
                ("network", {"get_param": "network"}),
                ("subnet", {"get_param": "subnet"}),
                ("router", ""),
            )
        },
    }


def _network(routed: bool) -> Template:
    gateway = {"external_gateway_info": {"network": {"get_param": "external_network"}}}
    return {
        "own_network": {"type": "OS::Neutron::Net"},
        "own_subnet": {
            "type": "OS::Neutron::Subnet",
            "properties": {
                "network": {"get_resource": "own_network"},
                "cidr": {"get_param": "cidr"},
                "dns_nameservers": {"get_param": "dns_nameservers"},
            },
        },
        "own_router": {
            "type": "OS::Neutron::Router",
            "properties": gateway if routed else {},
        },
        "own_interface": {
            "type": "OS::Neutron::RouterInterface",
            "properties": {
                "router": {"get_resource": "own_router"},
                "subnet": {"get_resource": "own_subnet"},
            },
        },
    }


def _joined(peer: Peer) -> Template:
    """Give our router a port in the peer's network, and the peer's a route back."""
    port = f"port_{peer.id}"
    interface = f"interface_{peer.id}"
    address = {"get_attr": [port, "fixed_ips", 0, "ip_address"]}
    return {
        port: {
            "type": "OS::Neutron::Port",
            "properties": {
                "network": peer.network,
                "fixed_ips": [{"subnet": peer.subnet}],
            },
        },
        interface: {
            "type": "OS::Neutron::RouterInterface",
            "properties": {
                "router": {"get_resource": "own_router"},
                "port": {"get_resource": port},
            },
        },
        f"route_{peer.id}": {
            "type": "OS::Neutron::ExtraRouteSet",
            "depends_on": [interface],
            "properties": {
                "router": peer.router,
                "routes": [
                    {"destination": {"get_param": "cidr"}, "nexthop": address},
                ],
            },
        },
    }
