#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: location
short_description: Manage locations, named places for GPU clusters
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, changes in place, renames and deletes a location, a place with a name in
    which M(gpufleet.openstack.gpu_cluster) builds clusters. It says where nodes stand,
    and it is a network of its own or one that exists.
  - A location is a Heat stack with the tag C(gpufleet-location); all that is known of
    it is kept there, so that every machine with credentials sees the same locations.
  - Clusters in different locations share no network unless O(connect_to) joins them.
options:
  name:
    description:
      - Name of the location, 75 characters at most and without a comma, or the id of
        one that exists.
      - Names are compared exactly, also where the service itself does not do so.
    type: str
    required: true
  new_name:
    description:
      - The name that it shall have. Where there is a location of that name, and none
        called O(name), nothing is to do; where there are both, it is an error
        (V(Conflict)).
    type: str
  provider:
    description:
      - Who runs the place.
    type: str
  region:
    description:
      - Region of the cloud. It must be that of the session; where it is not given, it
        is taken from there.
    type: str
  availability_zone:
    description:
      - Nova's zone in which nodes of new clusters are placed.
    type: str
  datacenter:
    description:
      - Name of the data centre.
    type: str
  zone:
    description:
      - Part of the data centre.
    type: str
  building:
    description:
      - Building.
    type: str
  address:
    description:
      - Postal address.
    type: str
  cidr:
    description:
      - IPv4 addresses of a network of its own, with a subnet and a router, such as
        V(10.10.0.0/24). Can't be changed later.
      - Requires a prefix of V(/29) or shorter. Must not overlap with the external
        network, as far as the credentials may see its subnets, with the locations in
        O(connect_to), and with what these are joined with.
      - To create a location, this or O(network) is needed.
    type: str
  dns_nameservers:
    description:
      - IPv4 addresses of name servers for its own subnet.
    type: list
    elements: str
  external_network:
    description:
      - Name or id of the external network that its own router leads to; to none where
        it is not given.
    type: str
  network:
    description:
      - Name or id of a network that exists, to stand on it. Can't be changed later.
    type: str
  subnet:
    description:
      - Name or id of the subnet of O(network) that nodes are placed in. Can't be
        changed later.
      - Defaults to the only subnet of O(network). Required where there are several.
    type: str
  connect_to:
    description:
      - Names or ids of locations to be joined with this one, each with a network of its
        own, whose addresses must not overlap. An empty list parts them again.
      - This location's router gets a port in the other network, and the other one's
        router a route back. One side is enough.
    type: list
    elements: str
  metadata:
    description:
      - Data of your own.
    type: dict
  recreate_failed:
    description:
      - Whether a location whose creation failed is deleted and created again.
    type: bool
    default: false
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
notes:
  - It is not deleted while clusters stand in it, or other locations are joined with it;
    the error names them.
  - With O(wait=false) clusters can be placed after the next run only, which marks the
    location with its network.
seealso:
  - module: gpufleet.openstack.location_info
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: A place with a network of its own
  gpufleet.openstack.location:
    cloud: mycloud
    name: frankfurt
    provider: example-cloud
    datacenter: fra1
    building: "7"
    cidr: 10.10.0.0/24
    dns_nameservers: [192.0.2.53]
    external_network: public

- name: Another one, joined with it
  gpufleet.openstack.location:
    cloud: mycloud
    name: amsterdam
    cidr: 10.20.0.0/24
    external_network: public
    connect_to: [frankfurt]

- name: A place on a network that the site has
  gpufleet.openstack.location:
    cloud: mycloud
    name: lab
    network: lab-net
    subnet: lab-subnet
    availability_zone: nova

- name: Another name for it
  gpufleet.openstack.location:
    cloud: mycloud
    name: lab
    new_name: laboratory

- name: A cluster there
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    location: frankfurt
    template: gpu-a100

- name: No longer needed
  gpufleet.openstack.location:
    cloud: mycloud
    name: laboratory
    state: absent
"""

RETURN = r"""
location:
  description:
    - The location. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the location (and of its stack). It stays when it is renamed.
      type: str
      sample: "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c"
    name:
      description: Name of the location.
      type: str
      sample: frankfurt
    stack_name:
      description: Name of its Heat stack, which keeps the first name.
      type: str
      sample: gpufleet-location-frankfurt
    status:
      description: Status of the stack, as Heat says it.
      type: str
      sample: CREATE_COMPLETE
    status_reason:
      description: Reason of the status.
      type: str
      sample: Stack CREATE completed successfully
    provider:
      description: Who runs the place.
      type: str
      sample: example-cloud
    region:
      description: Region of the cloud.
      type: str
      sample: RegionOne
    availability_zone:
      description: Zone of Nova in which nodes are placed.
      type: str
      sample: nova
    datacenter:
      description: Name of the data centre.
      type: str
      sample: fra1
    zone:
      description: Part of the data centre.
      type: str
      sample: b
    building:
      description: Building.
      type: str
      sample: "7"
    address:
      description: Postal address.
      type: str
      sample: Hanauer Landstrasse 1, Frankfurt
    cidr:
      description: >-
        Addresses of its own network, null where it stands on one that exists.
      type: str
      sample: 10.10.0.0/24
    dns_nameservers:
      description: Name servers of its own subnet.
      type: list
      elements: str
      sample: [192.0.2.53]
    external_network:
      description: Id of the external network that its own router leads to.
      type: str
      sample: "0f4f2a3c-86a0-4c0e-9a6d-5d2b2c8f1e11"
    network:
      description: Id of the network that existed before, null where it has its own.
      type: str
    subnet:
      description: Id of the subnet that existed before.
      type: str
    connect_to:
      description: Names of the locations that its network is joined with from its side.
      type: list
      elements: str
      sample: [amsterdam]
    metadata:
      description: Data of your own.
      type: dict
      sample: {cost_centre: "4711"}
    network_id:
      description: Id of the network of its clusters, null while it is being made.
      type: str
      sample: "6c2f9d0e-0a3e-4c5f-8f59-0f9f7b1f7c55"
    subnet_id:
      description: Id of the subnet of its clusters, null where none is named.
      type: str
      sample: "d8f0c1f4-3a55-4d5b-a3e8-6a7b9f8e2d10"
    router_id:
      description: Id of its own router.
      type: str
      sample: "a1b2c3d4-1111-4222-8333-444455556666"
    tags:
      description: Tags of the stack, by which locations are found.
      type: list
      elements: str
      sample: [gpufleet-location, name=frankfurt]
    resource_changes:
      description: >-
        In check mode, for an update, names of the stack's resources that Heat would
        touch, by C(added), C(updated), C(replaced) and C(deleted). Otherwise null. Heat
        tells C(replaced) of some that it then updates in place.
      type: dict
      sample: {added: [], deleted: [], replaced: [], updated: [own_subnet]}
    created_at:
      description: Time of creation.
      type: str
      sample: "2026-11-23T10:00:00Z"
    updated_at:
      description: Time of the last change, null where there was none.
      type: str
      sample: "2026-11-23T10:05:00Z"
action:
  description:
    - What was done, or in check mode would be.
    - One of V(none), V(create), V(update), V(recreate) and V(delete).
  returned: success
  type: str
  sample: create
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: Conflict
    message:
      description: The same as the task's C(msg).
      type: str
    status:
      description: HTTP status of the answer, null where none came.
      type: int
      sample: 409
    request_id:
      description: The service's id of the request, null where there is none.
      type: str
      sample: req-3f2504e0-4f89-41d3-9a0c-0305e82c3301
    details:
      description: Further data that depends on the type.
      type: dict
"""

from ..module_utils._cloud import module
from ..module_utils._cloud.resources import location


def main() -> None:
    """Run the module."""
    module.run(location.LocationResource)


if __name__ == "__main__":
    main()
