# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the inventory as a user would: ansible-inventory, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

OURS, PEER = "gpufleet.openstack.gpu_nodes", "openstack.cloud.openstack"


class Listing:
    """What `ansible-inventory --list` printed.

    Attributes:
        hosts: Variables by host.
        groups: Hosts by group, those of its children not among them.
        children: Children by group.
        warnings: What it said beside that.
    """

    def __init__(self, output: str, warnings: str) -> None:
        found: dict[str, Any] = json.loads(output, object_hook=_plain)
        self.hosts: dict[str, Any] = found.pop("_meta")["hostvars"]
        self.groups = {name: set(one.get("hosts", [])) for name, one in found.items()}
        self.children = {
            name: set(one.get("children", [])) for name, one in found.items()
        }
        self.warnings = " ".join(warnings.split())

    def nodes(self, **wanted: Any) -> list[str]:
        """Hosts whose `gpufleet_node` says so, in order."""
        return sorted(
            host
            for host, variables in self.hosts.items()
            if all(
                variables["gpufleet_node"][key] == value
                for key, value in wanted.items()
            )
        )


def _plain(value: dict[str, Any]) -> Any:
    """A text that Ansible marks as no template, without the mark."""
    return value.get("__ansible_unsafe", value)


class Inventory:
    """An inventory file.

    Args:
        folder: For the file and Ansible's own.
        environment: How the cloud is reached.
        plugin: Name of the plugin.
        python: Has the Ansible that is run beside it.
        options: Of the plugin.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        plugin: str = OURS,
        python: str = sys.executable,
        **options: Any,
    ) -> None:
        self.folder = folder
        self.environment = environment
        self.plugin = plugin
        self.bin = Path(python).parent
        self.options = options

    def write(self, **options: Any) -> Path:
        """Write the file, with further options."""
        file = self.folder / f"site.{self.plugin.split('.')[-1]}.yml"
        told = {"plugin": self.plugin, **self.options, **options}
        file.write_text(yaml.safe_dump(told))
        return file

    def run(
        self, command: str, *arguments: str, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run one of Ansible's commands with the file as its inventory."""
        file = self.write(**options)
        return subprocess.run(
            [self.bin / command, "-i", file, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
            env={
                **os.environ,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                **self.environment,
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            },
        )

    def listing(self, *arguments: str, **options: Any) -> Listing:
        """The hosts and groups."""
        done = self.run("ansible-inventory", "--list", *arguments, **options)
        assert done.returncode == 0, done.stderr
        return Listing(done.stdout, done.stderr)

    def error(self, **options: Any) -> str:
        """What it fails with."""
        done = self.run("ansible-inventory", "--list", **options)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())
