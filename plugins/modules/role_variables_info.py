#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: role_variables_info
short_description: Warn about misspelled variables of a role
version_added: 0.2.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Warns about variables whose names begin like the options of a role, are none of
    these options, and are close to one of them, for example C(fleet_cluster) instead of
    C(fleet_clusters). Ansible itself ignores such variables.
  - The role P(gpufleet.openstack.fleet#role) checks its variables with this module.
  - Everything is done on the controller.
options:
  prefix:
    description:
      - How the names of the role's options begin. Names with another underscore after
        it are the role's own, and are ignored.
    type: str
    required: true
  known:
    description:
      - Names of the role's options.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
attributes:
  action:
    description: Runs as an action plugin, on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Warn about misspelled variables
  gpufleet.openstack.role_variables_info:
    prefix: fleet_
    known: [fleet_state, fleet_locations, fleet_clusters]
"""

RETURN = r"""
misspelled:
  description: Names that are close to an option, each with these options.
  returned: success
  type: dict
  sample: {fleet_cluster: [fleet_clusters]}
"""
