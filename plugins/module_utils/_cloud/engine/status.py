# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource says of itself, in the words that Magnum took over from Heat."""

from __future__ import annotations

import typing as t

DONE = "done"
BUSY = "busy"
FAILED = "failed"

Raw = t.Dict[str, t.Any]
"""A resource as its API gives it."""


class Status(t.NamedTuple):
    """What a resource says of itself.

    Attributes:
        text: The API's own word ("UPDATE_IN_PROGRESS").
        phase: `done`, `busy` or `failed`.
        operation: What it is about: `create`, `update`, `delete` or empty.
        reason: Why, as far as the API tells.
    """

    text: str
    phase: str
    operation: str = ""
    reason: str = ""

    @property
    def lost(self) -> bool:
        """Whether the resource failed in a way that only a new one can mend."""
        return self.phase == FAILED and self.operation in ("create", "delete")


STATES = {
    "CREATE_IN_PROGRESS": (BUSY, "create"),
    "CREATE_COMPLETE": (DONE, "create"),
    "CREATE_FAILED": (FAILED, "create"),
    "UPDATE_IN_PROGRESS": (BUSY, "update"),
    "UPDATE_COMPLETE": (DONE, "update"),
    "UPDATE_FAILED": (FAILED, "update"),
    "DELETE_IN_PROGRESS": (BUSY, "delete"),
    "DELETE_COMPLETE": (BUSY, "delete"),  # the row goes a moment later
    "DELETE_FAILED": (FAILED, "delete"),
    "ROLLBACK_IN_PROGRESS": (BUSY, "update"),
    "ROLLBACK_COMPLETE": (FAILED, "update"),  # the update was undone
    "ROLLBACK_FAILED": (FAILED, "update"),
    "RESUME_COMPLETE": (DONE, "update"),
    "RESUME_FAILED": (FAILED, "update"),
    "RESTORE_COMPLETE": (DONE, "update"),
    "SNAPSHOT_COMPLETE": (DONE, "update"),
    "CHECK_COMPLETE": (DONE, "update"),
    "ADOPT_COMPLETE": (DONE, "create"),
}
"""What each status means to one who waits."""


def status_of(raw: Raw, prefix: str = "") -> Status:
    """Return the status of a cluster, node group or stack.

    Args:
        raw: The resource as its API gives it.
        prefix: What stands before the names of the API's properties ("stack_").
    """
    text = raw.get(f"{prefix}status") or "CREATE_IN_PROGRESS"
    phase, operation = STATES.get(text, (BUSY, ""))
    return Status(text, phase, operation, raw.get(f"{prefix}status_reason") or "")
