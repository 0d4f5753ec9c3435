# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole records are checked at once: nearly all are as they should be.

Fleets have a hundred thousand devices of thirty fields. What does not pass here is
checked value by value, with a warning for each that can't be.
"""

from __future__ import annotations

import typing as t
from operator import itemgetter

from .values import LARGEST, LONGEST

TEXT, NUMBER, COUNT, FLAG = "text", "number", "count", "flag"
LIST, RECORD = "list", "record"

_TYPES: dict[str, tuple[type, ...]] = {
    TEXT: (str,),
    NUMBER: (int, float),
    COUNT: (int,),
    FLAG: (bool,),
    LIST: (list,),
    RECORD: (dict,),
}

_NONE = type(None)
_MOST_PLANS = 4096
"""Combinations of types that are remembered; a fleet has a few dozen."""

_Values = tuple[t.Any, ...]
_Getter = t.Callable[[_Values], _Values]
_Plan = tuple[_Getter, _Getter, bool]
"""What takes texts and numbers out of values, and whether numbers may be NaN."""


class Shape:
    """The kinds of a record's fields.

    Args:
        kinds: Kind of each field. None is of every kind, but for those in `required`.
        required: Fields that are never None.
    """

    def __init__(
        self, kinds: t.Mapping[str, str], required: t.Collection[str] = ()
    ) -> None:
        self.keys = tuple(kinds)
        self._kinds = [(kind, key in required) for key, kind in kinds.items()]
        self._plans: dict[tuple[type, ...], _Plan | None] = {}

    def fits(self, values: _Values) -> bool:
        """Return whether the values of a record, in the order of `keys`, are sound.

        Texts are of usual length together, numbers are from 0 on. Entries of lists are
        not looked at.
        """
        types = tuple(map(type, values))
        plan = self._plans.get(types)
        if plan is None:
            plan = self._remember(types)
            if plan is None:
                return False
        texts, numbers, floats = plan
        if len("".join(texts(values))) > LONGEST:
            return False
        known = numbers(values)
        if min(known) < 0 or max(known) > LARGEST:
            return False
        # NaN is neither less nor more, but makes a sum NaN.
        return not floats or sum(known) >= 0

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
        texts, numbers, floats = [], [], False
        for position, (kind, required) in enumerate(self._kinds):
            value_type = types[position]
            if value_type is _NONE and not required:
                continue
            is_flag = issubclass(value_type, bool)
            if not issubclass(value_type, _TYPES[kind]) or is_flag != (kind == FLAG):
                return None
            if kind == TEXT:
                texts.append(position)
            elif kind in (NUMBER, COUNT):
                numbers.append(position)
                floats = floats or issubclass(value_type, float)
        return _getter(texts), _getter(numbers, 0), floats


def _getter(positions: list[int], *more: object) -> _Getter:
    """Return what takes values out of a tuple, at two positions at least."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda values: (*(values[position] for position in positions), *more)
