# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package index that serves another file under the same name and version."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.attack

ROOT = Path(__file__).parents[2]
INFO = "useful-1.dist-info"


def _wheel(path: Path, code: str) -> str:
    """Write a package. Returns its hash."""
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("useful.py", code)
        wheel.writestr(
            f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: useful\nVersion: 1\n"
        )
        wheel.writestr(
            f"{INFO}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{INFO}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_package_that_was_replaced_is_not_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "useful-1-py3-none-any.whl"
    locked = _wheel(wheel, "")
    _wheel(wheel, "raise SystemExit")
    requirements = tmp_path / "locked.txt"
    requirements.write_text(
        f"--no-index\n--find-links {tmp_path}\nuseful==1 --hash=sha256:{locked}\n"
    )
    venv = tmp_path / "venv"
    done = subprocess.run(
        [ROOT / "tests/tools/make-venv", sys.executable, requirements, venv],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "ash mismatch" in done.stderr, done.stderr
    assert locked in done.stderr
    assert list(venv.rglob("useful*")) == []
    assert not (venv / ".complete").exists()
