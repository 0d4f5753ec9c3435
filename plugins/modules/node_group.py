#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node_group
short_description: Manage node groups of Magnum clusters
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, resizes and deletes a group of equal nodes in a cluster, and sets its
    bounds.
  - Magnum changes one thing of a cluster at a time. The module waits until nothing is
    under way on the cluster, and tries again where another change came in between,
    until O(timeout).
  - A failed update is asked for again.
  - With the drivers magnum-capi-helm and magnum-cluster-api, the module also waits
    until the servers in Nova are those that were asked for. A new server in status
    C(ERROR) ends the wait with Nova's reason, which Magnum does not report.
options:
  name:
    description:
      - Name of the node group in its cluster, or the id of one that exists.
      - Names are compared exactly, also where the service itself does not do so.
      - The name of a new node group becomes a label of its Kubernetes nodes. It holds
        letters, digits, V(-), V(_) and V(.) only, begins and ends with a letter or a
        digit, and has 63 characters at most.
      - With the drivers magnum-capi-helm and magnum-cluster-api, the name of a new node
        group begins with a lower-case letter, holds lower-case letters, digits and
        V(-), ends with a letter or a digit, and has 3 characters at least.
      - Magnum does not accept a second node group in a cluster whose name differs in
        case or accents only. Creating one is an error (V(Conflict)).
    type: str
    required: true
  cluster:
    description:
      - Name or id of the cluster. It must exist, else the error is
        C(ClusterNotFound).
    type: str
    required: true
  hardware:
    description:
      - Name or id of the hardware (flavor); that of the cluster's workers where it is
        not given. Can't be changed later.
    type: str
  image:
    description:
      - Name or id of the image. Defaults to that of the template. Can't be changed
        later.
      - The driver magnum-capi-helm ignores it, so that with this driver the error is
        C(Conflict), before anything is written.
    type: str
  role:
    description:
      - Role of the nodes, V(worker) where nothing is said; V(master) can't be asked
        for. Can't be changed later.
    type: str
  labels:
    description:
      - Magnum labels, over those of the cluster. Only the keys that are named are
        compared. Can't be changed later.
      - These are not labels of Kubernetes, see O(node_labels).
      - Values are kept as text. Null is refused, and so are lists and dictionaries.
        Where Magnum's driver expects JSON, use the filter C(to_json).
    type: dict
  availability_zone:
    description:
      - Nova's availability zone for the nodes; the cluster's where it is not given.
        Can't be changed later.
      - It is Magnum's label C(availability_zone), which its Heat driver and
        magnum-cluster-api follow. The driver magnum-capi-helm ignores it and O(labels),
        so that with this driver the error is C(Conflict), before anything is written.
    type: str
  node_count:
    description:
      - Number of nodes; 1 is created where nothing is said. 0 needs Magnum
        API 1.10.
    type: int
  min_node_count:
    description:
      - Least number of nodes, 0 or more.
    type: int
  max_node_count:
    description:
      - Greatest number of nodes, 1 or more.
    type: int
  node_labels:
    description:
      - Kubernetes labels of the nodes, all of them; V({}) removes them.
      - Requires Magnum API 1.14. With an older one the error is C(ApiError); set the
        labels on the Kubernetes nodes, which the label
        C(magnum.openstack.org/nodegroup) selects.
      - The drivers magnum-capi-helm and magnum-cluster-api ignore them. With these
        drivers the error is C(Conflict), before anything is written.
      - This and O(node_taints) are tested request by request against Magnum's
        documented API only.
    type: dict
  node_taints:
    description:
      - Kubernetes taints of the nodes, all of them, in any order; V([]) removes them.
      - Needs the same as O(node_labels).
    type: list
    elements: dict
    suboptions:
      key:
        description: Key of the taint.
        type: str
        required: true
      value:
        description: Value of the taint, none where it is not given.
        type: str
      effect:
        description: What it does to pods that do not tolerate it.
        type: str
        required: true
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
  recreate_failed:
    description:
      - Whether a node group whose creation failed is deleted and created again.
    type: bool
    default: false
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
notes:
  - Needs Magnum API 1.9.
  - The groups that a cluster came with can be resized, and go only with their cluster.
seealso:
  - module: gpufleet.openstack.node_group_info
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: Two nodes for inference, at most four
  gpufleet.openstack.node_group:
    cloud: mycloud
    cluster: training
    name: inference
    hardware: gpu.a100.4
    node_count: 2
    max_node_count: 4

- name: In another zone, and for pods that tolerate it only (Magnum API 1.14)
  gpufleet.openstack.node_group:
    cloud: mycloud
    cluster: training
    name: batch
    availability_zone: nova
    node_labels:
      tier: batch
    node_taints:
      - key: gpu
        value: "true"
        effect: NoSchedule

- name: No longer needed
  gpufleet.openstack.node_group:
    cloud: mycloud
    cluster: training
    name: inference
    state: absent
"""

RETURN = r"""
node_group:
  description:
    - The node group. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
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
from ..module_utils._cloud.resources import node_group


def main() -> None:
    """Run the module."""
    module.run(node_group.NodeGroupResource)


if __name__ == "__main__":
    main()
