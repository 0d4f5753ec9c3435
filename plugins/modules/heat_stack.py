#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: heat_stack
short_description: Manage Heat stacks
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, updates and deletes a Heat stack, and waits until it is complete.
  - A stack is found by name or id. Template, parameters and tags that were asked for
    are compared with those of the stack, so that a second run changes nothing.
  - In check mode Heat tells which resources an update would touch, in
    RV(heat_stack.resource_changes).
  - A stack that fails is an error that tells the failed resource's own reason, out of
    nested stacks too. A failed update is asked for again by the next run.
options:
  name:
    description:
      - Name of the stack, or the id of one that exists. It begins with a letter and
        holds letters, digits, V(_), V(.) and V(-), 255 characters at most.
      - Names are compared exactly, also where the service itself does not do so.
      - Heat does not accept a second stack whose name differs in case only. Creating
        one is an error (V(Conflict)).
    type: str
    required: true
  template:
    description:
      - The template (HOT) as a dictionary; read a file with
        P(ansible.builtin.file#lookup) and P(ansible.builtin.from_yaml#filter).
      - Needed to create a stack.
    type: dict
  parameters:
    description:
      - Parameters of the template. Those that are not named keep their values.
      - Null is refused. Lists and dictionaries are sent as JSON, and are refused for
        parameters of the type C(string).
      - Values of parameters that the template declares C(hidden) are not shown. Heat
        does not tell them, so that a new value alone is not noticed; it is set together
        with another change.
      - Without O(template), the options as Ansible logs and shows them hold no value
        of this one, as any of them may be hidden.
    type: dict
  tags:
    description:
      - Tags, without order. They take the place of those that are there. Each holds 80
        characters at most and no comma.
    type: list
    elements: str
  rollback:
    description:
      - Whether Heat takes a failed creation or update back.
    type: bool
    default: false
  recreate_failed:
    description:
      - Whether a stack whose creation failed is deleted and created again.
    type: bool
    default: false
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
seealso:
  - module: gpufleet.openstack.heat_stack_info
  - module: gpufleet.openstack.location
"""

EXAMPLES = r"""
- name: A cluster template for GPU nodes, kept in a stack
  gpufleet.openstack.heat_stack:
    cloud: mycloud
    name: gpu-nodes
    template: >-
      {{ lookup('ansible.builtin.file', 'heat/gpu_nodes.yml')
      | ansible.builtin.from_yaml }}
    parameters:
      gpu_flavor: gpu.a100.4
      gpu_count: 4
      network_id: "{{ frankfurt.location.network_id }}"
    tags: [team-a]

- name: A stack with its template in the playbook
  gpufleet.openstack.heat_stack:
    cloud: mycloud
    name: storage-net
    template:
      heat_template_version: "2018-08-31"
      resources:
        net:
          type: OS::Neutron::Net
      outputs:
        network_id:
          value: {get_resource: net}
  register: storage

- name: What the stack gives
  ansible.builtin.debug:
    var: storage.heat_stack.outputs.network_id

- name: No longer needed
  gpufleet.openstack.heat_stack:
    cloud: mycloud
    name: gpu-nodes
    state: absent
"""

RETURN = r"""
heat_stack:
  description:
    - The stack. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
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
from ..module_utils._cloud.resources import heat_stack


def main() -> None:
    """Run the module."""
    module.run(heat_stack.HeatStackResource)


if __name__ == "__main__":
    main()
