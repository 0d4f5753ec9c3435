# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test works in a project of its own on the bed (python -m bed up)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from bed import projects
from integration.cloud_site import Site


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A project made for this test, removed with all that is in it."""
    admin = projects.admin_connection()
    word = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    project = projects.create_project(admin, f"{word[:30]}-{secrets.token_hex(3)}")
    made = Site(project, admin, tmp_path)
    try:
        yield made
    finally:
        made.close()
        projects.delete_project(admin, project)
        made.remove_hardware()
