# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.errors import (
    Conflict,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.fields import (
    Change,
    Field,
    argument_spec,
    differences,
    labels,
    refuse_frozen,
)

SIZE = Field("size", "int")
MARKS = Field("marks", "dict", merge=True)
WHOLE = Field("whole", "dict")
IMAGE = Field("image", key="image_id", ref="image")
SEED = Field("seed", change="create")
MODEL = Field("model", change="frozen", way_out="buy another one")
FIELDS = (SIZE, MARKS, WHOLE, IMAGE, SEED, MODEL)


def never(_field: Field, _asked: t.Any, _there: t.Any) -> bool:
    return False


def test_options_follow_from_fields() -> None:
    kind = Field("kind", spec={"choices": ["gpu", "npu"], "aliases": ["type"]})
    assert argument_spec((SIZE, kind)) == {
        "size": {"type": "int"},
        "kind": {"type": "str", "choices": ["gpu", "npu"], "aliases": ["type"]},
    }


def test_the_key_in_the_api_is_the_name_unless_it_says_otherwise() -> None:
    assert (SIZE.api_key, IMAGE.api_key) == ("size", "image_id")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (True, "true"),
        (False, "false"),
        ("True", "true"),
        ("FALSE", "false"),
        (1, "1"),
        (1.5, "1.5"),
        ("v1.28", "v1.28"),
        ("", ""),
        ("Truest", "Truest"),
        (None, "None"),
    ],
)
def test_labels_are_text(given: t.Any, kept: str) -> None:
    assert labels({"key": given}) == {"key": kept}


def test_no_labels_are_none() -> None:
    assert labels(None) == {}
    assert labels({1: "a"}) == {"1": "a"}


def test_only_what_was_asked_for_is_compared() -> None:
    have = {"size": 2, "marks": {"a": "1"}, "model": "A100"}
    assert differences(FIELDS, {}, have, never) == []
    assert differences(FIELDS, {"size": 2}, have, never) == []
    assert differences(FIELDS, {"size": 3}, have, never) == [Change(SIZE, 2, 3)]


def test_a_property_that_is_missing_differs_from_what_is_asked() -> None:
    assert differences(FIELDS, {"size": 3}, {}, never) == [Change(SIZE, None, 3)]


def test_merged_keys_keep_those_of_others() -> None:
    have = {"marks": {"a": "1", "b": "2"}}
    assert differences(FIELDS, {"marks": {"a": "1"}}, have, never) == []
    assert differences(FIELDS, {"marks": {"a": "9", "c": "3"}}, have, never) == [
        Change(MARKS, {"a": "1", "b": "2"}, {"a": "9", "b": "2", "c": "3"})
    ]
    assert differences(FIELDS, {"marks": {"a": "1"}}, {"marks": None}, never) == [
        Change(MARKS, None, {"a": "1"})
    ]


def test_a_dict_that_is_not_merged_is_compared_as_a_whole() -> None:
    have = {"whole": {"a": "1", "b": "2"}}
    assert differences(FIELDS, {"whole": {"a": "1"}}, have, never) == [
        Change(WHOLE, {"a": "1", "b": "2"}, {"a": "1"})
    ]


def test_what_counts_at_creation_only_is_not_compared() -> None:
    assert differences(FIELDS, {"seed": "x"}, {"seed": "y"}, never) == []


def test_unequal_values_may_mean_the_same() -> None:
    asked: list[tuple[str, t.Any, t.Any]] = []

    def same(field: Field, one: t.Any, other: t.Any) -> bool:
        asked.append((field.name, one, other))
        return field is IMAGE

    want = {"image": "fedora", "size": 3, "model": "A100"}
    have = {"image": "9a1f", "size": 2, "model": "A100"}
    assert differences(FIELDS, want, have, same) == [Change(SIZE, 2, 3)]
    assert asked == [("size", 3, 2), ("image", "fedora", "9a1f")]


def test_differences_come_in_the_order_of_the_fields() -> None:
    want = {"model": "H200", "size": 3}
    found = differences(FIELDS, want, {}, never)
    assert [change.field.name for change in found] == ["size", "model"]


def test_frozen_differences_are_refused_together() -> None:
    colour = Field("colour", change="frozen", way_out="paint it")
    changes = [
        Change(SIZE, 1, 2),
        Change(MODEL, "A100", "H200"),
        Change(colour, "red", "blue"),
    ]
    with pytest.raises(Conflict) as caught:
        refuse_frozen("thing 'a'", changes)
    assert caught.value.message == (
        "thing 'a': model is 'A100' and can't be changed to 'H200' (buy another one); "
        "colour is 'red' and can't be changed to 'blue' (paint it)"
    )
    assert caught.value.details == {
        "fields": [
            {"field": "model", "before": "A100", "after": "H200"},
            {"field": "colour", "before": "red", "after": "blue"},
        ]
    }


def test_other_differences_are_let_through() -> None:
    changes = [Change(SIZE, 1, 2)]
    refuse_frozen("thing", changes)
    assert changes == [Change(SIZE, 1, 2)]
