# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the engine's tests."""

from __future__ import annotations

import os
import typing as t

import pytest
import requests_mock as rm
from openstack.config import loader

from unit.cloud.fakes import FakeTime, Site
from unit.cloud.resources import clusters

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No OS_*, no clouds.yaml, no proxy of the one who runs the tests."""
    for name in list(os.environ):
        if name.upper().startswith(("OS_", "MAGNUM_", "HEAT_")) or (
            name.upper().endswith("_PROXY")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setattr(loader, "CONFIG_FILES", [str(tmp_path / "clouds.yaml")])
    monkeypatch.setattr(loader, "SECURE_FILES", [])
    monkeypatch.setattr(loader, "VENDOR_FILES", [])
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def site(time: FakeTime) -> t.Iterator[Site]:
    with rm.Mocker(case_sensitive=True) as mocker:
        yield Site(mocker, time)


@pytest.fixture
def gpu_template(site: Site) -> None:
    """The cloud has a template for clusters, and no cluster."""
    clusters.with_template(site)
