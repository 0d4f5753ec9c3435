#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: telemetry_program
short_description: Put the program that tells a node's accelerators on the node
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Writes what M(gpufleet.openstack.gpu_facts) reads accelerators with as one file,
    C(gpufleet_node.pyz), that Python runs there without Ansible. It writes what it has
    read as metrics, for the textfile collector of node_exporter.
  - The role P(gpufleet.openstack.node_telemetry#role) runs it on a timer. Use the
    module itself when something other than systemd is to run it.
  - Requires only Python 3.8 or newer on the node. The file is compared by its content.
    The folder C(gpufleet_node) of version 0.1.0 is removed.
  - Always run the file with Python's option C(-I), which keeps Python from importing
    anything from the environment or the current folder.
options:
  path:
    description:
      - Folder that holds the file, an absolute path. It is created with mode 0755 when
        it does not exist.
      - The module fails when a user other than root and the one who runs the module can
        change this folder or one above it, because that user could replace a program
        that root runs.
    type: path
    required: true
extends_documentation_fragment:
  - gpufleet.openstack.attributes
notes:
  - To remove it, remove the file C(gpufleet_node.pyz) in O(path).
seealso:
  - module: gpufleet.openstack.gpu_facts
"""

EXAMPLES = r"""
- name: The program
  gpufleet.openstack.telemetry_program:
    path: /usr/local/lib/gpufleet
  become: true

- name: Run it every minute, where there is no systemd
  ansible.builtin.cron:
    name: accelerators
    user: root
    job: >-
      python3 -I /usr/local/lib/gpufleet/gpufleet_node.pyz
      /var/lib/node_exporter/textfile_collector/gpufleet.prom
  become: true
"""

RETURN = r"""
files:
  description: Names in O(path) that were written or removed.
  returned: success
  type: list
  elements: str
  sample: [gpufleet_node.pyz]
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _files
from ..module_utils._node.program import Program


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        {"path": {"type": "path", "required": True}}, supports_check_mode=True
    )
    path = module.params["path"]
    if not os.path.isabs(path):
        module.fail_json(msg=f"path: {path} is not absolute")
    # What is made on the way is 0755.
    os.umask(0o022)
    try:
        there = Program(path)
        if there.differs and not module.check_mode:
            there.install()
    except OSError as error:
        # What has no number says itself what to do: others can change a folder.
        reason = _files.failure(error, "path") if error.errno else str(error)
        module.fail_json(msg=f"path: {path} can't be written: {reason}")
    module.exit_json(changed=there.differs, files=there.changed, diff=there.diff())


if __name__ == "__main__":
    main()
