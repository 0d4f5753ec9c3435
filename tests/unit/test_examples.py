# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EXAMPLES keep to what the documentation tells of options."""

from __future__ import annotations

import pytest

from unit import documented

EXAMPLES = {
    name: one["examples"]
    for kind in ("module", "lookup", "inventory")
    for name, one in documented.documented()[kind].items()
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_right(name: str) -> None:
    assert name in EXAMPLES[name]
    assert documented.check_text(EXAMPLES[name]) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("gpufleet.openstack.locations: {}", "no module gpufleet.openstack.locations"),
        ("gpufleet.openstack.location: {state: absent}", "name is missing"),
        ("gpufleet.openstack.location: {name: a, city: b}", "there is no city"),
        ("gpufleet.openstack.location: {name: a, state: gone}", "must be one of"),
        ("gpufleet.openstack.gpu_cluster: {name: a, node_count: two}", "'two'"),
        (
            "gpufleet.openstack.gpu_cluster: {name: a, node_groups: [{nam: b}]}",
            "node_groups: there is no nam",
        ),
        (
            "module_defaults: {group/gpufleet.openstack.openstack: {clod: a}}",
            "there is no clod",
        ),
        (
            "module_defaults: {group/gpufleet.openstack.cloud: {cloud: a}}",
            "there is no group/gpufleet.openstack.cloud",
        ),
        (
            "block: [{gpufleet.openstack.location_info: {nam: a}}]",
            "there is no nam",
        ),
        (
            "include_role: {name: gpufleet.openstack.fleet}\n  vars: {fleet_site: a}",
            "there is no fleet_site",
        ),
        ("hosts: all\n  roles: [gpufleet.openstack.fleets]", "there is no role"),
    ],
)
def test_what_is_wrong_is_seen(text: str, wrong: str) -> None:
    told = documented.check_text(f"- {text}")
    assert any(wrong in line for line in told), told


def test_templates_are_passed_over() -> None:
    text = """
    - gpufleet.openstack.gpu_cluster:
        name: "{{ item }}"
        node_count: "{{ count }}"
        state: "{{ state }}"
    """
    assert documented.check_text(text) == []
