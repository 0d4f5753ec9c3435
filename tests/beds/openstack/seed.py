# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator of a site would have made: image, flavors, network, quotas."""

from __future__ import annotations

from openstack.connection import Connection

IMAGE = "fedora-coreos-40"
# Its addresses are loopback addresses: Kubernetes' API servers can listen on them.
EXTERNAL_NETWORK = "public"
EXTERNAL_RANGE = "127.30.0.0/16"
# For the region `capi`, whose driver goes by these two properties.
KUBERNETES_IMAGES = {f"ubuntu-24.04-{v}": v for v in ("v1.35.4", "v1.36.3")}
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
    _make_image(admin, IMAGE, os_distro="fedora-coreos")  # Magnum's driver, by that
    for name, version in KUBERNETES_IMAGES.items():
        _make_image(admin, name, os_distro="ubuntu", kube_version=version)
    for name, (vcpus, ram, disk) in FLAVORS.items():
        admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
    _make_external_network(admin)
    raise_quota(admin, demo.current_project_id)
    demo.compute.create_keypair(name="bed")


def _make_image(admin: Connection, name: str, **properties: str) -> None:
    admin.image.create_image(
        name,
        data=b"\0" * 65536,  # nothing boots from it
        disk_format="raw",
        container_format="bare",
        visibility="public",
        validate_checksum=False,
        **properties,
    )


def _make_external_network(admin: Connection) -> None:
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
        cidr=EXTERNAL_RANGE,
        enable_dhcp=False,
    )


def raise_quota(admin: Connection, project_id: str) -> None:
    """Give a project room in Nova; Neutron's and Magnum's defaults are large enough.

    Args:
        admin: A connection as admin.
        project_id: Whose quota.
    """
    admin.compute.put(f"/os-quota-sets/{project_id}", json={"quota_set": NOVA_QUOTA})
