# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of a compromised node in reports are no templates on the controller."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from attacks.controller import Controller, Done

pytestmark = pytest.mark.attack

CALL = "lookup('ansible.builtin.pipe', 'touch CANARY')"
TEXTS = {
    "expression": "{{ CALL }}",
    "statement": "{% if CALL %}{% endif %}",
    "delimiters": "#jinja2:variable_start_string:'[%', variable_end_string:'%]'\n"
    "[% CALL %]",
    "page": "</script><script>{{ CALL }}",
}
PLACES = ("model", "driver", "user", "name", "reason", "hostname")
MODULE = """\
import json
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={"facts": {"type": "str"}})
module.exit_json(ansible_facts={"gpufleet": json.loads(open(module.params["facts"]).read())})
"""


def _facts(folder: Path, text: str) -> dict[str, Any]:
    def evil(place: str) -> str:
        canary = str(folder / f"{text}.{place}")
        return TEXTS[text].replace("CALL", CALL).replace("CANARY", canary)

    return {
        "hostname": evil("hostname"),
        "devices": [
            {
                "index": 0,
                "pci_bus_id": "0000:01:00.0",
                "model": evil("model"),
                "driver": evil("driver"),
                "health": "failed",
                "health_reasons": [evil("reason")],
                "utilization_percent": 90,
                "power_watts": 600,
                "temperature_celsius": 70,
                "processes": [{"pid": 1, "name": evil("name"), "user": evil("user")}],
            }
        ],
    }


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Read the nodes' facts and report. Returns where files of those appear that ran."""
    folder = tmp_path_factory.mktemp("templates")
    controller = Controller(folder)
    (folder / "library").mkdir()
    (folder / "library/compromised.py").write_text(MODULE)
    hosts = {}
    for text in TEXTS:
        (folder / f"{text}.json").write_text(json.dumps(_facts(folder, text)))
        node = {"id": text, "name": text, "status": "ACTIVE", "role": "worker"}
        size = {"name": "gpu", "accelerators": [{"model": "A", "count": 1}]}
        hosts[text] = {"gpufleet_node": {**node, "hardware": size}}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    inventory = {"all": {"hosts": hosts, "vars": variables}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    show = "{{ lookup('gpufleet.openstack.gpu_report', 'nodes', 'consumers') }}"
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {
                    "compromised": {
                        "facts": str(folder / "{{ inventory_hostname }}.json")
                    }
                }
            ],
        },
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"report_folder": str(folder / "report"), "shown": show},
            "roles": ["gpufleet.openstack.report"],
            "post_tasks": [
                {"ansible.builtin.debug": {"msg": "END {{ shown }}"}},
                {
                    "ansible.builtin.debug": {"msg": "{{ item.evidence }}"},
                    "loop": "{{ report_result.overview.data.faults }}",
                },
            ],
        },
    ]
    (folder / "book.yml").write_text(yaml.safe_dump(plays))
    done = controller.run("ansible-playbook", "-vvv", "-i", "hosts.yml", "book.yml")
    return folder, done


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_of_a_node_runs_nothing(
    canaries: tuple[Path, Done], text: str, place: str
) -> None:
    folder, done = canaries
    assert done.status == 0, done.output
    assert "END " in done.output
    # It was there to be evaluated.
    assert CALL.partition("CANARY")[0] in done.output
    assert (folder / "report/report.html").exists()
    assert not (folder / f"{text}.{place}").exists()
