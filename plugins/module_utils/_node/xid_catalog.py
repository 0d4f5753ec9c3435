# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about an XID of NVIDIA's driver, or an SXid of an NVSwitch."""

from __future__ import annotations

import re

from .xid_codes import CODES

XID, SXID = "xid", "sxid"
"""Types of events: of a GPU, and of an NVSwitch."""

ACTIONS = {code: action for action, codes in CODES.items() for code in codes}
"""Action by code of an XID; a code that is not listed has none."""

RECOVERY = 154
"""An XID that says which action the others before it ask for, or that none is left."""

RESETS = (
    "RESET_GPU",
    "RESTART_BM",
    "RESTART_VM",
    "DRAIN_P2P",
    "RESET_NVSWITCH",
    "WORKFLOW_XID_48",
    "WORKFLOW_NVLINK_ERR",
    "WORKFLOW_NVLINK5_ERR",
)
"""Actions without which a device, a switch or the node is of no more use.

The workflows of 48 (an uncorrectable error of memory), 74 and 144 to 150 (NVLink) end
with a reset or restart. Source: https://docs.nvidia.com/deploy/xid-errors, and for
switches NVIDIA's Fabric Manager User Guide, appendix "NVSwitch SXid Errors".
"""

_IGNORE = "IGNORE"
_RECOVERIES = (
    ("reboot", "RESTART_BM"),
    ("reset", "RESET_GPU"),
    ("p2p", "DRAIN_P2P"),
    ("none", _IGNORE),
)
# A process chooses its name, which stands before this.
_SEVERITY = re.compile(r"[A-Z0-9_/]+ (Nonfatal|Fatal) XC[01]\b")


def action(code: int, message: str | None = None, kind: str = XID) -> str | None:
    """Return what to do about an event.

    Args:
        code: Its code.
        message: Its text, which decides for some codes; None if it is not known.
        kind: `xid` or `sxid`.

    Returns:
        An action of NVIDIA's catalogue; `DRAIN_P2P` and `RESET_NVSWITCH` besides. None
        if the code is not known.
    """
    text = message or ""
    if kind == SXID:
        return "RESET_NVSWITCH" if text.startswith("Fatal") else _IGNORE
    known = ACTIONS.get(code)
    if code == RECOVERY:
        wanted = text.rpartition(" to ")[2].lower()
        found = (each for word, each in _RECOVERIES if word in wanted)
        return next(found, known)
    if known == "WORKFLOW_NVLINK5_ERR":
        severities = _SEVERITY.findall(text)
        if severities:
            return "RESET_GPU" if severities[-1] == "Fatal" else _IGNORE
    return known
