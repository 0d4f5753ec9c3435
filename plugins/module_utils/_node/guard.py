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
import ctypes
import json
import os
import select
import signal
import sys
import time
import typing as t

from .record import Record, printable

_PR_SET_PDEATHSIG = 1  # of sys/prctl.h


class Unavailable(Exception):
    """A backend that can't work here: no library, no driver, no permission."""


class Unusable(Unavailable):
    """A driver that serves no program on this node: none of its devices works."""


class Lost(Exception):
    """A device that does not work any more."""


class Reader(t.Protocol):
    """What reads devices of one kind; it runs in the child."""

    def open(self) -> Record:
        """Begin.

        Returns:
            `version` and `count`, None where unknown.

        Raises:
            Unavailable: Nothing can be read here.
            Unusable: Nor can anything be used.
        """

    def read(self, key: str) -> Record:
        """Read a device.

        Raises:
            Lost: It does not work any more.
        """


class Reading(t.NamedTuple):
    """What was read.

    Attributes:
        opened: What `open` returned.
        records: What was read, by device.
        lost: Why a device could not be, by device.
        error: Why the backend can't work, if so.
        is_unusable: Whether this is why no device works either.
    """

    opened: Record
    records: dict[str, Record]
    lost: dict[str, str]
    error: str | None
    is_unusable: bool = False

    def missing(self, keys: t.Iterable[str]) -> list[str]:
        """Return the devices of which neither is known."""
        return [key for key in keys if key not in self.records and key not in self.lost]


class _End(t.NamedTuple):
    """How a child ended: why, and at which device; neither where it has read all."""

    reason: str | None
    key: str | None = None
    is_unusable: bool = False


def read_guarded(
    reader: Reader, keys: t.Sequence[str], device_limit: float, total_limit: float
) -> Reading:
    """Read devices one by one; after one that hangs go on with the next.

    Args:
        reader: Reads one.
        keys: Which.
        device_limit: Seconds for each.
        total_limit: Seconds for all, `open` included.
    """
    reading = Reading(opened={}, records={}, lost={}, error=None)
    deadline = time.monotonic() + total_limit
    while True:
        child = _Child(reader, reading.missing(keys))
        try:
            end = _follow(child, reading, device_limit, total_limit, deadline)
        finally:
            child.abandon()
        is_over = time.monotonic() >= deadline
        if end.key is not None:
            reading.lost[end.key] = end.reason or ""
        elif not (is_over and reading.lost):  # it has opened before, for a lost one
            return reading._replace(error=end.reason, is_unusable=end.is_unusable)
        if is_over:
            late = f"not read: the time for all, {total_limit:g} s, was over"
            reading.lost.update(dict.fromkeys(reading.missing(keys), late))
            return reading


def _follow(
    child: _Child,
    reading: Reading,
    device_limit: float,
    total_limit: float,
    deadline: float,
) -> _End:
    """Put a child's messages into a reading, until it ends or one is late."""
    key: str | None = None
    limit, seconds = deadline, total_limit
    while True:
        message = child.receive(limit)
        if message is None:
            hung = time.monotonic() >= limit
            reason = f"no answer within {seconds:g} s" if hung else child.end()
            return _End(reason, key if key and reading.missing([key]) else None)
        kind, content = message
        limit, seconds = deadline, total_limit
        if kind == "begin":
            key = content
            if time.monotonic() + device_limit < deadline:
                limit, seconds = time.monotonic() + device_limit, device_limit
        elif kind == "opened":
            reading.opened.update(content)
        elif kind == "record":
            reading.records[key or ""] = content
        elif kind == "lost":
            reading.lost[key or ""] = content
        else:  # an error, or the end
            return _End(content, is_unusable=kind == "unusable")


class _Child:
    """The process that reads, and the pipe from it."""

    def __init__(self, reader: Reader, keys: t.Sequence[str]) -> None:
        self._buffer = b""
        self._pipe, writer = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                die_with_parent(parent)
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
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
            for _attempt in range(20):
                # It stays a zombie, whose number is still its group's, to be killed.
                options = os.WEXITED | os.WNOHANG | os.WNOWAIT
                ended = os.waitid(os.P_PID, self._pid, options)
                if ended:
                    if ended.si_code == os.CLD_EXITED:
                        break
                    return f"crashed with signal {ended.si_status}"
                time.sleep(0.005)
        return "ended without an answer"

    def abandon(self) -> None:
        """Kill what is left of it, and wait for nothing."""
        os.close(self._pipe)
        for kill in (os.killpg, os.kill):  # it may not lead its session yet
            with contextlib.suppress(OSError):
                kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, os.WNOHANG)


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Let the kernel end this process with its parent, whatever ends that.

    Args:
        parent: The parent's process id.
        number: The signal that this process gets.
    """
    # Linux alone has this, and without it a test of a reader on another system works.
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before
        os._exit(1)


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
                send("lost", printable(str(error)))
            # One device's nonsense must not cost the others.
            except Exception as error:  # noqa: BLE001
                send("record", {"errors": [f"read: {type(error).__name__}: {error}"]})
        send("done", None)
    except Unavailable as error:
        kind = "unusable" if isinstance(error, Unusable) else "error"
        send(kind, printable(str(error)))
    # A vendor's wrapper may raise anything at all, SystemExit among it.
    except BaseException as error:  # noqa: BLE001
        send("error", printable(f"{type(error).__name__}: {error}"))
