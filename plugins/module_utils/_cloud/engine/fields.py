# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource's fields, declared once: options, comparison and plan follow."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from .errors import Conflict, InvalidInput

KNOWN_AFTER_APPLY = "known after apply"
"""Stands in check mode for what only the real run can know."""


TEXT, JSON = "text", "json"
"""What the values of a dict must be: texts, numbers and booleans, which services keep
as text; or these and lists and dicts, which are sent as JSON. Neither is null."""


@dataclasses.dataclass(frozen=True)
class Field:
    """An option of a module, a property of its resource, or mostly both.

    Attributes:
        name: Option, and key in what the module returns.
        type: Ansible's type of the option.
        key: The property's name in the API, where it differs.
        ref: Kind of resource that the value names, by name or id ("flavor").
        change: `update` where the API can change it; `frozen` where it can't, so
            that a difference is a Conflict; `create` where it matters only at
            creation and is not compared.
        way_out: For a frozen field: what to do instead. Defaults to the resource's.
        needed: Whether a new resource needs it.
        least: Smallest number that is allowed.
        most: Greatest number that is allowed; `math.inf` for any finite one.
        merge: For a dict: only the desired keys are compared and set.
        values: For a dict: what its values must be, `TEXT` or `JSON`; empty for
            anything.
        clean: Brings a value to the one form in which values are compared, shown and
            sent. It takes None too, which is what a property that is missing has.
        option: Whether users can set it; else it follows from other things.
        spec: Further keys of the argument spec (choices, aliases, elements ...).
    """

    name: str
    type: str = "str"
    key: str = ""
    ref: str = ""
    change: str = "update"
    way_out: str = ""
    needed: bool = False
    least: float | None = None
    most: float | None = None
    merge: bool = False
    values: str = ""
    clean: t.Callable[[t.Any], t.Any] | None = None
    option: bool = True
    spec: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def api_key(self) -> str:
        """Return the property's name in the API."""
        return self.key or self.name

    def cleaned(self, value: t.Any) -> t.Any:
        """Return a value in the form in which values are compared."""
        return self.clean(value) if self.clean else value


class Change(t.NamedTuple):
    """A field whose value differs from the desired one."""

    field: Field
    before: t.Any
    after: t.Any


def argument_spec(fields: t.Iterable[Field]) -> dict[str, dict[str, t.Any]]:
    """Return the argument spec of the fields that are options."""
    return {
        field.name: {"type": field.type, **field.spec}
        for field in fields
        if field.option
    }


def check_numbers(fields: t.Iterable[Field], params: t.Mapping[str, t.Any]) -> None:
    """Check the numbers among the options against their bounds.

    Args:
        fields: The options.
        params: Their values, by name; None for one that is omitted.

    Raises:
        InvalidInput: Names the first option whose value is out of bounds.
    """
    for field in fields:
        if field.least is None or params[field.name] is None:
            continue
        fault = _out_of_bounds(params[field.name], field.least, field.most)
        if fault:
            raise InvalidInput(f"{field.name}: {params[field.name]} is {fault}")


def _out_of_bounds(value: float, least: float, most: float | None) -> str:
    """Return how a number is out of bounds; empty where it is not."""
    if most is None:
        return f"below {least}" if value < least else ""
    if most == math.inf:
        return "" if least <= value < most else f"no number from {least} on"
    return "" if least <= value <= most else f"not within {least} to {most}"


def check_dicts(fields: t.Iterable[Field], params: t.Mapping[str, t.Any]) -> None:
    """Check the values of the dicts among the options.

    Otherwise, a service would keep Python's text of them ("None", "['x']").

    Args:
        fields: The options.
        params: Their values, by name; None for one that is omitted.

    Raises:
        InvalidInput: Names the option, the key and the remedy. The value is not shown,
            as it may be a secret.
    """
    for field in fields:
        given = params[field.name] if field.values else None
        for key, value in (given or {}).items():
            if value is None:
                raise InvalidInput(
                    f"{field.name}: {key} is null, and must have a value. Set one, or "
                    "leave the key out"
                )
            if field.values == TEXT and isinstance(value, (list, dict)):
                raise no_text(field.name, key, value)


def no_text(option: str, key: object, value: t.Any) -> InvalidInput:
    """Return the error for a list or dictionary in the place of a text."""
    kind = "list" if isinstance(value, list) else "dictionary"
    return InvalidInput(
        f"{option}: {key} is a {kind}, and must be a text, a number or a boolean. "
        "Where JSON is expected, use the filter to_json"
    )


def option_values(
    fields: t.Iterable[Field], params: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return the values that options give to the fields, by field name.

    An option that is None is omitted, and so is its field.
    """
    return {
        field.name: field.cleaned(params[field.name])
        for field in fields
        if field.option and params[field.name] is not None
    }


def api_values(
    fields: t.Iterable[Field], raw: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return the fields' values as the API has them, by field name."""
    return {field.name: field.cleaned(raw.get(field.api_key)) for field in fields}


def labels(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """Return labels as Magnum keeps them: text, `true` and `false` for booleans."""
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
    """Compare the desired values with those that are; ignore all others.

    Args:
        fields: The resource's fields.
        want: The desired values, by field name. A field that is missing is ignored.
        have: The values that are, by field name.
        same: Whether two unequal values mean the same (a name and its id).

    Returns:
        The differences, in the order of the fields.
    """
    changes = []
    for field in fields:
        if field.name not in want or field.change == "create":
            continue
        before, after = have.get(field.name), want[field.name]
        if field.merge:
            after = {**(before or {}), **after}
        if after != before and not same(field, after, before):
            changes.append(Change(field, before, after))
    return changes


def refuse_frozen(what: str, changes: t.Iterable[Change], way_out: str = "") -> None:
    """Raise a Conflict that names each change that can't be made, and the way out.

    Args:
        what: How messages call the resource.
        changes: The differences.
        way_out: What to do instead, for fields that have no way out of their own.
    """
    frozen = [change for change in changes if change.field.change == "frozen"]
    if not frozen:
        return
    parts = [
        f"{change.field.name} is {change.before!r} and can't be changed to "
        f"{change.after!r} ({change.field.way_out or way_out})"
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


def refuse_incomplete(
    what: str, fields: t.Iterable[Field], values: t.Mapping[str, t.Any]
) -> None:
    """Raise where a new resource lacks what it needs.

    Args:
        what: How messages call the resource.
        fields: The resource's fields.
        values: What it will be made of, by field name.

    Raises:
        InvalidInput: Names the options that are missing.
    """
    needed = [field.name for field in fields if field.needed]
    missing = [name for name in needed if name not in values]
    if not missing:
        return
    options = (
        f"the option {missing[0]} is needed"
        if len(needed) == 1
        else f"these options are needed: {', '.join(missing)}"
    )
    raise incomplete(what, options)


def incomplete(what: object, needed: str) -> InvalidInput:
    """Return the error for a new resource that lacks something.

    Args:
        what: The resource.
        needed: What it lacks, as in "the option image is needed".
    """
    return InvalidInput(f"{what} does not exist, and to create it {needed}")
