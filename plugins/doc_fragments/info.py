# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what all query modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Which resources a query returns."""

    DOCUMENTATION = r"""
options:
  name:
    description:
      - Name or id of the one to return. Without it all that the credentials may see
        are returned.
      - Names are compared exactly, also where the service itself does not do so.
    type: str
  required:
    description:
      - Whether it is an error when O(name) does not exist. Otherwise the list is empty.
    type: bool
    default: false
"""
