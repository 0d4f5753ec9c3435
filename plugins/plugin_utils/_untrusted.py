# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep text of a cloud from being evaluated as a template."""

from __future__ import annotations

import typing as t

from ansible.utils.unsafe_proxy import AnsibleUnsafeText

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19
    trust_as_template = None

_Value = t.TypeVar("_Value")


def _marked(value: t.Any) -> t.Any:
    if isinstance(value, str):
        # Only what may be a template: ansible-inventory lists a marked text as a
        # dictionary with the key `__ansible_unsafe`, which few readers expect.
        suspect = "{" in value or value.startswith("#jinja2:")
        return AnsibleUnsafeText(value) if suspect else value
    if isinstance(value, dict):
        return {_marked(key): _marked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_marked(item) for item in value]
    return value


def _unchanged(value: _Value) -> _Value:
    return value


# From ansible-core 2.19 on, only text that is marked as trusted is a template.
untrusted: t.Callable[[_Value], _Value] = _unchanged if trust_as_template else _marked
"""Return a variable of a host, or a name, such that no part of it is a template."""
