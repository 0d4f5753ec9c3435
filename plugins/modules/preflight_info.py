#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Check whether a cloud has what GPU clusters need
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Asks a cloud, before anything is declared, whether the credentials are accepted,
    the services are there in a version that will do, and the quota has room; and
    whether the hardware, images, networks and keypairs that are named can be used.
  - Each check is a row with its outcome, and with what to do where it is not V(ok). A
    check that fails is no failure of the task; the role
    P(gpufleet.openstack.verify_cloud#role) prints them as a table, and fails then.
options:
  hardware:
    description:
      - Names or ids of hardware (flavors) that must be there.
    type: list
    elements: str
    default: []
  images:
    description:
      - Names or ids of images that must be active, with the property C(os_distro). An
        image of another system than Fedora without the property C(kube_version), which
        the driver magnum-capi-helm requires, is a warning.
    type: list
    elements: str
    default: []
  external_networks:
    description:
      - Names or ids of networks that must be external.
    type: list
    elements: str
    default: []
  keypairs:
    description:
      - Names of keypairs of the user.
    type: list
    elements: str
    default: []
  nodes:
    description:
      - Nodes that there must be room for, masters included, in the quotas of the
        project and in Placement's free accelerators.
      - All quotas that O(gpufleet.openstack.gpu_cluster#module:precheck) looks at have
        a row, except those without a limit. One that is used up is a warning where none
        of it is needed.
    type: list
    elements: dict
    default: []
    suboptions:
      hardware:
        description: Name or id of their hardware (flavor).
        type: str
        required: true
      count:
        description: How many.
        type: int
        required: true
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.openstack
notes:
  - Heat's own quota on stacks is not asked, as Heat does not tell it.
seealso:
  - module: gpufleet.openstack.gpu_cluster
    description: Its option O(gpufleet.openstack.gpu_cluster#module:precheck) looks at
      the quota again before nodes are added.
"""

EXAMPLES = r"""
- name: Look before the first cluster
  gpufleet.openstack.preflight_info:
    cloud: mycloud
    hardware: [gpu.a100.4, m1.large]
    images: [fedora-coreos-40]
    external_networks: [public]
    keypairs: [ops]
    nodes:
      - {hardware: m1.large, count: 1}
      - {hardware: gpu.a100.4, count: 2}
  register: preflight

- name: What is wrong, and what to do
  ansible.builtin.debug:
    msg: "{{ item.check }} {{ item.subject }}: {{ item.detail }}; {{ item.remedy }}"
  loop: "{{ preflight.checks | rejectattr('status', 'eq', 'ok') }}"
  loop_control:
    label: "{{ item.subject }}"
"""

RETURN = r"""
checks:
  description: The checks, in the order in which they were made.
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: >-
        What was checked, V(credentials), V(service), V(quota), V(hardware), V(image),
        V(network) or V(keypair).
      type: str
      sample: image
    subject:
      description: Service, resource or name that it is about.
      type: str
      sample: fedora-coreos-40
    status:
      description: V(ok), V(warning) or V(failed).
      type: str
      sample: failed
    detail:
      description: What was found.
      type: str
      sample: it has no property os_distro, by which Magnum chooses its driver
    remedy:
      description: What to do, null where nothing is.
      type: str
      sample: openstack image set --property os_distro=fedora-coreos IMAGE
failed_checks:
  description: Number of checks that failed.
  returned: success
  type: int
  sample: 1
warning_checks:
  description: Number of checks with a warning.
  returned: success
  type: int
  sample: 0
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: InvalidInput
    message:
      description: The same as the task's C(msg).
      type: str
    status:
      description: HTTP status of the answer, null where none came.
      type: int
    request_id:
      description: The service's id of the request, null where there is none.
      type: str
    details:
      description: Further data that depends on the type.
      type: dict
"""

from ..module_utils._cloud import module, preflight


def main() -> None:
    """Run the module."""
    module.run_action(preflight.preflight, preflight.OPTIONS)


if __name__ == "__main__":
    main()
