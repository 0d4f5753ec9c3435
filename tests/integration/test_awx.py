# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks that set AWX up, as far as that can be seen without AWX.

Each task is run by the modules of awx.awx themselves, which check what they are given
before they look for AWX, and here there is none.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PEER_PYTHON", "")
"""Has PyPI's ansible, and with it awx.awx: tests/tools/integration sets it."""

SET_UP = {
    "awx_project_version": "0.2.0",
    "awx_notification": {
        "type": "webhook",
        "configuration": {"url": "https://example.com", "headers": {}},
    },
    "awx_machine_credential": "nodes",
}
CLOUD = {
    "clusters": {"gpu_clusters": [{"name": "training"}]},
    "templates": {"cluster_templates": [{"revision_of": "gpu"}]},
    "locations": {"locations": []},
}


def run(
    folder: Path, name: str, variables: dict[str, Any], word: str = ""
) -> list[dict[str, Any]]:
    """The results of a playbook's tasks of awx.awx, of loops those of their items.

    Args:
        folder: For what the run leaves.
        name: The playbook.
        variables: Variables.
        word: Stands in the tasks that are run.
    """
    [play] = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text())
    tasks = [
        {**task, "ignore_errors": True, "no_log": False}
        for task in play["tasks"]
        if any(key.startswith("awx.awx.") for key in task) and word in str(task)
    ]
    book = folder / "book.json"
    book.write_text(json.dumps([{**play, "tasks": tasks}]))
    results = folder / "results"
    subprocess.run(
        [
            Path(PYTHON).parent / "ansible-playbook",
            *("-i", "localhost,"),
            book,
            *("--extra-vars", json.dumps(variables)),
        ],
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(
                ROOT / "tests/integration/callback_plugins"
            ),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "GPUFLEET_TEST_RESULTS": str(results),
            # Nothing listens there.
            "CONTROLLER_HOST": "http://127.0.0.1:1",
            "CONTROLLER_OAUTH_TOKEN": "none",
            "CONTROLLER_REQUEST_TIMEOUT": "2",
            "OS_PASSWORD": "none",
        },
        check=True,
        capture_output=True,
    )
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(lines) == len(tasks)
    return [item for line in lines for item in line.get("results", [line])]


def see_them_taken(results: list[dict[str, Any]], count: int) -> None:
    """See that so many tasks came as far as AWX, which is not there."""
    assert len(results) == count
    for one in results:
        assert "Connection refused" in one["msg"], one


def test_its_modules_take_what_they_are_given(tmp_path: Path) -> None:
    see_them_taken(run(tmp_path, "awx", SET_UP), 7 + 9 + 3)


def test_jobs_take_no_variables_at_launch(tmp_path: Path) -> None:
    """Whoever may execute a job chooses neither its interpreter nor its project."""
    given = {"site": {"fleet_clusters": []}, "report": {"report_top_k": 3}}
    results = run(tmp_path, "awx", {**SET_UP, "awx_variables": given}, "job_template")
    templates = {
        one["item"]["name"]: one["invocation"]["module_args"]
        for one in results
        if "playbook" in one["invocation"]["module_args"]
    }
    assert len(templates) == 9
    asks = [name for name in templates["site"] if name.startswith("ask_")]
    allowed = {"ask_job_type_on_launch", "ask_diff_mode_on_launch"}
    assert "ask_variables_on_launch" in asks
    for options in templates.values():
        assert {name for name in asks if options[name]} == allowed
        assert options["ask_variables_on_launch"] is False
    assert "fleet_clusters" in templates["site"]["extra_vars"]
    assert "fleet_clusters" in templates["verify"]["extra_vars"]
    assert "report_top_k" in templates["report"]["extra_vars"]
    assert "report_top_k" not in templates["prune"]["extra_vars"]
    [question] = templates["prune"]["survey_spec"]["spec"]
    assert question["variable"] == "prune"
    # An existing survey is left alone.
    assert templates["cluster_scale"]["survey_enabled"] is None


def test_the_project_stays_at_its_version(tmp_path: Path) -> None:
    [project] = run(tmp_path, "awx", SET_UP, "awx.awx.project")
    options = project["invocation"]["module_args"]
    assert options["scm_branch"] == "0.2.0"
    assert not options["scm_update_on_launch"]
    assert not options["allow_override"]


@pytest.mark.parametrize("version", ["", "main", "HEAD", "abc123", "1", "0.2.0\nmain"])
def test_a_branch_is_refused(tmp_path: Path, version: str) -> None:
    done = subprocess.run(
        [
            Path(PYTHON).parent / "ansible-playbook",
            *("-i", "localhost,"),
            ROOT / "playbooks/awx.yml",
            *("--extra-vars", json.dumps({"awx_project_version": version})),
        ],
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "awx_project_version is required" in done.stdout, done.stdout
    assert "Execution environment" not in done.stdout


def test_what_modules_do_not_know_is_seen(tmp_path: Path) -> None:
    """The test above would see an option that awx.awx has no more."""
    option = "awx_update_secrets"
    results = run(tmp_path, "awx", {**SET_UP, option: "sometimes"}, option)
    assert len(results) == 2
    for one in results:
        assert "sometimes" in one["msg"], one


def test_surveys_offer_what_there_is(tmp_path: Path) -> None:
    results = run(tmp_path, "awx_surveys", CLOUD)
    see_them_taken(results, 3)
    surveys = {
        one["item"]["key"]: {
            question["variable"]: question
            for question in one["invocation"]["module_args"]["survey_spec"]["spec"]
        }
        for one in results
    }
    create = surveys["cluster_create"]
    assert create["cluster_template"]["type"] == "multiplechoice"
    assert create["cluster_template"]["choices"] == ["gpu"]
    # There is no location to choose.
    assert create["cluster_location"]["type"] == "text"
    assert surveys["cluster_delete"]["cluster_name"]["choices"] == ["training"]
    # What they ask for is what the playbooks take.
    for name, questions in surveys.items():
        told = (ROOT / "playbooks" / f"{name}.yml").read_text()
        assert [one for one in questions if one not in told] == []


def test_job_templates_are_playbooks() -> None:
    [play] = yaml.safe_load((ROOT / "playbooks/awx.yml").read_text())
    names = [one["name"] for one in play["vars"]["templates"]]
    assert [n for n in names if not (ROOT / f"playbooks/{n}.yml").exists()] == []
    assert (ROOT / "inventories/awx.gpu_nodes.yml").exists()
