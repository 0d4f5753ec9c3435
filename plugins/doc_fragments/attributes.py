# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what modules support, written once for all of them."""

from __future__ import annotations


class ModuleDocFragment:
    """One section per kind of module; a module adds its own details to them.

    No section may have the name of another fragment: Ansible would take that instead.
    """

    # Modules that change something.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode and report what would change.
    support: full
  diff_mode:
    description: Returns what differs between before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Where the module runs.
    support: full
    platforms: posix
"""

    # Modules that declare a resource of a cloud; in addition to DOCUMENTATION.
    RESOURCE_MODULE = r"""
attributes:
  check_mode:
    details:
      - No write request is sent.
      - A resource that an earlier task of the same play would have created (a flavor, a
        template) is reported as a warning and as "known after apply", so that you can
        plan a whole site on an empty cloud.
  diff_mode:
    details:
      - The diff holds the properties that the module's options declare.
"""

    # Modules that return something and change nothing.
    INFO_MODULE = r"""
attributes:
  check_mode:
    description: Can run in check mode; it changes nothing in any mode.
    support: full
  diff_mode:
    description: Returns what differs between before and after.
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Where the module runs.
    support: full
    platforms: posix
"""

    # Modules that return facts; in addition to INFO_MODULE.
    FACTS_MODULE = r"""
attributes:
  facts:
    description: Returns C(ansible_facts) about the host it runs on.
    support: full
"""

    # Modules that reach a cloud.
    ACTIONGROUP_OPENSTACK = r"""
attributes:
  action_group:
    description: Use C(group/gpufleet.openstack.openstack) in C(module_defaults).
    support: full
    membership:
      - gpufleet.openstack.openstack
"""
