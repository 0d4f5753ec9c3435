#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_template_info
short_description: Query Magnum cluster templates
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns cluster templates, in the shape that M(gpufleet.openstack.cluster_template)
    returns them.
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
seealso:
  - module: gpufleet.openstack.cluster_template
"""

EXAMPLES = r"""
- name: All templates
  gpufleet.openstack.cluster_template_info:
    cloud: mycloud
  register: result

- name: Those for GPU clusters
  ansible.builtin.debug:
    msg: >-
      {{ result.cluster_templates
         | selectattr('labels.gpu_enabled', 'defined')
         | map(attribute='name') }}
"""

RETURN = r"""
cluster_templates:
  description: The templates found.
  returned: success
  type: list
  elements: dict
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
    module.run_info(cluster_template.ClusterTemplateResource, "cluster_templates")


if __name__ == "__main__":
    main()
