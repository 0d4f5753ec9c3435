# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run leaves behind, and its metrics.

The module kubeconfig removes files without a word to the cloud; all others fail, as
none is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit import filesystems

PASSWORD = "never-to-be-seen"
AUTH = {
    "auth_url": "http://127.0.0.1:1/v3",
    "username": "alice",
    "password": PASSWORD,
    "project_name": "team",
    "user_domain_id": "default",
    "project_domain_id": "default",
}


class Run:
    """Runs tasks with the callback on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "audit.jsonl"
        self.metrics = folder / "gpufleet.prom"
        self.output = ""

    def __call__(
        self, *tasks: dict[str, Any], options: tuple[str, ...] = (), **environment: str
    ) -> list[dict[str, Any]]:
        """Returns the lines of the log; each task may fail."""
        play = {
            "name": "Files",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [{"ignore_errors": True, **task} for task in tasks],
        }
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                *("-i", "localhost,", playbook, *options),
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **os.environ,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "ANSIBLE_CALLBACKS_ENABLED": "gpufleet.openstack.audit",
                "GPUFLEET_AUDIT_PATH": str(self.log),
                "GPUFLEET_AUDIT_METRICS": str(self.metrics),
                **environment,
            },
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def removal(self, name: str = "training", **more: Any) -> dict[str, Any]:
        """A task that removes a file, which is there."""
        path = self.folder / name
        path.write_text("somebody's")
        return {
            "name": "Remove a file",
            "gpufleet.openstack.kubeconfig": {
                "auth": AUTH,
                "name": name,
                "path": str(path),
                "state": "absent",
                "force": True,
            },
            **more,
        }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


FAILS = {
    "name": "Ask a cloud that is not there",
    "gpufleet.openstack.location": {
        "auth": AUTH,
        "name": "frankfurt",
        "cidr": "10.0.0.0/24",
        "timeout": 1,
    },
}


def test_a_change_and_a_failure(run: Run) -> None:
    changed, failed = run(run.removal(), FAILS)
    assert (changed["module"], changed["action"]) == ("kubeconfig", "delete")
    assert (changed["status"], changed["error"]) == ("changed", None)
    assert (changed["playbook"], changed["play"]) == ("play.yml", "Files")
    assert (changed["task"], changed["host"]) == ("Remove a file", "localhost")
    assert changed["before"]
    assert changed["duration_seconds"] > 0
    assert changed["trace_id"] == failed["trace_id"]
    assert (failed["module"], failed["status"]) == ("location", "failed")
    assert (failed["name"], failed["action"]) == ("frankfurt", None)
    assert failed["error"]["type"] == "ApiError"
    assert PASSWORD not in run.log.read_text()
    assert run.log.stat().st_mode & 0o777 == 0o600


def test_lines_are_appended(run: Run) -> None:
    [first] = run(run.removal())
    kept = run.log.read_bytes()
    _same, second = run(run.removal())
    assert run.log.read_bytes().startswith(kept)
    assert first["trace_id"] != second["trace_id"]


def test_nothing_in_check_mode_and_where_nothing_changes(run: Run) -> None:
    assert run(run.removal(), options=("--check",)) == []
    task = run.removal()
    (run.folder / "training").unlink()
    assert run(task, {"ansible.builtin.set_fact": {"a": 1}}) == []


def test_rounds_of_a_loop(run: Run) -> None:
    task = run.removal("one", loop=["one", "two"])
    run.removal("two")
    arguments = task["gpufleet.openstack.kubeconfig"]
    arguments.update(name="{{ item }}", path=f"{run.folder}/{{{{ item }}}}")
    lines = run(task)
    assert [line["action"] for line in lines] == ["delete", "delete"]
    assert "gpufleet_run_changes" in run.metrics.read_text()


def test_a_task_that_is_not_to_be_logged(run: Run) -> None:
    [line] = run(run.removal(no_log=True))
    assert line["status"] == "changed"
    assert (line["name"], line["before"], line["after"]) == (None, None, None)


def test_rounds_of_a_loop_that_are_not_to_be_logged(run: Run) -> None:
    [line] = run(run.removal(loop=["one"], no_log=True))
    assert (line["status"], line["name"]) == ("changed", None)


def test_who_awx_runs_it_for(run: Run) -> None:
    [line] = run(run.removal(), options=("-e", "awx_user_name=bob"))
    assert line["user"] == "bob"


def test_metrics(run: Run) -> None:
    run(run.removal(), FAILS)
    values = dict(
        line.rsplit(" ", 1)
        for line in run.metrics.read_text().splitlines()
        if not line.startswith("#")
    )
    deleted = values['gpufleet_run_changes{module="kubeconfig",action="delete"}']
    failed = values['gpufleet_run_failures{module="location"}']
    assert float(deleted) == float(failed) == 1
    assert float(values["gpufleet_run_duration_seconds"]) > 0
    assert [path for path in run.folder.iterdir() if path.name.endswith(".prom")] == [
        run.metrics
    ]


def test_a_file_that_cannot_be_written(run: Run) -> None:
    where = {"PATH": "/proc/none/x", "METRICS": "/proc/none/y"}
    run(run.removal(), **{f"GPUFLEET_AUDIT_{name}": at for name, at in where.items()})
    assert "audit: path: /proc/none/x can't be written: No such file" in run.output
    assert "audit: metrics_path: /proc/none/y can't be written: No such" in run.output


def test_half_a_line_is_no_line(run: Run) -> None:
    with filesystems.small(run.folder / "disk", 64) as disk:
        log, metrics = disk / "audit.jsonl", disk / "gpufleet.prom"
        # Room is given out in pages: there is some in the last one of the log.
        before = json.dumps({"action": "x" * 3900}) + "\n"
        log.write_text(before)
        metrics.write_text("old")
        filesystems.fill(disk)
        names = {"GPUFLEET_AUDIT_PATH": log, "GPUFLEET_AUDIT_METRICS": metrics}
        run(run.removal(), **{name: str(path) for name, path in names.items()})
        assert log.read_text() == before
        assert metrics.read_text() == "old"
        assert sorted(path.name for path in disk.iterdir()) == [
            *("audit.jsonl", "filling", "gpufleet.prom")
        ]
    # The display wraps its lines, at hyphens too.
    output = "".join(run.output.split())
    for option, path in (("path", log), ("metrics_path", metrics)):
        reason = f"audit: {option}: {path} can't be written: No space left on device. "
        advice = f"Free some space there, or give another {option}."
        assert "".join((reason + advice).split()) in output
