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
        operation: What it is about: `create`, `update`, `delete`, or empty for nothing.
        reason: Why, as far as the API tells.
    """

    text: str
    phase: str
    operation: str = ""
    reason: str = ""

    @property
    def suspended(self) -> bool:
        """Whether it is suspended, or was to be: Heat then refuses to update it."""
        return self.text.startswith("SUSPEND_") and self.phase != BUSY

    @property
    def lost(self) -> bool:
        """Whether the resource failed in a way that only a new one can mend."""
        return self.phase == FAILED and self.operation in ("create", "delete")


_OPERATIONS = {"ADOPT": "create", "CREATE": "create", "DELETE": "delete"}
"""What Heat's actions are about (heat/engine/stack.py, `ACTIONS`); the others change
what is there."""

_PHASES = {"IN_PROGRESS": BUSY, "COMPLETE": DONE, "FAILED": FAILED}
"""What Heat's statuses mean (heat/engine/stack.py, `STATUSES`)."""

_EXCEPTIONS = {
    "DELETE_COMPLETE": BUSY,  # the row goes a moment later
    "ROLLBACK_COMPLETE": FAILED,  # the update was undone
}


def status_of(raw: Raw, prefix: str = "") -> Status:
    """Return the status of a cluster, node group or stack.

    Args:
        raw: The resource as its API gives it.
        prefix: What stands before the names of the API's properties ("stack_").
    """
    text = raw.get(f"{prefix}status") or "CREATE_IN_PROGRESS"
    action, _underscore, word = text.partition("_")
    # A word that nobody knows must not be waited for.
    phase = _EXCEPTIONS.get(text) or _PHASES.get(word, FAILED)
    operation = _OPERATIONS.get(action, "update")
    return Status(text, phase, operation, raw.get(f"{prefix}status_reason") or "")
