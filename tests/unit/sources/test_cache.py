# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sources have told is kept for the next tasks, and for nobody else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.sources import cache

SOURCE = {"type": "prometheus", "url": "http://a", "token": "s3cret"}


class Source:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self) -> tuple[str, int]:
        self.asked += 1
        return ("told", self.asked)


def test_kept_until_it_is_old(tmp_path: Path) -> None:
    source, folder = Source(), str(tmp_path)
    assert cache.kept(folder, SOURCE, 30, source.read) == ("told", 1)
    assert cache.kept(folder, SOURCE, 30, source.read) == ("told", 1)
    assert cache.kept(folder, {**SOURCE, "url": "http://b"}, 30, source.read)[1] == 2
    for path in tmp_path.iterdir():
        old = time.time() - 31
        os.utime(path, (old, old))
    assert cache.kept(folder, SOURCE, 30, source.read) == ("told", 3)


@pytest.mark.parametrize("shift", [-31, 100])
def test_of_the_past_or_the_future(tmp_path: Path, shift: int) -> None:
    source = Source()
    cache.kept(str(tmp_path), SOURCE, 30, source.read)
    [path] = tmp_path.iterdir()
    moment = time.time() + shift
    os.utime(path, (moment, moment))
    assert cache.kept(str(tmp_path), SOURCE, 30, source.read)[1] == 2


def test_nobody_else_reads_it_and_it_holds_no_secret(tmp_path: Path) -> None:
    cache.kept(str(tmp_path), SOURCE, 30, Source().read)
    cache.kept(str(tmp_path), {**SOURCE, "token": "another"}, 30, Source().read)
    [path] = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"s3cret" not in path.read_bytes()


def test_switched_off(tmp_path: Path) -> None:
    source = Source()
    for _each in range(2):
        cache.kept(str(tmp_path), SOURCE, 0, source.read)
    assert source.asked == 2
    assert list(tmp_path.iterdir()) == []


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        cache.kept(str(tmp_path), SOURCE, 30, fail)
    assert cache.kept(str(tmp_path), SOURCE, 30, Source().read) == ("told", 1)


def test_one_asks_and_the_others_wait(tmp_path: Path) -> None:
    source = Source()

    def slow() -> tuple[str, int]:
        time.sleep(0.2)
        return source.read()

    threads = [
        threading.Thread(target=cache.kept, args=(str(tmp_path), SOURCE, 30, slow))
        for _each in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.asked == 1
