# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.status import (
    BUSY,
    DONE,
    FAILED,
    Raw,
    Status,
    status_of,
)

ACTIONS = {
    "CREATE": "create",
    "DELETE": "delete",
    "UPDATE": "update",
    "ROLLBACK": "update",
    "SUSPEND": "update",
    "RESUME": "update",
    "ADOPT": "create",
    "SNAPSHOT": "update",
    "CHECK": "update",
    "RESTORE": "update",
}
PHASES = {"IN_PROGRESS": BUSY, "COMPLETE": DONE, "FAILED": FAILED}
OTHERS = {"DELETE_COMPLETE": BUSY, "ROLLBACK_COMPLETE": FAILED}
"""All states of a stack (heat/engine/stack.py)."""


@pytest.mark.parametrize(
    ("said", "phase", "operation"),
    [
        *(
            (f"{action}_{word}", OTHERS.get(f"{action}_{word}", phase), operation)
            for action, operation in ACTIONS.items()
            for word, phase in PHASES.items()
        ),
        # What is not known is not waited for.
        ("SOMETHING_NEW", FAILED, "update"),
        ("ERROR", FAILED, "update"),
    ],
)
def test_what_a_status_means(said: str, phase: str, operation: str) -> None:
    raw = {"status": said, "status_reason": "because"}
    assert status_of(raw) == Status(said, phase, operation, "because")


@pytest.mark.parametrize("raw", [{}, {"status": None, "status_reason": None}])
def test_without_a_status_it_is_being_created(raw: Raw) -> None:
    assert status_of(raw) == Status("CREATE_IN_PROGRESS", BUSY, "create", "")


def test_heat_has_the_same_words_under_names_of_its_own() -> None:
    raw = {"stack_status": "UPDATE_FAILED", "stack_status_reason": "because"}
    expected = Status("UPDATE_FAILED", FAILED, "update", "because")
    assert status_of(raw, "stack_") == expected


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("CREATE_FAILED", True),
        ("DELETE_FAILED", True),
        ("UPDATE_FAILED", False),
        ("ROLLBACK_FAILED", False),
        ("CREATE_COMPLETE", False),
        ("CHECK_FAILED", False),
        ("ADOPT_FAILED", True),
        ("DELETE_IN_PROGRESS", False),
    ],
)
def test_what_can_only_be_replaced(said: str, lost: bool) -> None:
    assert status_of({"status": said}).lost is lost


@pytest.mark.parametrize(
    ("said", "suspended"),
    [
        ("SUSPEND_COMPLETE", True),
        ("SUSPEND_FAILED", True),
        ("SUSPEND_IN_PROGRESS", False),
        ("RESUME_COMPLETE", False),
        ("CREATE_COMPLETE", False),
    ],
)
def test_what_is_suspended(said: str, suspended: bool) -> None:
    assert status_of({"status": said}).suspended is suspended
