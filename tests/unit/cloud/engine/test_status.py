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


@pytest.mark.parametrize(
    ("said", "phase", "operation"),
    [
        ("CREATE_IN_PROGRESS", BUSY, "create"),
        ("CREATE_COMPLETE", DONE, "create"),
        ("CREATE_FAILED", FAILED, "create"),
        ("UPDATE_IN_PROGRESS", BUSY, "update"),
        ("UPDATE_COMPLETE", DONE, "update"),
        ("UPDATE_FAILED", FAILED, "update"),
        ("DELETE_IN_PROGRESS", BUSY, "delete"),
        ("DELETE_COMPLETE", BUSY, "delete"),
        ("DELETE_FAILED", FAILED, "delete"),
        ("ROLLBACK_IN_PROGRESS", BUSY, "update"),
        ("ROLLBACK_COMPLETE", FAILED, "update"),
        ("ROLLBACK_FAILED", FAILED, "update"),
        ("RESUME_COMPLETE", DONE, "update"),
        ("SOMETHING_NEW", BUSY, ""),
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
        ("DELETE_IN_PROGRESS", False),
    ],
)
def test_what_can_only_be_replaced(said: str, lost: bool) -> None:
    assert status_of({"status": said}).lost is lost
