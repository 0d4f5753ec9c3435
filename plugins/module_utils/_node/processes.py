# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a process is, by procfs."""

from __future__ import annotations

import os
import pwd

from . import files
from .record import Record, printable


def name_processes(procfs: str, processes: list[Record]) -> list[Record]:
    """Add name and user to processes.

    Args:
        procfs: Where procfs is.
        processes: `pid` and `memory_bytes` of each.

    Returns:
        New records; `user` is a number where the node has no name for it.
    """
    return [
        {
            "pid": process["pid"],
            **_name(os.path.join(procfs, str(process["pid"]))),
            "memory_bytes": process["memory_bytes"],
        }
        for process in processes
    ]


def _name(folder: str) -> Record:
    """Name and user of one process, of a single look at its folder.

    By its path, another process could have its number between the two.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return {"name": None, "user": None}
    try:
        name = files.text(f"/proc/self/fd/{opened}/comm", wait=False)
        number = os.fstat(opened).st_uid
    finally:
        os.close(opened)
    return {"name": name and printable(name), "user": _user(number)}


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
