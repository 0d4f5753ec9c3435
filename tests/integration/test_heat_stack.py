# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacks of the user's own, on real Heat."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from integration import leaks
from integration.cloud_site import Site
from integration.waiting import eventually

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def test_heat_tells_magnum_what_the_files_say(site: Site) -> None:
    """The four kinds of nodes become templates of Magnum with these marks."""
    member = site.member
    member.playbook(PLAYBOOKS / "heat_stack.yml")
    found = member("cluster_template_info")["cluster_templates"]
    marks = {template["name"]: template["labels"] for template in found}
    assert marks["gpu-nodes"]["gpu_enabled"] == "true"
    assert marks["gpu-nodes"]["gpu_count"] == "4"
    assert marks["npu-nodes"]["npu_enabled"] == "true"
    assert marks["hybrid-nodes"]["workload_type"] == "mixed"
    assert marks["cpu-nodes"] == {
        "workload_type": "general",
        "power_monitoring": "kepler",
    }


def test_a_stack_that_fails_and_one_that_hides(site: Site) -> None:
    member = site.member
    template = {
        "heat_template_version": "2018-08-31",
        "parameters": {
            "cidr": {"type": "string", "default": "10.40.0.0/24"},
            "secret": {"type": "string", "hidden": True},
        },
        "resources": {
            "net": {"type": "OS::Neutron::Net"},
            "sub": {
                "type": "OS::Neutron::Subnet",
                "properties": {
                    "network": {"get_resource": "net"},
                    "cidr": {"get_param": "cidr"},
                    "gateway_ip": "10.40.0.1",
                    "allocation_pools": [{"start": "10.40.0.5", "end": "10.40.0.9"}],
                },
            },
        },
    }
    secret = "kept-from-all-eyes"
    asked = {
        "name": "net",
        "template": template,
        "parameters": {"secret": secret},
        "tags": ["b", "a"],
    }
    made = member("heat_stack", **asked)
    assert made["action"] == "create", made
    assert secret not in member.output
    assert made["heat_stack"]["parameters"] == {
        "cidr": "10.40.0.0/24",
        "secret": "******",
    }
    again = member("heat_stack", **asked)
    assert not again["changed"], again
    assert len(member.recorder.counted) <= 4, member.recorder.counted

    # The pool is not within these addresses: Neutron refuses, and says why.
    failed = member("heat_stack", name="net", parameters={"cidr": "10.41.0.0/24"})
    assert failed["error"]["type"] == "ResourceError", failed
    assert "sub: " in failed["msg"]
    assert failed["changed"]
    back = member("heat_stack", name="net", parameters={"cidr": "10.40.0.0/24"})
    assert back["action"] == "update", back
    assert back["heat_stack"]["status"] == "UPDATE_COMPLETE", back

    wrong = member("heat_stack", name="other", template={"resources": {}})
    assert wrong["error"]["type"] == "InvalidInput", wrong
    assert not wrong["changed"]
    assert member("heat_stack", name="net", state="absent")["action"] == "delete"
    assert not member("heat_stack", name="net", state="absent")["changed"]


@pytest.mark.attack
def test_hidden_parameters_show_nowhere(site: Site) -> None:
    """With and without the template, plain and nested, in plans, errors and results."""
    known = {name: secrets.token_hex(8) for name in ("first", "new", "plan", "wrong")}
    hidden = {"hidden": True}
    template: dict[str, Any] = {
        "heat_template_version": "2018-08-31",
        "parameters": {
            "text": {
                "type": "string",
                "constraints": [{"length": {"max": 40}}],
                **hidden,
            },
            "nested": {"type": "json", "default": {}, **hidden},
            "size": {"type": "number", "default": 1},
        },
        "outputs": {"size": {"value": {"get_param": "size"}}},
    }

    def given(name: str, size: int) -> dict[str, Any]:
        nested = {"a": [{"b": known[name]}]}
        return {"text": known[name], "nested": nested, "size": size}

    stack = {"name": "hides"}
    too_long = {**given("wrong", 4), "text": known["wrong"] * 9}
    results = site.member.run(
        [
            (
                "heat_stack",
                {**stack, "template": template, "parameters": given("first", 1)},
            ),
            ("heat_stack", {**stack, "parameters": given("new", 2)}),
            ("heat_stack", {**stack, "parameters": too_long}),
            ("heat_stack_info", stack),
        ],
        "-vvv",
    )
    made, changed, refused, found = results
    assert made["action"] == "create", made
    assert changed["action"] == "update", changed
    assert refused["error"]["type"] == "InvalidInput", refused
    assert found["heat_stacks"][0]["parameters"]["text"] == "******"
    assert changed["heat_stack"]["outputs"] == {"size": 2}
    shown = site.member.output + json.dumps(results)
    # Nothing else is masked for it: an id may hold a parameter's value by chance.
    assert changed["heat_stack"]["id"] == made["heat_stack"]["id"]
    [planned] = site.member.plan(
        [("heat_stack", {**stack, "parameters": given("plan", 3)})]
    )
    assert planned["action"] == "update", planned
    shown += site.member.output + json.dumps(planned)
    assert leaks.in_text(shown, known) == []


def test_states_that_others_bring_about(site: Site) -> None:
    """A stack whose volume is gone is repaired; one that is suspended is not changed."""
    template = {
        "heat_template_version": "2018-08-31",
        "resources": {
            "volume": {"type": "OS::Cinder::Volume", "properties": {"size": 1}}
        },
        "outputs": {"volume": {"value": {"get_resource": "volume"}}},
    }
    options = {"name": "checked", "template": template}
    made = site.member("heat_stack", **options)["heat_stack"]
    volumes = site.as_member.block_storage
    volume = volumes.get_volume(made["outputs"]["volume"])
    volumes.delete_volume(volume)
    volumes.wait_for_delete(volume, wait=60)

    heat, path = site.as_member.orchestration, f"/stacks/checked/{made['id']}"

    def act(action: str, expected: str) -> None:
        heat.post(f"{path}/actions", json={action: None}).raise_for_status()
        eventually(lambda: heat.get(path).json()["stack"]["stack_status"], expected)

    act("check", "CHECK_FAILED")
    again = site.member("heat_stack", **options, timeout=120)
    assert again["changed"], again
    assert again["heat_stack"]["status"] == "UPDATE_COMPLETE"
    assert again["heat_stack"]["outputs"]["volume"] != volume.id

    act("suspend", "SUSPEND_COMPLETE")
    assert not site.member("heat_stack", **options)["changed"]
    other = {**options, "tags": ["another"]}
    for refused in (
        site.member.check("heat_stack", **other),
        site.member("heat_stack", **other),
    ):
        assert refused["error"]["type"] == "Conflict", refused
        assert "openstack stack resume" in refused["msg"]
    assert site.member.recorder.writes == []
