# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many devices a node has, in which state each is, and who says so."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    faults,
    state,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Facts,
    Host,
    Offer,
)
from unit.fleet import factory
from unit.fleet.fleets import NOW, facts


def kube(capacity: float | None, allocated: float | None = 0, **more: Any) -> Offer:
    units = None if capacity is None else f"{capacity:g} of nvidia.com/gpu"
    given = {"source": "kubernetes", "units": units, **more}
    return factory.offer(capacity, allocated, **given)


def slurm(capacity: float | None, allocated: float | None = 0, **more: Any) -> Offer:
    return factory.offer(capacity, allocated, **more)


def measured(count: int, age: float = 10, **more: Any) -> Facts:
    devices = [factory.device(n, None, **more) for n in range(count)]
    known: Facts = facts(devices, age)
    return known


def assess(
    declared: int, given: Facts | None, *offers: Offer, **server: Any
) -> state.Assessment:
    host = Host("n", factory.server("n", declared, **server), given, offers)
    return state.assess(host, NOW)


@pytest.mark.parametrize(
    ("declared", "given", "offers", "capacity", "rules"),
    [
        # One who knows, and all of them.
        (8, None, (), 8, []),
        (0, measured(8), (), 8, []),
        (0, None, (kube(8),), 8, []),
        (0, None, (kube(0, counted=8),), 8, ["not_allocatable"]),
        (8, measured(8), (kube(8, counted=8),), 8, []),
        # The most counts, and who has fewer makes a fault.
        (8, measured(7), (), 8, ["devices_missing"]),
        (8, None, (kube(6),), 8, ["devices_missing"]),
        (0, None, (kube(6, counted=8),), 8, ["devices_missing"]),
        (0, measured(7), (slurm(8),), 8, ["devices_missing"]),
        (0, measured(7), (kube(8),), 8, ["devices_missing"]),
        (4, measured(5), (), 5, []),
        # Old facts tell how many devices there are, and not that any is missing.
        (0, measured(8, age=400), (kube(6),), 8, ["devices_missing"]),
        (8, measured(6, age=400), (), 8, []),
        # The device plugin is gone, or withholds devices.
        (8, None, (kube(0),), 8, ["not_allocatable"]),
        (0, None, (kube(0),), 0, ["not_allocatable"]),
        (0, None, (kube(0, has_devices=False),), 0, []),
        (8, None, (kube(8, withheld=1),), 8, ["not_allocatable"]),
        # Units are parts of the devices that somebody counts.
        (8, None, (kube(32),), 8, []),
        (0, measured(8), (kube(32),), 8, []),
        (0, measured(8), (kube(20, counted=8),), 8, []),
        (0, None, (kube(56, counted=8),), 8, []),
        (2, measured(2), (kube(20),), 2, []),
        # Slurm counts devices; its parts have types of their own.
        (0, measured(4), (slurm(8),), 8, ["devices_missing"]),
        (8, None, (slurm(28),), 8, []),
        # Parts need not fill the devices: 48 of them may be of eight.
        (8, None, (kube(7, most=48),), 8, []),
        (64, None, (kube(7, most=48),), 64, ["devices_missing"]),
        # A scheduler that has no devices, where another has.
        (8, None, (slurm(8), kube(0, has_devices=False)), 8, []),
        # What only a scheduler knows that could not be read.
        (8, None, (kube(None, None),), 8, []),
    ],
)
def test_capacity(
    declared: int,
    given: Facts | None,
    offers: tuple[Offer, ...],
    capacity: float,
    rules: list[str],
) -> None:
    known = assess(declared, given, *offers).state
    assert known["capacity"] == capacity
    assert [fault["rule"] for fault in known["faults"]] == rules
    assert sum(known["devices"].values()) == pytest.approx(capacity)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offers", "reason"),
    [
        ([slurm(8)], None),
        ([slurm(8, None, reason="its state is UNKNOWN")], "its state is UNKNOWN"),
        ([slurm(8, None)], "it is not known what slurm has given out"),
        (
            [slurm(8, None, reason="its state is UNKNOWN"), kube(8, None)],
            "its state is UNKNOWN; it is not known what kubernetes has given out",
        ),
    ],
)
def test_why_it_is_not_known_what_is_given_out(
    offers: list[Offer], reason: str | None
) -> None:
    known = assess(8, None, *offers).state
    assert known["reason"] == reason
    assert (known["allocation"] == "unknown") is (reason is not None)


def test_the_evidence_says_who_has_how_many() -> None:
    known = assess(8, measured(7), kube(6, counted=8)).state
    [fault] = known["faults"]
    assert fault["evidence"] == (
        "7 devices are there, 8 are declared, labels count 8, kubernetes has 6"
    )
    [gone] = assess(8, None, kube(0)).state["faults"]
    assert gone["evidence"] == (
        "kubernetes offers none of 8 devices: no device plugin runs there"
    )


@pytest.mark.parametrize(
    ("declared", "given", "offer", "warning"),
    [
        (8, None, kube(32), None),
        (8, None, kube(20), "n: kubernetes has 20 of nvidia.com/gpu, and there are 8"),
        (
            0,
            None,
            kube(16, unsized=True),
            "nobody says how many of these make a device",
        ),
        (8, None, kube(16, unsized=True), None),
    ],
)
def test_warnings(
    declared: int, given: Facts | None, offer: Offer, warning: str | None
) -> None:
    found = assess(declared, given, offer).capacity.warnings
    assert len(found) == bool(warning)
    assert warning is None or warning in found[0]


FAILED = {"health": "failed"}


@pytest.mark.parametrize(
    ("offers", "broken", "server", "counts"),
    [
        # Allocated and idle, parts as fractions.
        ((kube(8, 2.5),), (), {}, (2.5, 5.5, 0, 0, 0)),
        ((kube(32, 10),), (), {}, (2.5, 5.5, 0, 0, 0)),
        ((kube(8, 9),), (), {}, (8, 0, 0, 0, 0)),
        ((kube(8, 2), slurm(8, 5)), (), {}, (5, 3, 0, 0, 0)),
        # Unknown.
        ((kube(8, None),), (), {}, (0, 0, 0, 0, 8)),
        ((), (), {}, (0, 0, 0, 0, 8)),
        # One bad device of eight is one: measured, withheld, not offered, or all three.
        ((kube(8, 2),), (3,), {}, (2, 5, 1, 0, 0)),
        ((kube(8, 8),), (3,), {}, (7, 0, 1, 0, 0)),
        ((kube(8, 2, withheld=1),), (), {}, (2, 5, 1, 0, 0)),
        ((kube(8, 2, withheld=1),), (3,), {}, (2, 5, 1, 0, 0)),
        ((kube(7, 2),), (3,), {}, (2, 5, 1, 0, 0)),
        ((kube(7, 2, withheld=1),), (), {}, (2, 4, 2, 0, 0)),
        ((kube(8, 2),), (3, 4), {}, (2, 4, 2, 0, 0)),
        ((kube(8, None),), (3,), {}, (0, 0, 1, 0, 7)),
        # A device that is known to be held, and faulty, is faulty.
        ((slurm(8, 2, devices=(3, 4)),), (3,), {}, (1, 6, 1, 0, 0)),
        # All of the node.
        ((kube(8, 2, faults=(("not_ready", "", None),)),), (), {}, (0, 0, 8, 0, 0)),
        ((slurm(8, 2, faults=(("slurm_state", "", None),)),), (), {}, (0, 0, 8, 0, 0)),
        ((kube(8, 2),), (), {"status": "ERROR"}, (0, 0, 8, 0, 0)),
        ((kube(0, 0),), (), {}, (0, 0, 8, 0, 0)),
        # Maintenance is after faults, and before all else.
        ((kube(8, 2, maintenance="cordoned"),), (), {}, (0, 0, 0, 8, 0)),
        ((kube(8, 2, maintenance="cordoned"),), (3,), {}, (0, 0, 1, 7, 0)),
        ((kube(8, None, maintenance="cordoned"),), (), {}, (0, 0, 0, 8, 0)),
        (
            (kube(8, 2, maintenance="c", faults=(("not_ready", "", None),)),),
            (),
            {},
            (0, 0, 8, 0, 0),
        ),
    ],
)
def test_each_device_is_in_one_state(
    offers: tuple[Offer, ...],
    broken: tuple[int, ...],
    server: Any,
    counts: tuple[float, ...],
) -> None:
    devices = [
        factory.device(n, None, **(FAILED if n in broken else {})) for n in range(8)
    ]
    known = assess(8, facts(devices), *offers, **server).state
    names = ("allocated", "idle", "faulty", "maintenance", "unknown")
    assert known["devices"] == dict(zip(names, counts, strict=True))


@pytest.mark.parametrize(
    ("addresses", "broken", "faulty"),
    [
        # At the address of a device, or of none that is measured.
        (["0000:03:00.0"], (), 1),
        (["0000:03:00.0"], (3,), 1),
        (["0000:03:00.0", "0000:04:00.0"], (), 2),
        (["0000:ff:00.0"], (3,), 2),
        # Without an address it may be any, one that is broken too.
        ([None], (), 1),
        ([None, None], (3,), 1),
    ],
)
def test_events_of_devices(
    addresses: list[str | None], broken: tuple[int, ...], faulty: int
) -> None:
    devices = [
        factory.device(n, None, **(FAILED if n in broken else {})) for n in range(8)
    ]
    events = [
        {"code": 79, "pci_bus_id": address, "age_seconds": 1.0, "action": "RESTART_BM"}
        for address in addresses
    ]
    known = assess(8, facts(devices, xid_events=events), kube(8, 0))
    assert known.state["devices"]["faulty"] == faulty


def test_a_rule_about_the_node_s_network_leaves_its_devices() -> None:
    given = facts([factory.device(n) for n in range(8)], rdma_ports=[{"state": "DOWN"}])
    host = Host("n", None, given, (kube(8, 2),), expected_rdma_ports=1)
    known = state.assess(host, NOW).state
    assert known["health"] == "faulty"
    assert known["devices"]["allocated"] == 2
    assert known["devices"]["faulty"] == 0


def test_a_rule_that_is_off_makes_no_faulty_device() -> None:
    rules = faults.policy(rules={"devices_missing": False})
    host = Host("n", factory.server("n", 8), None, (kube(6, 2),))
    known = state.assess(host, NOW, rules=rules).state
    assert known["health"] == "healthy"
    assert known["devices"]["faulty"] == 0


@pytest.mark.parametrize(
    ("offers", "broken", "free"),
    [
        ((kube(8, 2.5),), (), 5),
        ((kube(8, 2),), (0,), 5),
        ((kube(8, 8),), (), 0),
        ((kube(8, None),), (), None),
        ((kube(8, 0, maintenance="cordoned"),), (), None),
        ((kube(8, 0, faults=(("not_ready", "", None),)),), (), None),
    ],
)
def test_free_devices_are_whole(
    offers: tuple[Offer, ...], broken: tuple[int, ...], free: int | None
) -> None:
    devices = [
        factory.device(n, None, **(FAILED if n in broken else {})) for n in range(8)
    ]
    assert assess(8, facts(devices), *offers).free == free


def test_parts_of_which_processes_hold_one_each_leave_no_whole_device() -> None:
    part = {"uuid": None, "profile": None}
    parts = [
        {**part, "index": n, "processes": [factory.process(1)] if n == 0 else []}
        for n in range(2)
    ]
    devices = [factory.device(n, None, partitions=parts) for n in range(4)]
    known = assess(4, facts(devices))
    assert known.state["devices"]["idle"] == 2
    assert known.free == 0
