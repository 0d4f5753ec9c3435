# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster of region `capi` has in OpenStack: made, found and removed by name.

Upstream's provider makes more: security groups, a load balancer of Octavia, volumes.
Of the load balancer only its port and floating IP are made here, as the bed has no
Octavia; the address answers all the same, since the API server itself listens on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openstack
import yaml
from openstack.connection import Connection

INTERFACE = "network:router_interface"


@dataclass(frozen=True)
class Infrastructure:
    """A cluster's part of OpenStack.

    Attributes:
        cloud: A connection with the cluster's application credential.
        name: What upstream calls networks and routers of this cluster.
    """

    cloud: Connection
    name: str

    def make_network(self, spec: Mapping[str, Any]) -> tuple[str, str]:
        """Make network, router and the API server's address, or what is missing.

        Args:
            spec: Of the OpenStackCluster.

        Returns:
            The network's id and the floating IP.
        """
        neutron = self.cloud.network
        external = spec["externalNetwork"]["id"]
        if spec.get("network"):
            network = neutron.get_network(spec["network"]["id"])
        else:
            network = self._own_network(spec["managedSubnets"][0], external)
        name = f"{self.name}-kubeapi"
        port = next(neutron.ports(name=name), None)
        port = port or neutron.create_port(name=name, network_id=network.id)
        address = next(neutron.ips(description=name), None) or neutron.create_ip(
            floating_network_id=external, port_id=port.id, description=name
        )
        return network.id, address.floating_ip_address

    def _own_network(self, subnet: Mapping[str, Any], external: str) -> Any:
        neutron = self.cloud.network
        network = next(neutron.networks(name=self.name), None)
        network = network or neutron.create_network(name=self.name)
        made = next(neutron.subnets(network_id=network.id), None)
        made = made or neutron.create_subnet(
            name=self.name,
            network_id=network.id,
            ip_version=4,
            cidr=subnet["cidr"],
            dns_nameservers=subnet.get("dnsNameservers", []),
        )
        router = next(neutron.routers(name=self.name), None)
        router = router or neutron.create_router(
            name=self.name, external_gateway_info={"network_id": external}
        )
        if not next(neutron.ports(device_id=router.id, network_id=network.id), None):
            neutron.add_interface_to_router(router, subnet_id=made.id)
        return network

    def remove_network(self) -> None:
        """Remove what `make_network` made."""
        neutron = self.cloud.network
        name = f"{self.name}-kubeapi"
        for address in neutron.ips(description=name):
            neutron.delete_ip(address)
        for port in neutron.ports(name=name):
            neutron.delete_port(port)
        for router in neutron.routers(name=self.name):
            for port in neutron.ports(device_id=router.id, device_owner=INTERFACE):
                neutron.remove_interface_from_router(router, port_id=port.id)
            neutron.delete_router(router)
        for network in neutron.networks(name=self.name):
            neutron.delete_network(network)

    def server(self, name: str) -> Any:
        """Return a server, or None.

        Args:
            name: Its name.
        """
        return next(self.cloud.compute.servers(name=f"^{name}$"), None)

    def create_server(
        self, name: str, spec: Mapping[str, Any], network: str, user_data: str
    ) -> None:
        """Create a server.

        Args:
            name: Its name.
            spec: Of the OpenStackMachine.
            network: Its network's id.
            user_data: In base64.
        """
        nova = self.cloud.compute
        flavor = nova.find_flavor(spec["flavor"], ignore_missing=False)
        key = spec.get("sshKeyName")
        nova.create_server(
            name=name,
            flavor_id=flavor.id,
            image_id=spec["image"]["id"],
            networks=[{"uuid": network}],
            user_data=user_data,
            **({"key_name": key} if key else {}),
        )

    def delete_servers(self, name: str) -> bool:
        """Delete a machine's servers.

        Args:
            name: Their name.

        Returns:
            Whether none is left.
        """
        left = list(self.cloud.compute.servers(name=f"^{name}$"))
        for server in left:
            if server.task_state != "deleting":
                self.cloud.compute.delete_server(server)
        return not left


def connect(clouds: str) -> Connection:
    """Log in.

    Args:
        clouds: The text of a clouds.yaml with one cloud.
    """
    [cloud] = yaml.safe_load(clouds)["clouds"].values()
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth_type=cloud["auth_type"],
        auth=cloud["auth"],
        region_name=cloud["region_name"],
        interface=cloud["interface"],
    )
