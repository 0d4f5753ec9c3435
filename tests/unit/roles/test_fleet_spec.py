# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role fleet takes the options of the modules, and refuses all else."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def test_the_spec_is_that_of_the_modules() -> None:
    tool = runpy.run_path(str(ROOT / "tests/tools/fleet_spec.py"))
    assert tool["text"]() == tool["SPEC"].read_text(encoding="utf-8")


def play(folder: Path, variables: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "-i",
            "localhost,",
            "gpufleet.openstack.site",
            "--extra-vars",
            json.dumps(variables),
        ],
        env={**os.environ, "ANSIBLE_HOME": str(folder), "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"fleet_clusters": [{"name": "a", "node_cuont": 2}]}, "node_cuont"),
        ({"fleet_clusters": [{"template": "a"}]}, "name found in fleet_clusters"),
        ({"fleet_hardware": [{"name": "a", "vcpus": "many"}]}, "'vcpus'"),
        ({"cluster_templates": {"fast": {"name": "a"}}}, "profile"),
        ({"fleet_state": "gone"}, "fleet_state"),
    ],
)
def test_what_modules_do_not_know_is_refused_first(
    tmp_path: Path, variables: dict[str, Any], told: str
) -> None:
    # A cloud that nobody could reach: nothing is asked of it.
    given = {
        "fleet_cloud": {"auth": {"auth_url": "http://127.0.0.1:1"}},
        "fleet_locations": [{"name": "first", "cidr": "10.0.0.0/24"}],
        **variables,
    }
    done = play(tmp_path, given)
    assert done.returncode == 2
    assert told in done.stdout, done.stdout
    assert "Declare locations" not in done.stdout


def test_misspelled_variables_are_warnings(tmp_path: Path) -> None:
    variables = {
        "fleet_cluster": [{"name": "a"}],
        "fleet_hardwares": [],
        "fleet_clusters": [],
        "fleet__clusters_of_the_role": [],
        "fleet_owner": "somebody",
        "flet_clusters": [],
    }
    done = play(tmp_path, variables)
    assert done.returncode == 0, done.stdout
    told = " ".join((done.stdout + done.stderr).split())
    for name, close in (
        ("fleet_cluster", "'fleet_clusters'"),
        ("fleet_hardwares", "'fleet_hardware'"),
    ):
        said = (
            f"{name}: the role has no such option, and ignores it (did you mean {close}"
        )
        assert said in told, told
    assert told.count("the role has no such option") == 2
