# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads of sources: none holds a process that ends, and no command is left."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.threads import (
    Pool,
)

ROOT = Path(__file__).parents[3]


def test_results_in_order() -> None:
    with Pool(3) as pool:
        assert pool.map(lambda number: number * 2, range(20)) == list(range(0, 40, 2))


def test_at_most_so_many_at_a_time() -> None:
    running: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        running.append(number)
        most.append(len(running))
        time.sleep(0.01)
        running.remove(number)

    with Pool(3) as pool:
        pool.map(work, range(12))
    assert 1 < max(most) <= 3


def test_errors() -> None:
    with Pool(2) as pool, pytest.raises(ZeroDivisionError):
        pool.map(lambda number: 1 // number, [1, 0])


def test_what_waits_is_dropped() -> None:
    begun = threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        time.sleep(0.2)
        done.append("first")

    with Pool(1) as pool:
        future = pool.submit(first)
        pool.submit(done.append, "second")
        begun.wait(10)
    future.result(10)
    time.sleep(0.1)
    assert done == ["first"]


def test_no_process_waits_for_it() -> None:
    script = (
        "import time\n"
        "from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources"
        ".threads import Pool\n"
        "with Pool(1) as pool:\n"
        "    pool.submit(time.sleep, 100)\n"
    )
    path = {"PYTHONPATH": str(ROOT / ".build")}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env=path)
