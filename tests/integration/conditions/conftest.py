# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of the machine and its user; these tests need no bed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.conditions.running import Site


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Site]:
    """A controller with a recorded cloud."""
    site = Site(tmp_path)
    yield site
    site.cloud.close()
