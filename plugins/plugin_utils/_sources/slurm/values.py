# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values in Slurm's records, whose shape differs between its releases.

A number may be one, or a dictionary of `set`, `infinite` and `number`; a state a text,
or a list with its flags.
"""

from __future__ import annotations

import math
import typing as t
from datetime import UTC, datetime


def number(value: t.Any) -> int | None:
    """Return a number; None if it is not set, or infinite."""
    if isinstance(value, dict):
        is_set = value.get("set", True) and not value.get("infinite")
        value = value.get("number") if is_set else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and math.isfinite(value) else None


def states(*values: t.Any) -> set[str]:
    """Return states and flags, upper case, of texts, `idle+drain`, and lists."""
    listed = [each for value in values for each in _list(value) if each]
    return {state for each in listed for state in str(each).upper().split("+")}


def _list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def moment(value: t.Any) -> str | None:
    """Return a time, in seconds since the epoch, as ISO 8601; None if it is not set."""
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None
    except (OverflowError, ValueError, OSError):
        return None
