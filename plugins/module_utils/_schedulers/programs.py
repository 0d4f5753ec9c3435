# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs on the controller that end with all that they have started."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import typing as t

from .. import _http


class Done(t.NamedTuple):
    """What a command came to: its status, and all that it has written."""

    status: int
    output: bytes
    errors: bytes

    @property
    def complaint(self) -> str:
        """What it has written of errors, on one line."""
        return " ".join(self.errors.decode(errors="replace").split())


def run(
    command: t.Sequence[str],
    deadline: float,
    environment: t.Mapping[str, str] | None = None,
) -> Done:
    """Run a command, and end it with what it has started at the deadline.

    It is in the process group of this process, which Ansible ends when a run is
    interrupted.

    Args:
        command: The command and its arguments.
        deadline: When it must have ended, by `time.monotonic`.
        environment: Its environment; this process's without it.

    Raises:
        OSError: It can't be run.
        ValueError: An argument or a variable holds a NUL.
        Late: The deadline has passed.
        TooMuch: It writes more than is read of any answer.
    """
    process = subprocess.Popen(
        command,
        bufsize=0,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, errors = _output(process, deadline)
        status = process.wait(_http.seconds_until(deadline))
    except subprocess.TimeoutExpired as error:
        raise _http.Late from error
    finally:
        _end(process)
    return Done(status, output, errors)


def _output(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Return all that a command writes.

    Raises:
        Late: The deadline has passed.
        TooMuch: It writes more than is read of any answer.
    """
    written = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as pipes:
        for pipe in written:
            pipes.register(t.cast("t.IO[bytes]", pipe), selectors.EVENT_READ, pipe)
        while pipes.get_map():
            for key, _events in pipes.select(_http.seconds_until(deadline)):
                piece = os.read(key.fd, 2**16)
                if not piece:
                    pipes.unregister(key.fileobj)
                written[key.data] += piece
                _http.check_size(sum(map(len, written.values())))
    return bytes(written[process.stdout]), bytes(written[process.stderr])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a command, and close its pipes."""
    if process.returncode is None:
        for pid in (*_started(process), process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _started(process: subprocess.Popen[bytes]) -> list[int]:
    """Return what a command has started: its descendants, and who holds its pipes.

    The pipes tell of those whose parent has ended. Only Linux tells either.
    """
    parents = dict(_parents())
    pipes = {
        f"pipe:[{os.fstat(pipe.fileno()).st_ino}]"
        for pipe in (process.stdout, process.stderr)
        if pipe
    }
    family = {process.pid}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            break
        family |= more
    # A child of ours that another thread has begun holds them until it is a program.
    strangers = {pid for pid, parent in parents.items() if parent != os.getpid()}
    strangers -= {os.getpid(), *family}
    holders = [pid for pid in strangers if pipes & set(_open_files(pid))]
    return [*(family - {process.pid}), *holders]


def _parents() -> t.Iterator[tuple[int, int]]:
    """Return all processes with their parents."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            with open(f"/proc/{pid}/stat", "rb") as file:
                # The name in parentheses may hold blanks and parentheses.
                yield pid, int(file.read().rpartition(b")")[2].split()[1])


def _open_files(pid: int) -> t.Iterator[str]:
    """Return what the open files of a process are, as far as this user may know."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(f"{folder}/{name}")
