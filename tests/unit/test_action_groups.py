# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""module_defaults for group/gpufleet.openstack.openstack reach the cloud modules."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

from unit import documented

MODULES = documented.ROOT / "plugins/modules"
CLOUD = "gpufleet.openstack.openstack"


def documentation(path: Path) -> dict[str, Any]:
    """Return a module's DOCUMENTATION as its file has it, without fragments."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} has no DOCUMENTATION")


def cloud_modules() -> list[str]:
    """Return the modules that document how they reach a cloud, in order."""
    return sorted(
        f"gpufleet.openstack.{path.stem}"
        for path in MODULES.glob("*.py")
        if CLOUD in documentation(path).get("extends_documentation_fragment", [])
    )


def test_the_cloud_modules_are_in_it_and_only_they() -> None:
    runtime = yaml.safe_load((documented.ROOT / "meta/runtime.yml").read_text())
    modules = [name.removeprefix("gpufleet.openstack.") for name in cloud_modules()]
    assert runtime["action_groups"] == {"openstack": modules}


def test_its_members_and_only_they_document_it() -> None:
    members = {
        name: module["doc"].get("attributes", {}).get("action_group", {})
        for name, module in documented.documented()["module"].items()
    }
    assert [name for name, attribute in members.items() if attribute] == cloud_modules()
    for attribute in filter(None, members.values()):
        assert attribute["membership"] == [CLOUD]
        assert attribute["support"] == "full"
