# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What development installs is pinned, each file of it by its hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.documented import ROOT

LOCKED = [*(ROOT / "requirements").glob("*.txt"), *ROOT.glob("tests/beds/*/*.txt")]


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_is_pinned_with_hashes(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and line.lstrip()[0] != "#"]
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=" not in line] == []
