# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection documents, and what examples have that is not documented.

Values that are templates are known in a run only and are passed over.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROOT = Path(__file__).parents[2]
COLLECTION = "gpufleet.openstack"


@cache
def documented() -> dict[str, dict[str, Any]]:
    """What ansible-doc tells, by type of plugin and full name."""
    told = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-doc",
            *("--metadata-dump", "--no-fail-on-errors", COLLECTION),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return dict(json.loads(told.stdout)["all"])


@cache
def action_group() -> list[str]:
    """The modules of the group for module_defaults, by full name."""
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    return [f"{COLLECTION}.{name}" for name in runtime["action_groups"]["openstack"]]


def check_text(text: str) -> list[str]:
    """What is wrong with the YAML of an example.

    Args:
        text: Documents, each a list of plays or tasks, or an inventory file.
    """
    return [line for document in yaml.safe_load_all(text) for line in _check(document)]


def check_task(task: dict[str, Any]) -> list[str]:
    """What is wrong with a task, as to this collection, or with those of a block."""
    wrong = _check_defaults(task)
    for part in ("block", "rescue", "always"):
        wrong += [line for one in task.get(part, []) for line in check_task(one)]
    for name, given in task.items():
        if name.endswith(("include_role", "import_role")):
            wrong += _check_role({**task, "role": given["name"]})
        elif name in documented()["module"]:
            options = documented()["module"][name]["doc"]["options"]
            wrong += check_options(given or {}, options, name)
        elif name.startswith(f"{COLLECTION}."):
            wrong.append(f"there is no module {name}")
    return wrong


def check_options(
    given: dict[str, Any], options: dict[str, Any], where: str
) -> list[str]:
    """What is wrong with options, beside what documentation tells of them."""
    names = {
        name: option
        for main, option in options.items()
        for name in (main, *option.get("aliases", []))
    }
    wrong = [f"{where}: there is no {name}" for name in given if name not in names]
    for main, option in options.items():
        called = {main, *option.get("aliases", [])} & set(given)
        if option.get("required") and not called:
            wrong.append(f"{where}: {main} is missing")
        for name in called:
            wrong += _check_value(given[name], option, f"{where}: {name}")
    return wrong


def _check(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        options = documented()["inventory"][document["plugin"]]["doc"]["options"]
        yield from check_options(document, options, document["plugin"])
    for one in document if isinstance(document, list) else []:
        if "hosts" not in one:
            yield from check_task(one)
            continue
        yield from _check_defaults(one)
        for role in one.get("roles", []):
            yield from _check_role({"role": role} if isinstance(role, str) else role)
        for part in ("pre_tasks", "tasks", "post_tasks", "handlers"):
            for task in one.get(part, []):
                yield from check_task(task)


def _check_value(value: Any, option: dict[str, Any], where: str) -> list[str]:
    if _template(value):
        return []
    if isinstance(value, list):
        value = [one for one in value if not _template(one)]
    spec = {
        key: option[key] for key in ("type", "elements", "choices") if key in option
    }
    told = ArgumentSpecValidator({"value": spec}).validate({"value": value})
    wrong = [f"{where}: {line}" for line in told.error_messages]
    inner = option.get("suboptions") or option.get("options")
    if inner and not wrong:
        for one in value if isinstance(value, list) else [value]:
            wrong += check_options(one, inner, where)
    return wrong


def _check_role(role: dict[str, Any]) -> list[str]:
    """What is wrong with the variables that a role of this collection is given."""
    name = role["role"]
    if not name.startswith(f"{COLLECTION}."):
        return []
    if name not in documented()["role"]:
        return [f"there is no role {name}"]
    options = documented()["role"][name]["entry_points"]["main"]["options"]
    given = {**role, **role.get("vars", {})}
    prefix = name.removeprefix(f"{COLLECTION}.") + "_"
    own = {key: given[key] for key in given if key.startswith(prefix)}
    return check_options(own, _free(options), name)


def _check_defaults(task: dict[str, Any]) -> list[str]:
    """What is wrong with module_defaults."""
    wrong = []
    for name, given in task.get("module_defaults", {}).items():
        if name == f"group/{COLLECTION}.openstack":
            modules = action_group()
        elif name in documented()["module"]:
            modules = [name]
        else:
            modules = []
            if name.removeprefix("group/").startswith(f"{COLLECTION}."):
                wrong.append(f"there is no {name}")
        for module in modules:
            options = documented()["module"][module]["doc"]["options"]
            wrong += check_options(given, _free(options), f"{name}: {module}")
    return wrong


def _free(options: dict[str, Any]) -> dict[str, Any]:
    """The options where those that are required may be given elsewhere."""
    return {name: {**option, "required": False} for name, option in options.items()}


def _template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)
