# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each role's Molecule scenario, as a user would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from beds.systemd import System
from integration.cloud_site import Site

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(
    file.parent.name for file in ROOT.glob("extensions/molecule/*/molecule.yml")
)


def test_each_role_has_one() -> None:
    roles = sorted(file.parents[1].name for file in ROOT.glob("roles/*/tasks/main.yml"))
    assert roles == SCENARIOS


@pytest.fixture
def enter(name: str, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """What to put before a command, for a scenario that needs more than a cloud."""
    if name != "node_telemetry":
        yield ()
        return
    folder = tmp_path / "inside"
    folder.mkdir()
    system = System(folder)
    try:
        yield system.enter
    finally:
        system.stop()


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(
    site: Site, tmp_path: Path, name: str, enter: tuple[str, ...]
) -> None:
    home, commands = tmp_path / "home", Path(sys.executable).parent
    home.mkdir()
    done = subprocess.run(
        [*enter, commands / "molecule", "test", "--report", "--scenario-name", name],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "OS_CLIENT_CONFIG_FILE": str(site.project.clouds),
            "OS_CLOUD": site.project.cloud,
            # Nothing is left in the clone, nor in the user's home.
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "ANSIBLE_HOME": str(home / "ansible"),
            # Ansible's own ~ is that of the user database where it waits, not HOME.
            "ANSIBLE_ASYNC_DIR": str(home / "async"),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(home / "molecule"),
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    # At the end each step is told once more, with what became of it.
    details = output.split("DETAILS", 1)[1]
    ran = re.findall(rf"^{name} . (\w+): Executed: Successful", details, re.MULTILINE)
    wanted = ["converge", "idempotence", "verify"]
    assert [step for step in ran if step in wanted] == wanted, output
    assert site.as_member.list_networks({"project_id": site.project.id}) == []
