# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of a node, as text.

What node_exporter and Prometheus make of them is seen by
tests/integration/test_node_telemetry.py.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    telemetry,
    textfile,
)
from fakes.node.sysfs import Gather, Node

NOW = 1_800_000_000.0


def lines(facts: dict[str, Any], metric: str) -> list[str]:
    """The series of a metric."""
    page = telemetry.metrics(facts, NOW).splitlines()
    return [line for line in page if line.startswith(f"gpufleet_{metric}{{")]


def test_what_is_unknown_has_no_series(node: Node, gather: Gather) -> None:
    for number in range(3):
        node.mi300x(f"0000:{5 + 16 * number:02x}:00.0", number)
    facts = gather(gather=("metrics", "xid"))
    facts["devices"][0]["power_watts"] = None
    facts["devices"][1].update(health="failed", throttle_reasons=["power"])
    facts["devices"][2].update(health="unknown", power_watts=0)
    powers = lines(facts, "device_power_watts")
    assert [line.split()[-1] for line in powers] == ["313.0", "0.0"]
    assert [line.split()[-1] for line in lines(facts, "device_healthy")] == [
        "1.0",
        "0.0",
    ]
    assert lines(facts, "device_throttled")[0].split()[-1] == "1.0"
    assert lines(facts, "devices_expected") == []
    [beat] = lines(facts, "heartbeat_timestamp_seconds")
    assert float(beat.split()[-1]) == NOW


def test_labels_are_escaped(node: Node, gather: Gather) -> None:
    node.mi300x("0000:05:00.0")
    facts = gather(gather=("metrics",))
    facts["devices"][0]["model"] = 'a "b" \\c\nd'
    for line in lines(facts, "device_power_watts"):
        assert 'model="a \\"b\\" \\\\c\\nd"' in line


def test_each_xid_is_told_once(node: Node, gather: Gather) -> None:
    facts = gather(gather=("metrics",))
    facts["xid_events"] = [
        {
            "type": "xid",
            "pci_bus_id": "0000:05:00.0",
            "code": code,
            "age_seconds": age,
            "action": action,
        }
        for code, age, action in (
            (79, 100.0, "RESTART_BM"),
            (48, None, "WORKFLOW_XID_48"),
            (79, 40.0, "RESTART_BM"),
            (154, 30.0, "RESET_GPU"),
            (999, 20.0, None),
        )
    ]
    host = facts["hostname"]
    labels = f'hostname="{host}",pci_bus_id="0000:05:00.0",type="xid",xid='
    assert lines(facts, "xid_timestamp_seconds") == [
        f"gpufleet_xid_timestamp_seconds{{{labels}{more}}} {moment}"
        for more, moment in (
            ('"79",action="RESTART_BM"', NOW - 40),
            ('"154",action="RESET_GPU"', NOW - 30),
            ('"999"', NOW - 20),
        )
    ]


def test_the_program(node: Node, tmp_path: Path) -> None:
    node.mi300x("0000:05:00.0")
    file = tmp_path / "gpufleet.prom"
    paths = [f"--{name.replace('_', '-')}={path}" for name, path in node.paths.items()]
    telemetry.main([*paths, "--expected-count=2", str(file)])
    assert "gpufleet_devices_expected{" in file.read_text()
    # node_exporter is another user.
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [one.name for one in tmp_path.glob("*.prom*")] == ["gpufleet.prom"]


def test_a_full_disk_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gpufleet.prom"
    file.write_text("before\n")

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        textfile.write(str(file), "after\n")
    assert file.read_text() == "before\n"
    assert os.listdir(tmp_path) == ["gpufleet.prom"]
