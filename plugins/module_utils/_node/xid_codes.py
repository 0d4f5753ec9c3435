# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What NVIDIA's catalogue of XIDs says to do at once.

tests/tools/xid_codes.py writes this file of catalog_generated.go of
https://github.com/leptonai/gpud (Apache-2.0), which holds the catalogue.
"""

from __future__ import annotations

SOURCE = "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html"
DATE = "2025-10-29"
"""When the source was read."""

CODES = {
    "CHECK_MECHANICALS": (54,),
    "CHECK_UVM": (159,),
    "CONTACT_SUPPORT": (
        1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27,
        28, 29, 30, 33, 34, 35, 36, 42, 47, 49, 50, 51, 52, 53, 55, 56, 57, 58, 59, 61,
        65, 73, 81, 87, 90, 91, 111, 112, 113, 114, 115, 116, 117, 118, 122, 123, 124,
        125, 138, 142,
    ),
    "IGNORE": (
        14, 37, 38, 43, 44, 63, 66, 67, 92, 93, 106, 107, 108, 121, 137, 141, 152, 153,
        157, 160, 161,
    ),
    "RESET_GPU": (46, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158),
    "RESTART_APP": (
        8, 11, 13, 25, 31, 32, 39, 40, 41, 60, 68, 69, 70, 71, 72, 75, 76, 77, 80, 82,
        83, 84, 85, 86, 88, 89, 94, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 126,
        127, 128, 129, 130, 131, 132, 133, 134, 135, 139,
    ),
    "RESTART_BM": (79,),
    "RESTART_VM": (151,),
    "UPDATE_SWFW": (78,),
    "WORKFLOW_NVLINK5_ERR": (144, 145, 146, 147, 148, 149, 150),
    "WORKFLOW_NVLINK_ERR": (74,),
    "WORKFLOW_XID_45": (45,),
    "WORKFLOW_XID_48": (48,),
    "XID_154": (154,),
}  # fmt: skip
"""Codes by action; those without one are left out."""
