# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of node groups that are declared in a list."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of each; what the list means is the module's to say."""

    DOCUMENTATION = r"""
options:
  node_groups:
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node group.
        type: str
        required: true
      hardware:
        description:
          - Name or id of the hardware (flavor); that of the cluster where it is not
            given. Can't be changed later.
        type: str
      image:
        description:
          - Name or id of the image. Defaults to that of the template. Can't be changed
            later.
          - Not supported by the driver magnum-capi-helm, where the error is
            C(Conflict).
        type: str
      role:
        description: Role of the nodes, V(worker) where it is not given.
        type: str
      labels:
        description:
          - Magnum labels, over those of the cluster. Can't be changed later.
        type: dict
      availability_zone:
        description: Nova's availability zone for the nodes. Can't be changed later.
        type: str
      node_count:
        description: Number of nodes; 1 is created where nothing is said.
        type: int
      min_node_count:
        description:
          - Least number of nodes. With the driver magnum-capi-helm and the label
            C(auto_scaling_enabled=true) it must be 1 at least.
        type: int
      max_node_count:
        description: Greatest number of nodes.
        type: int
      node_labels:
        description:
          - Kubernetes labels of the nodes. Requires Magnum API 1.14.
          - Not supported by magnum-capi-helm and magnum-cluster-api, where the error is
            C(Conflict).
        type: dict
      node_taints:
        description:
          - Kubernetes taints of the nodes. Requires the same as C(node_labels).
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
"""
