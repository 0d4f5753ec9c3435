#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: report_files
short_description: Write the files of a report into a folder, all or none
version_added: 0.2.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Writes texts and data to files of one folder. If one of them can't be written, for
    example because the disk is full, all files remain as they were.
  - Files are replaced and never written to. If a file is a symbolic link or belongs to
    another user, the link or name is replaced and the other file remains as it was. The
    folder may therefore be writable for others.
  - The role P(gpufleet.openstack.report#role) writes its reports with this module.
  - Everything is done on the controller.
options:
  folder:
    description:
      - Folder of the files. It is created with its parents if it is missing.
    type: path
    required: true
  files:
    description:
      - Content of each file, by the name of the file. A text is written as it is, and
        data as JSON.
    type: dict
    required: true
  file_mode:
    description:
      - Permissions of the files, an octal number in quotes.
    type: raw
    default: "0640"
  folder_mode:
    description:
      - Permissions of the folder and its parents, an octal number in quotes. Folders
        that exist keep their permissions and owner.
    type: raw
    default: "0750"
extends_documentation_fragment:
  - gpufleet.openstack.attributes
attributes:
  action:
    description: Runs as an action plugin, on the controller.
    support: full
seealso:
  - module: gpufleet.openstack.fleet_info
"""

EXAMPLES = r"""
- name: Read the fleet
  gpufleet.openstack.fleet_info:
    reports: [overview, nodes]
  register: fleet

- name: Write it down
  gpufleet.openstack.report_files:
    folder: /srv/reports
    files:
      overview.json: "{{ fleet.overview }}"
      nodes.json: "{{ fleet.nodes }}"
"""

RETURN = r"""
folder:
  description: The folder, as an absolute path.
  returned: success
  type: str
  sample: /srv/reports
"""
