# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a process is, by procfs."""

from __future__ import annotations

import os
import pwd

from . import files
from .record import Record


def name_processes(procfs: str, processes: list[Record]) -> list[Record]:
    """Add name and user to processes.

    Args:
        procfs: Where procfs is.
        processes: C(pid) and C(memory_bytes) of each.

    Returns:
        New records; C(user) is a number where the node has no name for it.
    """
    return [
        {
            "pid": process["pid"],
            "name": files.text(procfs, str(process["pid"]), "comm"),
            "user": _user(os.path.join(procfs, str(process["pid"]))),
            "memory_bytes": process["memory_bytes"],
        }
        for process in processes
    ]


def _user(folder: str) -> str | None:
    try:
        number = os.stat(folder).st_uid
    except OSError:
        return None
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
