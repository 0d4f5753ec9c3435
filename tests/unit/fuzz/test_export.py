# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fleet_export writes comes back from Ansible as it is: no text is a template."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud import (
    export_text,
)

# Whoever evaluates a template of the texts below ends up here.
EVALUATED = "{{ undefined_variable_of_nobody }}"
OVERRIDE = (
    "#jinja2:variable_start_string:'[%', variable_end_string:'%]'\n"
    "[% undefined_variable_of_nobody %]"
)
TEXTS = (
    EVALUATED,
    "{% for %}",
    "{# comment #} b",
    OVERRIDE,
    OVERRIDE.replace("\n", "\r\n"),
    "#jinja2: trim_blocks: False\n",
    "!unsafe x",
    "!vault |\n $ANSIBLE_VAULT;1.1;AES256\n 61",
    "$ANSIBLE_VAULT;1.1;AES256\n61",
    "__ansible_unsafe",
    "__ansible_vault",
    "__ansible_type",
    "<<",
    "=",
    "~",
    "null",
    "yes",
    "Off",
    "true\n",
    "1_000",
    "0o17",
    "0x1F",
    "1e3",
    ".inf",
    "190:20:30",
    "2026-11-29",
    "2026-11-29 01:02:03.5 +1:00",
    "2026-11-29\n",
    "a\u0085b",
    "a\u2028b\u2029",
    "a\x00b\x07\x1b\x7f",
    "\ufeffa",
    "\uffff\U0010ffff\U0001f600",
    " a ",
    "a\n\n",
    "\t",
    "- a: b # c",
    "? a",
    "*a",
    "&a b",
    "---\n...",
    "%YAML 1.1",
    "'\"\\",
    "[1, 2]",
    "{'a': 1}",
    "",
)

_PARTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*TEXTS, "{{", "}}", "{%", "%}", "[%", "#jinja2:", "\n", " "]),
    st.text(string.punctuation + " \t\n\r\x85\u2028", max_size=6),
)
_texts = st.lists(_PARTS, max_size=5).map("".join)
_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        _texts,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_texts, inner, max_size=4)
    ),
    max_leaves=12,
)
_sites = st.dictionaries(
    st.sampled_from(["fleet_locations", "fleet_hardware", "fleet_clusters"]),
    st.lists(st.dictionaries(_texts, _values, max_size=4), max_size=3),
)


def _read_back(site: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return variables as `-e @FILE` loads them and a play evaluates them."""
    file.write_text(export_text.yaml_text(site), encoding="utf-8")
    # What was loaded first is kept there.
    vars(load_extra_vars).pop("extra_vars", None)
    loader = DataLoader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "CLIARGS", {"extra_vars": (f"@{file}",)})
        loaded = load_extra_vars(loader)
    templar = Templar(loader=loader, variables=loaded)
    return {name: templar.template(value) for name, value in loaded.items()}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(site=_sites)
@example(site={"fleet_clusters": [{text: text for text in TEXTS}]})
@example(site={"fleet_clusters": [{"labels": {"a": list(TEXTS)}}]})
def test_all_comes_back_as_it_was(tmp_path: Path, site: dict[str, Any]) -> None:
    assert _read_back(site, tmp_path / "site.yml") == site


@pytest.mark.parametrize(
    "text", ["{{ 1 }}", "a{#b", "#jinja2:", "a b", "%", "$A", "!x"]
)
def test_what_may_be_a_template_is_marked(text: str) -> None:
    assert export_text.yaml_text({"a": [{text: text}]}).count("!unsafe") == 2


def test_half_of_a_character_spoils_nothing_else(tmp_path: Path) -> None:
    site = {"a": ["b\ud800 c", "d"]}
    assert _read_back(site, tmp_path / "site.yml") == {"a": ["b\ufffd c", "d"]}
