# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tasks as a user would: ansible-playbook, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beds.openstack import processes
from integration.proxy import Recorder

HERE = Path(__file__).parent
Task = tuple[str, dict[str, Any]]


class Result(dict[str, Any]):
    """What a task returned. A key that is missing shows what came instead."""

    def __missing__(self, key: str) -> Any:
        raise AssertionError(f"no {key!r} in the task's result: {dict(self)}")


def full_name(module: str) -> str:
    """The name of a module with its collection: this one, where none is named."""
    return module if "." in module else f"gpufleet.openstack.{module}"


class Runner:
    """Runs modules of this collection in a cloud.

    Args:
        environment: What `python -m beds.openstack env` and a test's project add.
        cloud: Name of the cloud in clouds.yaml.
        folder: For playbooks and results.
        python: Has the `ansible-playbook` that is run beside it.
        recorded: Whether requests go through the recorder; else straight to the cloud.

    Attributes:
        recorder: What the last run sent.
        output: What the last run printed.
    """

    def __init__(
        self,
        environment: dict[str, str],
        cloud: str,
        folder: Path,
        python: str = sys.executable,
        recorded: bool = True,
    ) -> None:
        self.python = python
        self.recorded = recorded
        self.environment = environment
        self.cloud = cloud
        self.folder = folder
        folder.mkdir()
        self.recorder = Recorder()
        self.output = ""

    def __call__(self, module: str, **args: Any) -> Result:
        """Run one task. A failure is a result too, with `failed`."""
        return self.run([(module, args)])[0]

    def close(self) -> None:
        """Stop the recorder."""
        self.recorder.close()

    def check(self, module: str, **args: Any) -> Result:
        """Run one task in check mode, behind a guard that refuses writes."""
        return self.plan([(module, args)])[0]

    def plan(self, tasks: list[Task]) -> list[Result]:
        """Run tasks in check mode; no write may be sent."""
        self.recorder.refuse_writes = True
        try:
            results = self.run(tasks, "--check")
        finally:
            self.recorder.refuse_writes = False
        assert self.recorder.writes == []
        assert self.recorder.requests, "the guard has seen no request at all"
        return results

    def run(self, tasks: list[Task], *options: str) -> list[Result]:
        """Run tasks in one play; each runs whether or not others failed."""
        process = self.start(tasks, *options)
        self.output = process.communicate(timeout=1200)[0]
        lines = self._results.read_text().splitlines()
        assert len(lines) == len(tasks), self.output
        return [Result(json.loads(line)) for line in lines]

    def start(self, tasks: list[Task], *options: str) -> subprocess.Popen[str]:
        """Start a play and return its process."""
        playbook = self.folder / "playbook.json"
        playbook.write_text(json.dumps(self._play(tasks)))
        return self._start(playbook, *options)

    def kill(self, play: subprocess.Popen[str]) -> None:
        """Kill a play with all that it started, at once.

        Ansible's workers have sessions of their own: a signal to the play's group
        leaves the module running.
        """
        leader = processes.look(play.pid)
        assert leader, "the play has ended by itself"
        processes.signal_all(processes.with_children([leader]), signal.SIGKILL)
        play.communicate()

    def playbook(
        self, path: Path, /, *more: str, **variables: Any
    ) -> list[dict[str, Any]]:
        """Run a playbook in this cloud, to its end without a failure.

        Args:
            path: The playbook.
            more: Further variables, as `--extra-vars` takes them.
            variables: Variables, over those.

        Returns:
            The results of its tasks; of a loop, those of its items.
        """
        assert self._playbook(path, more, variables) == 0, self.output
        return self._items()

    def planned(
        self, path: Path, /, *more: str, **variables: Any
    ) -> list[dict[str, Any]]:
        """As `playbook`, in check mode, behind the guard that refuses writes."""
        self.recorder.refuse_writes = True
        try:
            assert self._playbook(path, more, variables, "--check") == 0, self.output
        finally:
            self.recorder.refuse_writes = False
        assert self.recorder.writes == []
        return self._items()

    def refused(self, path: Path, /, **variables: Any) -> str:
        """Run a playbook that fails. Returns what it printed."""
        assert self._playbook(path, (), variables) == 2, self.output
        return self.output

    def _playbook(
        self, path: Path, more: Sequence[str], variables: Any, *options: str
    ) -> int:
        given = [*more, json.dumps({"cloud": self.cloud, **variables})]
        named = [word for one in given for word in ("--extra-vars", one)]
        process = self._start(path, *named, *options)
        self.output = process.communicate(timeout=1200)[0]
        return process.returncode

    def _items(self) -> list[dict[str, Any]]:
        lines = map(json.loads, self._results.read_text().splitlines())
        return [item for line in lines for item in line.get("results", [line])]

    def secretly(
        self, calls: dict[str, dict[str, Any]], options: dict[str, Any], home: Path
    ) -> list[dict[str, Any]]:
        """Run tasks at `-vvvv`, with options that no file of the test holds.

        Args:
            calls: Arguments by module.
            options: Further arguments of all, credentials for one.
            home: Where Ansible keeps its temporary files, fact cache and log.
        """
        home.mkdir()
        play = self._play(list(calls.items()))
        for task in play[0]["tasks"]:
            [module] = [key for key in task if key.startswith("gpufleet.")]
            del task[module]["cloud"]
            for name in options:
                task[module][name] = f"{{{{ given.{name} }}}}"
        play[0]["vars"]["given"] = (
            "{{ lookup('ansible.builtin.env', 'GIVEN') | ansible.builtin.from_json }}"
        )
        playbook = self.folder / "secretly.json"
        playbook.write_text(json.dumps(play))
        more = {
            "GIVEN": json.dumps(options),
            "ANSIBLE_HOME": str(home),
            "ANSIBLE_LOG_PATH": str(home / "log"),
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
            "ANSIBLE_REMOTE_TMP": str(home / "remote"),
        }
        process = self._start(playbook, "-vvvv", environment=more)
        self.output = process.communicate(timeout=600)[0]
        return [json.loads(line) for line in self._results.read_text().splitlines()]

    def _start(
        self,
        playbook: Path,
        *options: str,
        environment: dict[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        self.recorder.clear()
        self._results = self.folder / "results"
        self._results.write_text("")
        command = [Path(self.python).parent / "ansible-playbook", "-i", "localhost,"]
        return subprocess.Popen(
            [*command, *options, "--diff", playbook],
            env={
                **os.environ,
                **self.environment,
                **self._ansible(),
                **(environment or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def _play(self, tasks: list[Task]) -> list[dict[str, Any]]:
        return [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "vars": {
                    "ansible_python_interpreter": self.python,
                },
                "tasks": [
                    {
                        "name": module,
                        full_name(module): {"cloud": self.cloud, **args},
                        "ignore_errors": True,
                    }
                    for module, args in tasks
                ],
            }
        ]

    @property
    def proxy(self) -> dict[str, str]:
        """What sends a process's requests through the recorder."""
        url = self.recorder.url
        return {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}

    def _ansible(self) -> dict[str, str]:
        return {
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "GPUFLEET_TEST_RESULTS": str(self._results),
            **(self.proxy if self.recorded else {}),
        }
