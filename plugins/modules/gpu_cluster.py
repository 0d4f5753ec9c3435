#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_cluster
short_description: Manage Magnum clusters of GPU, NPU and CPU nodes
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, resizes and deletes a Magnum cluster, and waits until what was asked for is
    really there.
  - A cluster is found by name, within the project, or by id; a second run with the same
    options changes nothing, whether O(template) is given by name or id.
  - A cluster on which something is under way is waited for, and then compared. A failed
    update is asked for again. A cluster whose creation failed is an error that tells
    the reason, or is replaced with O(recreate_failed=true).
options:
  name:
    description:
      - Name of the cluster, or the id of one that exists. It begins with a letter and
        holds letters, digits, V(_), V(.) and V(-), 242 characters at most.
      - Names are compared exactly, also where the service itself does not do so.
    type: str
    required: true
  template:
    description:
      - Name or id of the cluster template. Needed to create a cluster; changed later
        with O(upgrade=true) only.
      - A template of this project goes before a public one of the same name.
      - A name means the newest revision for a new cluster and with O(upgrade=true), and
        any for another one that exists.
    type: str
    aliases: [cluster_template_id]
  location:
    description:
      - Name or id of the location to build the cluster in, which decides on its network
        and, by the label C(availability_zone), on its zone. Can't be changed later.
      - Not together with O(fixed_network) and O(fixed_subnet).
    type: str
  keypair:
    description:
      - Name of a Nova keypair; that of the template where it is not given. Can't be
        changed later.
      - Keypairs belong to users. Required where the template names one of another user.
    type: str
  master_count:
    description:
      - Number of masters. Defaults to 1. Must be odd. Can't be changed later.
      - More than one requires O(master_lb_enabled), in the template or here.
    type: int
  node_count:
    description:
      - Number of nodes in the default worker group; 1 is created where nothing is said.
      - 0 needs Magnum API 1.10.
      - Where the label C(auto_scaling_enabled=true) is set and both bounds are, it
        counts at creation only; later the size is merely kept within the bounds.
    type: int
  nodes_to_remove:
    description:
      - Names, addresses or ids of nodes (servers) of the default worker group to
        remove. The group shrinks by as many, so O(node_count) is left out, or is what
        remains.
      - Once they are gone the task changes nothing, and warns that they are not there.
        If only some of them are, it is an error of type V(NodeNotFound), as that is
        rather a slip of the pen.
      - Drain the nodes in Kubernetes first. Nothing here does it.
      - Supported by Magnum's Heat driver and magnum-cluster-api. With magnum-capi-helm,
        which removes a random node, and with other drivers the error is C(Conflict),
        before anything is written. Afterwards the module checks that these servers are
        gone and no other one is.
    type: list
    elements: str
  min_node_count:
    description:
      - Least number of nodes in the default worker group.
      - Magnum takes bounds only after the creation, so with O(wait=false) they are set
        by the next run.
    type: int
  max_node_count:
    description:
      - Greatest number of nodes in the default worker group.
    type: int
  hardware:
    description:
      - Name or id of the hardware (flavor) of workers; that of the template where it is
        not given. Can't be changed later.
      - One without a disk requires the label C(boot_volume_size).
    type: str
    aliases: [flavor, flavor_id]
  master_hardware:
    description:
      - Name or id of the hardware (flavor) of masters; that of the template where it is
        not given. Can't be changed later.
    type: str
    aliases: [master_flavor, master_flavor_id]
  labels:
    description:
      - Labels, over those of the template. Only the keys that are named are compared.
        Can't be changed later.
      - Values are kept as text. Null is refused, and so are lists and dictionaries.
        Where Magnum's driver expects JSON, use the filter C(to_json).
    type: dict
  merge_labels:
    description:
      - With V(false) the labels take the place of those of the template, and are
        compared as a whole.
    type: bool
    default: true
  precheck:
    description:
      - Whether to look, before nodes are added, if there is room for them. What they
        need is compared with what the quotas of the project leave, and with the
        accelerators that are free in Placement, where the credentials may ask it (by
        default an administrator's).
      - The quotas are those on instances, cores, memory, server groups and their
        members, networks, subnets, routers, ports, floating addresses, security groups,
        volumes, load balancers and clusters. What drivers for Cluster API make besides
        nodes is not known; they are compared with fewer of these.
      - Too little is an error of type V(ResourceError), with C(needed) and C(free) in
        its details, before anything is written; in check mode a warning.
    type: bool
    default: true
  docker_volume_size:
    description:
      - Size in GiB of a volume for container images. Can't be changed later.
    type: int
  fixed_network:
    description:
      - Name or id of the private network of the nodes. Can't be changed later.
    type: str
  fixed_subnet:
    description:
      - Name or id of the private subnet of the nodes. Can't be changed later.
      - Defaults to the only subnet of O(fixed_network). Required where there are
        several, unless the driver is one for Cluster API, which then uses them all.
    type: str
  floating_ip_enabled:
    description:
      - Whether nodes get floating addresses. Can't be changed later.
    type: bool
    aliases: [is_floating_ip_enabled]
  master_lb_enabled:
    description:
      - Whether masters stand behind a load balancer. Requires Octavia in the cloud.
        Can't be changed later.
    type: bool
    aliases: [is_master_lb_enabled]
  discovery_url:
    description:
      - URL by which etcd members find each other. Counts at creation only.
    type: str
  create_timeout:
    description:
      - Minutes after which Magnum itself gives up the creation. Counts at creation
        only. How long the task waits is said with O(timeout).
    type: int
  recreate_failed:
    description:
      - Whether a cluster whose creation failed is deleted and created again.
    type: bool
    default: false
  node_groups:
    description:
      - Node groups besides the two that the cluster comes with, made when it is there,
        one after the other. All is checked before the first write. Those that are
        not named are left alone, see O(purge_node_groups).
      - They are what M(gpufleet.openstack.node_group) declares one by one.
      - Where nothing is said, those that the template declares (see
        M(gpufleet.openstack.cluster_template)) are made if they are missing. Those that
        are there are left as they are. An empty list makes none.
  purge_node_groups:
    description:
      - Whether node groups that O(node_groups) does not name are deleted, with their
        nodes. The two that the cluster came with stay in any case.
    type: bool
    default: false
  upgrade:
    description:
      - Whether a cluster of another template, or of an older revision of it, is
        upgraded to O(template), by Magnum replacing its nodes. Without it a different
        template is a C(Conflict).
      - Needs Magnum API 1.8, and a driver that can do it. Magnum's Heat driver can't.
        That is a C(Conflict) too, and nothing was changed. Create a cluster of another
        name from the new template then, move the work there and delete the old one.
      - The drivers magnum-capi-helm and magnum-cluster-api upgrade all node groups of
        the cluster. With magnum-capi-helm, the image of the new template must have the
        properties C(os_distro) and C(kube_version). With magnum-cluster-api, the new
        template must have the label C(kube_tag).
      - A cluster whose last update failed is resized to the size that it has first,
        which repairs it, as Magnum does not upgrade it otherwise.
    type: bool
    default: false
  max_batch_size:
    description:
      - Number of nodes that O(upgrade=true) replaces at the same time. Defaults to 1.
      - The drivers magnum-capi-helm and magnum-cluster-api ignore it, and a warning
        says so.
    type: int
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.node_groups
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
notes:
  - With the drivers magnum-capi-helm and magnum-cluster-api, Magnum publishes no
    addresses, can report success before a change has begun, and reports no failure. The
    module then also waits until the status has lasted for 25 s and the servers in Nova
    are those that were asked for. A new server in status C(ERROR) ends the wait with
    Nova's reason.
  - Names of clusters need not be unique to Magnum, so the module sends one request to
    create a cluster at most. Where no usable answer comes, it looks for the cluster by
    name until O(timeout), and else fails with C(Timeout), "outcome unknown, run again".
    One case can't be covered, a run that ends (killed, or by O(timeout)) while Magnum's
    conductor is down. The request then waits in the message queue, where no run can see
    it. On C(Timeout) the error's details carry the cluster's id, to look out for.
seealso:
  - module: gpufleet.openstack.gpu_cluster_info
  - module: gpufleet.openstack.cluster_template
"""

EXAMPLES = r"""
- name: A cluster with two GPU nodes
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    location: frankfurt
    template: gpu-a100
    keypair: ops
    node_count: 2

- name: One node more, at most eight ever
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    node_count: 3
    max_node_count: 8

- name: Two more kinds of node in it, and no other groups
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    node_groups:
      - name: inference
        hardware: gpu.l40s.1
        node_count: 2
        max_node_count: 4
      - name: preparation
        hardware: cpu.worker
    purge_node_groups: true

- name: Without the node that fails, once it is drained
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    nodes_to_remove: [training-abcdefghijkl-node-1]

- name: Two clusters side by side, begun without waiting
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: "{{ item }}"
    template: gpu-a100
    node_count: 2
    wait: false
  loop: [blue, green]

- name: And waited for
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: "{{ item }}"
    template: gpu-a100
    node_count: 2
  loop: [blue, green]

- name: Tell the reason where there is no room
  block:
    - name: A cluster that is too large
      gpufleet.openstack.gpu_cluster:
        cloud: mycloud
        name: huge
        template: gpu-a100
        node_count: 500
      register: huge
  rescue:
    - name: Decide by the type of the error
      ansible.builtin.debug:
        msg: "{{ ansible_failed_result.error.message }}"
      when: ansible_failed_result.error.type == 'ResourceError'

- name: Another version, two nodes at a time, where Magnum's driver can upgrade
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    template: gpu-a100-v2
    upgrade: true
    max_batch_size: 2

- name: No longer needed
  gpufleet.openstack.gpu_cluster:
    cloud: mycloud
    name: training
    state: absent
"""

RETURN = r"""
gpu_cluster:
  description:
    - The cluster. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
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
        Name of the location that it stands in, null for none, or where
        O(location) is not given.
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
    nodes_to_remove:
      description:
        - Names of the nodes that O(nodes_to_remove) names and that still exist.
      returned: with O(nodes_to_remove)
      type: list
      elements: str
      sample: []
    node_groups:
      description:
        - The node groups of the cluster, those it came with first.
        - Bounds, labels and addresses are told of the default workers and of those that
          O(node_groups) names, and of all by M(gpufleet.openstack.gpu_cluster_info).
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
precheck:
  description: What was found before nodes were added. Null where none were.
  returned: success
  type: dict
  contains:
    needed:
      description: >-
        What the nodes need, of quotas and of resource classes of Placement. Quotas have
        the names that their services use; memory is C(ram_mib).
      type: dict
      sample: {instances: 3, cores: 98, ram_mib: 1050624, port: 3, CUSTOM_GPU_A100: 8}
    free:
      description: What there is of it; without an entry where there is no limit.
      type: dict
      sample: {instances: 7, cores: 200, ram_mib: 4194304, port: 490}
    skipped:
      description: >-
        What could not be asked or is not known, with the reason; among it the devices
        of a PCI alias, a device profile or C(resources:VGPU).
      type: list
      elements: str
      sample: ["accelerators: Placement answered 403 to GET /allocation_candidates"]
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
from ..module_utils._cloud.resources import gpu_cluster


def main() -> None:
    """Run the module."""
    module.run(gpu_cluster.GpuClusterResource)


if __name__ == "__main__":
    main()
