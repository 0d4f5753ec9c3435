# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of the kernel log are XIDs."""

from __future__ import annotations

import os
from pathlib import Path
from runpy import run_path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    xid,
    xid_catalog,
    xid_codes,
)

ROOT = Path(__file__).parents[3]

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
        (
            "4,1,1,-;NVRM: Xid (PCI:0000:3b:00 GPU-I:01 GPU-CI:00): 43, pid=7, name=a",
            ("0000:3b:00.0", 43),
        ),
        # A switch writes several records, of which one has the severity.
        (
            "4,1,1,-;nvidia-nvswitch3: SXid (PCI:0000:c2:00.0): 24007, Fatal, Link 30",
            ("0000:c2:00.0", 24007),
        ),
        (
            "4,1,1,-;nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Non-fatal, Link 4",
            ("0000:04:00.0", 22013),
        ),
        ("4,1,1,-;nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Data {0x2b}", None),
        (
            "4,1,1,-;nvidia-nvswitch3: SXid (PCI:0000:04:00.0): 22013, Severity 0 Engine",
            None,
        ),
        ("12,1,1,-;nvidia-nvswitch3: SXid (PCI:0000:c2:00.0): 24007, Fatal, x", None),
        ("4,1,1,-;x-nvswitch3: SXid (PCI:0000:c2:00.0): 24007, Fatal, Link 30", None),
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


RECOVERY = "GPU recovery action changed from 0x0 (None) to"
RLW = "RLW_REMAP {} XC0 i0 Link 00 (0x00000004 0x00000040 0x00000000 0x00000000)"


@pytest.mark.parametrize(
    ("code", "message", "action"),
    [
        (13, "Graphics Exception", "RESTART_APP"),
        (48, None, "WORKFLOW_XID_48"),
        (74, "Channel 0x1", "WORKFLOW_NVLINK_ERR"),
        (79, "GPU has fallen off the bus.", "RESTART_BM"),
        (151, None, "RESTART_VM"),
        (999, "something new", None),
        # The message of 154 has the action.
        (154, f"{RECOVERY} 0x1 (GPU Reset Required)", "RESET_GPU"),
        (154, f"{RECOVERY} 0x2 (Node Reboot Required)", "RESTART_BM"),
        (154, f"{RECOVERY} 0x2 (OS Reboot)", "RESTART_BM"),
        (154, f"{RECOVERY} 0x3 (Drain P2P)", "DRAIN_P2P"),
        (154, f"{RECOVERY} 0x4 (Drain and Reset)", "RESET_GPU"),
        (
            154,
            "GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)",
            "IGNORE",
        ),
        (154, f"{RECOVERY} 0x9 (Sing)", "XID_154"),
        (154, None, "XID_154"),
        # That of 144 to 150 has the severity, behind the name of a process.
        (145, RLW.format("Fatal"), "RESET_GPU"),
        (145, RLW.format("Nonfatal"), "IGNORE"),
        (149, "NETIR_LINK_EVT Fatal XC0 i0 Link 08 (0x004505c6)", "RESET_GPU"),
        (
            145,
            "pid=7, name=A Nonfatal XC1, " + RLW.format("Fatal"),
            "RESET_GPU",
        ),
        (145, None, "WORKFLOW_NVLINK5_ERR"),
    ],
)
def test_what_an_xid_asks_for(code: int, message: str | None, action: str) -> None:
    line = f"4,1,1,-;NVRM: Xid (PCI:0000:3b:00): {code}"
    [event] = xid.events(line if message is None else f"{line}, {message}")
    assert (event["type"], event["action"]) == ("xid", action)


@pytest.mark.parametrize(
    ("severity", "action"), [("Fatal", "RESET_NVSWITCH"), ("Non-fatal", "IGNORE")]
)
def test_what_an_sxid_asks_for(severity: str, action: str) -> None:
    line = f"nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 12028, {severity}, Link 46 x"
    [event] = xid.events(f"4,1,1,-;{line}")
    assert (event["type"], event["action"]) == ("sxid", action)


def test_the_catalogue_is_what_its_script_makes() -> None:
    entries = [
        f'{{Code: {code}, Mnemonic: "X", ImmediateResolution: "{action}", Other: ""}},'
        for code, action in sorted(xid_catalog.ACTIONS.items())
    ]
    read = f"// Generated at {xid_codes.DATE}T00:35:32Z. Source: {xid_codes.SOURCE}"
    catalog = "\n".join(
        [read, *entries, '{Code: 162, Mnemonic: "Y", ImmediateResolution: ""},']
    )
    script = run_path(str(ROOT / "tests/tools/xid_codes.py"))
    assert script["render"](catalog) == script["CODES"].read_text()
    with pytest.raises(ValueError, match="this is no catalogue"):
        script["render"]("<html>")


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
