# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of a node, for Ansible: what it runs finds that node's library and tools."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

# One of the folders in which gpu_facts looks for tools, the one that can be put where it
# is without hiding what this machine has: nothing that the module needs is in /run.
TOOLS = "/run/current-system/sw/bin"


def write(
    path: Path, variables: Mapping[str, str] | None = None, tools: Path | None = None
) -> None:
    """Write a program that is this process's Python inside of a node.

    Args:
        path: Where.
        variables: What its environment has besides.
        tools: A folder of vendors' tools. They are found where this user may mount
            something for one process alone; else none is.
    """
    lines = ["#!/bin/sh"]
    lines += [
        f"export {name}={shlex.quote(value)}"
        for name, value in (variables or {}).items()
    ]
    python = shlex.quote(sys.executable)
    if tools:
        apart = "unshare --mount" + (" --map-root-user" if os.geteuid() else "")
        mount = "mount -t tmpfs tools /run"
        link = (
            f"mkdir -p {Path(TOOLS).parent} && ln -s {shlex.quote(str(tools))} {TOOLS}"
        )
        inside = shlex.quote(f'{mount} && {link} && exec {python} "$@"')
        lines.append(
            f'{apart} {mount} 2>/dev/null && exec {apart} sh -c {inside} sh "$@"'
        )
    lines.append(f'exec {python} "$@"')
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
