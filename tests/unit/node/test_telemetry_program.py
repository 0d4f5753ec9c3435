# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module telemetry_program, as Ansible sends it to a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fakenode.sysfs import Node
from unit import documented

CODE = documented.ROOT / "plugins/module_utils/node"


def run(folder: Path, path: Path | str, *options: str) -> dict[str, Any]:
    """The result of the module, and what Ansible has printed."""
    tree = folder / "tree"
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible", "localhost", "-i", "localhost,"),
            *("-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
            *("-m", "gpufleet.openstack.telemetry_program", "-a", f"path={path}"),
            *("--tree", tree, *options),
        ],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(documented.ROOT / ".build"),
            "ANSIBLE_HOME": str(folder / "ansible"),
        },
        check=False,
        capture_output=True,
        text=True,
        umask=0o077,
    )
    result = json.loads((tree / "localhost").read_text())
    return {**result, "printed": done.stdout}


def test_it_runs_without_ansible(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "lib/gpufleet"
    folder = path / "gpufleet_node"
    every = sorted(file.name for file in CODE.glob("*.py"))

    planned = run(tmp_path, path, "--check")
    assert (planned["changed"], planned["files"]) == (True, every)
    assert not path.exists()

    assert run(tmp_path, path)["files"] == every
    for name in every:
        assert (folder / name).read_bytes() == (CODE / name).read_bytes()
    modes = {file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert (path.stat().st_mode & 0o777, modes) == (0o755, {0o644})

    node.mi300x("0000:05:00.0")
    page = tmp_path / "page.prom"
    roots = [f"--{name.replace('_', '-')}={root}" for name, root in node.paths.items()]
    program = [sys.executable, "-B", "-S", "-m", "gpufleet_node.telemetry"]
    subprocess.run([*program, *roots, page], check=True, cwd=path, env={})
    assert "gpufleet_device_power_watts{" in page.read_text()

    assert not run(tmp_path, path)["changed"]


def test_what_differs_is_put_right(tmp_path: Path) -> None:
    folder = tmp_path / "gpufleet_node"
    run(tmp_path, tmp_path)
    (folder / "pci.py").write_text("broken\n")
    (folder / "of_an_earlier_version.py").write_text("")
    (folder / "tool.py").chmod(0o600)

    told = run(tmp_path, tmp_path, "--diff")
    assert told["files"] == ["of_an_earlier_version.py", "pci.py"]
    assert f"--- before: {folder}/pci.py" in told["printed"]
    assert "\n-broken\n" in told["printed"]
    assert not (folder / "of_an_earlier_version.py").exists()
    assert (folder / "tool.py").stat().st_mode & 0o777 == 0o644


def test_a_place_that_will_not_do(tmp_path: Path) -> None:
    assert run(tmp_path, "lib")["msg"] == "path: lib is not absolute"
    file = tmp_path / "file"
    file.write_text("")
    told = run(tmp_path, file)["msg"]
    assert told.startswith(f"path: {file} can't be written: ")
    assert file.read_text() == ""
