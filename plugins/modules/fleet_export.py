#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_export
short_description: Describe a live site as variables of the role fleet
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Reads the locations, the hardware, the cluster templates and the clusters with their
    node groups of a project, and describes them in the words that declare them. The
    role P(gpufleet.openstack.fleet#role) changes nothing with what comes out.
  - With it a site that was made by other means is adopted, and one that is declared is
    backed up, in one step.
  - Names are given in place of ids, where a name means one thing only. What follows
    from something else that is exported (a cluster's labels that are its template's) is
    not said twice.
  - Hardware is exported if it has accelerators, or if a template, cluster or node group
    that is exported needs it. Of a template the newest revision is exported.
  - What can't be declared, for one a cluster whose creation failed, is left out with a
    warning. Magnum lists no hidden templates of others.
options:
  path:
    description:
      - File to write the variables to, as YAML; for its owner alone, as proxies may
        have a password in their address. Texts are marked C(!unsafe), so that Ansible
        evaluates none of them as a template. Not marked are those that hold nothing
        but letters, digits and V(_.:/@+-), and quoted numbers, dates and the like.
      - Without it they are in the result only. The result and the diff show addresses
        without user and password; the file has them.
    type: path
extends_documentation_fragment:
  - gpufleet.openstack.attributes
  - gpufleet.openstack.attributes.actiongroup_openstack
  - gpufleet.openstack.openstack
attributes:
  check_mode:
    details:
      - No file is written in check mode.
  idempotent:
    details:
      - As long as the site stays the same.
notes:
  - Who exports with the credentials of a plain member sees no list of the projects that
    may use hardware which is not public, so that it is not exported.
  - A location's region is exported too. Take it out to build the same elsewhere.
seealso:
  - module: gpufleet.openstack.location
  - module: gpufleet.openstack.hardware
  - module: gpufleet.openstack.cluster_template
  - module: gpufleet.openstack.gpu_cluster
"""

EXAMPLES = r"""
- name: Describe the site in a file
  gpufleet.openstack.fleet_export:
    cloud: mycloud
    path: ~/site.yml

- name: Look at what there is
  gpufleet.openstack.fleet_export:
    cloud: mycloud
  register: site

- name: Sizes of the clusters
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.node_count }}"
  loop: "{{ site.fleet.fleet_clusters }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
fleet:
  description: Variables of the role P(gpufleet.openstack.fleet#role).
  returned: success
  type: dict
  contains:
    fleet_locations:
      description: Options of M(gpufleet.openstack.location) for each.
      type: list
      elements: dict
      sample: [{name: frankfurt, cidr: 10.10.0.0/24, external_network: public}]
    fleet_hardware:
      description: Options of M(gpufleet.openstack.hardware) for each.
      type: list
      elements: dict
      sample:
        - name: gpu.a100.4
          vcpus: 48
          ram_mib: 524288
          disk_gib: 200
          accelerators: [{kind: gpu, vendor: nvidia, model: A100, count: 4}]
    fleet_cluster_templates:
      description: Options of M(gpufleet.openstack.cluster_template) for each.
      type: list
      elements: dict
      sample: [{name: gpu-a100, image: fedora-coreos-40, hardware: gpu.a100.4}]
    fleet_clusters:
      description: Options of M(gpufleet.openstack.gpu_cluster) for each.
      type: list
      elements: dict
      sample:
        - {name: training, location: frankfurt, template: gpu-a100, node_count: 2}
path:
  description: The file, null where none was asked for.
  returned: success
  type: str
  sample: /etc/fleet/site.yml
error:
  description: What went wrong, in a form that playbooks can decide by.
  returned: failure
  type: dict
  contains:
    type:
      description: Type of the error, one of those in the notes.
      type: str
      sample: AuthError
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

import os
import typing as t

from ..module_utils import _files
from ..module_utils._cloud import (
    export,
    export_text,
    module,
)
from ..module_utils._cloud.resources import files
from ..module_utils._cloud.services.session import Cloud


def run(cloud: Cloud, params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Read the site, and write the file where one is asked for."""
    path = params["path"]
    if path:
        files.check_folder(path)
    site = export.export(cloud)
    result: dict[str, t.Any] = {"changed": False, "fleet": site, "path": path}
    if not path:
        return result
    with files.typed(path):
        before = ""
        if os.path.exists(_files.native(path)):
            # Whatever it is, it is replaced.
            with open(_files.native(path), encoding="utf-8", errors="replace") as file:
                before = file.read()
        after = export_text.yaml_text(site)
        changed = before != after
        if changed and not check_mode:
            files.write_private(path, after)
    diff = {"before": before, "after": after, "before_header": path}
    return {**result, "changed": changed, "diff": {**diff, "after_header": path}}


def main() -> None:
    """Run the module."""
    module.run_action(run, {"path": {"type": "path"}})


if __name__ == "__main__":
    main()
