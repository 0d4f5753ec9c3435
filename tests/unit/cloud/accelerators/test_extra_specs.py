# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators.extra_specs import (
    LONGEST_VALUE,
    Contents,
    decode,
    encode,
    normalize,
    own_keys,
    plan,
    resource_class,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)

A100 = {"vendor": "nvidia", "model": "A100", "count": 4, "memory_gib": 80}
GAUDI = {"kind": "npu", "vendor": "intel", "model": "Gaudi 3", "count": 8}
ALIASED = {"vendor": "amd", "model": "MI300X", "count": 2, "pci_alias": "mi300x"}

Given = dict[str, t.Any]


def specs_of(
    *accelerators: Given, power: float | None = None, cost: float | None = None
) -> dict[str, str]:
    return encode(Contents(normalize(accelerators), power, cost, {}))


# normalize ------------------------------------------------------------------


def test_every_key_is_there() -> None:
    assert normalize([A100, GAUDI, ALIASED]) == [
        {
            "kind": "gpu",
            "vendor": "nvidia",
            "model": "A100",
            "count": 4,
            "memory_gib": 80,
            "resource_class": "CUSTOM_GPU_A100",
            "pci_alias": None,
        },
        {
            "kind": "npu",
            "vendor": "intel",
            "model": "Gaudi 3",
            "count": 8,
            "memory_gib": None,
            "resource_class": "CUSTOM_NPU_GAUDI_3",
            "pci_alias": None,
        },
        {
            "kind": "gpu",
            "vendor": "amd",
            "model": "MI300X",
            "count": 2,
            "memory_gib": None,
            "resource_class": None,
            "pci_alias": "mi300x",
        },
    ]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("A100", "CUSTOM_GPU_A100"),
        ("a100 80GB", "CUSTOM_GPU_A100_80GB"),
        ("RTX-6000/Ada", "CUSTOM_GPU_RTX_6000_ADA"),
        ("H100  (SXM)", "CUSTOM_GPU_H100_SXM_"),
    ],
)
def test_a_resource_class_is_made_of_the_model(model: str, name: str) -> None:
    assert resource_class("gpu", model) == name


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([{**A100, "count": 0}], "accelerators[0].count: 0 is below 1"),
        ([A100, {**GAUDI, "count": -1}], "accelerators[1].count: -1 is below 1"),
        (
            [{**A100, "resource_class": "CUSTOM_X", "pci_alias": "x"}],
            "accelerators[0]: give resource_class or pci_alias, not both",
        ),
        (
            [{**A100, "pci_alias": "a:1"}],
            "accelerators[0].pci_alias: 'a:1' may hold letters, digits, '_', '-' and "
            "'.' only",
        ),
        (
            [{**A100, "resource_class": "custom"}],
            "accelerators[0].resource_class: 'custom' may hold upper case letters, "
            "digits and '_' only",
        ),
        (
            [A100, {**A100, "model": "a100"}],
            "accelerators[1]: CUSTOM_GPU_A100 is asked for twice; add up the counts",
        ),
        (
            [ALIASED, {**ALIASED, "model": "other"}],
            "accelerators[1]: mi300x is asked for twice; add up the counts",
        ),
    ],
)
def test_what_can_not_be_is_refused(wrong: list[Given], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalize(wrong)
    assert caught.value.message == said


@pytest.mark.parametrize("alias", ["a\n", "a b", "a,b", ""])
def test_an_alias_is_one_word(alias: str) -> None:
    if alias:
        with pytest.raises(InvalidInput, match="pci_alias"):
            normalize([{**A100, "pci_alias": alias}])
    else:
        assert normalize([{**A100, "pci_alias": alias}]) == normalize([A100])


def test_a_resource_class_is_one_word() -> None:
    with pytest.raises(InvalidInput, match="resource_class"):
        normalize([{**A100, "resource_class": "CUSTOM_X\n"}])


# encode ---------------------------------------------------------------------


def test_what_nova_is_told() -> None:
    assert specs_of(A100, power=2400.0, cost=12.5) == {
        "gpufleet:accelerator.0": json.dumps(
            {
                "kind": "gpu",
                "memory_gib": 80,
                "model": "A100",
                "resource_class": "CUSTOM_GPU_A100",
                "vendor": "nvidia",
            },
            separators=(",", ":"),
        ),
        "gpufleet:keys": "resources:CUSTOM_GPU_A100",
        "gpufleet:power_watts": "2400",
        "gpufleet:hourly_cost": "12.5",
        "resources:CUSTOM_GPU_A100": "4",
    }


def test_aliases_share_one_key() -> None:
    other = {**ALIASED, "model": "MI210", "count": 1, "pci_alias": "mi210"}
    specs = specs_of(A100, ALIASED, other)
    assert specs["pci_passthrough:alias"] == "mi300x:2,mi210:1"
    assert specs["gpufleet:keys"] == "pci_passthrough:alias,resources:CUSTOM_GPU_A100"


def test_aliases_that_others_ask_for_stay() -> None:
    have = {"pci_passthrough:alias": "nic:1"}
    with_ours = Contents(normalize([ALIASED]), None, None, {})
    new, gone = plan(have, with_ours)
    assert new["pci_passthrough:alias"] == "nic:1,mi300x:2"
    assert gone == []
    have.update(new)
    assert plan(have, with_ours) == ({}, [])
    # Ours are taken back, theirs stay.
    new, gone = plan(have, Contents([], None, None, {}))
    assert new == {"pci_passthrough:alias": "nic:1"}
    assert gone == ["gpufleet:accelerator.0", "gpufleet:keys"]


def test_nothing_to_say() -> None:
    assert specs_of() == {}


def test_values_longer_than_nova_takes_are_refused() -> None:
    long = {**A100, "vendor": "v" * 200}
    with pytest.raises(InvalidInput, match=r"gpufleet:accelerator\.0 would be"):
        specs_of(long)
    with pytest.raises(InvalidInput, match="gpufleet:keys would be"):
        specs_of(*({**A100, "model": f"A model of many words {n}"} for n in range(9)))


# decode ---------------------------------------------------------------------


def test_specs_of_others_are_no_hardware() -> None:
    theirs = {"hw:cpu_policy": "dedicated", "resources:VGPU": "1"}
    assert decode(theirs) == Contents([], None, None, theirs)


def test_ours_and_theirs_are_told_apart() -> None:
    theirs = {"hw:cpu_policy": "dedicated", "resources:VGPU": "1"}
    contents = decode({**specs_of(A100, ALIASED, power=1, cost=2), **theirs})
    assert contents == Contents(normalize([A100, ALIASED]), 1.0, 2.0, theirs)


def test_a_count_that_was_changed_by_hand_shows() -> None:
    specs = {**specs_of(A100), "resources:CUSTOM_GPU_A100": "2"}
    assert decode(specs).accelerators == normalize([{**A100, "count": 2}])


def test_a_count_that_was_removed_by_hand_shows() -> None:
    specs = specs_of(A100, ALIASED)
    del specs["resources:CUSTOM_GPU_A100"]
    del specs["pci_passthrough:alias"]
    assert [device["count"] for device in decode(specs).accelerators] == [0, 0]


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "", "²"])
def test_a_count_that_is_none_is_0(text: str) -> None:
    specs = {**specs_of(A100), "resources:CUSTOM_GPU_A100": text}
    assert [device["count"] for device in decode(specs).accelerators] == [0]


@pytest.mark.parametrize("text", ["", "{", "3", "null", '"A100"', "[]"])
def test_an_accelerator_that_was_broken_by_hand_is_not_known(text: str) -> None:
    specs = {**specs_of(A100, GAUDI), "gpufleet:accelerator.0": text}
    assert decode(specs).accelerators == normalize([GAUDI])


@pytest.mark.parametrize("text", ["", "cheap", "1,5", "nan", "inf"])
def test_numbers_that_were_broken_by_hand_are_not_known(text: str) -> None:
    specs = {"gpufleet:power_watts": text, "gpufleet:hourly_cost": text}
    assert decode(specs) == Contents([], None, None, {})


def test_ten_kinds_keep_their_order() -> None:
    kinds = [{**A100, "model": f"M{n}", "pci_alias": f"m{n}"} for n in range(11)]
    specs = specs_of(*kinds)
    assert [device["model"] for device in decode(specs).accelerators] == [
        f"M{n}" for n in range(11)
    ]


# Whose keys they are --------------------------------------------------------


def test_own_keys_are_those_of_our_scope_and_those_listed() -> None:
    specs = {
        **specs_of(A100),
        "resources:VGPU": "1",
        "hw:mem_page_size": "large",
    }
    assert own_keys(specs) == {
        "gpufleet:accelerator.0",
        "gpufleet:keys",
        "resources:CUSTOM_GPU_A100",
    }


def test_what_is_listed_and_gone_is_nobody_s() -> None:
    assert own_keys(
        {"gpufleet:keys": "resources:A,resources:B", "resources:B": ""}
    ) == {
        "gpufleet:keys",
        "resources:B",
    }


def test_without_a_list_nothing_outside_our_scope_is_ours() -> None:
    specs = {"gpufleet:power_watts": "4", "resources:CUSTOM_GPU_A100": "4"}
    assert own_keys(specs) == {"gpufleet:power_watts"}
    assert own_keys({"resources:CUSTOM_GPU_A100": "4"}) == set()


# Both ways ------------------------------------------------------------------

_words = st.text("ABCXYZabcxyz0129 -./", min_size=1, max_size=12)
_accelerators = st.lists(
    st.fixed_dictionaries(
        {"vendor": _words, "model": _words, "count": st.integers(1, 64)},
        optional={
            "kind": st.sampled_from(["gpu", "npu"]),
            "memory_gib": st.integers(1, 1024),
            "pci_alias": st.from_regex(r"[a-z][a-z0-9_.-]{0,9}", fullmatch=True),
        },
    ),
    max_size=4,
    unique_by=lambda device: (
        device.get("pci_alias")
        or resource_class(device.get("kind") or "gpu", str(device["model"]))
    ),
)
_numbers = st.none() | st.floats(0, 1e9, allow_nan=False)
_theirs = st.dictionaries(
    st.from_regex(r"(hw|trait|quota|resources):[A-Z_]{1,9}", fullmatch=True),
    st.text(max_size=9),
    max_size=4,
).map(lambda specs: {k: v for k, v in specs.items() if "CUSTOM" not in k})


@settings(max_examples=100, database=None)
@given(_accelerators, _numbers, _numbers, _theirs)
def test_what_was_written_is_read_again(
    accelerators: list[Given],
    power: float | None,
    cost: float | None,
    theirs: dict[str, str],
) -> None:
    hardware = Contents(normalize(accelerators), power, cost, theirs)
    specs = encode(hardware)
    assert not set(specs) & set(theirs)
    assert decode({**specs, **theirs}) == hardware
    assert own_keys({**specs, **theirs}) == set(specs)
    assert all(len(value) <= LONGEST_VALUE for value in specs.values())


@settings(max_examples=100, database=None)
@given(
    st.dictionaries(
        st.sampled_from([*specs_of(A100, ALIASED, power=1, cost=1), "hw:a"]),
        st.text(max_size=20) | st.sampled_from(["1", "{}", '{"pci_alias":[]}', "a:b"]),
    )
)
def test_whatever_others_write_can_be_read(specs: dict[str, str]) -> None:
    contents = decode(specs)
    assert set(contents.others) == set(specs) - own_keys(specs)
