# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program ends at its deadline with all that it has started, and nothing else does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _http
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    programs,
)
from beds.openstack import processes


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Another child of this process, which holds a pipe too."""
    process = subprocess.Popen(["sleep", "100"], stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    "script",
    [
        "echo $$ >{0}; exec sleep 100",
        # Its output leads elsewhere.
        "sleep 100 >/dev/null 2>&1 & echo $! >{0}; wait",
        # Its parent has ended.
        "(sleep 100 & echo $! >{0})",
        "setsid sh -c 'echo $$ >{0}; exec sleep 100'",
        "(setsid sh -c 'echo $$ >{0}; exec sleep 100' &)",
    ],
)
def test_what_it_has_started_ends_with_it(
    script: str, tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    written = tmp_path / "pid"
    with pytest.raises(_http.Late):
        programs.run(["sh", "-c", script.format(written)], time.monotonic() + 2)
    deadline = time.monotonic() + 20  # a kill takes a moment
    while processes.look(int(written.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert stranger.poll() is None


def test_what_it_prints() -> None:
    script = "echo out; echo $NAME >&2; exit 3"
    environment = {"NAME": "err", "PATH": "/usr/bin:/bin"}
    done = programs.run(["sh", "-c", script], time.monotonic() + 60, environment)
    assert done == (3, b"out\n", b"err\n")


def test_one_that_prints_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MOST_BYTES", 2**20)
    with pytest.raises(_http.TooMuch):
        programs.run(["yes"], time.monotonic() + 60)
