# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the archive holds: nothing but what git knows, and nothing of development."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from unit import archive

LEFT_OUT = {
    ".ci",
    ".gitignore",
    ".yamllint",
    "Makefile",
    "galaxy.yml",
    "pyproject.toml",
    "requirements",
    "tests",
}


def in_git() -> set[str]:
    """The files that are tracked, or new and not ignored."""
    told = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        cwd=archive.ROOT,
        capture_output=True,
        text=True,
    )
    names = filter(None, told.stdout.split("\0"))
    return {name for name in names if (archive.ROOT / name).exists()}


def test_the_archive_holds_what_users_need(tmp_path: Path) -> None:
    with tarfile.open(archive.build(tmp_path)) as opened:
        packed = {one.name for one in opened if not one.isdir()}
    assert packed == {
        "FILES.json",
        "MANIFEST.json",
        *(
            name
            for name in in_git()
            if name.split("/")[0] not in LEFT_OUT
            and not name.startswith("changelogs/fragments/")
        ),
    }
