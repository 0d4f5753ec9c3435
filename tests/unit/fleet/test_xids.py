# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which XIDs and SXids are faults, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import xids
from unit.fleet import factory
from unit.fleet.fleets import NOW

HOUR = 3600.0
RECOVERY = "GPU recovery action changed from 0x0 (None) to"
RECOVERED = "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)"


def found(*events: Any, elapsed: float = 0.0) -> list[str]:
    """Evidence of the events that are faults, some seconds after they were read."""
    facts = factory.facts(xid_events=list(events))
    moment = NOW - timedelta(seconds=elapsed)
    return [each[1] for each in xids.recent(facts, moment, NOW, 2 * HOUR)]


@pytest.mark.parametrize(
    ("event", "evidence"),
    [
        ({"code": 13}, []),
        ({"code": 45}, []),
        ({"code": 48}, ["XID 48, WORKFLOW_XID_48"]),
        ({"code": 63}, []),
        ({"code": 74}, ["XID 74, WORKFLOW_NVLINK_ERR"]),
        ({"code": 79}, ["XID 79, RESTART_BM"]),
        ({"code": 94}, []),
        ({"code": 95}, ["XID 95, RESET_GPU"]),
        ({"code": 145}, ["XID 145, WORKFLOW_NVLINK5_ERR"]),
        ({"code": 145, "message": "RLW_REMAP Nonfatal XC0 i0 Link 00"}, []),
        (
            {"code": 145, "message": "RLW_REMAP Fatal XC0 i0 Link 00"},
            ["XID 145, RESET_GPU"],
        ),
        ({"code": 151}, ["XID 151, RESTART_VM"]),
        ({"code": 154}, []),
        ({"code": 154, "action": "XID_154"}, []),
        (
            {
                "code": 154,
                "action": "XID_154",
                "message": f"{RECOVERY} 0x2 (Node Reboot Required)",
            },
            ["XID 154, RESTART_BM"],
        ),
        ({"code": 154, "action": "RESET_GPU"}, ["XID 154, RESET_GPU"]),
        ({"code": 154, "message": RECOVERED}, []),
        ({"code": 999}, []),
        ({"code": 999, "action": "RESET_GPU"}, ["XID 999, RESET_GPU"]),
        ({"code": None, "action": None}, []),
        # Of a switch.
        (
            {"code": 24007, "type": "sxid", "message": "Fatal, Link 30"},
            ["SXid 24007, RESET_NVSWITCH"],
        ),
        (
            {"code": 24007, "type": "sxid", "action": "RESET_NVSWITCH"},
            ["SXid 24007, RESET_NVSWITCH"],
        ),
        ({"code": 22013, "type": "sxid", "message": "Non-fatal, Link 44"}, []),
    ],
)
def test_events(event: dict[str, Any], evidence: list[str]) -> None:
    assert found(factory.event(**{"action": None, **event})) == evidence


@pytest.mark.parametrize(
    ("age", "elapsed", "is_fault"),
    [
        (0.0, 0.0, True),
        (2 * HOUR, 0.0, True),
        (2 * HOUR + 1, 0.0, False),
        (2 * HOUR, 1.0, False),
        (HOUR, HOUR, True),
        (60.0, 48 * HOUR, False),
        (None, 0.0, False),
        # A node's clock may be ahead.
        (2 * HOUR, -60.0, True),
    ],
)
def test_the_age_of_facts_adds_to_that_of_an_event(
    age: float | None, elapsed: float, is_fault: bool
) -> None:
    assert bool(found(factory.event(age_seconds=age), elapsed=elapsed)) is is_fault


def test_since_when() -> None:
    facts = factory.facts(xid_events=[factory.event(age_seconds=90.0)])
    moment = NOW - timedelta(seconds=30)
    [(device, _evidence, since)] = xids.recent(facts, moment, NOW, HOUR)
    assert (device, since) == ("b", "2026-11-24T11:58:00+00:00")


def test_the_last_recovery_action_of_a_device_counts() -> None:
    wanted = factory.event(
        154,
        action=None,
        message=f"{RECOVERY} 0x1 (GPU Reset Required)",
        age_seconds=50.0,
    )
    done = factory.event(154, action=None, message=RECOVERED, age_seconds=10.0)
    other = factory.event(
        154,
        action=None,
        message=f"{RECOVERY} 0x2 (Node Reboot Required)",
        age_seconds=40.0,
        pci_bus_id="c",
    )
    assert found(wanted, other) == ["XID 154, RESET_GPU", "XID 154, RESTART_BM"]
    assert found(wanted, other, done) == ["XID 154, RESTART_BM"]
    assert found(done, wanted) == []


def test_a_device_that_has_recovered() -> None:
    before = factory.event(79, age_seconds=60.0)
    other = factory.event(79, age_seconds=60.0, pci_bus_id="c")
    done = factory.event(154, action=None, message=RECOVERED, age_seconds=50.0)
    again = factory.event(95, action="RESET_GPU", age_seconds=40.0)
    assert found(before, done) == []
    assert found(before, other, done) == ["XID 79, RESTART_BM"]
    assert found(before, done, again) == ["XID 95, RESET_GPU"]
