# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret shows, at any verbosity, in output, diff, fact cache, log or open files."""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from integration import leaks
from integration.cloud_site import Site

MODULES = Path(__file__).parents[2] / "plugins" / "modules"
HIDDEN = "hidden-from/all+eyes&" + secrets.token_hex(4)

CALLS: dict[str, dict[str, Any]] = {
    "cluster_template": {"name": "none", "image": "no-such-image"},
    "cluster_template_info": {},
    "fleet_export": {},
    "gpu_cluster": {"name": "none", "template": "no-such-template"},
    "gpu_cluster_info": {},
    "hardware": {"name": "none", "vcpus": 1, "ram_mib": 1, "disk_gib": 1},
    "hardware_info": {},
    "heat_stack": {
        "name": "hides",
        "template": {
            "heat_template_version": "2018-08-31",
            "parameters": {"key": {"type": "string", "hidden": True}},
        },
        "parameters": {"key": HIDDEN},
    },
    "heat_stack_info": {},
    "kubeconfig": {"name": "none", "path": "/tmp/no-such-file"},
    "kubeconfig_info": {"path": "/tmp/no-such-file"},
    "location": {"name": "none"},
    "location_info": {},
    "node_group": {"name": "none", "cluster": "none"},
    "node_group_info": {"cluster": "none"},
    "preflight_info": {"hardware": ["none"], "images": ["none"], "keypairs": ["none"]},
}
"""What each module is run with: with a result or an error, both may leak."""


def test_every_module_that_takes_credentials_is_in_the_table() -> None:
    fragment = "- gpufleet.openstack.openstack\n"
    assert sorted(CALLS) == sorted(
        path.stem for path in MODULES.glob("*.py") if fragment in path.read_text()
    )


@pytest.mark.parametrize("way", ["password", "token", "wrong password"])
def test_credentials_do_not_show(site: Site, tmp_path: Path, way: str) -> None:
    """Given as options, so that Ansible handles them as it handles all options."""
    password = 'Pa/ss+wo&rd "1" ' + secrets.token_hex(8)
    with site.user(password) as auth:
        known = {"password": password, "hidden parameter": HIDDEN}
        options: dict[str, Any] = {"auth": auth}
        if way == "token":
            known["token"] = token = site.token(auth)
            kept = {k: v for k, v in auth.items() if k == "auth_url" or "project" in k}
            options = {"auth_type": "token", "auth": {**kept, "token": token}}
        if way == "wrong password":
            known["wrong"] = auth["password"] = "wr0ng/" + secrets.token_hex(8)
        home = tmp_path / "home"
        results = site.member.secretly(CALLS, options, home)
    assert len(results) == len(CALLS), site.member.output
    types = {result.get("error", {}).get("type") for result in results}
    assert ("AuthError" in types) or way != "wrong password"
    if way != "wrong password":
        assert sum(not result["failed"] for result in results) >= 6, results
    for result in results:
        # What failed was told so by our own code, and not by a traceback.
        assert not result["failed"] or result["error"]["type"], result
    assert leaks.in_text(site.member.output, known) == []
    assert leaks.in_text(json.dumps(results), known) == []
    assert (home / "log").stat().st_size > 10_000, "the log was not written"
    assert leaks.in_text((home / "log").read_text(), known) == []
    assert leaks.in_files(home, known) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    known = {"key": "a/b c"}
    for text in ("x a/b c x", "a%2Fb%20c", "a%2Fb+c", base64.b64encode(b"a/b c")):
        shown = text.decode() if isinstance(text, bytes) else text
        assert leaks.in_text(shown, known) == ["key"]
    (tmp_path / "open").write_text("a/b c")
    (tmp_path / "closed").write_text("a/b c")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "closed").chmod(0o600)
    assert leaks.in_files(tmp_path, known) == ["open: key"]
