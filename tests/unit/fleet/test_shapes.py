# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of records are what both checks of their values go by."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import record
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.shapes import (
    Shape,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Device,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.values import (
    Reader,
)


class Sample(t.TypedDict):
    """A field of each kind that is never None, and of each that may be."""

    text: str
    number: float
    count: int
    flag: bool
    names: list[str]
    inner: Device
    others: list[Device]
    maybe_text: str | None
    maybe_bounded: float | None
    maybe_counted: int | None
    maybe_long: t.Annotated[str, 300] | None
    more: t.NotRequired[int]


@dataclass
class Port:
    """A record that is an object."""

    port: int | None
    state: str | None


SHAPE = Shape(Sample, {"maybe_bounded": (-10, 100), "maybe_counted": (1, 9)})
SOUND: dict[str, t.Any] = {
    "text": "a",
    "number": 1.5,
    "count": 2,
    "flag": True,
    "names": ["n"],
    "inner": {},
    "others": [],
    "maybe_text": None,
    "maybe_bounded": 3,
    "maybe_counted": 3,
    "maybe_long": "abc",
}


def read(raw: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    warnings: list[str] = []
    return dict(SHAPE.read(Reader(raw, "o", warnings.append))), warnings


def test_sound_records_pass_both_checks() -> None:
    assert SHAPE.fits_record(SOUND)
    assert read(SOUND) == ({**SOUND, "inner": None}, [])


# Field, value, whether a whole record with it fits, what is read of it (None with a
# warning, unless the value is None).
VALUES: list[tuple[str, t.Any, bool, t.Any]] = [
    ("text", 1, False, None),
    ("text", "x" * 257, False, None),
    ("text", None, False, None),
    ("number", 1, True, 1),
    ("number", True, False, None),
    ("number", -1, False, None),
    ("number", float("nan"), False, None),
    ("number", 2.0**65, False, None),
    ("count", 1.0, False, None),
    ("count", False, False, None),
    ("flag", 1, False, None),
    ("names", "n", False, []),
    ("names", ["n", 1], True, ["n"]),  # fits() does not look at entries
    ("names", None, False, []),
    ("maybe_text", "a", True, "a"),
    ("maybe_text", [], False, None),
    ("maybe_bounded", -10, True, -10),
    ("maybe_bounded", 100.0, True, 100.0),
    ("maybe_bounded", -10.5, False, None),
    ("maybe_bounded", 101, False, None),
    ("maybe_bounded", float("nan"), False, None),
    ("maybe_bounded", float("-inf"), False, None),
    ("maybe_counted", 9, True, 9),
    ("maybe_counted", 0, False, None),
    ("maybe_counted", 10, False, None),
    ("maybe_long", "x" * 300, False, "x" * 300),
    ("maybe_long", "x" * 301, False, None),
    ("maybe_long", None, True, None),
]


@pytest.mark.parametrize(("field", "value", "fits", "expected"), VALUES)
def test_values(field: str, value: t.Any, fits: bool, expected: t.Any) -> None:
    raw = {**SOUND, field: value}
    assert SHAPE.fits_record(raw) is fits
    known, warnings = read(raw)
    # Unlike ==, texts tell 1 from True and from 1.0.
    assert repr(known[field]) == repr(expected)
    refused = value is not None and repr(value) != repr(expected)
    assert [text.split()[:2] for text in warnings] == [["o:", field]] * refused


def test_what_is_unknown() -> None:
    unknown = dict.fromkeys(SOUND)
    assert read({}) == ({**unknown, "names": [], "others": []}, [])
    assert read({"more": 5})[0]["more"] == 5
    known = SHAPE.read(Reader({"count": 4}, "o", print), count=7, text="else")
    assert (known["count"], known["text"]) == (4, "else")


def test_objects() -> None:
    warnings: list[str] = []
    port = Shape(Port).read(Reader({"port": "x"}, "o", warnings.append))
    assert (port, len(warnings)) == (Port(None, None), 1)


def test_types_that_nothing_can_read_are_refused() -> None:
    class Odd(t.TypedDict):
        field: bytes

    with pytest.raises(TypeError, match="field: no field can be of type"):
        Shape(Odd)


def test_devices_have_the_fields_of_gpu_facts() -> None:
    hints = t.get_type_hints(Device)
    assert Shape(Device).keys == record.FIELDS
    numbers = {field for field, hint in hints.items() if hint == float | None}
    assert numbers == set(record.NUMBERS)
