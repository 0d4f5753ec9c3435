# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make attacks` counts: attacks that ran, and odd inputs, over all processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attacks import counts

TESTS = Path(__file__).parents[2]

# Tests to be counted. What they assert is only whether they pass.
TRIED = """
import pytest

def test_no_attack():
    assert True

@pytest.mark.attack
@pytest.mark.parametrize("way", range(3))
def test_stopped(way):
    assert True

@pytest.mark.parametrize("inputs", [500, 250])
def test_fuzz(inputs, record_property):
    record_property("odd_inputs", inputs)
    record_property("hosts_lost", 0)
    record_property("elsewhere", "x")
"""
MISSED = """
import pytest

pytestmark = pytest.mark.attack

def test_not_stopped():
    assert False

def test_skipped():
    pytest.skip("no browser")

@pytest.mark.xfail
def test_known():
    assert False

@pytest.fixture
def bed(record_property):
    record_property("crashes", 2)
    yield
    assert False

def test_left_something(bed):
    assert True
"""


def count(folder: Path, tests: str, *arguments: str) -> Path:
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = attack: ...\n")
    subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-q", "-p", "attacks.counts", "-p", "no:cacheprovider"),
            *("--counts", str(folder / "counts"), *arguments, str(folder)),
        ],
        check=False,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    return folder / "counts"


def test_what_ran_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = count(tmp_path, TRIED, "-n", "2")
    count(tmp_path, MISSED)
    assert counts.main(str(folder)) == 1
    *missed, last = capsys.readouterr().out.splitlines()
    assert json.loads(last) == {
        "attacks": 7,
        "stopped": 3,
        "odd_inputs": 750,
        "crashes": 2,
        "hosts_lost": 0,
    }
    assert sorted(line.rpartition("::")[2] for line in missed) == [
        "test_known",
        "test_left_something",
        "test_not_stopped",
        "test_skipped",
    ]


GOOD = {
    "attacks": 40,
    "stopped": 40,
    "odd_inputs": 100_000,
    "crashes": 0,
    "hosts_lost": 0,
}


@pytest.mark.parametrize(
    ("differs", "kept"),
    [
        ({}, True),
        ({"attacks": 41, "stopped": 41, "odd_inputs": 100_001}, True),
        ({"attacks": 41}, False),
        ({"attacks": 39, "stopped": 39}, False),
        ({"odd_inputs": 99_999}, False),
        ({"crashes": 1}, False),
        ({"hosts_lost": 1}, False),
    ],
)
def test_what_is_promised(differs: dict[str, int], kept: bool) -> None:
    assert counts.kept({**GOOD, **differs}) is kept
