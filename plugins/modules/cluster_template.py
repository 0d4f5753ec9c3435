#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_template
short_description: Manage Magnum cluster templates for GPU, NPU, hybrid and CPU clusters
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Creates, changes in place and deletes a cluster template. A template is found by
    name or id, and a second run with the same options changes nothing.
  - O(profile) fills in what the four kinds of cluster usually want; every option that
    is given goes before it.
  - While clusters use a template, Magnum lets nothing be changed but O(public) and
    O(hidden). Any other difference is then a C(Conflict) that names the clusters, or
    with O(on_in_use=new_revision) a new revision of the template.
  - A revision is a template of Magnum named C(NAME-rN), with the tags
    C(gpufleet-template=NAME) and C(gpufleet-revision=N). The name then means the newest
    revision; O(state=absent) removes all, or none if clusters use one of them.
options:
  name:
    description:
      - Name of the template, or the id of one that exists.
      - Names are compared exactly, also where the service itself does not do so.
      - A name means a template of this project. Public ones of other projects are
        reached by id only.
    type: str
    required: true
  on_in_use:
    description:
      - What to do where a template must be changed that clusters use.
      - V(fail) ends with a C(Conflict) that names the clusters.
      - V(new_revision) leaves it to them and makes the next revision, with what was
        asked for and all else as before. The name must then be 200 characters at most
        and hold no comma.
      - Only clusters that the credentials may see count.
    type: str
    choices: [fail, new_revision]
    default: fail
  prune:
    description:
      - Whether older revisions that no cluster uses are deleted.
    type: bool
    default: false
  profile:
    description:
      - Defaults for a kind of cluster.
      - All set O(coe=kubernetes), O(network_driver=flannel),
        O(docker_storage_driver=overlay2) and the label C(power_monitoring=kepler).
      - V(gpu_intensive) adds O(volume_driver=cinder) and the labels C(gpu_enabled=true)
        and C(workload_type=training).
      - V(npu_optimized) adds the labels C(npu_enabled=true) and
        C(workload_type=inference).
      - V(hybrid_balanced) adds O(volume_driver=cinder) and the labels
        C(gpu_enabled=true), C(npu_enabled=true) and C(workload_type=mixed). Declare
        the nodes of the other kind with O(node_groups).
      - V(cpu_only) adds the label C(workload_type=general).
      - These labels are marks for reports; Magnum does nothing with them.
    type: str
    choices: [gpu_intensive, npu_optimized, hybrid_balanced, cpu_only]
  coe:
    description:
      - Container orchestration engine; V(kubernetes) where nothing is said.
    type: str
    choices: [kubernetes]
  image:
    description:
      - Name or id of the nodes' image; it must have the property C(os_distro). Needed
        to create a template.
    type: str
    aliases: [image_id]
  keypair:
    description:
      - Name of a Nova keypair of the user whose credentials are used.
    type: str
    aliases: [keypair_id]
  hardware:
    description:
      - Name or id of the hardware (flavor) of workers.
    type: str
    aliases: [flavor, flavor_id]
  master_hardware:
    description:
      - Name or id of the hardware (flavor) of masters.
    type: str
    aliases: [master_flavor, master_flavor_id]
  external_network:
    description:
      - Name or id of the external network that clusters are connected to.
    type: str
    aliases: [external_network_id]
  fixed_network:
    description:
      - Name or id of the private network of the nodes. Without it each cluster gets its
        own.
    type: str
  fixed_subnet:
    description:
      - Name or id of the private subnet of the nodes.
      - Defaults to the only subnet of O(fixed_network). Required where there are
        several.
    type: str
  network_driver:
    description:
      - Driver of the container network, for example V(flannel) or V(calico). Which
        there are depends on Magnum's driver.
    type: str
  volume_driver:
    description:
      - Driver of container volumes, for example V(cinder).
    type: str
  docker_storage_driver:
    description:
      - Storage driver of the container runtime, for example V(overlay2).
    type: str
  docker_volume_size:
    description:
      - Size in GiB of a volume for container images; at least 1.
    type: int
  dns_nameserver:
    description:
      - Addresses of DNS servers, separated by commas.
    type: str
  apiserver_port:
    description:
      - Port of the Kubernetes API, 1024 to 65535.
    type: int
  server_type:
    description:
      - Whether nodes are virtual machines or bare metal.
    type: str
    choices: [vm, bm]
  floating_ip_enabled:
    description:
      - Whether nodes get floating addresses.
    type: bool
    aliases: [is_floating_ip_enabled]
  master_lb_enabled:
    description:
      - Whether masters stand behind a load balancer. Needed for more than one master.
    type: bool
    aliases: [is_master_lb_enabled]
  registry_enabled:
    description:
      - Whether a registry of the cluster is set up.
    type: bool
    aliases: [is_registry_enabled]
  tls_disabled:
    description:
      - Whether the Kubernetes API is served without TLS.
    type: bool
    aliases: [is_tls_disabled]
  insecure_registry:
    description:
      - URL of a registry that is used without TLS.
    type: str
  http_proxy:
    description:
      - Proxy of the nodes for HTTP.
    type: str
  https_proxy:
    description:
      - Proxy of the nodes for HTTPS.
    type: str
  no_proxy:
    description:
      - Addresses that nodes reach without a proxy, separated by commas.
    type: str
  labels:
    description:
      - Labels. They are compared and set key by key; those not named are left alone.
        Values are text to Magnum, booleans become V(true) and V(false).
      - Values are kept as text. Null is refused, and so are lists and dictionaries.
        Where Magnum's driver expects JSON, use the filter C(to_json).
    type: dict
  node_groups:
    description:
      - Node groups that M(gpufleet.openstack.gpu_cluster) makes with each new cluster,
        besides the default workers, which have O(hardware). A hybrid cluster has GPU
        nodes in one and NPU nodes in the other, for example.
      - They are kept in the label C(gpufleet_node_groups), as Magnum's templates know
        no node groups. Other clients of Magnum ignore them.
      - The list is compared as a whole. An empty one declares none.
  public:
    description:
      - Whether all projects may use the template. By default only administrators may
        set it.
    type: bool
    aliases: [is_public]
  hidden:
    description:
      - Whether the template is left out of lists for others. By default only
        administrators may set it.
    type: bool
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.node_groups
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
seealso:
  - module: gpufleet.openstack.cluster_template_info
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: A template for training on A100
  gpufleet.openstack.cluster_template:
    cloud: mycloud
    name: gpu-a100
    profile: gpu_intensive
    image: fedora-coreos-40
    keypair: ops
    hardware: gpu.a100.4
    master_hardware: m1.master
    external_network: public
    dns_nameserver: 192.0.2.53
    floating_ip_enabled: false
    labels:
      kube_tag: v1.28.9

- name: A template for inference on Gaudi 3, with another container network
  gpufleet.openstack.cluster_template:
    cloud: mycloud
    name: npu-gaudi3
    profile: npu_optimized
    image: fedora-coreos-40
    hardware: npu.gaudi3.8
    master_hardware: m1.master
    external_network: public
    network_driver: calico

- name: A template for clusters with GPU nodes and a group of NPU nodes
  gpufleet.openstack.cluster_template:
    cloud: mycloud
    name: hybrid
    profile: hybrid_balanced
    image: fedora-coreos-40
    hardware: gpu.a100.4
    master_hardware: m1.master
    external_network: public
    node_groups:
      - name: npu
        hardware: npu.gaudi3.8
        node_count: 1
        max_node_count: 4

- name: Another version of Kubernetes for new clusters, whoever uses the old one
  gpufleet.openstack.cluster_template:
    cloud: mycloud
    name: gpu-a100
    on_in_use: new_revision
    prune: true
    labels:
      kube_tag: v1.29.0

- name: No longer needed
  gpufleet.openstack.cluster_template:
    cloud: mycloud
    name: gpu-a100
    state: absent
"""

RETURN = r"""
cluster_template:
  description:
    - The template. Null where it is absent.
    - In check mode what it would be, with null for what only the real run can tell.
  returned: success
  type: dict
  contains:
    id:
      description: Id of the template.
      type: str
      sample: "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
    name:
      description: Name of the template.
      type: str
      sample: gpu-a100
    revision_of:
      description: Name of the template that it is a revision of, its own for the first.
      type: str
      sample: gpu-a100
    revision:
      description: Which revision it is, from 1.
      type: int
      sample: 1
    unused_revisions:
      description: Names of older revisions that no cluster uses.
      returned: with O(prune=true)
      type: list
      elements: str
      sample: []
    coe:
      description: Container orchestration engine.
      type: str
      sample: kubernetes
    image:
      description: Name or id of the image, as Magnum keeps it.
      type: str
      sample: "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
    keypair:
      description: Name of the keypair, null for none.
      type: str
      sample: ops
    hardware:
      description: Name or id of the flavor of workers.
      type: str
      sample: gpu.a100.4
    master_hardware:
      description: Name or id of the flavor of masters.
      type: str
      sample: m1.master
    external_network:
      description: Name or id of the external network.
      type: str
      sample: b7b0a1b2-6f7e-4a0e-a6c3-6b62c0a6a9f0
    fixed_network:
      description: >-
        Name or id of the private network, null where each cluster gets its own.
      type: str
    fixed_subnet:
      description: Name or id of the private subnet.
      type: str
    network_driver:
      description: Driver of the container network.
      type: str
      sample: flannel
    volume_driver:
      description: Driver of container volumes, null for none.
      type: str
      sample: cinder
    docker_storage_driver:
      description: Storage driver of the container runtime.
      type: str
      sample: overlay2
    docker_volume_size:
      description: Volume for container images in GiB, null for none.
      type: int
    dns_nameserver:
      description: DNS servers of the nodes.
      type: str
      sample: "192.0.2.53"
    apiserver_port:
      description: Port of the API server, null for the default.
      type: int
    server_type:
      description: V(vm) or V(bm).
      type: str
      sample: vm
    floating_ip_enabled:
      description: Whether nodes get floating addresses.
      type: bool
      sample: false
    master_lb_enabled:
      description: Whether masters stand behind a load balancer.
      type: bool
      sample: false
    registry_enabled:
      description: Whether a registry of the cluster is set up.
      type: bool
      sample: false
    tls_disabled:
      description: Whether the API is served without TLS.
      type: bool
      sample: false
    insecure_registry:
      description: Registry that is used without TLS.
      type: str
    http_proxy:
      description: Proxy for HTTP.
      type: str
    https_proxy:
      description: Proxy for HTTPS.
      type: str
    no_proxy:
      description: Addresses that are reached without a proxy.
      type: str
    labels:
      description: Labels, their values as text.
      type: dict
      sample: {gpu_enabled: "true", workload_type: training}
    node_groups:
      description:
        - Node groups that are made with each new cluster, as they were given. Null
          where the label C(gpufleet_node_groups) holds something else.
      type: list
      elements: dict
      sample: [{name: npu, hardware: npu.gaudi3.8, node_count: 1}]
    public:
      description: Whether all projects may use it.
      type: bool
      sample: false
    hidden:
      description: Whether it is left out of lists for others.
      type: bool
      sample: false
    cluster_distro:
      description: Operating system of the nodes, from the image.
      type: str
      sample: fedora-coreos
    driver:
      description: Magnum driver named by the image, null where Magnum chooses.
      type: str
    tags:
      description: Tags.
      type: list
      elements: str
      sample: []
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
      description: Time of the last change, null for none.
      type: str
action:
  description:
    - What was done, or in check mode would be.
    - One of V(none), V(create), V(update), V(new_revision) and V(delete).
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
from ..module_utils._cloud.resources import cluster_template


def main() -> None:
    """Run the module."""
    module.run(cluster_template.ClusterTemplateResource)


if __name__ == "__main__":
    main()
