# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what all modules that change something share."""

from __future__ import annotations


class ModuleDocFragment:
    """State and waiting."""

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
"""
