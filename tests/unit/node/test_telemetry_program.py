# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module telemetry_program, as Ansible sends it to a node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from fakes.node.sysfs import Node
from unit import documented, filesystems

CODE = documented.ROOT / "plugins/module_utils/_node"


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
    file = path / "gpufleet_node.pyz"

    planned = run(tmp_path, path, "--check")
    assert (planned["changed"], planned["files"]) == (True, [file.name])
    assert not path.exists()

    assert run(tmp_path, path)["files"] == [file.name]
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held.pop("__main__.py")
    every = {f"gpufleet_node/{one.name}": one.read_bytes() for one in CODE.glob("*.py")}
    assert held == every
    modes = [one.stat().st_mode & 0o777 for one in (path, file)]
    assert modes == [0o755, 0o644]

    node.mi300x("0000:05:00.0")
    page = tmp_path / "page.prom"
    roots = [f"--{name.replace('_', '-')}={root}" for name, root in node.paths.items()]
    program = [sys.executable, "-I", "-S", file]
    subprocess.run([*program, *roots, page], check=True, cwd="/", env={})
    assert "gpufleet_device_power_watts{" in page.read_text()

    assert not run(tmp_path, path)["changed"]


def test_what_differs_is_put_right(tmp_path: Path) -> None:
    file = tmp_path / "gpufleet_node.pyz"
    run(tmp_path, tmp_path)
    written = file.read_bytes()
    file.write_text("broken\n")
    older = tmp_path / "gpufleet_node"
    older.mkdir()
    (older / "telemetry.py").write_text("")

    result = run(tmp_path, tmp_path, "--diff")
    assert result["files"] == [file.name, older.name]
    assert f"--- before: {file}" in result["printed"]
    assert "\n-sha256:" in result["printed"]
    assert not older.exists()
    assert file.read_bytes() == written

    file.chmod(0o600)
    again = run(tmp_path, tmp_path)
    assert (again["changed"], again["files"]) == (True, [])
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_place_that_will_not_do(tmp_path: Path) -> None:
    assert run(tmp_path, "lib")["msg"] == "path: lib is not absolute"
    file = tmp_path / "file"
    file.write_text("")
    message = run(tmp_path, file)["msg"]
    assert message.startswith(f"path: {file} can't be written: ")
    assert file.read_text() == ""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with filesystems.small(tmp_path / "disk", 256) as disk:
        file = disk / "gpufleet_node.pyz"
        run(tmp_path, disk)
        older = file.read_bytes() + b"older"
        file.write_bytes(older)
        filesystems.fill(disk)
        failed = run(tmp_path, disk)
        assert failed["msg"] == (
            f"path: {disk} can't be written: No space left on device. Free some space "
            "there, or give another path."
        )
        assert file.read_bytes() == older
        assert sorted(path.name for path in disk.iterdir()) == ["filling", file.name]
