# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported site as a YAML file of variables."""

from __future__ import annotations

import re
import typing as t

from .. import _libraries
from .engine.errors import InvalidInput

_HEAD = """\
---
# What gpufleet.openstack.fleet_export read from the cloud. To declare it:
#   ansible-playbook gpufleet.openstack.site -e @FILE
"""

_HARMLESS = re.compile(r"[A-Za-z0-9_.:/@+-]*")
_NO_CHARACTER = re.compile("[\ud800-\udfff]")


def yaml_text(site: dict[str, t.Any]) -> str:
    """Variables as YAML, the same for the same site.

    Every text, keys included, is marked `!unsafe` unless it consists of characters of
    which no template can be made: a text from the cloud stays the text that it is.

    Raises:
        InvalidInput: PyYAML is missing.
    """
    try:
        import yaml
    except ImportError as error:
        raise InvalidInput(_libraries.missing("PyYAML", error)) from error

    class Dumper(yaml.SafeDumper):
        """Keeps texts of others from being templates."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            # Lists are indented below their key.
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: t.Any) -> bool:
            # What two clusters share is written twice.
            return True

    def text(dumper: t.Any, value: str) -> t.Any:
        if _HARMLESS.fullmatch(value):
            return dumper.represent_str(value)
        # JSON can hold half of a character, which YAML can't.
        value = _NO_CHARACTER.sub("\ufffd", value)
        plain = "tag:yaml.org,2002:str"
        # From ansible-core 2.19 on, !unsafe makes a number, a date or the like of what
        # looks like one, in spite of the quotes. None of these can be a template.
        is_text = dumper.resolve(yaml.ScalarNode, value, (True, False)) == plain
        # In double quotes all is escaped that YAML's readers would change.
        return dumper.represent_scalar("!unsafe" if is_text else plain, value, '"')

    Dumper.add_representer(str, text)
    return _HEAD + yaml.dump(
        site, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100
    )
