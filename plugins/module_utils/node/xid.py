# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XIDs: what NVIDIA's driver says of faults in the kernel log."""

from __future__ import annotations

import os
import re
import time

from . import tool, xid_catalog
from .record import Record

_RECORD = 8192  # /dev/kmsg gives a record for each read, of this size at most
_MOST_BYTES = 16 * 2**20


def read_log(path: str) -> str | None:
    """The kernel log, of C(/dev/kmsg); None where it can't be read."""
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    content = b""
    try:
        while len(content) < _MOST_BYTES:
            try:
                part = os.read(log, _RECORD)
            except BrokenPipeError:  # records were overwritten meanwhile: go on
                continue
            except OSError:  # the end, as it does not wait for more
                break
            if not part:
                break
            content += part
    finally:
        os.close(log)
    return content.decode("utf-8", "replace")


def events(log: str, now: float | None = None) -> list[Record]:
    """XIDs of a kernel log, the oldest first.

    Args:
        log: Records of C(/dev/kmsg), C(level,number,microseconds,flags;text).
        now: Seconds since the boot, for tests.

    Returns:
        C(code), C(pci_bus_id), C(age_seconds), C(action) of NVIDIA's catalogue and
        C(message) of each; what is unknown is None.
    """
    now = time.monotonic() if now is None else now
    found = []
    pattern = r"NVRM: Xid \((?:PCI:)?([0-9A-Fa-f:.]+)\): (\d{1,9})(?:, (.*))?"
    for line in log.splitlines():
        head, _separator, text = line.partition(";")
        match = re.search(pattern, text or head, re.ASCII)
        if match is None:
            continue
        code = int(match.group(2))
        time_ = head.split(",")[2:3] if text else []
        age = None
        if time_ and time_[0].isascii() and time_[0].isdigit():
            age = round(max(0.0, now - int(time_[0]) / 1e6), 1)
        found.append(
            {
                "code": code,
                "pci_bus_id": tool.address(match.group(1)),
                "age_seconds": age,
                "action": xid_catalog.ACTIONS.get(code),
                "message": (match.group(3) or "").strip() or None,
            }
        )
    return found
