# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of records from outside: their types and sizes are checked one by one."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from datetime import date

LONGEST = 256
"""Characters of a name; names of hosts and in Kubernetes have 253 at most."""

LONGEST_REASON = 4096
"""Characters of a reason that a person or a driver has written."""

LARGEST = 2.0**64
"""Counters of devices have 64 bits."""

MOST_NAMES = 256
"""Entries of a list of names, such as the errors of a device."""

_SHOWN = 60
"""Characters of a value that a warning shows."""

Warn = t.Callable[[str], None]


def is_number(value: object, least: float = 0.0, most: float = LARGEST) -> bool:
    """Return whether a value is a number that can be computed with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return least <= value <= most  # false for NaN


def is_count(value: object, least: float = 0.0, most: float = LARGEST) -> bool:
    """Return whether a value is a whole number, from 0 on if nothing else is said."""
    return isinstance(value, int) and is_number(value, least, most)


def is_text(value: object, longest: int = LONGEST) -> bool:
    """Return whether a value is a text of some characters at most."""
    return isinstance(value, str) and len(value) <= longest


def shown(value: object) -> str:
    """Return a value as warnings show it: short, whatever it is."""
    if isinstance(value, (list, tuple, set)):
        return "a list"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, int) and not -LARGEST <= value <= LARGEST:
        return "so large a number"
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN:
        kind = "characters" if isinstance(value, str) else "bytes"
        return f"{value[:_SHOWN]!r}... ({len(value)} {kind})"
    if isinstance(value, (str, bytes, int, float, date)):
        return repr(value)
    return f"of type {type(value).__name__}"


class Reader:
    """Takes values out of a record.

    A value of a wrong type or size is None, with a warning.

    Args:
        raw: The record.
        owner: What it is of, for warnings.
        warn: Takes a warning.
    """

    __slots__ = ("owner", "raw", "warn")

    def __init__(self, raw: Mapping[str, object], owner: str, warn: Warn) -> None:
        self.raw = raw
        self.owner = owner
        self.warn = warn

    def inner(self, raw: Mapping[str, object], part: str) -> Reader:
        """Return the reader of a record within this one."""
        return Reader(raw, f"{self.owner}: {part}", self.warn)

    def refuse(self, key: str, value: object) -> None:
        """Warn of a value that can't be."""
        self.warn(f"{self.owner}: {key} can't be {shown(value)}, so it is unknown")

    def text(self, key: str, longest: int = LONGEST) -> str | None:
        """Return a text; a time, as YAML reads it, is a text too."""
        value = self.raw.get(key)
        if isinstance(value, date):
            return str(value)
        if value is None or is_text(value, longest):
            return t.cast("str | None", value)
        self.refuse(key, value)
        return None

    def number(
        self, key: str, least: float = 0.0, most: float = LARGEST
    ) -> float | None:
        """Return a number within bounds."""
        value = self.raw.get(key)
        if value is None or is_number(value, least, most):
            return t.cast("float | None", value)
        self.refuse(key, value)
        return None

    def count(self, key: str, least: float = 0.0, most: float = LARGEST) -> int | None:
        """Return a whole number within bounds."""
        value = self.raw.get(key)
        if value is None or is_count(value, least, most):
            return t.cast("int | None", value)
        self.refuse(key, value)
        return None

    def flag(self, key: str) -> bool | None:
        """Return a boolean."""
        value = self.raw.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.refuse(key, value)
        return None

    def record(self, key: str) -> Mapping[str, object] | None:
        """Return a record."""
        value = self.raw.get(key)
        if value is None or isinstance(value, Mapping):
            return value
        self.refuse(key, value)
        return None

    def entries(self, key: str, most: int) -> list[t.Any] | None:
        """Return the entries of a list that has no more than `most`."""
        value = self.raw.get(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            self.refuse(key, value)
            return None
        if len(value) > most:
            self.warn(
                f"{self.owner}: {key} has {len(value)} entries, more than {most}, so "
                "it is unknown"
            )
            return None
        return list(value)

    def records(self, key: str, most: int) -> list[Mapping[str, object]] | None:
        """Return the records of a list; entries that are none are left out."""
        entries = self.entries(key, most)
        if entries is None:
            return None
        records = [entry for entry in entries if isinstance(entry, Mapping)]
        if len(records) < len(entries):
            odd = next(entry for entry in entries if not isinstance(entry, Mapping))
            self.warn(
                f"{self.owner}: {key} has an entry that can't be {shown(odd)}, and is "
                "left out"
            )
        return records

    def names(self, key: str, longest: int = LONGEST_REASON) -> list[str] | None:
        """Return the texts of a list; entries that are none are left out."""
        entries = self.entries(key, MOST_NAMES)
        if entries is None:
            return None
        names = [entry for entry in entries if is_text(entry, longest)]
        if len(names) < len(entries):
            odd = next(entry for entry in entries if not is_text(entry, longest))
            self.refuse(key, odd)
        return names


def sound_texts(values: t.Iterable[object]) -> bool:
    """Return whether all values are texts of usual length, or None: fast."""
    try:
        # What is no text is refused by join itself.
        known = [value for value in values if value is not None]
        joined = "".join(t.cast("list[str]", known))
    except TypeError:
        return False
    return len(joined) <= LONGEST


def sound_names(value: object) -> bool:
    """Return whether a value is a short list of texts of usual length: fast."""
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        return False
    try:
        return len("".join(value)) <= LONGEST
    except TypeError:
        return False
