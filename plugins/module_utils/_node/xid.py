# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XIDs: what NVIDIA's driver says of faults in the kernel log."""

from __future__ import annotations

import os
import re
import time

from . import tool, xid_catalog
from .record import Record, printable

_READ = 8192  # /dev/kmsg gives a record for each read, of this size at most
_MOST_BYTES = 16 * 2**20
_MOST_LINE = 65536
_MOST_OF_A_KIND = 16
"""So many XIDs are kept of a device and code, the newest: any CUDA program can cause
some codes at will, and must not crowd out the others."""
_MOST = 1024

# What the driver writes is a record of its own. Messages of the kernel that quote a
# user's text begin with other words, but for those that begin with the name of a
# process, which has 15 characters at most. A priority over 7 has another facility than
# the kernel's: a process has written the record. "+" is the rest of a record that an
# old kernel has cut. An instance of MIG has its number behind the address.
_XID = re.compile(
    r"[0-7],[0-9]+,(?P<time>[0-9]+),[-c](?:,[^;]*)?;"
    r"NVRM: Xid \((?:PCI:)?"
    r"(?P<address>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}(?:\.[0-7])?)"
    r"(?: GPU-I:[0-9A-Fa-f]{1,4})?\): "
    r"(?P<code>[0-9]{1,9})(?:, (?P<message>.*))?"
)
_MARK = b";NVRM: Xid ("


def read_log(path: str) -> str | None:
    """Return what of the kernel log may be XIDs, of `/dev/kmsg`.

    Returns:
        Lines of the log, None where it can't be read.
    """
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    lines: list[bytes] = []
    rest, count = b"", 0
    try:
        while count < _MOST_BYTES:
            try:
                part = os.read(log, _READ)
            except BrokenPipeError:  # records were overwritten meanwhile: go on
                continue
            except OSError:  # the end, as it does not wait for more
                break
            if not part:
                break
            count += len(part)
            *whole, rest = (rest + part).split(b"\n")
            lines += (line for line in whole if _MARK in line)
            rest = rest[:_MOST_LINE]
    finally:
        os.close(log)
    if _MARK in rest:
        lines.append(rest)
    return b"\n".join(lines).decode("utf-8", "replace")


def events(log: str, now: float | None = None) -> list[Record]:
    """Return the XIDs of a kernel log, the oldest first.

    Args:
        log: Records of `/dev/kmsg`, `priority,number,microseconds,flags;text`. What
            begins with a blank belongs to the record before it. Special characters in
            the text are escaped, and stay so.
        now: Seconds since the boot, for tests.

    Returns:
        `code`, `pci_bus_id`, `age_seconds`, `action` of NVIDIA's catalogue and
        `message` of each; what is unknown is None. Of each device and code the newest
        16 are returned, and no more than 1024 in all.
    """
    now = time.monotonic() if now is None else now
    events: list[Record] = []
    counts: dict[tuple[str | None, int], int] = {}
    for line in reversed(log.split("\n")):
        match = _XID.fullmatch(line)
        if match is None:
            continue
        address, code = tool.address(match["address"]), int(match["code"])
        counts[address, code] = counts.get((address, code), 0) + 1
        if counts[address, code] > _MOST_OF_A_KIND:
            continue
        if len(events) == _MOST:
            break
        age = now - int(match["time"][:20]) / 1e6
        events.append(
            {
                "code": code,
                "pci_bus_id": address,
                "age_seconds": round(max(0.0, age), 1),
                "action": xid_catalog.ACTIONS.get(code),
                "message": printable((match["message"] or "").strip()) or None,
            }
        )
    return events[::-1]
