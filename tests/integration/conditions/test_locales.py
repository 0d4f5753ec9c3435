# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules where the locale is not of UTF-8: Ansible's own programs refuse to run there."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.conditions.running import Site

NAME = "Müller-日本-🚀"

LOCALES = {
    "C": {"LC_ALL": "C"},
    "ascii": {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    },
    "latin": {"LC_ALL": "de_DE.ISO-8859-1"},
}


def _make_locales(folder: Path) -> dict[str, str]:
    """Make the locale that a machine may lack. Returns what leads to it."""
    name = "de_DE.ISO-8859-1"
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / name)]
    subprocess.run(command, check=True, capture_output=True)
    return {"LOCPATH": str(folder)}


def _task(name: str, site: Site, kind: str, environment: dict[str, str]) -> Any:
    path = site.folder / f"{name}-{NAME}"
    return {
        f"gpufleet.openstack.{kind}": {
            "cloud": "recorded",
            "name": NAME,
            "path": str(path),
        },
        "environment": environment,
        "register": f"{kind}_{name}",
    }


def test_names_and_paths(recorded: Site) -> None:
    """The same results as ever, and files whose names and content are UTF-8."""
    for cluster in recorded.cloud.lists["clusters"]:
        cluster["name"] = NAME
    tried = ["C", "ascii"]
    locales: dict[str, str] = {}
    if shutil.which("localedef"):
        tried = list(LOCALES)
        locales = _make_locales(recorded.folder)
    tasks = [
        _task(name, recorded, kind, {**locales, **LOCALES[name]})
        for name in tried
        for kind in ("kubeconfig", "kubeconfig_info")
    ]
    names = [f"kubeconfig{info}_{name}" for name in tried for info in ("", "_info")]
    results = "{{ dict(names | zip(names | map('extract', vars))) | to_json }}"
    kept = {
        "content": results,
        "dest": str(recorded.folder / "results"),
        "mode": "0600",
    }
    tasks.append({"ansible.builtin.copy": kept, "vars": {"names": names}})
    play = recorded.start(*tasks)
    assert play.ended() == 0, play.output
    told = json.loads((recorded.folder / "results").read_text())
    for name in tried:
        path = recorded.folder / f"{name}-{NAME}"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert config["current-context"] == NAME
        assert told[f"kubeconfig_{name}"]["kubeconfig"]["path"] == str(path)
        [info] = told[f"kubeconfig_info_{name}"]["kubeconfigs"]
        assert info["cluster"] == NAME


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_inventory_whose_output_has_another_encoding(
    recorded: Site, encoding: str
) -> None:
    for server in recorded.cloud.lists["servers"]:
        server["metadata"] = {"label": NAME}
    for cluster in recorded.cloud.lists["clusters"]:
        cluster["name"] = NAME
    file = recorded.folder / "site.gpu_nodes.yml"
    file.write_text("plugin: gpufleet.openstack.gpu_nodes\ncloud: recorded\n")
    done = recorded.controller.run(
        "ansible-inventory",
        *("-i", str(file), "--list"),
        **{**recorded.environment, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )
    assert done.status == 0, done.output
    assert "Traceback" not in done.output
    assert (NAME in done.output) == (encoding == "utf-8")
