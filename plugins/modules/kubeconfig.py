#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kubeconfig
short_description: Get credentials for the Kubernetes API of a GPU cluster
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Writes a kubeconfig file with a certificate that Magnum's CA signed. The private key
    is made where the module runs and never sent.
  - The file is kept until its certificate ends within O(renew_before), or until the
    cluster has another CA or API address, or other options are given.
options:
  name:
    description:
      - Name or id of the cluster.
      - Names are compared exactly, also where the service itself does not do so.
    type: str
    required: true
  path:
    description:
      - The file. Its directory must exist. It is written at once and as a whole, with
        permissions C(0600).
    type: path
    required: true
  user:
    description:
      - Name of the user to Kubernetes.
    type: str
    default: admin
  groups:
    description:
      - Groups of the user to Kubernetes. The default is administrators.
      - The playbook C(gpufleet.openstack.kubernetes_access) grants rights to
        C(gpufleet:readers), which may list what the reports need, and to
        C(gpufleet:maintainers), which may cordon and drain nodes. Grant rights to other
        groups by bindings of your own.
    type: list
    elements: str
    default: ["system:masters"]
  renew_before:
    description:
      - Days before its end at which the certificate is renewed; half of its life where
        that is shorter.
    type: int
    default: 30
  rotate_ca_after:
    description:
      - Age of the cluster's CA in days at which it is replaced. The task then waits
        until all nodes have the new one. All credentials that the old one signed end,
        those of other people too.
      - Without it the CA is never replaced.
      - Drivers of Magnum for Cluster API can't replace a CA. With them, this option is
        an error of type C(Conflict), whatever the age of the CA.
    type: int
  return_content:
    description:
      - Whether to return the file's text, for where files don't last (the containers of
        AWX). It holds the private key, so that the task needs C(no_log=true); a
        registered variable has it nevertheless.
    type: bool
    default: false
  force:
    description:
      - Whether to replace, or with O(state=absent) remove, a file that this module did
        not write.
    type: bool
    default: false
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.attributes.resource_module
  - gpufleet.openstack.openstack
  - gpufleet.openstack.state
requirements:
  - cryptography
notes:
  - With O(state=absent) the file is removed. The certificate in it stays valid; only
    another CA ends it.
  - By Magnum's default policy, only the user who created a cluster, and an
    administrator, may have certificates signed by its CA.
seealso:
  - module: gpufleet.openstack.kubeconfig_info
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: Credentials of an administrator
  gpufleet.openstack.kubeconfig:
    cloud: mycloud
    name: training
    path: ~/training.kubeconfig

- name: Credentials for the reports, a new CA every year
  gpufleet.openstack.kubeconfig:
    cloud: mycloud
    name: training
    path: ~/training-reports.kubeconfig
    user: reports
    groups: ["gpufleet:readers"]
    rotate_ca_after: 365

- name: Credentials in a container, to be used by later tasks
  gpufleet.openstack.kubeconfig:
    cloud: mycloud
    name: training
    path: /tmp/training.kubeconfig
    return_content: true
  no_log: true
  register: credentials

- name: No longer needed
  gpufleet.openstack.kubeconfig:
    cloud: mycloud
    name: training
    path: ~/training.kubeconfig
    state: absent
"""

RETURN = r"""
kubeconfig:
  description:
    - The credentials. Null where they are absent.
    - In check mode what they would be, with null for what only the real run can tell.
  returned: success
  type: dict
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
      description: Whether it ends within O(renew_before).
      type: bool
      sample: false
    ca_rotation_due:
      description: Whether the CA is older than O(rotate_ca_after).
      type: bool
      sample: false
    content:
      description: The text of the file, with O(return_content=true); else null.
      type: str
action:
  description:
    - What was done, or in check mode would be.
    - One of V(none), V(create), V(update) and V(delete).
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
    module.run(kubeconfig.KubeconfigResource)


if __name__ == "__main__":
    main()
