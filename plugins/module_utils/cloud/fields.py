# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource's fields, declared once: options, comparison and plan follow."""

from __future__ import annotations

import dataclasses
import typing as t

from .errors import Conflict

KNOWN_AFTER_APPLY = "known after apply"
"""Stands in check mode for what only the real run can know."""


@dataclasses.dataclass(frozen=True)
class Field:
    """An option of a module that is also a property of its resource.

    Attributes:
        name: Option, and key in what the module returns.
        type: Ansible's type of the option.
        key: The property's name in the API, where it differs.
        ref: Kind of resource that the value names, by name or id ("flavor").
        change: C(update) where the API can change it; C(frozen) where it can't, so
            that a difference is a Conflict; C(create) where it matters only at
            creation and is not compared.
        merge: For a dict: only the keys asked for are compared and set.
        way_out: For a frozen field: what to do instead.
        spec: Further keys of the argument spec (choices, aliases, elements ...).
    """

    name: str
    type: str = "str"
    key: str = ""
    ref: str = ""
    change: str = "update"
    merge: bool = False
    way_out: str = ""
    spec: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """The property's name in the API."""
        return self.key or self.name


class Change(t.NamedTuple):
    """A field that is not as asked for."""

    field: Field
    before: t.Any
    after: t.Any


def argument_spec(fields: t.Iterable[Field]) -> dict[str, dict[str, t.Any]]:
    """The argument spec of the fields' options."""
    return {field.name: {"type": field.type, **field.spec} for field in fields}


def labels(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """Labels as Magnum keeps them: text, with C(true) and C(false) for booleans."""
    return {str(key): _label(value) for key, value in (values or {}).items()}


def _label(value: t.Any) -> str:
    text = str(value)
    return text.lower() if text.lower() in ("true", "false") else text


def differences(
    fields: t.Iterable[Field],
    want: t.Mapping[str, t.Any],
    have: t.Mapping[str, t.Any],
    same: t.Callable[[Field, t.Any, t.Any], bool],
) -> list[Change]:
    """Compare what was asked for with what is; silent on all else.

    Args:
        fields: The resource's fields.
        want: Values asked for, by field name. A key that is missing is not asked.
        have: Values as they are, by field name.
        same: Whether two unequal values mean the same (a name and its id).

    Returns:
        The differences, in the order of the fields.
    """
    found = []
    for field in fields:
        if field.name not in want or field.change == "create":
            continue
        asked, there = want[field.name], have.get(field.name)
        if field.merge:
            asked = {**(there or {}), **asked}
        if asked != there and not same(field, asked, there):
            found.append(Change(field, there, asked))
    return found


def refuse_frozen(what: str, changes: t.Iterable[Change]) -> None:
    """Raise a Conflict that names each change that can't be made, and the way out."""
    frozen = [change for change in changes if change.field.change == "frozen"]
    if not frozen:
        return
    parts = [
        f"{change.field.name} is {change.before!r} and can't be changed to "
        f"{change.after!r} ({change.field.way_out})"
        for change in frozen
    ]
    raise Conflict(
        f"{what}: " + "; ".join(parts),
        details={
            "fields": [
                {"field": c.field.name, "before": c.before, "after": c.after}
                for c in frozen
            ]
        },
    )
