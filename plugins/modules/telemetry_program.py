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
  - Writes what M(gpufleet.openstack.gpu_facts) reads accelerators with as a Python
    package, C(gpufleet_node), that can be run there without Ansible. It writes what it
    has read as metrics, for the textfile collector of node_exporter.
  - The role P(gpufleet.openstack.node_telemetry#role) runs it by a timer. Use the
    module itself where something else than systemd is to run it.
  - Needs nothing on the node but Python 3.8. All files come with the module, in one
    transfer. Files are compared by their content, and those of an earlier version that
    are no more are removed.
options:
  path:
    description:
      - Folder that is to hold the package, an absolute path. It is made where it is
        missing, with mode 0755, as all files get mode 0644.
    type: path
    required: true
attributes:
  check_mode:
    description: Can run in check mode; it then tells what it would write.
    support: full
  diff_mode:
    description: Returns what differs between before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
notes:
  - To remove it, remove the folder C(gpufleet_node) in O(path).
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
      cd /usr/local/lib/gpufleet &&
      python3 -B -m gpufleet_node.telemetry
      /var/lib/node_exporter/textfile_collector/gpufleet.prom
  become: true
"""

RETURN = r"""
files:
  description: Names of the files in C(gpufleet_node) that were written or removed.
  returned: success
  type: list
  elements: str
  sample: [collect.py, telemetry.py]
"""

import os
import pkgutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpufleet.openstack.plugins.module_utils.node import telemetry

NAME = "gpufleet_node"


def program() -> dict[str, bytes]:
    """Its files by name: all that lies beside telemetry, which may be in a zip."""
    package = telemetry.__name__.rpartition(".")[0]
    beside = pkgutil.iter_modules([os.path.dirname(telemetry.__file__)])
    names = ["__init__.py", *(f"{found.name}.py" for found in beside)]
    return {name: pkgutil.get_data(package, name) or b"" for name in names}


def present(folder: str) -> dict[str, bytes]:
    """The Python files of a folder by name; none where it is not there."""
    found = {}
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            if name.endswith(".py"):
                with open(os.path.join(folder, name), "rb") as file:
                    found[name] = file.read()
    return found


def difference(path: str, before: bytes, after: bytes) -> dict[str, str]:
    """What diff mode shows of a file."""
    return {
        "before_header": path,
        "after_header": path,
        "before": before.decode("utf-8", "replace"),
        "after": after.decode("utf-8", "replace"),
    }


def write(module: AnsibleModule, path: str, content: bytes) -> None:
    """Write a file in one step."""
    descriptor, draft = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    module.atomic_move(draft, path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        {"path": {"type": "path", "required": True}}, supports_check_mode=True
    )
    path = module.params["path"]
    if not os.path.isabs(path):
        module.fail_json(msg=f"path: {path} is not absolute")
    folder = os.path.join(path, NAME)
    # What is made on the way is 0755.
    os.umask(0o022)
    try:
        before, after = present(folder), program()
        names = sorted(
            name for name in {*before, *after} if before.get(name) != after.get(name)
        )
        changed = bool(names)
        if not module.check_mode:
            os.makedirs(folder, exist_ok=True)
            for name in names:
                file = os.path.join(folder, name)
                if name in after:
                    write(module, file, after[name])
                else:
                    os.remove(file)
        modes = {folder: 0o755}
        modes.update({os.path.join(folder, name): 0o644 for name in after})
        for file, mode in modes.items():
            if os.path.exists(file):
                changed = module.set_mode_if_different(file, mode, changed)
    except OSError as error:
        module.fail_json(msg=f"path: {path} can't be written: {error}")
    module.exit_json(
        changed=changed,
        files=names,
        diff=[
            difference(
                os.path.join(folder, name), before.get(name, b""), after.get(name, b"")
            )
            for name in names
        ],
    )


if __name__ == "__main__":
    main()
