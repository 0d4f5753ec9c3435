#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig_info
short_description: Query a kubeconfig file
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns for whom, for which cluster and until when the credentials in a file are
    that M(gpufleet.openstack.kubeconfig) wrote. Keys are not returned.
  - The file alone is read; nothing is asked of the cloud.
options:
  name:
    description:
      - Name or id of a cluster. A file for another cluster is then left out.
      - Names are compared exactly, also where the service itself does not do so.
    type: str
  path:
    description:
      - The file. Where there is none, the list is empty.
    type: path
    required: true
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.info
  - gpufleet.openstack.openstack
requirements:
  - cryptography
seealso:
  - module: gpufleet.openstack.kubeconfig
"""

EXAMPLES = r"""
- name: Whose credentials these are
  gpufleet.openstack.kubeconfig_info:
    cloud: mycloud
    path: ~/training.kubeconfig
  register: found

- name: When they end
  ansible.builtin.debug:
    var: found.kubeconfigs[0].not_after
"""

RETURN = r"""
kubeconfigs:
  description: The credentials in the file; empty where there is no file.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the cluster.
      type: str
      sample: "0562d357-8641-4759-8fed-8173f02c9633"
    path:
      description: Path of the file.
      type: str
      sample: /etc/kubernetes/training.kubeconfig
    cluster:
      description: Name of the cluster.
      type: str
      sample: training
    cluster_id:
      description: Id of the cluster.
      type: str
      sample: "0562d357-8641-4759-8fed-8173f02c9633"
    server:
      description: URL of the Kubernetes API.
      type: str
      sample: https://203.0.113.7:6443
    user:
      description: User that the certificate is for.
      type: str
      sample: admin
    groups:
      description: Groups that the certificate is for, sorted.
      type: list
      elements: str
      sample: [system:masters]
    not_after:
      description: Time at which the certificate ends, UTC.
      type: str
      sample: "2031-11-22T10:00:00Z"
    ca_fingerprint:
      description: SHA-256 of the CA's certificate.
      type: str
      sample: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    ca_not_after:
      description: Time at which the CA's certificate ends, UTC.
      type: str
      sample: "2031-11-22T10:00:00Z"
    mode:
      description: Permissions of the file, octal.
      type: str
      sample: "0600"
    renewal_due:
      description: Null here; M(gpufleet.openstack.kubeconfig) tells it.
      type: bool
      sample: false
    ca_rotation_due:
      description: Null here; M(gpufleet.openstack.kubeconfig) tells it.
      type: bool
      sample: false
    content:
      description: Always null here.
      type: str
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: ClusterNotFound
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
from ..module_utils._cloud.resources import kubeconfig


def main() -> None:
    """Run the module."""
    module.run_info(
        kubeconfig.KubeconfigResource,
        "kubeconfigs",
        {"path": {"type": "path", "required": True}},
    )


if __name__ == "__main__":
    main()
