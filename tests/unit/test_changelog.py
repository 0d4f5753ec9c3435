# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CHANGELOG.rst says what changelog.yaml says, and that lists all that a release has.

CONTRIBUTING.md has the command that makes it so.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from unit import documented


def load(path: str) -> dict[str, Any]:
    return dict(yaml.safe_load((documented.ROOT / path).read_text()))


def listed(release: dict[str, Any]) -> set[tuple[str, str]]:
    """Type and name of what a release lists as new."""
    kinds = {
        "module": release.get("modules", []),
        **release.get("plugins", {}),
        **release.get("objects", {}),
    }
    return {(kind, one["name"]) for kind, found in kinds.items() for one in found}


def test_a_release_lists_all_that_it_has() -> None:
    releases = load("changelogs/changelog.yaml")["releases"]
    there = {
        (kind, name.removeprefix("gpufleet.openstack."))
        for kind in documented.KINDS
        for name in documented.documented()[kind]
    }
    told = {one for release in releases.values() for one in listed(release)}
    assert told <= there
    # What is there beyond is for the next version, which galaxy.yml has by then.
    if load("galaxy.yml")["version"] in releases:
        assert told == there


def test_the_changelog_is_made_of_changelog_yaml(tmp_path: Path) -> None:
    made = tmp_path / "CHANGELOG.rst"
    subprocess.run(
        [
            Path(sys.executable).parent / "antsibull-changelog",
            *("generate", "--output", made),
        ],
        check=True,
        cwd=documented.ROOT,
    )
    assert made.read_text() == (documented.ROOT / "CHANGELOG.rst").read_text()
