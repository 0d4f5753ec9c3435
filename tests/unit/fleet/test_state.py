# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How nodes do, and how much of them is given out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    state,
    types,
)
from unit.fleet import factory
from unit.fleet.fleets import NOW, facts

HELD = [1]


def device(**more: Any) -> factory.Record:
    """One of several that nothing tells apart."""
    return factory.device(**{"pci_bus_id": None, **more})


def broken(**more: Any) -> factory.Record:
    return device(pci_bus_id="0000:05:00.0", **more)


def state_of(
    given: types.Facts | None, count: int = 4, stale_after: float = 300, **more: Any
) -> types.NodeState:
    host = types.Host("n", factory.server("n", count, **more), given)
    return state.assess(host, NOW, stale_after).state


def allocation(given: types.Facts | None, count: int = 4) -> tuple[str, Any]:
    known = state_of(given, count)
    assert known["health"] == "healthy"
    assert (known["reason"] is None) == (known["allocation"] != "unknown")
    return known["allocation"], known["allocated"]


def test_allocation() -> None:
    free, held = device(), device(processes=HELD)
    assert allocation(facts([free] * 4)) == ("idle", 0)
    assert allocation(facts([held, free, free, free])) == ("partial", 1)
    assert allocation(facts([held] * 4)) == ("busy", 4)
    # More than declared are there.
    assert allocation(facts([held] * 5)) == ("busy", 5)
    # Not declared: what was measured counts.
    assert allocation(facts([held, free]), count=0) == ("partial", 1)


def test_parts_count_as_parts() -> None:
    parts = [{"processes": [factory.process(1)]}, {"processes": []}, {"processes": []}]
    divided = device(processes=None, partitions=parts)
    assert allocation(facts([divided]), count=1) == ("partial", 0.333333)
    unknown = [*parts, {"processes": None}]
    divided = device(processes=None, partitions=unknown)
    assert allocation(facts([divided]), count=1) == ("unknown", None)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "there are no facts"),
        (facts([device()] * 4, age=301), "the facts are 301 s old"),
        (facts([device()] * 4, age=-61), "the facts are 61 s ahead of time"),
        (replace(facts([device()] * 4), gathered_at="noon"), "gathered_at is no time"),
        (facts([device(processes=None)] * 4), "processes were not gathered"),
    ],
)
def test_unknown_is_no_fault(given: types.Facts | None, reason: str) -> None:
    assert allocation(given) == ("unknown", None)
    assert reason in (state_of(given)["reason"] or "")


def test_times() -> None:
    whole = [device()] * 4
    assert allocation(facts(whole, age=300)) == ("idle", 0)
    assert allocation(facts(whole, age=-60)) == ("idle", 0)
    assert allocation(factory.facts(whole)) == ("idle", 0)
    old = state_of(facts(whole, age=9999), stale_after=0)
    assert old["allocation"] == "idle"
    plain = replace(facts(whole), gathered_at="2026-11-24T11:59:50")
    assert allocation(plain) == ("idle", 0)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (facts([device()] * 3), "3 devices are there, 4 are declared"),
        (
            facts([device()] * 3 + [broken(health="failed", health_reasons=["lost"])]),
            "0000:05:00.0: lost",
        ),
        (
            facts([device()] * 3 + [broken(ecc_uncorrected=2)]),
            "0000:05:00.0: 2 uncorrectable memory errors",
        ),
        (
            facts([device()] * 3 + [broken(row_remap_pending=True)]),
            "0000:05:00.0: a row of its memory waits for a reset",
        ),
        (
            facts(
                [device()] * 4,
                xid_events=[
                    {"code": 13, "action": "RESTART_APP", "age_seconds": 5},
                    {"code": 79, "pci_bus_id": "b", "age_seconds": 5},
                    {"code": 95, "action": "RESET_GPU", "age_seconds": 7201.0},
                    {"code": 95, "action": "RESET_GPU", "age_seconds": None},
                ],
            ),
            "b: XID 79, RESTART_BM",
        ),
    ],
)
def test_faults(given: types.Facts, fault: str) -> None:
    known = state_of(given)
    assert known["health"] == "faulty"
    [found] = known["faults"]
    assert found["action"]
    assert fault == ": ".join(filter(None, (found["device"], found["evidence"])))
    # Of facts that are too old nothing is known.
    stale = replace(given, gathered_at="2026-11-24T10:00:00Z")
    assert state_of(stale)["health"] == "healthy"


@pytest.mark.parametrize(
    ("known", "count"),
    [
        ({"health": "unknown", "utilization_percent": None, "processes": None}, 0),
        ({"health": "unknown", "utilization_percent": 5, "processes": None}, 1),
        ({"health": "unknown", "utilization_percent": None, "processes": []}, 1),
        ({"health": "ok", "utilization_percent": None, "processes": None}, 1),
        ({"health": "failed", "utilization_percent": None, "processes": None}, 1),
    ],
)
def test_a_device_that_nothing_could_read_is_not_measured(
    known: dict[str, Any], count: int
) -> None:
    assert state_of(facts([{**device(), **known}]))["measured"] == count


def test_a_server_that_does_not_run() -> None:
    [fault] = state_of(None, status="ERROR")["faults"]
    assert fault["rule"] == "server_status"
    assert fault["evidence"] == "the server's status is ERROR"


def test_a_flavor_that_does_not_tell_how_many() -> None:
    """What counts the devices tells; without it their number is unknown, not 0."""
    unknown = {"vendor": "nvidia", "model": "A100", "count": None}
    hardware = {
        **state.NO_SERVER["hardware"],
        "accelerators": [{**unknown, "memory_gib": None, "kind": "gpu"}],
    }
    known = state_of(facts([device()] * 2), hardware=hardware)
    assert (known["capacity"], known["allocation"]) == (2, "idle")
    known = state_of(None, hardware=hardware)
    assert (known["capacity"], known["allocation"]) == (None, "unknown")
    assert known["reason"] == "there are no facts"
    fleet = factory.fleet(
        types.Host("n", factory.server("n", hardware=hardware)), now=NOW
    )
    assert [node.name for node in fleet.nodes] == ["n"]
    assert any("how many devices there are is unknown" in w for w in fleet.warnings)
