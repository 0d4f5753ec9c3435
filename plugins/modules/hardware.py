#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hardware
short_description: Manage kinds of nodes with accelerators (Nova flavors)
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, changes in place and deletes a kind of hardware, the nodes of GPU and NPU
    clusters are made of.
  - It is a Nova flavor. Its accelerators, electrical power and price are kept in the
    flavor's extra specs under the scope C(gpufleet:), which Nova's scheduler filters
    ignore. What makes Nova hand out the devices (C(resources:CUSTOM_GPU_A100=4) or
    C(pci_passthrough:alias)) is derived from O(accelerators), kept up to date, and
    taken back when they change. Extra specs set by others are not touched.
  - By default only administrators may create flavors.
options:
  name:
    description:
      - Name of the hardware, or the id of one that exists.
      - Names are compared exactly, also where the service itself does not do so.
      - Nova does not accept a second flavor whose name differs in case or accents only.
        Creating one is an error (V(Conflict)).
      - Flavors can't be renamed.
    type: str
    required: true
  vcpus:
    description:
      - Number of virtual CPUs. Needed to create it; can't be changed later.
    type: int
  ram_mib:
    description:
      - Memory in MiB. Needed to create it; can't be changed later.
    type: int
    aliases: [ram]
  disk_gib:
    description:
      - Root disk in GiB. Needed to create it; can't be changed later.
    type: int
    aliases: [disk]
  ephemeral_gib:
    description:
      - Ephemeral disk in GiB. Can't be changed later.
    type: int
  swap_mib:
    description:
      - Swap in MiB. Can't be changed later.
    type: int
  public:
    description:
      - Whether all projects may use it. Can't be changed later.
    type: bool
    aliases: [is_public]
  projects:
    description:
      - Names or ids of the projects that may use it, these and no others. For hardware
        that is not O(public).
    type: list
    elements: str
  description:
    description:
      - Description of the flavor.
    type: str
  accelerators:
    description:
      - The accelerators of each node. An empty list takes all away.
    type: list
    elements: dict
    suboptions:
      kind:
        description:
          - Kind of the accelerator; that of the catalogue, else V(gpu), where it is not
            given.
        type: str
        choices: [gpu, npu]
      vendor:
        description:
          - Vendor, for example V(nvidia), V(amd) or V(intel). Needed for models that
            are not in the catalogue.
        type: str
      model:
        description: Model, for example V(A100).
        type: str
        required: true
      count:
        description: Number of devices in a node.
        type: int
        default: 1
      memory_gib:
        description:
          - Memory of one device in GiB; that of the catalogue where it is not given.
        type: int
      resource_class:
        description:
          - Placement's resource class of the devices.
          - The default is made of kind and model, V(CUSTOM_GPU_A100) or
            V(CUSTOM_NPU_GAUDI3).
        type: str
      pci_alias:
        description:
          - Alias of C([pci]alias) in Nova's configuration, for clouds that hand out
            devices by PCI passthrough without Placement. In place of
            O(accelerators[].resource_class).
        type: str
  gpu_type:
    description:
      - Name of a GPU in the catalogue. With O(gpu_count) it is short for
        O(accelerators), and can't be given together with it.
      - One of V(amd-mi250), V(amd-mi300x), V(nvidia-a100) (of 80 GiB),
        V(nvidia-a100-40), V(nvidia-a100-80), V(nvidia-b200), V(nvidia-h100),
        V(nvidia-h200) and V(nvidia-l40s).
    type: str
  gpu_count:
    description:
      - Number of GPUs of O(gpu_type) in a node.
    type: int
  npu_type:
    description:
      - Name of an NPU in the catalogue, one of V(amd-xdna), V(intel-gaudi2),
        V(intel-gaudi3) and V(intel-npu).
    type: str
  npu_count:
    description:
      - Number of NPUs of O(npu_type) in a node.
    type: int
  power_watts:
    description:
      - Electrical power of a node under load in W; reports reckon with it.
      - Where it is not given and O(accelerators) are new or change, it is the highest
        power of the accelerators alone, provided that the catalogue knows them all.
    type: float
  hourly_cost:
    description:
      - Price of a node and hour in your currency; reports reckon with it.
    type: float
  recreate:
    description:
      - Whether to delete the flavor and create it again where what was asked for can't
        be changed. What was not asked for, extra specs of others and O(projects)
        included, is taken over. Templates and clusters know flavors by name and are not
        touched.
      - Refused while servers use the flavor; the error names them.
    type: bool
    default: false
  extra_specs:
    description:
      - Further extra specs, for example traits (C(trait:CUSTOM_NVLINK=required)). They
        are compared and set key by key; those not named are left alone.
      - Values are kept as text. Null is refused, and so are lists and dictionaries.
    type: dict
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
seealso:
  - module: gpufleet.openstack.hardware_info
  - module: gpufleet.openstack.cluster_template
"""

EXAMPLES = r"""
- name: Nodes with four A100, in short
  gpufleet.openstack.hardware:
    cloud: mycloud-admin
    name: gpu.a100.4
    vcpus: 48
    ram_mib: 524288
    disk_gib: 200
    gpu_type: nvidia-a100
    gpu_count: 4

- name: Nodes with four A100
  gpufleet.openstack.hardware:
    cloud: mycloud-admin
    name: gpu.a100.4
    vcpus: 48
    ram_mib: 524288
    disk_gib: 200
    accelerators:
      - vendor: nvidia
        model: A100
        count: 4
        memory_gib: 80
    power_watts: 2400
    hourly_cost: 12.5

- name: Nodes with eight Gaudi 3, on hosts with a trait
  gpufleet.openstack.hardware:
    cloud: mycloud-admin
    name: npu.gaudi3.8
    vcpus: 96
    ram_mib: 1048576
    disk_gib: 200
    accelerators:
      - kind: npu
        vendor: intel
        model: Gaudi3
        count: 8
        memory_gib: 128
    extra_specs:
      "trait:CUSTOM_ROCE": required

- name: No longer needed
  gpufleet.openstack.hardware:
    cloud: mycloud-admin
    name: gpu.a100.4
    state: absent
"""

RETURN = r"""
hardware:
  description:
    - The hardware. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
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
        Ids of the projects that may use it, where O(projects) is given; else
        null.
      type: list
      elements: str
    description:
      description: Description of the flavor, null for none.
      type: str
      sample: Four A100 80 GB
    accelerators:
      description: The accelerators of each node of this hardware.
      type: list
      elements: dict
      contains:
        kind:
          description: V(gpu) or V(npu).
          type: str
          sample: gpu
        vendor:
          description: Vendor.
          type: str
          sample: nvidia
        model:
          description: Model.
          type: str
          sample: A100
        count:
          description:
            - How many devices, as the key says that Nova acts on. 0 where that key was
              removed by other hands.
          type: int
          sample: 4
        memory_gib:
          description: Memory of a device in GiB, null where it was not given.
          type: int
          sample: 80
        resource_class:
          description: Placement's resource class, null where a PCI alias is used.
          type: str
          sample: CUSTOM_GPU_A100
        pci_alias:
          description: Nova's PCI alias, null where a resource class is used.
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
    module.run(hardware.HardwareResource)


if __name__ == "__main__":
    main()
