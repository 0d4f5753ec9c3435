# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readers run on each Python that a node may have, without any package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.node import nvml
from fakes.node.sysfs import Node

VERSIONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
COLLECTION = Path(__file__).parents[3] / "plugins/module_utils/_node"

CODE = """
import json, sys
from node import collect, files, telemetry
facts = collect.collect(collect.Options(
    roots=files.Roots(*sys.argv[1:4]), nvml_library=sys.argv[4], timeout=0.5,
))
telemetry.metrics(facts, 0)
print(json.dumps([facts, sorted(name for name in sys.modules if "." not in name)]))
"""


def _interpreter(version: str) -> str | None:
    """An interpreter that starts; pyenv's shims may not."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = sorted(root.glob(f"versions/{version}.*/bin/python{version}"))
    for path in (*map(str, kept), shutil.which(f"python{version}") or ""):
        if path and subprocess.run([path, "-c", ""], check=False).returncode == 0:
            return path
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_on_python(version: str, node: Node, tmp_path: Path) -> None:
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    node.mi300x("0000:05:00.0")
    for address in ("0000:07:00.0", "0000:0f:00.0"):
        node.nvidia(address)
    library = nvml.build(tmp_path)
    nvml.configure(tmp_path / "conf", ["gpu 0000:07:00.0 ok", "gpu 0000:0f:00.0 hang"])
    package = tmp_path / "path"
    shutil.copytree(COLLECTION, package / "node")
    roots = [str(path) for path in (node.sysfs, node.procfs, node.dev)]
    done = subprocess.run(
        [python, "-S", "-W", "error", "-c", CODE, *roots, str(library)],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(package), "FAKE_NVML": str(tmp_path / "conf")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    facts, modules = json.loads(done.stdout)
    states = {device["pci_bus_id"]: device["health"] for device in facts["devices"]}
    assert states == {
        "0000:05:00.0": "ok",
        "0000:07:00.0": "ok",
        "0000:0f:00.0": "failed",
    }
    assert not {"ansible", "openstack", "yaml", "requests"} & set(modules)


def test_this_python_is_among_them() -> None:
    assert f"3.{sys.version_info.minor}" in VERSIONS
