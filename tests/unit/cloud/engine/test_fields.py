# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Conflict,
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.fields import (
    Change,
    Field,
    api_values,
    argument_spec,
    check_numbers,
    differences,
    labels,
    option_values,
    refuse_frozen,
    refuse_incomplete,
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


def test_a_property_that_users_cannot_set_is_no_option() -> None:
    due = Field("renewal_due", "bool", option=False)
    assert argument_spec((SIZE, due)) == {"size": {"type": "int"}}
    assert option_values((SIZE, due), {"size": 3}) == {"size": 3}


BELOW = Field("size", "int", least=1)
WITHIN = Field("port", "int", least=1024, most=65535)
FINITE = Field("watts", "float", least=0, most=math.inf)


@pytest.mark.parametrize(
    ("field", "value"),
    [(BELOW, 1), (BELOW, None), (WITHIN, 1024), (WITHIN, 65535), (FINITE, 0.0)],
)
def test_numbers_within_their_bounds_are_accepted(field: Field, value: t.Any) -> None:
    check_numbers((SIZE, field), {"size": -7, field.name: value})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (BELOW, 0, "size: 0 is below 1"),
        (WITHIN, 80, "port: 80 is not within 1024 to 65535"),
        (WITHIN, 65536, "port: 65536 is not within 1024 to 65535"),
        (FINITE, -0.5, "watts: -0.5 is no number from 0 on"),
        (FINITE, math.inf, "watts: inf is no number from 0 on"),
        (FINITE, math.nan, "watts: nan is no number from 0 on"),
    ],
)
def test_numbers_out_of_bounds_are_named(
    field: Field, value: float, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_numbers((field,), {field.name: value})
    assert caught.value.message == message


def test_values_given_and_read_have_one_form() -> None:
    marks = Field("marks", "dict", key="labels", clean=labels)
    assert option_values((marks, SIZE), {"marks": {"a": True}, "size": None}) == {
        "marks": {"a": "true"}
    }
    assert api_values(
        (marks, IMAGE), {"labels": {"a": "True"}, "image_id": "9a1f"}
    ) == {
        "marks": {"a": "true"},
        "image": "9a1f",
    }
    assert api_values((marks, SIZE), {}) == {"marks": {}, "size": None}


@pytest.mark.parametrize(
    ("needed", "message"),
    [
        (("a",), "the option a is needed"),
        (("a", "b"), "these options are needed: a, b"),
        (("a", "c"), "these options are needed: a"),
    ],
)
def test_what_a_new_resource_lacks_is_named(
    needed: tuple[str, ...], message: str
) -> None:
    fields = [Field(name, needed=name in needed) for name in "abcd"]
    with pytest.raises(InvalidInput) as caught:
        refuse_incomplete("thing 'x'", fields, {"c": 1})
    assert caught.value.message == (
        f"thing 'x' does not exist, and to create it {message}"
    )
    refuse_incomplete("thing 'x'", fields, dict.fromkeys("abc"))


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
    compared: list[tuple[str, t.Any, t.Any]] = []

    def same(field: Field, one: t.Any, other: t.Any) -> bool:
        compared.append((field.name, one, other))
        return field is IMAGE

    want = {"image": "fedora", "size": 3, "model": "A100"}
    have = {"image": "9a1f", "size": 2, "model": "A100"}
    assert differences(FIELDS, want, have, same) == [Change(SIZE, 2, 3)]
    assert compared == [("size", 3, 2), ("image", "fedora", "9a1f")]


def test_differences_come_in_the_order_of_the_fields() -> None:
    want = {"model": "H200", "size": 3}
    changes = differences(FIELDS, want, {}, never)
    assert [change.field.name for change in changes] == ["size", "model"]


def test_frozen_differences_are_refused_together() -> None:
    colour = Field("colour", change="frozen")
    changes = [
        Change(SIZE, 1, 2),
        Change(MODEL, "A100", "H200"),
        Change(colour, "red", "blue"),
    ]
    with pytest.raises(Conflict) as caught:
        refuse_frozen("thing 'a'", changes, "paint it")
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
