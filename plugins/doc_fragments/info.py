# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what all query modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Name, and what such modules support."""

    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name or id of the one to return. Without it all that the credentials may see
        are returned.
    type: str
  required:
    description:
      - Whether it is an error when O(name) does not exist. Otherwise the list is empty.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing in any mode.
    support: full
  diff_mode:
    description: Returns what differs between before and after.
    support: N/A
    details:
      - Nothing is changed.
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
