#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_cluster_info
short_description: Query Magnum clusters with their node groups
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns clusters, in the shape that M(gpufleet.openstack.gpu_cluster) returns them,
    with addresses and bounds of every node group.
  - The health is what Magnum says. With the labels C(auto_healing_enabled=true) and
    C(auto_healing_controller=magnum-auto-healer) Magnum does not look itself, and the
    healer in the cluster (or any member of the project) tells it.
  - Each cluster takes two requests and one more for each of its node groups.
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: All clusters
  gpufleet.openstack.gpu_cluster_info:
    cloud: mycloud
  register: result

- name: Those that need a look
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.status }} {{ item.faults }}"
  loop: "{{ result.gpu_clusters | selectattr('status', 'search', 'FAILED') }}"
  loop_control:
    label: "{{ item.name }}"

- name: Those that are not well, where something looks after their health
  ansible.builtin.debug:
    msg: "{{ item.hostname }}: {{ item.health_status_reason }}"
  loop: "{{ result.gpu_clusters | selectattr('health_status', 'eq', 'UNHEALTHY') }}"
  loop_control:
    label: "{{ item.name }}"

- name: One, which has to exist
  gpufleet.openstack.gpu_cluster_info:
    cloud: mycloud
    name: training
    required: true
"""

RETURN = r"""
gpu_clusters:
  description: The clusters found.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the cluster.
      type: str
      sample: "0562d357-8641-4759-8fed-8173f02c9633"
    name:
      description: Name of the cluster.
      type: str
      sample: training
    status:
      description: Status, as Magnum says it.
      type: str
      sample: CREATE_COMPLETE
    status_reason:
      description: Reason of the status, null for none.
      type: str
    health_status:
      description: >-
        V(HEALTHY), V(UNHEALTHY) or V(UNKNOWN), null where Magnum has not looked
        yet.
      type: str
      sample: HEALTHY
    health_status_reason:
      description: >-
        What the health status is based on. The Heat driver has C(api) and
        C(NODE.Ready), magnum-capi-helm C(cluster), C(infrastructure), C(controlplane)
        and C(nodegroup).
      type: dict
      sample: {api: ok}
    faults:
      description: Reason of the failure by node group, for a failed cluster.
      type: dict
      sample: {}
    template:
      description: Name of the template.
      type: str
      sample: gpu-a100
    template_id:
      description: Id of the template.
      type: str
      sample: "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
    template_revision:
      description: Revision of the template that the cluster has, null if it is gone.
      type: int
      sample: 1
    template_drift:
      description: >-
        The newest revision of the template, where the cluster has an older one (a
        warning says so too); else null.
      type: dict
      contains:
        template_id:
          description: Id of the newest revision.
          type: str
          sample: "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d2"
        revision:
          description: Which revision it is.
          type: int
          sample: 2
    location:
      description: >-
        Name of the location that it stands in, null for none.
      type: str
      sample: frankfurt
    keypair:
      description: Name of the keypair.
      type: str
      sample: ops
    master_count:
      description: Number of masters.
      type: int
      sample: 1
    node_count:
      description: Number of nodes in the default worker group.
      type: int
      sample: 3
    total_node_count:
      description: Number of workers in all node groups.
      type: int
      sample: 3
    min_node_count:
      description: Least number of nodes of the default worker group.
      type: int
      sample: 0
    max_node_count:
      description: Greatest number of nodes of the default worker group, null for any.
      type: int
    hardware:
      description: Name or id of the flavor of workers.
      type: str
      sample: gpu.a100.4
    master_hardware:
      description: Name or id of the flavor of masters.
      type: str
      sample: m1.master
    labels:
      description: Labels in force, their values as text.
      type: dict
      sample: {gpu_enabled: "true", kube_tag: v1.28.9}
    docker_volume_size:
      description: Volume for container images in GiB, null for none.
      type: int
    fixed_network:
      description: >-
        Name or id of the private network, null where the cluster has its own.
      type: str
    fixed_subnet:
      description: Name or id of the private subnet.
      type: str
    floating_ip_enabled:
      description: Whether nodes have floating addresses.
      type: bool
      sample: false
    master_lb_enabled:
      description: Whether masters stand behind a load balancer.
      type: bool
      sample: false
    discovery_url:
      description: URL by which etcd members found each other.
      type: str
    create_timeout:
      description: Minutes after which Magnum gives up a creation.
      type: int
      sample: 60
    api_address:
      description: URL of the Kubernetes API.
      type: str
      sample: https://203.0.113.7:6443
    hostname:
      description: >-
        Host name or address within C(api_address), null where there is none
        yet.
      type: str
      sample: 203.0.113.7
    node_addresses:
      description: Addresses of all workers.
      type: list
      elements: str
      sample: [10.0.0.11, 10.0.0.12, 10.0.0.13]
    master_addresses:
      description: Addresses of the masters.
      type: list
      elements: str
      sample: [10.0.0.5]
    node_groups:
      description: The node groups of the cluster, those it came with first.
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
          sample: default-worker
        role:
          description: V(master), V(worker) or a role of your own.
          type: str
          sample: worker
        is_default:
          description: Whether the cluster came with it.
          type: bool
          sample: true
        hardware:
          description: Name or id of the flavor.
          type: str
          sample: gpu.a100.4
        image:
          description: Name or id of the image.
          type: str
          sample: "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
        node_count:
          description: Number of nodes.
          type: int
          sample: 3
        min_node_count:
          description: Least number of nodes.
          type: int
          sample: 0
        max_node_count:
          description: Greatest number of nodes, null for any.
          type: int
        node_addresses:
          description: Addresses of the nodes.
          type: list
          elements: str
          sample: [10.0.0.11, 10.0.0.12, 10.0.0.13]
        status:
          description: Status of the node group.
          type: str
          sample: CREATE_COMPLETE
        status_reason:
          description: Reason of the status.
          type: str
        cluster_id:
          description: Id of the cluster.
          type: str
          sample: "0562d357-8641-4759-8fed-8173f02c9633"
        labels:
          description: Labels in force, their values as text.
          type: dict
          sample: {gpu_enabled: "true"}
        availability_zone:
          description: Availability zone asked for, null where none was.
          type: str
        node_labels:
          description: Kubernetes labels of the nodes, empty below Magnum API 1.14.
          type: dict
          sample: {tier: inference}
        node_taints:
          description: Kubernetes taints of the nodes, empty below Magnum API 1.14.
          type: list
          elements: dict
    coe_version:
      description: Version of Kubernetes, null where Magnum does not know it.
      type: str
      sample: v1.28.9
    container_version:
      description: Version of the container runtime.
      type: str
      sample: "1.12.6"
    runtime_config:
      description: What the cluster runs with, in one place.
      type: dict
      contains:
        coe_version:
          description: Version of Kubernetes, null where Magnum does not know it.
          type: str
          sample: v1.28.9
        container_version:
          description: Version of the container runtime.
          type: str
          sample: "1.12.6"
        labels:
          description: Labels in force, their values as text.
          type: dict
          sample: {gpu_enabled: "true", kube_tag: v1.28.9}
        api_versions:
          description: >-
            Microversions of Magnum, C(magnum) as this collection uses it and
            C(magnum_newest) as the cloud offers it.
          type: dict
          sample: {magnum: "1.12", magnum_newest: "1.12"}
    driver:
      description:
        - The driver of Magnum that made the cluster. V(heat), V(capi-helm)
          (magnum-capi-helm), V(cluster-api) (magnum-cluster-api), or the name that
          Magnum has for another driver. Null if it is unknown.
      type: str
      sample: capi-helm
    infrastructure_id:
      description:
        - Id of the Heat stack or name of the Cluster API resource of the cluster. With
          Cluster API, the names of the cluster's servers begin with it. Null until it
          is assigned.
        - Magnum calls it C(stack_id), or C(cluster_id) from API version 1.13.
      type: str
      sample: training-lfhd5anuthod
    stack_id:
      description: The same as C(infrastructure_id).
      type: str
      sample: training-lfhd5anuthod
    project_id:
      description: Project that it belongs to.
      type: str
      sample: "0c7a6a7f9d8f4a2c8f6a5b1d2e3f4a5b"
    user_id:
      description: User who created it.
      type: str
      sample: "5f1d6a2b3c4d4e5f8a9b0c1d2e3f4a5b"
    created_at:
      description: Time of creation.
      type: str
      sample: "2026-11-23T10:00:00+00:00"
    updated_at:
      description: Time of the last change.
      type: str
      sample: "2026-11-23T10:05:00+00:00"
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
from ..module_utils._cloud.resources import gpu_cluster


def main() -> None:
    """Run the module."""
    module.run_info(gpu_cluster.GpuClusterResource, "gpu_clusters")


if __name__ == "__main__":
    main()
