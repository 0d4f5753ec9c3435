# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant's texts, exported and declared again, run nothing on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud import (
    export_text,
)
from attacks.controller import Controller, Done

pytestmark = pytest.mark.attack

CALL = "lookup('ansible.builtin.pipe', 'touch CANARY')"
OTHER = "variable_start_string:'[%', variable_end_string:'%]'"
TEXTS = {
    "expression": "{{ CALL }}",
    "statement": "{% if CALL %}{% endif %}",
    "other-delimiters": f"#jinja2:{OTHER}\n[% CALL %]",
    "other-delimiters-dos": f"#jinja2:{OTHER}\r\n[% CALL %]",
    "other-block": "#jinja2:block_start_string:'[%', block_end_string:'%]'\n"
    "[% if CALL %][% endif %]",
    "line-statement": "#jinja2:line_statement_prefix:'%'\n% if CALL\n% endif\n",
    "tag": "!unsafe {{ CALL }}",
    "vault": "!vault |\n  {{ CALL }}",
    "after-next-line": "a\u0085{{ CALL }}",
    "after-separator": "a\u2028b: {{ CALL }}",
    "new-item": "a'\n\"\n  - name: {{ CALL }}",
    "after-comment": "{# a #}{{ CALL }}",
    "nul": "\x00{{ CALL }}",
}
PLACES = ("name", "value", "key", "item")


def _evil(folder: Path, text: str, place: str) -> str:
    return (
        TEXTS[text]
        .replace("CALL", CALL)
        .replace("CANARY", str(folder / f"{text}.{place}"))
    )


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """Declare what was exported. Returns where files of those appear that ran."""
    folder = tmp_path_factory.mktemp("export")
    locations: list[dict[str, Any]] = [
        {
            "name": _evil(folder, text, "name"),
            "external_network": _evil(folder, text, "value"),
            "dns_nameservers": [_evil(folder, text, "item")],
        }
        for text in TEXTS
    ]
    clusters = [
        {
            "name": f"c{number}",
            "template": "t",
            "labels": {_evil(folder, text, "key"): _evil(folder, text, "value")},
        }
        for number, text in enumerate(TEXTS)
    ]
    site = {"fleet_locations": locations, "fleet_clusters": clusters}
    exported = folder / "site.yml"
    exported.write_text(export_text.yaml_text(site), encoding="utf-8")
    # Nothing listens there: each item has all its options before it finds out.
    cloud = {
        "auth": {"auth_url": "http://127.0.0.1:1", "username": "a", "password": "b"}
    }
    done = Controller(folder).run(
        "ansible-playbook",
        *("-i", "localhost,", "gpufleet.openstack.site", "-e", f"@{exported}"),
        *("-e", f"{{fleet_cloud: {cloud}}}", "--check", "-vvv"),
    )
    return folder, done


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", TEXTS)
def test_an_exported_text_runs_nothing(
    canaries: tuple[Path, Done], text: str, place: str
) -> None:
    folder, done = canaries
    assert done.output.count("failed: [localhost]") == len(TEXTS), done.output
    assert not (folder / f"{text}.{place}").exists()
