# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that is attacked: Ansible's own programs, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import yaml

PROGRAMS = Path(sys.executable).parent


class Done(NamedTuple):
    """What a program came to: its status, and all that it printed."""

    status: int
    output: str


class Controller:
    """A controller with a home and a folder for temporary files of its own.

    Args:
        folder: Where they are made, and where its programs run.

    Attributes:
        home: Its home.
        temporary: Its folder for temporary files.
        environment: The environment of its programs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.home.mkdir(0o700)
        self.temporary.mkdir(0o700)
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "ANSIBLE_HOME": str(self.home / ".ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
        }

    def run(self, program: str, *arguments: str, **environment: str) -> Done:
        """Run a program of Ansible to its end.

        Args:
            program: `ansible-playbook` and the like.
            arguments: Its arguments.
            environment: Variables, over the controller's.
        """
        done = subprocess.run(
            [str(PROGRAMS / program), *arguments],
            check=False,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return Done(done.returncode, done.stdout)

    def play(self, tasks: list[dict[str, Any]], *options: str, **more: str) -> Done:
        """Run tasks on localhost, with this Python.

        Args:
            tasks: As a playbook has them.
            options: Further options of `ansible-playbook`.
            more: Variables of the environment.
        """
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": tasks,
        }
        path = self.folder / "play.yml"
        path.write_text(yaml.safe_dump([play], sort_keys=False))
        return self.run("ansible-playbook", *options, str(path), **more)
