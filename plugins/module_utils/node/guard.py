# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads devices in a child, so that one that hangs or crashes costs only itself.

A vendor's library, or the kernel's file of a wedged device, may never answer, in a
system call that no signal ends. The child therefore is a process of its own session,
holds nothing open that somebody waits for, and is abandoned rather than joined.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import typing as t

from .record import Record


class Unavailable(Exception):
    """A backend that can't work here: no library, no driver, no permission."""


class Lost(Exception):
    """A device that does not work any more."""


class Reader(t.Protocol):
    """What reads devices of one kind; it runs in the child."""

    def open(self) -> Record:
        """Begin.

        Returns:
            C(version) and C(count), None where unknown.

        Raises:
            Unavailable: Nothing can be read here.
        """

    def read(self, key: str) -> Record:
        """Read a device.

        Raises:
            Lost: It is there no more.
        """


class Reading(t.NamedTuple):
    """What came of it.

    Attributes:
        opened: What C(open) returned.
        records: What was read, by device.
        lost: Why a device could not be, by device.
        error: Why the backend can't work, if so.
    """

    opened: Record
    records: dict[str, Record]
    lost: dict[str, str]
    error: str | None


def read_guarded(
    reader: Reader, keys: t.Sequence[str], device_limit: float, total_limit: float
) -> Reading:
    """Read devices one by one; after one that hangs go on with the next.

    Args:
        reader: Reads one.
        keys: Which.
        device_limit: Seconds for each.
        total_limit: Seconds for all, C(open) included.
    """
    opened: Record = {}
    records: dict[str, Record] = {}
    lost: dict[str, str] = {}
    deadline = time.monotonic() + total_limit
    while True:
        rest = [key for key in keys if key not in records and key not in lost]
        child = _Child(reader, rest)
        current: str | None = None
        limit, seconds = deadline, total_limit
        try:
            while True:
                message = child.receive(limit)
                if message is None:
                    hung = time.monotonic() >= limit
                    why = f"no answer within {seconds:g} s" if hung else child.end()
                    break
                kind, content = message
                limit, seconds = deadline, total_limit
                if kind == "opened":
                    opened = content
                elif kind == "begin":
                    current = content
                    if time.monotonic() + device_limit < deadline:
                        limit, seconds = time.monotonic() + device_limit, device_limit
                elif kind == "record":
                    records[current or ""] = content
                elif kind == "lost":
                    lost[current or ""] = content
                elif kind == "error":
                    return Reading(opened, records, lost, content)
                else:
                    return Reading(opened, records, lost, None)
        finally:
            child.abandon()
        if current is None or current in records or current in lost:
            return Reading(opened, records, lost, why)
        lost[current] = why
        if time.monotonic() >= deadline:
            left = f"not read: the time for all, {total_limit:g} s, was over"
            done = {*records, *lost}
            lost.update({key: left for key in rest if key not in done})
            return Reading(opened, records, lost, None)


class _Child:
    """The process that reads, and the pipe from it."""

    def __init__(self, reader: Reader, keys: t.Sequence[str]) -> None:
        self._buffer = b""
        self._pipe, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                _isolate(writer)
                _work(reader, keys, writer)
            finally:
                os._exit(0)
        os.close(writer)

    def receive(self, deadline: float) -> tuple[str, t.Any] | None:
        """The next message; None where there will be none in time."""
        while b"\n" not in self._buffer:
            wait = max(0.0, deadline - time.monotonic())
            if not select.select([self._pipe], [], [], wait)[0]:
                return None
            part = os.read(self._pipe, 65536)
            if not part:
                return None
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\n", 1)
        kind, content = json.loads(line)
        return kind, content

    def end(self) -> str:
        """How it ended; it has closed its pipe."""
        status = 0
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
            for _attempt in range(20):
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self._pid = 0
                    break
                time.sleep(0.005)
        number = status & 0x7F
        return f"crashed with signal {number}" if number else "ended without an answer"

    def abandon(self) -> None:
        """Kill what is left of it, and wait for nothing."""
        os.close(self._pipe)
        if not self._pid:
            return
        for kill in (os.killpg, os.kill):  # it may not lead its session yet
            with contextlib.suppress(OSError):
                kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)


def _isolate(keep: int) -> None:
    """Leave the session, and hold nothing open but a pipe."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    # What Python's own streams stood for may be among what is closed below.
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = sys.stdout
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        numbers = list(range(1024))
    for number in numbers:
        if number > 2 and number != keep:
            with contextlib.suppress(OSError):
                os.close(number)


def _work(reader: Reader, keys: t.Sequence[str], pipe: int) -> None:
    def send(kind: str, content: t.Any) -> None:
        rest = json.dumps([kind, content]).encode() + b"\n"
        while rest:
            rest = rest[os.write(pipe, rest) :]

    try:
        send("opened", reader.open())
        for key in keys:
            send("begin", key)
            try:
                send("record", reader.read(key))
            except Lost as error:
                send("lost", str(error))
            # One device's nonsense must not cost the others.
            except Exception as error:  # noqa: BLE001
                send("record", {"errors": [f"read: {type(error).__name__}: {error}"]})
        send("done", None)
    except Unavailable as error:
        send("error", str(error))
    # A vendor's wrapper may raise anything at all, SystemExit among it.
    except BaseException as error:  # noqa: BLE001
        send("error", f"{type(error).__name__}: {error}")
