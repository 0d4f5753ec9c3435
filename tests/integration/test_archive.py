# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive in an environment that holds nothing but what README names."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration.cloud_site import Site
from unit import archive, documented

ROOT = archive.ROOT


def told(start: str) -> list[str]:
    """The words of README's command that starts so, what follows the start."""
    found = re.search(rf"^    {start} (.+)$", (ROOT / "README.md").read_text(), re.M)
    assert found, f"README has no {start}"
    return shlex.split(found[1])


class Empty:
    """A user's machine: a home, a working directory and a virtual environment.

    Args:
        folder: Where these are made.
        site: The cloud, reached by `OS_CLOUD` as its member.
    """

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        (folder / "home").mkdir()
        (folder / "work").mkdir()
        requirements = folder / "requirements.txt"
        lines = [f"-c {ROOT}/requirements/dev.txt", *told("pip install")]
        requirements.write_text("\n".join(lines) + "\n")
        venv = folder / "venv"
        subprocess.run(
            [ROOT / "tests/tools/make-venv", sys.executable, requirements, venv],
            check=True,
            cwd=ROOT,
        )
        self.environment = {
            "PATH": f"{venv}/bin:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "PWD": str(folder / "work"),  # as a shell says it
            "LC_ALL": "C.UTF-8",
            "OS_CLIENT_CONFIG_FILE": str(site.project.clouds),
            "OS_CLOUD": site.project.cloud,
        }

    def run(self, *command: str | Path) -> str:
        """Run a command to its end without a failure. Returns what it printed."""
        done = subprocess.run(
            command,
            check=False,
            cwd=self.folder / "work",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def playbook(self, name: str, **variables: Any) -> int:
        """Run a playbook of the collection. Returns how many tasks changed things."""
        output = self.run(
            "ansible-playbook",
            f"gpufleet.openstack.{name}",
            *("--extra-vars", json.dumps(variables)),
        )
        [changed] = re.findall(r"^localhost .* changed=(\d+) ", output, re.M)
        return int(changed)


@pytest.fixture
def empty(site: Site, tmp_path: Path) -> Empty:
    made = Empty(tmp_path, site)
    assert told("ansible-galaxy collection install") == ["gpufleet.openstack"]
    built = archive.build(tmp_path / "built")
    made.run("ansible-galaxy", "collection", "install", built)
    return made


def test_the_archive_in_an_empty_environment(empty: Empty) -> None:
    dump = empty.run("ansible-doc", "--metadata-dump", documented.COLLECTION)
    seen = json.loads(dump)["all"]
    for kind in documented.KINDS:
        assert sorted(seen[kind]) == sorted(documented.documented()[kind])
    location = seen["module"]["gpufleet.openstack.location"]["doc"]["filename"]
    assert location.startswith(str(empty.folder / "home"))

    assert empty.playbook("verify") == 0
    assert empty.playbook("location") > 0
    assert empty.playbook("location") == 0
    assert empty.playbook("cluster_template") > 0
    assert empty.playbook("heat_stack") > 0
    assert empty.playbook("facts") == 0
    empty.playbook("report", report_folder="fleet")
    page = (empty.folder / "work/fleet/report.html").read_text()
    assert page.startswith("<!")
