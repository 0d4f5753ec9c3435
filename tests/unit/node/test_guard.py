# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The child that reads devices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node.guard import (
    Lost,
    Reading,
    Unavailable,
    read_guarded,
)


class Reader:
    """Does for each key what the key says."""

    def __init__(self, fail: str = "") -> None:
        self.fail = fail

    def open(self) -> dict[str, Any]:
        self._do(self.fail)
        return {"version": "1"}

    def read(self, key: str) -> dict[str, Any]:
        self._do(key)
        return {"key": key, "pid": os.getpid()}

    def _do(self, what: str) -> None:
        if what == "hang":
            signal.pause()
        elif what == "crash":
            os.kill(os.getpid(), signal.SIGABRT)
        elif what == "leave":
            os._exit(0)
        elif what == "lost":
            raise Lost("gone")
        elif what == "unavailable":
            raise Unavailable("not here")
        elif what == "raise":
            raise ValueError("nonsense")


def read(*keys: str, fail: str = "", limit: float = 0.3, total: float = 5) -> Reading:
    return read_guarded(Reader(fail), keys, limit, total)


def test_all_in_one_child() -> None:
    reading = read("a", "b")
    assert reading.opened == {"version": "1"}
    assert reading.error is None
    assert set(reading.records) == {"a", "b"}
    assert len({record["pid"] for record in reading.records.values()}) == 1
    assert reading.records["a"]["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("hang", "no answer within 0.3 s"),
        ("crash", "crashed with signal 6"),
        ("leave", "ended without an answer"),
        ("lost", "gone"),
    ],
)
def test_one_device_costs_itself(key: str, why: str) -> None:
    reading = read("a", key, "b")
    assert set(reading.records) == {"a", "b"}
    assert reading.lost == {key: why}


def test_nonsense_of_one_device() -> None:
    reading = read("raise", "b")
    assert reading.records["raise"] == {"errors": ["read: ValueError: nonsense"]}
    assert "b" in reading.records


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        ("unavailable", "not here"),
        ("raise", "ValueError: nonsense"),
        ("crash", "crashed with signal 6"),
        ("hang", "no answer within 0.5 s"),
    ],
)
def test_a_backend_that_does_not_open(fail: str, error: str) -> None:
    reading = read("a", fail=fail, total=0.5)
    assert (reading.error, reading.records, reading.lost) == (error, {}, {})


def test_the_time_for_all_ends() -> None:
    reading = read_guarded(HangAlways(), list("abcd"), 0.2, 0.5)
    assert set(reading.lost) == set("abcd")
    assert reading.lost["a"] == "no answer within 0.2 s"
    assert reading.lost["d"] == "not read: the time for all, 0.5 s, was over"


def test_where_children_are_reaped_by_the_kernel() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        reading = read("a", "crash", "hang", "b")
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert set(reading.records) == {"a", "b"}
    assert reading.lost["crash"] == "ended without an answer"


class HangAlways(Reader):
    def read(self, key: str) -> dict[str, Any]:
        signal.pause()
        return {}


def test_nobody_waits_for_what_hangs(tmp_path: Path) -> None:
    """The child holds neither the output nor the input of who started it open."""
    code = """
import json, signal, sys
from ansible_collections.gpufleet.openstack.plugins.module_utils._node import guard
class Reader:
    def open(self): return {}
    def read(self, key):
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        # It survives even the kill: as in the kernel, for all its parent can see.
        import os
        if os.fork() == 0:
            os.setsid()
            with open(sys.argv[1], "w") as file: file.write(str(os.getpid()))
        signal.pause()
print(json.dumps(guard.read_guarded(Reader(), ["x"], 0.2, 1)))
"""
    survivor = tmp_path / "pid"
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, survivor],
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert time.monotonic() - begun < 5
    assert json.loads(done.stdout)[2] == {"x": "no answer within 0.2 s"}
    while not (survivor.exists() and survivor.read_text()):
        assert time.monotonic() - begun < 20
        time.sleep(0.05)
    os.kill(int(survivor.read_text()), signal.SIGKILL)
