# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported site as a YAML file of variables."""

from __future__ import annotations

import typing as t

from .errors import InvalidInput

_HEAD = """\
---
# What gpufleet.openstack.fleet_export read from the cloud. To declare it:
#   ansible-playbook gpufleet.openstack.site -e @FILE
"""


def yaml_text(site: dict[str, t.Any]) -> str:
    """Variables as YAML, the same for the same site.

    What Ansible would take for a template is marked C(!unsafe): a text from the cloud
    stays the text that it is.

    Raises:
        InvalidInput: PyYAML is missing.
    """
    try:
        import yaml
    except ImportError as error:
        raise InvalidInput(
            f"path: PyYAML is needed to write it and could not be imported: {error}"
        ) from error

    class Dumper(yaml.SafeDumper):
        """Keeps templates of others from being templates."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            # Lists are indented below their key.
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: t.Any) -> bool:
            # What two clusters share is written twice.
            return True

    def text(dumper: t.Any, value: str) -> t.Any:
        template = any(mark in value for mark in ("{{", "{%", "{#"))
        tag = "!unsafe" if template else "tag:yaml.org,2002:str"
        return dumper.represent_scalar(tag, value)

    Dumper.add_representer(str, text)
    return _HEAD + yaml.dump(
        site, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100
    )
