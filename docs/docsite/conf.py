# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx builds the site: `make docs`. Nothing is fetched."""

from __future__ import annotations

project = "gpufleet.openstack"
copyright = "2026, the gpufleet.openstack authors"
title = html_title = html_short_title = "gpufleet.openstack"

extensions = ["sphinx_antsibull_ext"]

default_role = "any"
highlight_language = "yaml+jinja"
pygments_style = "ansible"

html_theme = "sphinx_ansible_theme"
html_copy_source = False
html_show_sphinx = False
html_use_index = False

# What the generated pages refer to in Ansible's own documentation. To resolve it would
# take intersphinx, and so a network.
nitpick_ignore_regex = [
    # What is common to all modules, callbacks and action plugins.
    ("std:ref", "common_return_values|ansible_configuration_settings"),
    ("std:ref", "(action|callback)_plugins"),
    # Plugins of ansible-core.
    ("std:ref", r"ansible_collections\.ansible\.builtin\..*"),
    # Environment variables of ansible-core.
    ("std:envvar", "ANSIBLE_.*"),
]
