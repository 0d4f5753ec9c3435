# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sources have answered is kept for the next tasks, and for nobody else."""

from __future__ import annotations

import fcntl
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Listing,
    Measured,
    Offer,
    Schedule,
    Scheduled,
    Telemetry,
    consumer,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.waiting import (
    Waiting,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import cache
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)

SOURCE = {"type": "prometheus", "url": "http://a", "token": "s3cret"}
ANSWER = Telemetry(
    measured=[
        Measured(
            name="n",
            aliases=("a", "b"),
            facts={
                "devices": [{"index": 0, "power_watts": 1.5, "pods": [("ml", "p")]}],
                "odd": [math.inf, "\ud800", None],
            },
        )
    ],
    schedules=[
        Schedule(
            source="kubernetes",
            nodes=[
                Scheduled(
                    name="n",
                    aliases=("a",),
                    offer=Offer(
                        source="kubernetes",
                        devices=(0, 1),
                        faults=(("rule", "why", None),),
                    ),
                ),
                Scheduled(name="m", offer=Offer(source="kubernetes")),
            ],
            consumers=[
                {
                    **consumer(
                        kind="Job", name="j", source="k8s", pods=[{"name": "p"}]
                    ),
                    "devices": [("n", 0)],
                }
            ],
            others=(("c", "10.0.0.3"),),
            waiting=Waiting({"Resources": 1.5}, ("Resources",)),
            idents=("u1",),
            warnings=("w",),
        )
    ],
    storage={"total_bytes": 2, "used_bytes": 1},
    warnings=("one", "two"),
)


class Source:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self) -> Telemetry:
        self.reads += 1
        return ANSWER


def kept(
    folder: Path,
    read: Callable[[], Telemetry],
    max_age: float = 30,
    timeout: float = 10,
    **options: Any,
) -> Telemetry:
    deadline = time.monotonic() + timeout
    return cache.kept(str(folder), {**SOURCE, **options}, max_age, read, deadline)


def path_in(folder: Path) -> Path:
    """The file of the answer, in a folder with one."""
    [path] = [path for path in folder.iterdir() if not path.name.endswith("-lock")]
    return path


def test_kept_until_it_is_old(tmp_path: Path) -> None:
    source = Source()
    for url, reads in (("http://a", 1), ("http://a", 1), ("http://b", 2)):
        assert kept(tmp_path, source.read, url=url) == ANSWER
        assert source.reads == reads
    for path in tmp_path.iterdir():
        old = time.time() - 31
        os.utime(path, (old, old))
    kept(tmp_path, source.read)
    assert source.reads == 3


@pytest.mark.parametrize(
    "answer", [Listing(servers=[], warnings=("w",)), ANSWER.schedules[0], ANSWER]
)
def test_an_answer_comes_back_as_it_was(tmp_path: Path, answer: Any) -> None:
    for _each in range(2):
        assert kept(tmp_path, lambda: answer) == answer


@pytest.mark.parametrize("shift", [-31, 100])
def test_of_the_past_or_the_future(tmp_path: Path, shift: int) -> None:
    source = Source()
    kept(tmp_path, source.read)
    moment = time.time() + shift
    os.utime(path_in(tmp_path), (moment, moment))
    kept(tmp_path, source.read)
    assert source.reads == 2


def test_nobody_else_reads_it_and_it_holds_no_secret(tmp_path: Path) -> None:
    kept(tmp_path, Source().read)
    assert path_in(tmp_path).stat().st_mode & 0o777 == 0o600
    assert b"s3cret" not in path_in(tmp_path).read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        {"token": "another"},
        {"headers": {"X-Scope-OrgID": "another"}},
        {"cluster": "another"},
    ],
)
def test_another_tenant_has_another_answer(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    source = Source()
    for options in ({}, other, {}, other):
        kept(tmp_path, source.read, **options)
    assert source.reads == 2
    names = " ".join(path.name for path in tmp_path.iterdir())
    assert not any(text in names for text in ("s3cret", "another"))


def test_switched_off(tmp_path: Path) -> None:
    source = Source()
    for _each in range(2):
        kept(tmp_path, source.read, max_age=0)
    assert source.reads == 2
    assert list(tmp_path.iterdir()) == []


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    def fail() -> Telemetry:
        raise SourceError("down")

    with pytest.raises(SourceError, match="down"):
        kept(tmp_path, fail)
    assert kept(tmp_path, Source().read) == ANSWER


def test_one_asks_and_the_others_wait(tmp_path: Path) -> None:
    source = Source()

    def slow() -> Telemetry:
        time.sleep(0.2)
        return source.read()

    threads = [
        threading.Thread(target=kept, args=(tmp_path, slow)) for _each in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert source.reads == 1


# A cache that can't be read or written is no cache ------------------------------------


def missing(path: Path) -> None:
    path.unlink()
    for rest in path.parent.iterdir():
        rest.unlink()
    path.parent.rmdir()


def replaced(make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def linked(path: Path) -> None:
    """A link to a good answer elsewhere is nobody's answer."""
    elsewhere = path.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def full(path: Path) -> None:
    """As on a full disk: there are no bytes to be had."""
    path.unlink()
    path.symlink_to("/dev/full")


@pytest.mark.parametrize(
    "spoil",
    [
        missing,
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b"\x80\x04]"),
        lambda path: path.write_text('{"@": "os.system"}'),
        lambda path: path.write_text('{"@": "Telemetry"}'),
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text("[]"),
        lambda path: path.chmod(0o666),
        lambda path: path.parent.chmod(0o777),
        replaced(Path.mkdir),
        replaced(os.mkfifo),
        linked,
        full,
    ],
)
def test_of_no_use(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    kept(folder, Source().read)
    spoil(path_in(folder))
    source = Source()
    assert kept(folder, source.read) == ANSWER
    assert source.reads == 1


@pytest.mark.parametrize("what", ["rename", "fdopen", "open"])
def test_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, what, fail)
    assert kept(tmp_path, Source().read) == ANSWER
    monkeypatch.undo()
    assert [path for path in tmp_path.iterdir() if "lock" not in path.name] == []


def test_a_lock_that_nobody_lets_go(tmp_path: Path) -> None:
    kept(tmp_path, Source().read)
    path_in(tmp_path).unlink()
    [lock] = tmp_path.iterdir()
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = time.monotonic()
        assert kept(tmp_path, Source().read, timeout=1) == ANSWER
        assert 0.4 < time.monotonic() - begun < 3


def test_an_answer_that_came_while_the_own_one_failed(tmp_path: Path) -> None:
    def beaten() -> Telemetry:
        file = path_in(tmp_path)
        now = time.time()
        os.utime(file, (now, now))
        raise SourceError("down")

    kept(tmp_path, Source().read)
    os.utime(path_in(tmp_path), (0, 0))
    assert kept(tmp_path, beaten) == ANSWER
