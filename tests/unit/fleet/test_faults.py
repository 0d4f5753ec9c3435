# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: which rules are on, and what each finds."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import faults
from unit.fleet import factory, fleets


def found(policy: faults.Policy, **device: Any) -> list[str]:
    facts = factory.facts([factory.device(pci_bus_id="a", **device)])
    return [
        each["rule"] for each in faults.of_facts(facts, None, None, fleets.NOW, policy)
    ]


def test_presets() -> None:
    usual, strict = faults.policy(), faults.policy("strict")
    assert set(strict) == set(faults.RULES)
    assert set(strict) - set(usual) == {"ecc_corrected", "temperature"}
    assert found(usual, temperature_celsius=101) == []
    assert found(strict, temperature_celsius=101) == ["temperature"]
    assert found(strict, temperature_celsius=100) == []


def test_rules_are_switched_and_changed() -> None:
    assert found(faults.policy(), ecc_uncorrected=1) == ["ecc_uncorrected"]
    off = faults.policy(rules={"ecc_uncorrected": False})
    assert found(off, ecc_uncorrected=1) == []
    more = faults.policy(rules={"ecc_uncorrected": {"threshold": 5}})
    assert found(more, ecc_uncorrected=5) == []
    assert found(more, ecc_uncorrected=6) == ["ecc_uncorrected"]
    on = faults.policy(rules={"temperature": {"threshold": 80, "action": "cool it"}})
    hot = factory.facts([factory.device(pci_bus_id="a", temperature_celsius=81)])
    [fault] = faults.of_facts(hot, None, None, fleets.NOW, on)
    assert fault == {
        "rule": "temperature",
        "device": "a",
        "index": 0,
        "evidence": "81 degrees Celsius",
        "since": None,
        "action": "cool it",
    }


@pytest.mark.parametrize(
    ("preset", "rules", "text"),
    [
        ("loose", None, "preset: 'loose' is none of default, strict"),
        ("default", {"heat": True}, "rules: 'heat' is none of server_status"),
        ("default", {"xid": 5}, "rules.xid: 5 is neither a boolean nor a dictionary"),
        (
            "default",
            {"xid": {"threshold": 1}},
            "rules.xid: 'threshold' is none of window, action",
        ),
        (
            "default",
            {"xid": {"window": -1}},
            "rules.xid.window: -1 is no number from 0 on",
        ),
    ],
)
def test_bad_policies(preset: str, rules: Any, text: str) -> None:
    with pytest.raises(faults.PolicyError) as error:
        faults.policy(preset, rules)
    assert text in str(error.value)


def test_ports_that_are_expected() -> None:
    ports = [factory.port("ACTIVE"), factory.port("DOWN")]
    half = factory.facts(ports=ports)
    policy = faults.policy()
    [fault] = faults.of_facts(half, 2, None, fleets.NOW, policy)
    assert fault["evidence"] == "1 RDMA ports are active, 2 are expected"
    assert faults.of_facts(half, None, None, fleets.NOW, policy) == []
    assert faults.of_facts(factory.facts(ports=None), 2, None, fleets.NOW, policy) == []


def test_every_rule_says_where_it_comes_from() -> None:
    for rule in faults.RULES.values():
        assert rule.about
        assert rule.action
        assert rule.source
