# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what all modules that change something share."""

from __future__ import annotations


class ModuleDocFragment:
    """State, waiting, and what such modules support."""

    DOCUMENTATION = r"""
options:
  state:
    description:
      - Whether the resource shall be there.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until the change is done. Kinds of resource whose changes are
        done at once (hardware, templates) take no notice.
      - With V(false) a change that somebody else has begun is still waited for before
        another one is made, and a new resource until it can be found by name.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the task may take in all, before it fails with the last state seen.
        What was begun goes on in the cloud, and the next run waits for it.
    type: int
    default: 3600
attributes:
  check_mode:
    description: Can run in check mode and tells what would change, without a write.
    support: full
    details:
      - A resource that an earlier task of the same play would have made (a flavor, a
        template) is a warning and "known after apply", so that a whole site can be
        planned on an empty cloud.
  diff_mode:
    description: Returns what differs between before and after.
    support: full
    details:
      - The diff holds the properties that the module's options declare.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  action_group:
    description: Use C(group/gpufleet.openstack.openstack) in C(module_defaults).
    support: full
    membership:
      - gpufleet.openstack.openstack
  platform:
    description: Where the module runs.
    support: full
    platforms: posix
"""
