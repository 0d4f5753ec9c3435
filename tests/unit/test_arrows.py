# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports between the rooms of `plugins/` follow the arrows that CONTRIBUTING draws."""

from __future__ import annotations

import ast
import re

from unit.documented import ROOT

FOLDERS = ("module_utils", "plugin_utils")


def drawn() -> dict[str, list[str]]:
    """Room by room, what it may import beside itself."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    text = re.sub(r"\n {20,}", " ", text)
    arrows = re.findall(r"^ {4}(\S+) ─+► (.+)$", text, re.M)
    return {room: names.split() for room, names in arrows}


def test_imports_follow_the_arrows() -> None:
    plugins, arrows, wrong = ROOT / "plugins", drawn(), []
    for file in sorted(plugins.rglob("*.py")):
        path = file.relative_to(plugins).with_suffix("").parts
        source = _name(path)
        rooms = [room for room in arrows if f"{source}.".startswith(f"{room}.")]
        room = max(rooms, key=len, default="")
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            assert "gpufleet" not in str(node.module), f"{file}: import relatively"
            for alias in node.names if node.level else ():
                module = node.module.split(".") if node.module else []
                target = _name((*path[: -node.level], *module, alias.name))
                allowed = (room, *arrows[room])
                if not any(f"{target}.".startswith(f"{name}.") for name in allowed):
                    wrong.append(f"{source} imports {target}")
    assert not wrong


def _name(path: tuple[str, ...]) -> str:
    """A module's dotted name within its folder of `plugins/`."""
    return ".".join(part for part in path if part not in FOLDERS)
