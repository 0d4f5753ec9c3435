# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator of a site would have made: image, flavors, network, quotas."""

from __future__ import annotations

from openstack.connection import Connection

IMAGE = "fedora-coreos-40"
EXTERNAL_NETWORK = "public"
# name: vCPU, MiB of memory, GiB of disk
FLAVORS = {"m1.master": (4, 8192, 40), "cpu.worker": (8, 16384, 80)}

NOVA_QUOTA = {
    "instances": 1000,
    "cores": 100_000,
    "ram": 100_000_000,
    "server_groups": 500,
    "server_group_members": 500,
    "key_pairs": 500,
}


def seed(admin: Connection, demo: Connection) -> None:
    """Make what the demo and the tests find in every bed.

    Args:
        admin: A connection as admin.
        demo: A connection as the demo project's user.
    """
    admin.image.create_image(
        IMAGE,
        data=b"\0" * 65536,  # nothing boots from it
        disk_format="raw",
        container_format="bare",
        visibility="public",
        os_distro="fedora-coreos",  # by this Magnum finds its driver
        validate_checksum=False,
    )
    for name, (vcpus, ram, disk) in FLAVORS.items():
        admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
    network = admin.network.create_network(
        name=EXTERNAL_NETWORK,
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="public",
    )
    admin.network.create_subnet(
        name=EXTERNAL_NETWORK,
        network_id=network.id,
        ip_version=4,
        cidr="203.0.113.0/24",
        gateway_ip="203.0.113.1",
        enable_dhcp=False,
    )
    raise_quota(admin, demo.current_project_id)
    demo.compute.create_keypair(name="bed")


def raise_quota(admin: Connection, project_id: str) -> None:
    """Give a project room in Nova; Neutron's and Magnum's defaults are large enough.

    Args:
        admin: A connection as admin.
        project_id: Whose quota.
    """
    admin.compute.put(f"/os-quota-sets/{project_id}", json={"quota_set": NOVA_QUOTA})
