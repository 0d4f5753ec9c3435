# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of odd inputs, for those who sum them up: tests/attacks/counts.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from unit.fuzz.tally import Tally


@pytest.fixture
def tally(record_property: Callable[[str, Any], None]) -> Iterator[Tally]:
    """Count the odd inputs of a test."""
    counted = Tally()
    yield counted
    for name, count in counted.counts():
        record_property(name, count)
