# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a measured value can be, whoever has measured it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import record
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    door,
    readings,
    types,
)
from unit.fleet import factory, fleets

NAN, INFINITE = float("nan"), float("inf")

# Field, values that can be, values that can't be.
DEVICES: list[tuple[str, list[Any], list[Any]]] = [
    ("utilization_percent", [0, 37.5, 100], [-1, 100.5, 2619, NAN, INFINITE, "5"]),
    ("memory_utilization_percent", [0, 100], [-0.5, 101, 4294967295]),
    ("power_watts", [0.1, 312, 1200.5], [-5, 65535, NAN, True]),
    ("power_limit_watts", [1, 750], [0, -1, 65535]),
    ("energy_joules", [0, 1e12], [-1, 2.0**64]),
    ("temperature_celsius", [-40, 52, 110.5], [-273, 2112, 6553.5, "hot"]),
    ("memory_temperature_celsius", [-1, 95], [255, NAN]),
    ("memory_total_bytes", [2**30, 206141652992], [0, -1, 2**60]),
    ("memory_used_bytes", [0, 2**40], [-1, 2.0**63]),
    ("ecc_corrected", [0, 10**6], [-1, 2**63]),
    ("ecc_uncorrected", [0, 3], [-1, 2**63]),
    ("pcie_generation", [1, 6], [0, 255, 5.0]),
    ("pcie_width", [1, 16], [0, 255]),
    ("minor_number", [0, 128], [-1, 2**32]),
]
VALUES = [
    (field, value, can_be)
    for field, good, bad in DEVICES
    for can_be, values in ((True, good), (False, bad))
    for value in values
]


def test_each_measured_field_has_bounds() -> None:
    assert set(record.NUMBERS) <= set(record.BOUNDS)
    assert {field for field, *_values in DEVICES} == {
        *record.BOUNDS.keys() - {"memory_bytes", "rate_gbps"}
    }


@pytest.mark.parametrize(("field", "value", "can_be"), VALUES)
def test_facts(field: str, value: Any, can_be: bool) -> None:
    """Of gpu_facts, or whatever a person has written in their place."""
    warnings: list[str] = []
    whole = [factory.device(0), factory.device(1, **{field: value})]
    for device in (whole[1], {"index": 1, field: value}):
        known = door.facts(fleets.record([whole[0], device]), "n", warnings.append)
        assert known
        result: Any = known.devices[1]
        assert repr(result[field]) == repr(value if can_be else None)
    expected = [f"n: device 1: {field} can't be {value!r}, so it is unknown"]
    assert warnings == [] if can_be else expected * 2


@pytest.mark.parametrize(("field", "value", "can_be"), VALUES)
def test_measurements(field: str, value: Any, can_be: bool) -> None:
    """Of our metrics and those of vendors."""
    warnings: list[str] = []
    measured = types.Measured(name="n", facts={"devices": [{field: value}]})
    telemetry = types.Telemetry(measured=[measured])
    [known] = readings.measurements([telemetry], warnings.append)
    [device] = known.facts.devices
    result: Any = device
    assert repr(result[field]) == repr(value if can_be else None)
    text = f"prometheus: n: device 0: {field} can't be {value!r}, so it is unknown"
    assert warnings == [text] * (not can_be)


@pytest.mark.parametrize(("field", "value", "can_be"), VALUES)
def test_the_node(field: str, value: Any, can_be: bool) -> None:
    device = record.new_device("0000:05:00.0", "amd", "gpu")
    record.take(device, "x", {field: value})
    if isinstance(value, (str, bool, float)) and field.startswith("pcie"):
        return  # the readers make no other than integers of these
    expected = value if can_be or value is True else None
    assert repr(device[field]) == repr(expected)
    assert len(device["errors"]) == (expected is None)


@pytest.mark.parametrize("field", record.UNKNOWN_AT_ZERO)
@pytest.mark.parametrize("value", [0, 0.0])
def test_zero_is_no_sensor(field: str, value: float) -> None:
    """A virtual function has none; this is no reason for a warning."""
    warnings: list[str] = []
    whole = factory.device(**{field: value})
    facts = door.facts(fleets.record([whole]), "n", warnings.append)
    assert facts
    known: Any = facts.devices[0]
    assert known[field] is None
    device = record.new_device("0000:05:00.0", "amd", "gpu")
    record.take(device, "x", {field: value})
    assert (device[field], device["errors"], warnings) == (None, [], [])


PART = {"index": 0, "uuid": "MIG-1", "profile": None, "processes": None}


@pytest.mark.parametrize(
    ("devices", "text"),
    [
        (
            {"partitions": [{**PART, "memory_total_bytes": -1}]},
            "n: device 0: partition 0: memory_total_bytes can't be -1, so it is unknown",
        ),
        (
            {"processes": [{"pid": 7, "memory_bytes": 2**60}]},
            f"n: device 0: process 7: memory_bytes can't be {2**60}, so it is unknown",
        ),
    ],
)
def test_parts_and_processes(devices: dict[str, Any], text: str) -> None:
    warnings: list[str] = []
    device = {**factory.device(0), **devices}
    door.facts(fleets.record([device]), "n", warnings.append)
    assert warnings == [text]


@pytest.mark.parametrize(
    ("rate", "known"),
    [
        (400, 400),
        (0.5, 0.5),
        (0, 0),
        (-1, None),
        (NAN, None),
        (INFINITE, None),
        (10**6, None),
        ("400", None),
        (True, None),
        (None, None),
    ],
)
def test_rates_of_ports(rate: Any, known: float | None) -> None:
    warnings: list[str] = []
    port = {"device": "mlx5_0", "port": 1, "state": "ACTIVE", "rate_gbps": rate}
    facts = door.facts(fleets.record([], rdma_ports=[port]), "n", warnings.append)
    assert facts
    assert facts.ports
    assert facts.ports[0].rate_gbps == known
    text = f"n: RDMA port: rate_gbps can't be {rate!r}, so it is unknown"
    assert warnings == [text] * (known is None and rate is not None)
