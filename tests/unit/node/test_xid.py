# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of the kernel log are XIDs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import xid

TEXT = "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # The forms that the driver writes, and those of kernels.
        (f"4,1,1,-;{TEXT}", ("0000:3b:00.0", 79)),
        (f"3,1,1,c;{TEXT}", ("0000:3b:00.0", 79)),
        (f"4,1,1,-,caller=T42;{TEXT}", ("0000:3b:00.0", 79)),
        ("4,1,1,-;NVRM: Xid (0000:03:00): 14, Channel 00000001", ("0000:03:00.0", 14)),
        ("4,1,1,-;NVRM: Xid (PCI:0000:3b:00.1): 31", ("0000:3b:00.1", 31)),
        ("4,1,1,-;NVRM: Xid (PCI:00010000:3b:00): 31", ("10000:3b:00.0", 31)),
        ("4,1,1,-;NVRM: Xid (PCI:0000:3b:00 GPU-I:05): 94, x", ("0000:3b:00.0", 94)),
        # What a process has written has another facility; 12 is user.warning.
        (f"12,1,1,-;{TEXT}", None),
        (f"8,1,1,-;{TEXT}", None),
        (f"30,1,1,-;{TEXT}", None),
        # What the kernel quotes.
        (f"3,1,1,-;overlayfs: unrecognized mount option '{TEXT}'", None),
        (f"4,1,1,-;overlay: Unknown parameter '{TEXT}'", None),
        (f"4,1,1,-;x\\x0a4,1,1,-;{TEXT}", None),
        (f"4,1,1,-;x\\x0a{TEXT}", None),
        (f"4,1,1,-; {TEXT}", None),
        # The rest of a record, a value of the record before, and no record at all.
        (f"4,1,1,+;{TEXT}", None),
        (f" {TEXT}", None),
        (f" DEVICE=4,1,1,-;{TEXT}", None),
        (TEXT, None),
        (f";{TEXT}", None),
        (f"4,1,-;{TEXT}", None),
        # A process has 15 characters for its name, before what the kernel adds.
        ("6,1,1,-;NVRM: Xid (PCI:[42]: segfault at 0 ip 0 sp 0 error 4", None),
        # What is no address or code.
        ("4,1,1,-;NVRM: Xid (PCI:3b): 79, x", None),
        ("4,1,1,-;NVRM: Xid (PCI:0000:3b:00): 79x", None),
        ("4,1,1,-;NVRM: Xid (PCI:0000:3b:00): 1234567890, x", None),
    ],
)
def test_what_is_an_xid(record: str, expected: tuple[str, int] | None) -> None:
    events = [(event["pci_bus_id"], event["code"]) for event in xid.events(record)]
    assert events == ([expected] if expected else [])


def test_one_code_does_not_crowd_out_the_others() -> None:
    lines = [f"4,1,{time}000000,-;NVRM: Xid (PCI:0000:3b:00): 31" for time in range(99)]
    events = xid.events("\n".join([f"4,1,0,-;{TEXT}", *lines]), now=100.0)
    assert [event["code"] for event in events] == [79, *[31] * 16]
    assert [event["age_seconds"] for event in events] == [100, *range(17, 1, -1)]


def test_how_many_there_are_at_most() -> None:
    lines = [f"4,1,1,-;NVRM: Xid (PCI:0000:3b:00): {code}" for code in range(2000)]
    events = xid.events("\n".join(lines))
    assert [event["code"] for event in events] == list(range(976, 2000))


def test_a_message_is_short_and_prints() -> None:
    [event] = xid.events(f"4,1,1,-;{TEXT}\x1b[31m\x00" + "x" * 1000)
    assert event["message"].startswith("GPU has fallen off the bus.?[31m?xxx")
    assert len(event["message"]) == 300


def test_what_is_read_of_a_log(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    other = b"6,1,1,-;something else\n" * 2000
    path.write_bytes(other + f"4,1,1,-;{TEXT}\n".encode() + other + b"\xff" * 99999)
    assert xid.read_log(str(path)) == f"4,1,1,-;{TEXT}"


def test_a_pipe_in_the_place_of_the_log(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "kmsg")
    assert xid.read_log(str(tmp_path / "kmsg")) == ""
