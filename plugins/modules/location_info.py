#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: location_info
short_description: Query locations
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns one location by name or id, or all of the project.
  - With O(required=true) a location that does not exist is an error of type
    V(LocationNotFound).
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.location
"""

EXAMPLES = r"""
- name: All locations
  gpufleet.openstack.location_info:
    cloud: mycloud
  register: found

- name: Their names and networks
  ansible.builtin.debug:
    msg: "{{ item.name }} {{ item.network_id }}"
  loop: "{{ found.locations }}"
  loop_control:
    label: "{{ item.name }}"

- name: One location, or an error
  gpufleet.openstack.location_info:
    cloud: mycloud
    name: frankfurt
    required: true
"""

RETURN = r"""
locations:
  description: The locations; empty where there is none.
  returned: success
  type: list
  elements: dict
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
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: LocationNotFound
    message:
      description: The same as the task's C(msg).
      type: str
    status:
      description: HTTP status of the answer, null where none came.
      type: int
      sample: 404
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
    module.run_info(location.LocationResource, "locations")


if __name__ == "__main__":
    main()
