#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: heat_stack_info
short_description: Query Heat stacks
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns one Heat stack by name or id, or all of the project, with their templates,
    parameters and outputs.
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.heat_stack
"""

EXAMPLES = r"""
- name: One stack
  gpufleet.openstack.heat_stack_info:
    cloud: mycloud
    name: gpu-nodes
    required: true
  register: found

- name: An output of it
  ansible.builtin.debug:
    var: found.heat_stacks[0].outputs.template_id
"""

RETURN = r"""
heat_stacks:
  description: The stacks; empty where there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the stack.
      type: str
      sample: "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c"
    name:
      description: Name of the stack.
      type: str
      sample: gpu-templates
    status:
      description: Status, as Heat says it.
      type: str
      sample: CREATE_COMPLETE
    status_reason:
      description: Reason of the status.
      type: str
      sample: Stack CREATE completed successfully
    description:
      description: Description in the template.
      type: str
      sample: A template for GPU clusters
    template:
      description: The template that the stack was last given.
      type: dict
      sample: {heat_template_version: "2018-08-31", resources: {}}
    parameters:
      description: >-
        Parameters in force, defaults included, as text. A hidden one is shown as
        C(******).
      type: dict
      sample: {gpu_flavor: gpu.a100.4, gpu_count: "4"}
    tags:
      description: Tags, sorted.
      type: list
      elements: str
      sample: [team-a]
    outputs:
      description: Outputs of the template by name.
      type: dict
      sample: {template_id: "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"}
    resource_changes:
      description: >-
        In check mode, for an update, names of the resources that Heat would touch, by
        C(added), C(updated), C(replaced) and C(deleted). Otherwise null. Heat
        tells C(replaced) of some that it then updates in place.
      type: dict
      sample: {added: [], deleted: [], replaced: [], updated: [port]}
    created_at:
      description: Time of creation.
      type: str
      sample: "2026-11-23T10:00:00Z"
    updated_at:
      description: Time of the last update, null where there was none.
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
      sample: NotFound
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
from ..module_utils._cloud.resources import heat_stack


def main() -> None:
    """Run the module."""
    module.run_info(heat_stack.HeatStackResource, "heat_stacks")


if __name__ == "__main__":
    main()
