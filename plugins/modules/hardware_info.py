#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hardware_info
short_description: Query kinds of nodes with accelerators (Nova flavors)
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns Nova flavors with what M(gpufleet.openstack.hardware) keeps in them. Flavors
    that others made are returned too, without accelerators.
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.hardware
"""

EXAMPLES = r"""
- name: All hardware
  gpufleet.openstack.hardware_info:
    cloud: mycloud
  register: result

- name: Those with GPUs
  ansible.builtin.debug:
    msg: "{{ result.hardware | selectattr('accelerators') | map(attribute='name') }}"

- name: One, which has to exist
  gpufleet.openstack.hardware_info:
    cloud: mycloud
    name: gpu.a100.4
    required: true
"""

RETURN = r"""
hardware:
  description: The hardware found.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the flavor.
      type: str
      sample: 8ce7b1d8-3f2c-4d5d-9d0a-6f1c7a0e8b55
    name:
      description: Name of the flavor.
      type: str
      sample: gpu.a100.4
    vcpus:
      description: Number of virtual CPUs.
      type: int
      sample: 48
    ram_mib:
      description: Memory in MiB.
      type: int
      sample: 524288
    disk_gib:
      description: Root disk in GiB.
      type: int
      sample: 200
    ephemeral_gib:
      description: Ephemeral disk in GiB, 0 for none.
      type: int
      sample: 0
    swap_mib:
      description: Swap in MiB, 0 for none.
      type: int
      sample: 0
    public:
      description: Whether all projects may use it.
      type: bool
      sample: true
    projects:
      description: >-
        Ids of the projects that may use it; null here.
      type: list
      elements: str
    description:
      description: Description of the flavor, null for none.
      type: str
      sample: Four A100 80 GB
    accelerators:
      description:
        - The accelerators of each node of this hardware. Of flavors that
          M(gpufleet.openstack.hardware) did not make, those that their extra specs ask
          for. A name that belongs to no known model is given as it is.
      type: list
      elements: dict
      contains:
        kind:
          description: V(gpu) or V(npu), null where unknown.
          type: str
          sample: gpu
        vendor:
          description: Vendor, null where unknown.
          type: str
          sample: nvidia
        model:
          description: Model, null where unknown.
          type: str
          sample: A100
        count:
          description:
            - How many devices, as the key says that Nova acts on. 0 where that key was
              removed by other hands.
            - Null, with a warning, where a flavor that others made does not tell.
          type: int
          sample: 4
        memory_gib:
          description: Memory of a device in GiB, null where unknown.
          type: int
          sample: 80
        resource_class:
          description:
            - Placement's resource class, null where a PCI alias is used, and of flavors
              that others made, which have it in C(extra_specs).
          type: str
          sample: CUSTOM_GPU_A100
        pci_alias:
          description:
            - Nova's PCI alias, null where a resource class is used, and of flavors that
              others made.
          type: str
    power_watts:
      description: Electrical power of a node under load in W, null where unknown.
      type: float
      sample: 2400.0
    hourly_cost:
      description: Price of a node and hour, null where unknown.
      type: float
      sample: 12.5
    extra_specs:
      description: The flavor's extra specs that this collection does not manage.
      type: dict
      sample:
        hw:cpu_policy: dedicated
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: ResourceError
    message:
      description: The same as the task's C(msg).
      type: str
    status:
      description: HTTP status of the answer, null where none came.
      type: int
      sample: 403
    request_id:
      description: The service's id of the request, null where there is none.
      type: str
      sample: req-3f2504e0-4f89-41d3-9a0c-0305e82c3301
    details:
      description: Further data that depends on the type.
      type: dict
"""

from ..module_utils._cloud import module
from ..module_utils._cloud.resources import hardware


def main() -> None:
    """Run the module."""
    module.run_info(hardware.HardwareResource, "hardware")


if __name__ == "__main__":
    main()
