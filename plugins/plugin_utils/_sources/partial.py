# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a fleet that may be missing."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

from ...module_utils._cloud.engine.errors import CloudError
from .._fleet.types import Record
from .._fleet.values import is_text, shown

MANY = 8
"""Requests, and regions, that are under way at a time."""


def or_nothing(
    read: t.Callable[[], list[Record]], what: str, warn: t.Callable[[str], None]
) -> list[Record]:
    """What a service answers; where it fails, nothing and a warning."""
    try:
        return read()
    except CloudError as error:
        warn(f"{what} are not known: {error.message}")
        return []


_T = t.TypeVar("_T")


def guarded(
    read: Callable[[t.Any], _T | None],
    kind: str,
    warn: Callable[[str], None],
    unknown: Callable[[t.Any], _T | None] = lambda _record: None,
    name: Callable[[t.Any], object] | None = None,
) -> Callable[[t.Any], _T | None]:
    """Return a reader of records that fails for no record.

    A record can have any shape. One of a shape that nobody has seen concerns itself
    alone, and a warning names it.

    Args:
        read: Reads a record.
        kind: What the records are, for warnings.
        warn: Takes warnings.
        unknown: Makes what stands for a record that can't be read; None leaves it out.
        name: Finds the name of a record, where it is not its `name`.
    """

    def reader(record: t.Any) -> _T | None:
        try:
            return read(record)
        except Exception as error:  # noqa: BLE001 -- the record decides which
            called = f"{kind} {shown((name or _name)(record))}"
            reason = f"{type(error).__name__}: {error}"
            warn(f"{called} is not understood: {reason:.200}")
        try:
            return unknown(record)
        except Exception:  # noqa: BLE001 -- not even its name
            return None

    return reader


def with_texts(records: t.Iterable[object], *keys: str) -> list[Record]:
    """Return the records that have names, or other short texts, under all of the keys.

    What lacks one of them can't be told apart from others, and helps nobody.
    """
    return [
        record
        for record in records
        if isinstance(record, dict) and all(is_text(record.get(key)) for key in keys)
    ]


def text(value: object) -> str:
    """Return a text that is of use as a name.

    Raises:
        ValueError: It is none.
    """
    if not is_text(value) or not value:
        raise ValueError(f"{shown(value)} is no name")
    return t.cast("str", value)


def _name(record: object) -> object:
    """Name of a record of Kubernetes, Slurm or OpenStack."""
    if not isinstance(record, dict):
        return record
    metadata = record.get("metadata")
    return (metadata if isinstance(metadata, dict) else record).get("name")
