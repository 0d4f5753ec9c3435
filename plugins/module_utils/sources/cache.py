# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a source has told, kept for the next tasks of a run.

Each task is a process of its own, so it is kept in a file that nobody else may read, in
Ansible's temporary folder, which goes when the run ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
import time
import typing as t

from ..fleet.model import Record

SECRETS = ("token", "password")
"""Options that are no part of a file's name."""

_T = t.TypeVar("_T")


def kept(folder: str, source: Record, max_age: float, read: t.Callable[[], _T]) -> _T:
    """What a source has told within C(max_age) seconds, or tells now.

    While one task reads, others with the same source wait for what it will have read.
    What fails is not kept.

    Args:
        folder: Where the file is.
        source: Options of the source.
        max_age: Seconds; 0 for none.
        read: Asks the source.
    """
    if not max_age:
        return read()
    told = {name: value for name, value in source.items() if name not in SECRETS}
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    path = os.path.join(folder, f"gpufleet-{key[:32]}")
    with os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        state = os.fstat(file.fileno())
        # Of the future it is where the clock was set back.
        if state.st_size and 0 <= time.time() - state.st_mtime < max_age:
            return t.cast(_T, pickle.load(file))
        found = read()
        content = pickle.dumps(found)
        file.seek(0)
        file.truncate()
        file.write(content)
        return found
