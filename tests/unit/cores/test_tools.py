# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Pythons and environments the tests run with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
OTHERS = os.pathsep.join(
    folder for folder in os.environ["PATH"].split(os.pathsep) if folder != str(BIN)
)
PATHS = {"with": f"{BIN}{os.pathsep}{OTHERS}", "without": OTHERS}
MINOR = str(sys.version_info.minor)


def output(*command: str, **environment: str) -> str:
    """Run a command in the clone, as if no other make had started it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON", "CORES")
    }
    return subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**kept, **environment},
    ).stdout


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with what the tools need, and no Python."""
    for name in ("bash", "dirname", "env", "sed", "seq"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    return tmp_path


def test_make_takes_the_same_environment_whatever_is_on_the_path() -> None:
    printed = {output("make", "-n", "venv", PATH=path) for path in PATHS.values()}
    assert len(printed) == 1
    assert "/venv-dev-" in printed.pop()


def test_a_python_is_never_that_of_an_environment() -> None:
    pythons = {
        name: output("tests/tools/find-python", MINOR, MINOR, PATH=path)
        for name, path in PATHS.items()
    }
    assert pythons["with"] == pythons["without"]
    assert not pythons["with"].startswith(str(BIN))
    version = output(pythons["with"].strip(), "-V")
    assert version.startswith(f"Python 3.{MINOR}.")


def test_a_shim_stands_for_what_it_runs(bare: Path) -> None:
    real = os.path.realpath(sys.executable)
    shim = bare / f"python3.{MINOR}"
    shim.write_text(f'#!/bin/sh\nexec "{real}" "$@"\n')
    shim.chmod(0o700)
    printed = output("tests/tools/find-python", MINOR, "14", PATH=str(bare))
    assert printed.strip() == real


@pytest.mark.parametrize(
    ("cores", "texts"),
    [
        ("newest", ["needs Python 3.12 to 3.14"]),
        ("oldest newest", ["needs Python 3.11 to 3.12", "needs Python 3.12 to 3.14"]),
    ],
)
def test_a_core_without_its_python_is_left_out(
    bare: Path, cores: str, texts: list[str]
) -> None:
    printed = output(
        *("tests/tools/on-cores", "unit tests", "false"),
        PATH=str(bare),
        CORES=cores,
        CACHE=str(bare),
        PYENV_ROOT=str(bare),
    )
    [line] = printed.splitlines()
    assert line.startswith("Left out: unit tests; ansible-core 2.")
    assert line.endswith(", and none is on PATH or in pyenv")
    for text in texts:
        assert text in line


def test_no_core_but_that_of_development() -> None:
    assert output("tests/tools/on-cores", "unit tests", "false", CORES="") == ""
