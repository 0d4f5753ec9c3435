# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XIDs and SXids: what NVIDIA's drivers say of faults in the kernel log."""

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
# old kernel has cut. Instances of MIG have their numbers behind the address. A switch
# writes several records of an SXid, of which one has its severity.
_EVENT = re.compile(
    r"[0-7],[0-9]+,(?P<time>[0-9]+),[-c](?:,[^;]*)?;"
    r"(?:NVRM: (?P<xid>Xid)|nvidia-nvswitch[0-9]{1,3}: SXid) \((?:PCI:)?"
    r"(?P<address>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}(?:\.[0-7])?)"
    r"(?: GPU-I:[0-9A-Fa-f]{1,4})?(?: GPU-CI:[0-9A-Fa-f]{1,4})?\): "
    r"(?P<code>[0-9]{1,9})(?:, (?P<message>.*))?"
)
_MARKS = (b";NVRM: Xid (", b": SXid (")
_SEVERITIES = ("Fatal, ", "Non-fatal, ")


def read_log(path: str) -> str | None:
    """Return what of the kernel log may be XIDs or SXids, of `/dev/kmsg`.

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
            lines += filter(_is_marked, whole)
            rest = rest[:_MOST_LINE]
    finally:
        os.close(log)
    if _is_marked(rest):
        lines.append(rest)
    return b"\n".join(lines).decode("utf-8", "replace")


def _is_marked(line: bytes) -> bool:
    return any(mark in line for mark in _MARKS)


def events(log: str, now: float | None = None) -> list[Record]:
    """Return the XIDs and SXids of a kernel log, the oldest first.

    Args:
        log: Records of `/dev/kmsg`, `priority,number,microseconds,flags;text`. What
            begins with a blank belongs to the record before it. Special characters in
            the text are escaped, and stay so.
        now: Seconds since the boot, for tests.

    Returns:
        `type`, `code`, `pci_bus_id`, `age_seconds`, `action` of NVIDIA's catalogue and
        `message` of each; what is unknown is None. Of each device and code the newest
        16 are returned, and no more than 1024 in all.
    """
    now = time.monotonic() if now is None else now
    events: list[Record] = []
    counts: dict[tuple[str | None, int], int] = {}
    for line in reversed(log.split("\n")):
        match = _EVENT.fullmatch(line)
        if match is None:
            continue
        message = (match["message"] or "").strip()
        kind = xid_catalog.XID if match["xid"] else xid_catalog.SXID
        if kind == xid_catalog.SXID and not message.startswith(_SEVERITIES):
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
                "type": kind,
                "code": code,
                "pci_bus_id": address,
                "age_seconds": round(max(0.0, age), 1),
                "action": xid_catalog.action(code, message, kind),
                "message": printable(message) or None,
            }
        )
    return events[::-1]
