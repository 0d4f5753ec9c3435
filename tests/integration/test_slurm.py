# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from a real Slurm, and from facts of devices that are stood in for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from beds.slurm.slurm import Slurm
from unit.fleet import factory

NODES = [f"gpu{number}" for number in range(1, 9)]


@pytest.fixture
def slurm() -> Iterator[Slurm]:
    # Sockets have short paths.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    made = Slurm(folder, dict.fromkeys(NODES, ("mi300x", 8)))
    try:
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


class Reports:
    """`fleet_info` over a static inventory of the same nodes, under longer names."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        hosts: dict[str, Any] = {}
        for name in NODES:
            devices = [
                factory.device(n, [], utilization_percent=10 * n, minor_number=128 + n)
                for n in range(8)
            ]
            hosts[f"{name}.example.com"] = {"gpufleet": {"devices": devices}}
        (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))

    def __call__(self, source: dict[str, Any], **options: Any) -> dict[str, Any]:
        told = {
            "sources": [{"type": "facts"}, {"type": "slurm", **source}],
            "reports": ["overview", "consumers", "nodes"],
            **options,
        }
        tree = self.folder / "tree"
        done = subprocess.run(
            [
                *(Path(sys.executable).parent / "ansible", "localhost", "-vvvv"),
                *("-i", self.folder / "hosts.yml", "--tree", tree),
                *("-m", "gpufleet.openstack.fleet_info", "-a", json.dumps(told)),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **self.environment,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
            },
        )
        self.output = done.stdout + done.stderr
        assert "Traceback" not in self.output
        return dict(json.loads((tree / "localhost").read_text()))


def test_jobs_nodes_and_what_is_wrong(slurm: Slurm, tmp_path: Path) -> None:
    reports = Reports(tmp_path, slurm.environment)
    _submit(slurm)
    token = slurm.token()
    rest = {"url": slurm.url, "user": "root", "token": token}
    by_rest = reports(rest)
    assert token not in reports.output
    by_commands = reports({})
    for name in ("overview", "consumers", "nodes"):
        for report in (by_rest[name], by_commands[name]):
            report.pop("generatedAt")
        assert by_rest[name] == by_commands[name]
    _jobs(by_rest)
    _drained(slurm, reports, rest)
    _failures(slurm, reports, rest)


def _submit(slurm: Slurm) -> None:
    """One job for each way to ask for GPUs, and some that wait."""
    slurm.submit("per-node", "--nodes=2", "--nodelist=gpu[1-2]", "--gres=gpu:mi300x:8")
    slurm.submit("untyped", "--nodelist=gpu3", "--gres=gpu:2")
    slurm.submit("gpus", "--nodelist=gpu4", "--gpus=4")
    slurm.submit("gpus-per-node", "--nodelist=gpu5", "--gpus-per-node=mi300x:3")
    slurm.submit("per-task", "--nodelist=gpu6", "--ntasks=4", "--gpus-per-task=1")
    slurm.submit("array", "--nodelist=gpu7", "--array=0-3%2", "--gres=gpu:1")
    slurm.submit("none", "--nodelist=gpu8")
    slurm.submit("waits", "--nodes=8", "--gres=gpu:8")
    slurm.submit("held", "--hold", "--gres=gpu:1")

    def running() -> bool:
        shown = slurm.command("squeue", "--noheader", "--states=R", "--format=%i")
        return len(shown.split()) == 8  # two tasks of the array

    slurm.until("the jobs", running)


def _jobs(found: dict[str, Any]) -> None:
    held = {"gpu1": 8, "gpu2": 8, "gpu3": 2, "gpu4": 4, "gpu5": 3, "gpu6": 4}
    held |= {"gpu7": 2, "gpu8": 0}
    told = {row["name"]: row["allocated"] for row in found["nodes"]["data"]}
    assert told == {f"{name}.example.com": count for name, count in held.items()}
    overview = found["overview"]
    assert overview["warnings"] == []
    assert (overview["totalGpus"], overview["allocatedGpus"]) == (64, 31)
    assert overview["allocationRate"] == round(31 / 64, 4)
    assert (overview["busyNodes"], overview["fullyIdleNodes"]) == (2, 1)
    # The one that waits asks for all. More room does not let the other tasks of the
    # array start, as only two may run at a time.
    assert overview["pendingGpus"] == 64
    # Device n is used by 10 n %; Slurm gives out the lowest that are free.
    used = sum(10 * n for count in held.values() for n in range(count))
    assert overview["utilization"] == round(used / 31 / 100, 4)
    assert overview["utilizationBasis"] == "device"
    rows = {row["name"]: row for row in found["consumers"]["data"]}
    counts = {name: row["stat"]["gpuRequest"] for name, row in rows.items()}
    assert counts == {
        "per-node": 16,
        "untyped": 2,
        "gpus": 4,
        "gpus-per-node": 3,
        "per-task": 4,
        "array": 2,
    }
    assert found["consumers"]["data"][0]["name"] == "per-node"
    assert rows["per-node"]["stat"]["gpuUtilization"] == 0.35
    assert rows["untyped"]["stat"]["gpuUtilization"] == 0.05
    assert {row["source"] for row in rows.values()} == {"slurm"}
    assert {row["user"] for row in rows.values()} == {"root"}


def _drained(slurm: Slurm, reports: Reports, rest: dict[str, Any]) -> None:
    update = ("scontrol", "update")
    slurm.command(*update, "nodename=gpu8", "state=drain", "reason=new disks")
    slurm.command(*update, "nodename=gpu3", "state=down", "reason=fan is broken")
    # The bed runs as root, as health checks do.
    overview = reports(rest)["overview"]
    assert (overview["maintenanceNodes"], overview["faultyNodes"]) == (0, 2)
    rest = {**rest, "health_check_users": ["slurm"]}
    overview = reports(rest)["overview"]
    assert (overview["maintenanceNodes"], overview["faultyNodes"]) == (1, 1)
    [fault] = overview["faults"]
    assert (fault["node"], fault["rule"]) == ("gpu3.example.com", "slurm_state")
    assert "fan is broken" in fault["evidence"]
    assert fault["since"]
    [row] = reports(rest, reports=["nodes"], status="maintenance")["nodes"]["data"]
    assert row["name"] == "gpu8.example.com"
    assert "new disks" in row["maintenance"]


def _failures(slurm: Slurm, reports: Reports, rest: dict[str, Any]) -> None:
    """What can't be read is named, and unknown."""
    port = slurm.rest_port
    for source, text in (
        ({**rest, "token": "wrong"}, "slurm: slurmrestd answered 500"),
        ({**rest, "url": "http://127.0.0.1:1"}, "slurm: slurmrestd did not answer"),
        (
            {**rest, "url": f"http://127.0.0.1:{port}/x"},
            "slurm: slurmrestd answered 404",
        ),
        ({"login": "nobody@127.0.0.1"}, "slurm: "),
    ):
        overview = reports(source)["overview"]
        assert text in overview["warnings"][0], overview["warnings"]
        assert overview["unknownNodes"] == 8
        assert overview["unknownGpus"] == 64
        assert overview["allocationRate"] is None
    assert (
        "did not answer" in reports({"url": "http://127.0.0.1:1"}, strict=True)["msg"]
    )
