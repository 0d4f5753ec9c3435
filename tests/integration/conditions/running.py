# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of Ansible that are interrupted, on a controller of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from attacks.controller import PROGRAMS, Controller
from beds.openstack import processes
from fakes.recorded.signing import SigningCloud

SOON = 60.0
"""Seconds in which what was interrupted must be gone, on a busy machine."""


class Running:
    """A program of Ansible that runs.

    Args:
        controller: Where it runs.
        program: Its name.
        arguments: Its arguments.
        environment: Variables, over the controller's.
    """

    def __init__(
        self, controller: Controller, program: str, *arguments: str, **environment: str
    ) -> None:
        self._output = controller.folder / "output"
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [str(PROGRAMS / program), *arguments],
                cwd=controller.folder,
                env={**controller.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a moment, which comes before the end."""
        deadline = time.monotonic() + 90
        while not reached():
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def tree(self) -> list[processes.Process]:
        """Return its processes: itself, and what it has started."""
        leader = processes.look(self._process.pid)
        assert leader, self.output
        return processes.with_children([leader])

    def signal(self, number: signal.Signals, whole: bool = False) -> None:
        """Send it a signal; all of its processes where `whole`. All must end soon."""
        tree = self.tree()
        if whole:
            processes.signal_all(tree, number)
        else:
            self._process.send_signal(number)
        self.gone(tree)

    def gone(self, tree: list[processes.Process]) -> int:
        """Wait until these of its processes have ended. Returns its status."""
        try:
            left = processes.wait_gone(tree, SOON)
            assert not left, left
            return self._process.wait(SOON)
        finally:
            processes.signal_all(tree, signal.SIGKILL)

    def ended(self) -> int:
        """Wait for its end. Returns its status."""
        try:
            return self._process.wait(300)
        finally:
            with contextlib.suppress(OSError):
                self._process.kill()


class Site:
    """A controller with a recorded cloud.

    Attributes:
        controller: The controller.
        cloud: The cloud.
        environment: Leads to the cloud, which is named `recorded`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.controller = Controller(folder)
        self.cloud = SigningCloud()
        clouds = folder / "clouds.yaml"
        # Nothing may end before what is tested ends it.
        config = {**self.cloud.config, "api_timeout": 300}
        clouds.write_text(yaml.safe_dump({"clouds": {"recorded": config}}))
        self.environment = {"OS_CLIENT_CONFIG_FILE": str(clouds)}

    def start(self, *tasks: dict[str, Any], **environment: str) -> Running:
        """Start a play."""
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": list(tasks),
        }
        path = self.folder / "play.yml"
        path.write_text(yaml.safe_dump([play]))
        given = {**self.environment, **environment}
        return Running(self.controller, "ansible-playbook", str(path), **given)

    def slow(self, function: str) -> dict[str, str]:
        """Return an environment in which a function of os never ends.

        The file `reached` appears as it is called.
        """
        folder = self.folder / "slow"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(
            "import os, time\n"
            "def hang(*_args, **_kwargs):\n"
            f"    open({str(self.folder / 'reached')!r}, 'w').close()\n"
            "    time.sleep(300)\n"
            f"os.{function} = hang\n"
        )
        return {"PYTHONPATH": str(folder)}

    def tool(self, name: str, script: str) -> dict[str, str]:
        """Make a command. Returns an environment in which it is found."""
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    def left(self, text: str) -> list[Path]:
        """Return the files of the controller that hold a text."""
        return [
            path
            for path in self.folder.rglob("*")
            if path.is_file() and text.encode() in path.read_bytes()
        ]
