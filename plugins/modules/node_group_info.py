#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node_group_info
short_description: Query node groups of Magnum clusters
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns node groups of a cluster, in the shape that M(gpufleet.openstack.node_group)
    returns them.
options:
  cluster:
    description:
      - Name or id of the cluster. It must exist, else the error is
        C(ClusterNotFound).
    type: str
    required: true
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.node_group
"""

EXAMPLES = r"""
- name: All node groups of a cluster
  gpufleet.openstack.node_group_info:
    cloud: mycloud
    cluster: training
  register: result

- name: One that must exist
  gpufleet.openstack.node_group_info:
    cloud: mycloud
    cluster: training
    name: default-worker
    required: true
"""

RETURN = r"""
node_groups:
  description: The node groups found.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the node group.
      type: str
      sample: "7f3c2b1a-0d4e-4c58-b7b2-98d8a1c5e6f0"
    name:
      description: Name of the node group.
      type: str
      sample: inference
    cluster_id:
      description: Id of its cluster.
      type: str
      sample: "0562d357-8641-4759-8fed-8173f02c9633"
    role:
      description: V(master), V(worker) or a role of your own.
      type: str
      sample: worker
    is_default:
      description: Whether the cluster came with it.
      type: bool
      sample: false
    hardware:
      description: Name or id of the flavor.
      type: str
      sample: gpu.a100.4
    image:
      description: Name or id of the image.
      type: str
      sample: "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
    labels:
      description: Labels in force, their values as text.
      type: dict
      sample: {gpu_enabled: "true"}
    availability_zone:
      description: Availability zone asked for, null where none was.
      type: str
      sample: nova
    node_count:
      description: Number of nodes.
      type: int
      sample: 2
    min_node_count:
      description: Least number of nodes.
      type: int
      sample: 0
    max_node_count:
      description: Greatest number of nodes, null for any.
      type: int
      sample: 4
    node_labels:
      description: Kubernetes labels of the nodes, empty below Magnum API 1.14.
      type: dict
      sample: {tier: inference}
    node_taints:
      description: Kubernetes taints of the nodes, empty below Magnum API 1.14.
      type: list
      elements: dict
      sample: [{key: gpu, value: "true", effect: NoSchedule}]
    node_addresses:
      description: Addresses of the nodes, null where the driver tells none.
      type: list
      elements: str
      sample: [10.0.0.21, 10.0.0.22]
    status:
      description: Status, as Magnum says it.
      type: str
      sample: CREATE_COMPLETE
    status_reason:
      description: Reason of the status, null for none.
      type: str
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
from ..module_utils._cloud.resources import node_group


def main() -> None:
    """Run the module."""
    options = {"cluster": {"type": "str", "required": True}}
    module.run_info(node_group.NodeGroupResource, "node_groups", options)


if __name__ == "__main__":
    main()
