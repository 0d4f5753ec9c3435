# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports between the rooms of `plugins/` follow the arrows that CONTRIBUTING draws."""

from __future__ import annotations

import ast

from unit.documented import ROOT

FOLDERS = ("module_utils", "plugin_utils")

# Room by room, what it may import beside itself.
ALLOWED = {
    "modules": "_cloud _node _schedulers _files",
    "action": "_reports _files",
    "lookup": "_reports",
    "inventory": "_reports _sources _fleet _cloud.services _untrusted",
    "callback": "_node _files",
    "doc_fragments": "",
    "_reports": "_sources _answers _fleet",
    "_sources": "_fleet _cloud.services _cloud.accelerators _cloud.engine _schedulers "
    "_node _http",
    "_answers": "_fleet",
    "_fleet": "_node.record _node.xid_catalog",
    "_cloud": "_cloud _secrets",
    "_cloud.resources": "_cloud.services _cloud.accelerators _cloud.engine _secrets "
    "_files",
    "_cloud.services": "_cloud.engine _http _secrets",
    "_cloud.accelerators": "_cloud.engine",
    "_cloud.engine": "_secrets",
    "_schedulers": "_http _proxies _secrets",
    "_http": "_secrets _proxies",
    "_files": "",
    "_proxies": "",
    "_secrets": "",
    "_untrusted": "",
    "_node": "",
}


def test_imports_follow_the_arrows() -> None:
    plugins, wrong = ROOT / "plugins", []
    for file in sorted(plugins.rglob("*.py")):
        path = file.relative_to(plugins).with_suffix("").parts
        source = _name(path)
        rooms = [room for room in ALLOWED if f"{source}.".startswith(f"{room}.")]
        room = max(rooms, key=len, default="")
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            assert "gpufleet" not in str(node.module), f"{file}: import relatively"
            for alias in node.names if node.level else ():
                module = node.module.split(".") if node.module else []
                target = _name((*path[: -node.level], *module, alias.name))
                allowed = (room, *ALLOWED[room].split())
                if not any(f"{target}.".startswith(f"{name}.") for name in allowed):
                    wrong.append(f"{source} imports {target}")
    assert not wrong


def _name(path: tuple[str, ...]) -> str:
    """A module's dotted name within its folder of `plugins/`."""
    return ".".join(part for part in path if part not in FOLDERS)
