# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a record as its type declares them, and both ways to check them.

Whole records are checked at once: nearly all are as they should be, and fleets have a
hundred thousand devices of thirty fields. What does not pass that check is read value
by value, with a warning for each that can't be.
"""

from __future__ import annotations

import typing as t
from operator import itemgetter, le
from types import NoneType, UnionType

from .values import LARGEST, LONGEST, Reader

R = t.TypeVar("R")

_MOST_PLANS = 4096
"""Combinations of types that are remembered; a fleet has a few dozen."""

_Values = tuple[t.Any, ...]
_Getter = t.Callable[[_Values], _Values]
_Plan = tuple[_Getter, _Getter, tuple[float, ...], tuple[float, ...]]
"""What takes texts and numbers out of values, and the bounds of these numbers."""

Bounds = t.Mapping[str, tuple[float, float]]
"""The least and the most that a number can be, by its field."""

_WIDEST = (0.0, LARGEST)

_Read = t.Callable[[Reader, str], object]


class _Field(t.NamedTuple):
    """A field of a record.

    Attributes:
        key: Its name.
        kind: `str`, `float`, `int`, `bool`, `list` or `dict`.
        required: Whether it is never None.
        optional: Whether records may lack it.
        read: Reads its value by itself; None for records and lists of records.
        bounds: What a number can be.
    """

    key: str
    kind: type
    required: bool
    optional: bool
    read: _Read | None
    bounds: tuple[float, float]


class Shape(t.Generic[R]):
    """The fields of a record, with their kinds.

    Args:
        record_type: Declares them: a TypedDict or a dataclass. Its fields are texts,
            numbers (`float`), counts (`int`), flags, records, lists of texts and lists
            of other things, each one possibly None. `Annotated` adds the length of the
            longest text, if that is more than usual.
        bounds: What its numbers can be; from 0 on if nothing else is said.
    """

    def __init__(self, record_type: type[R], bounds: Bounds | None = None) -> None:
        self._type = record_type
        hints = t.get_type_hints(record_type, include_extras=True)
        lacking = getattr(record_type, "__optional_keys__", ())
        fields = [
            _field(key, hint, key in lacking, (bounds or {}).get(key))
            for key, hint in hints.items()
        ]
        self._fields = [field for field in fields if not field.optional]
        self._plans: dict[tuple[type, ...], _Plan | None] = {}
        self.keys = tuple(field.key for field in self._fields)
        self.texts = tuple(field.key for field in fields if field.kind is str)
        self.names = tuple(field.key for field in fields if field.read is Reader.names)
        self._unknown: dict[str, t.Any] = dict.fromkeys(self.keys)
        self._readers = [(f.key, f.read) for f in self._fields if f.read]
        self._optional = [(f.key, f.read) for f in fields if f.optional and f.read]
        self._lists = [f.key for f in self._fields if f.kind is list and f.required]
        self._is_plain = t.is_typeddict(record_type)

    # All at once ------------------------------------------------------------

    def fits(self, values: _Values) -> bool:
        """Return whether the values of a record, in the order of `keys`, are sound.

        Texts are of usual length together, numbers are within bounds. Entries of lists
        are not looked at.
        """
        types = tuple(map(type, values))
        plan = self._plans.get(types)
        if plan is None:
            plan = self._remember(types)
            if plan is None:
                return False
        texts, numbers, least, most = plan
        if len("".join(texts(values))) > LONGEST:
            return False
        known = numbers(values)
        # NaN is neither.
        return all(map(le, least, known)) and all(map(le, known, most))

    def fits_record(self, record: object) -> bool:
        """Return whether a record has these fields, in their order, all sound."""
        return (
            isinstance(record, dict)
            and tuple(record) == self.keys
            and self.fits(tuple(record.values()))
        )

    def _remember(self, types: tuple[type, ...]) -> _Plan | None:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[types] = self._plan(types)
        return plan

    def _plan(self, types: tuple[type, ...]) -> _Plan | None:
        """Return how to look at values of these types; None if one of them is wrong."""
        texts, numbers, bounds = [], [], []
        for position, field in enumerate(self._fields):
            value_type, kind = types[position], field.kind
            if value_type is NoneType and not field.required:
                continue
            allowed = (int, float) if kind is float else kind
            is_flag = issubclass(value_type, bool)
            if not issubclass(value_type, allowed) or is_flag != (kind is bool):
                return None
            if kind is str:
                texts.append(position)
            elif kind in (float, int):
                numbers.append(position)
                bounds.append(field.bounds)
        least, most = ([each[end] for each in bounds] for end in (0, 1))
        return _getter(texts), _getter(numbers), tuple(least), tuple(most)

    # Value by value ---------------------------------------------------------

    def read(self, reader: Reader, **otherwise: object) -> R:
        """Return a record with every key, each value read by itself.

        Args:
            reader: Reads the record. What it lacks is unknown.
            otherwise: Values for fields that are unknown. Others are None then, or an
                empty list where they are never None.

        Returns:
            The record. Its records, and lists of other things than texts, are left to
            the caller: they are as if unknown.
        """
        values: t.Any = self._unknown.copy()
        known = reader.raw.get
        for key, read in self._readers:
            if known(key) is not None:
                values[key] = read(reader, key)
        for key, value in otherwise.items():
            if values[key] is None:
                values[key] = value
        for key in self._lists:
            if values[key] is None:
                values[key] = []
        for key, read in self._optional:
            if key in reader.raw:
                values[key] = read(reader, key)
        return values if self._is_plain else self._type(**values)


def _getter(positions: list[int]) -> _Getter:
    """Return what takes values out of a tuple, as a tuple."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: tuple(values[position] for position in positions)


_READ: dict[type, t.Callable[..., object]] = {
    str: Reader.text,
    float: Reader.number,
    int: Reader.count,
    bool: Reader.flag,
}


def _field(
    key: str, hint: t.Any, optional: bool, bounds: tuple[float, float] | None
) -> _Field:
    """Return a field by its type, as `get_type_hints` gives it."""
    if t.get_origin(hint) is t.NotRequired:
        [hint] = t.get_args(hint)
        optional = True
    is_union = t.get_origin(hint) in (t.Union, UnionType)
    choices = t.get_args(hint) if is_union else (hint,)
    [declared] = (choice for choice in choices if choice is not NoneType)
    limits: tuple[float, ...] = getattr(declared, "__metadata__", bounds or ())
    declared = getattr(declared, "__origin__", declared) if limits else declared
    kind = dict if t.is_typeddict(declared) else t.get_origin(declared) or declared
    if kind not in (*_READ, list, dict):
        raise TypeError(f"{key}: no field can be of type {declared}")
    read = Reader.names if declared == list[str] else _READ.get(kind)
    return _Field(
        key=key,
        kind=kind,
        required=NoneType not in choices,
        optional=optional,
        read=_limited(read, *limits) if read and limits else read,
        bounds=bounds or _WIDEST,
    )


def _limited(read: t.Callable[..., object], *limits: float) -> _Read:
    return lambda reader, key: read(reader, key, *limits)
