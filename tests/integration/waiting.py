# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what others do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def eventually(look: Callable[[], Any], expected: Any, seconds: float = 60) -> None:
    """Wait until what is seen is what is expected.

    Args:
        look: Returns what is seen.
        expected: What it shall return.
        seconds: How long to wait.

    Raises:
        AssertionError: It did not come; it shows both.
    """
    deadline = time.monotonic() + seconds
    while look() != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert look() == expected
