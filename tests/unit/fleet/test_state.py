# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How nodes do, and how much of them is given out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet import (
    model,
    state,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HELD = [{"pid": 1, "name": "python3"}]


def node(count: int = 4, status: str = "ACTIVE") -> model.Record:
    accelerators = [{"count": count}] if count else []
    return {"status": status, "hardware": {"accelerators": accelerators}}


def device(**more: Any) -> model.Record:
    usual = {"pci_bus_id": "0000:05:00.0", "health": "ok", "processes": []}
    return {**usual, **more}


def facts(devices: list[model.Record], age: float = 10, **more: Any) -> model.Record:
    moment = NOW - timedelta(seconds=age)
    told = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"gathered_at": told, "devices": devices, **more}


def allocation(given: model.Record | None, count: int = 4) -> tuple[str, Any]:
    found = state.node_state(node(count), given, NOW)
    assert found["health"] == "healthy"
    assert (found["reason"] is None) == (found["allocation"] != "unknown")
    return found["allocation"], found["allocated"]


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
    parts = [{"processes": HELD}, {"processes": []}, {"processes": []}]
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
        ({**facts([device()] * 4), "gathered_at": "noon"}, "gathered_at is no time"),
        (facts([device(processes=None)] * 4), "processes were not gathered"),
    ],
)
def test_unknown_is_no_fault(given: model.Record | None, reason: str) -> None:
    assert allocation(given) == ("unknown", None)
    assert reason in state.node_state(node(), given, NOW)["reason"]


def test_times() -> None:
    whole = [device()] * 4
    assert allocation(facts(whole, age=300)) == ("idle", 0)
    assert allocation(facts(whole, age=-60)) == ("idle", 0)
    assert allocation({"devices": whole}) == ("idle", 0)
    old = state.node_state(node(), facts(whole, age=9999), NOW, stale_after=0)
    assert old["allocation"] == "idle"
    plain = {**facts(whole), "gathered_at": "2026-11-24T11:59:50"}
    assert allocation(plain) == ("idle", 0)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (facts([device()] * 3), "3 devices are there, 4 are declared"),
        (
            facts([device()] * 3 + [device(health="failed", health_reasons=["lost"])]),
            "0000:05:00.0: lost",
        ),
        (
            facts([device()] * 3 + [device(ecc_uncorrected=2)]),
            "0000:05:00.0: 2 uncorrectable memory errors",
        ),
        (
            facts([device()] * 3 + [device(row_remap_pending=True)]),
            "0000:05:00.0: a row of its memory waits for a reset",
        ),
        (
            facts(
                [device()] * 4,
                xid_events=[
                    {"code": 13, "pci_bus_id": "a", "action": "RESTART_APP"},
                    {"code": 79, "pci_bus_id": "b", "action": "RESTART_BM"},
                    {"code": 95, "action": "RESET_GPU", "age_seconds": 7201.0},
                ],
            ),
            "b: XID 79, RESTART_BM",
        ),
    ],
)
def test_faults(given: model.Record, fault: str) -> None:
    found = state.node_state(node(), given, NOW)
    assert found["health"] == "faulty"
    [one] = found["faults"]
    assert one["action"]
    assert fault == ": ".join(filter(None, (one["device"], one["evidence"])))
    # Of facts that are too old nothing is known.
    stale = {**given, "gathered_at": "2026-11-24T10:00:00Z"}
    assert state.node_state(node(), stale, NOW)["health"] == "healthy"


def test_a_server_that_does_not_run() -> None:
    found = state.node_state(node(status="ERROR"), None, NOW)
    [fault] = found["faults"]
    assert fault["rule"] == "server_status"
    assert fault["evidence"] == "the server's status is ERROR"
