# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of sources, kept for the next tasks of a run.

Each task is a process of its own, so an answer is kept in a file, in Ansible's
temporary folder, which is removed when the run ends. A cache that can't be read or
written is no cache: then every task reads the source itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import stat
import threading
import time
import typing as t
from collections.abc import Iterator

from .._fleet.types import (
    Listing,
    Measured,
    Offer,
    Record,
    Schedule,
    Scheduled,
    Telemetry,
)
from .._fleet.waiting import Waiting
from .failure import SourceError

SECRETS = ("token", "password", "headers")
"""Options that a file's name must not tell, however long anybody guesses."""

_Answer = t.TypeVar("_Answer", bound=Listing | Telemetry | Schedule)

_TYPES: dict[str, t.Any] = {
    kind.__name__: kind
    for kind in (Listing, Measured, Offer, Schedule, Scheduled, Telemetry, Waiting)
}
_TYPE = "@"
_FIELDS = {
    kind: [field.name for field in dataclasses.fields(kind)] for kind in _TYPES.values()
}
_PAUSE = 0.05
_ROUNDS = 100_000
"""Of a digest of secrets: a few hundredths of a second for each guess."""
_USELESS = (OSError, ValueError, TypeError, LookupError, RecursionError)


def kept(
    folder: str,
    options: Record,
    max_age: float,
    read: t.Callable[[], _Answer],
    deadline: float,
) -> _Answer:
    """Return what a source has answered within `max_age` seconds, or answers now.

    While one task reads, others with the same source wait for what it will have read:
    for half of their time, so that enough is left to read it themselves. What fails is
    not kept.

    Args:
        folder: Folder of the files.
        options: Options of the source.
        max_age: Seconds; 0 for none.
        read: Reads the source.
        deadline: When the answer must be there, by `time.monotonic`.

    Raises:
        SourceError: It could not be read.
    """
    if not max_age:
        return read()
    with _opened(folder) as cached:
        if cached is None:
            return read()
        file = _File(cached, _name(options), max_age)
        with file.locked(time.monotonic() + (deadline - time.monotonic()) / 2):
            answer = file.load()
            if answer is not None:
                return t.cast("_Answer", answer)
            try:
                answer = read()
            except SourceError:
                # Maybe the task that was not waited for any more has succeeded.
                answer = file.load()
                if answer is None:
                    raise
                return t.cast("_Answer", answer)
            file.save(answer)
            return answer


def _name(options: Record) -> str:
    """Return the name of the file of a source: another tenant has another one."""
    public = {name: value for name, value in options.items() if name not in SECRETS}
    secret = {name: options[name] for name in SECRETS if options.get(name)}
    key = hashlib.sha256(json.dumps(public, sort_keys=True).encode()).digest()
    if secret:
        text = json.dumps(secret, sort_keys=True, default=str).encode()
        key = hashlib.pbkdf2_hmac("sha256", text, key, _ROUNDS)
    return f"gpufleet-{key.hex()[:32]}"


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[int | None]:
    """Open a folder in which nobody else can put anything; None where it is none."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield None
        return
    try:
        yield opened if _is_own(os.fstat(opened), 0o022) else None
    finally:
        os.close(opened)


def _is_own(status: os.stat_result, others: int) -> bool:
    """Return whether something is this user's, with no such rights for others."""
    return status.st_uid == os.geteuid() and not status.st_mode & others


class _File:
    """The file of an answer.

    Args:
        folder: Its folder, opened.
        name: Its name in there.
        max_age: Seconds for which it counts.
    """

    def __init__(self, folder: int, name: str, max_age: float) -> None:
        self._folder = folder
        self._name = name
        self._max_age = max_age

    def load(self) -> t.Any:
        """Return the answer; None where there is none of use."""
        try:
            with os.fdopen(self._open(self._name, os.O_RDONLY), "rb") as file:
                age = time.time() - os.fstat(file.fileno()).st_mtime
                # Its time lies ahead where the clock was set back.
                if not 0 <= age < self._max_age:
                    return None
                answer = json.load(file, object_hook=_decoded)
        except _USELESS:
            return None
        return answer if isinstance(answer, (Listing, Telemetry, Schedule)) else None

    def save(self, answer: object) -> None:
        """Keep an answer, where that is possible: whole, or not at all."""
        draft = f"{self._name}-{os.getpid()}-{threading.get_ident()}"
        try:
            with contextlib.ExitStack() as undo:
                opened = self._open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                undo.callback(os.unlink, draft, dir_fd=self._folder)
                with os.fdopen(opened, "w") as file:
                    # Not dump, which is many times slower.
                    file.write(json.dumps(answer, default=_encoded))
                names = {"src_dir_fd": self._folder, "dst_dir_fd": self._folder}
                os.rename(draft, self._name, **names)
                undo.pop_all()
        except _USELESS:
            return

    @contextlib.contextmanager
    def locked(self, until: float) -> Iterator[None]:
        """Hold a lock, or go on without where it can't be had, at the latest then.

        Args:
            until: How long to wait for another holder, by `time.monotonic`.
        """
        try:
            lock = self._open(f"{self._name}-lock", os.O_RDWR | os.O_CREAT)
        except OSError:
            yield
            return
        try:
            while time.monotonic() < until:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_PAUSE)
                except OSError:
                    break
                else:
                    break
            yield
        finally:
            os.close(lock)

    def _open(self, name: str, flags: int) -> int:
        """Open a plain file that belongs to this user alone.

        Raises:
            OSError: There is none, or something else.
        """
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK
        opened = os.open(name, flags, 0o600, dir_fd=self._folder)
        status = os.fstat(opened)
        if stat.S_ISREG(status.st_mode) and _is_own(status, 0o077):
            return opened
        os.close(opened)
        raise PermissionError(name)


def _encoded(value: t.Any) -> Record:
    """Return the record of a dataclass, for what json itself can't write."""
    record = {name: getattr(value, name) for name in _FIELDS[type(value)]}
    return {_TYPE: type(value).__name__, **record}


def _decoded(record: Record) -> t.Any:
    """Return the dataclass of a record, with the tuples of its fields."""
    for name in ("devices", "pods"):
        if record.get(name):
            record[name] = list(map(_pair, record[name]))
    if _TYPE not in record:
        return record
    kind = _TYPES[record.pop(_TYPE)]
    for field in dataclasses.fields(kind):
        if str(field.type).startswith("tuple") and record[field.name] is not None:
            record[field.name] = tuple(map(_pair, record[field.name]))
    return kind(**record)


def _pair(value: t.Any) -> t.Any:
    return tuple(value) if isinstance(value, list) else value
