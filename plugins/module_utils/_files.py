# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that people name by an option: written whole or not at all.

`_node/trusted.py` has its like, which must stand alone on nodes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t
import uuid

_ADVICE = {
    errno.ENOSPC: "Free some space there",
    errno.EDQUOT: "Free some of the quota of the user that Ansible runs as",
    errno.EROFS: "Mount its file system for writing",
    errno.EACCES: "Give the user that Ansible runs as the right to write there",
    errno.EPERM: "Give the user that Ansible runs as the right to write there",
    errno.EIO: "Check the disk",
}


def write(folder: str, contents: t.Mapping[str, bytes], mode: int) -> None:
    """Replace files of a folder: all of them, or none if one can't be written.

    Nobody sees half of a file. A file that is there is replaced, not written to: where
    it is a symbolic link or belongs to somebody else, that other file stays as it is.

    Args:
        folder: The folder. It may be writable for others.
        contents: Content by name of the file.
        mode: Permissions of the files.

    Raises:
        OSError: One of them can't be written. Its `filename` is that of the file.
    """
    # From here on the folder is known by its descriptor: exchanging it has no effect.
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    drafts: dict[str, str] = {}
    try:
        for name, content in contents.items():
            with _named(folder, name):
                _refuse_folder(place, name)
                drafts[name] = f".gpufleet-{uuid.uuid4().hex}"
                _write_draft(place, drafts[name], content, mode)
        for name in contents:
            with _named(folder, name):
                os.replace(drafts[name], name, src_dir_fd=place, dst_dir_fd=place)
                del drafts[name]
    finally:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=place)
        os.close(place)


def try_out(folder: str, size: int) -> None:
    """See that a file of some bytes can be written, before what can't be undone.

    Raises:
        OSError: It can't be written.
    """
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    draft = f".gpufleet-{uuid.uuid4().hex}"
    try:
        _write_draft(place, draft, b"\n" * size, 0o600)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=place)
        os.close(place)


def read(folder: str, name: str) -> tuple[bytes, int] | None:
    """Return content and mode of a file; None if there is none, or not of this user.

    Raises:
        OSError: It can't be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(os.path.join(folder, name), flags)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EACCES):
            return None
        raise
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return None
        return file.read(), stat.S_IMODE(status.st_mode)


def make_folder(folder: str, mode: int) -> None:
    """Make a folder with its parents, and leave those that are there as they are.

    Raises:
        OSError: It can't be made.
    """
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent != folder:
        make_folder(parent, mode)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        # Somebody was faster, or it is a file, which `write` refuses.
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    handle = os.open(folder, flags)
    try:
        # The mode of mkdir depends on the umask.
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def native(path: str) -> str:
    """Return a path for Python's functions: on disk it is UTF-8 in every locale.

    The option itself, which messages and results show, would be an error or another
    file where the locale has another encoding.
    """
    return os.fsdecode(path.encode("utf-8", "surrogateescape"))


def target(path: str) -> str:
    """Return the file that is meant, as `native` has it: where a link leads to.

    Raises:
        OSError: The link belongs to somebody else, who would decide what is replaced.
    """
    path = native(path)
    if os.path.islink(path) and os.lstat(path).st_uid not in (0, os.geteuid()):
        raise OSError(
            errno.EPERM, "it is a symbolic link that belongs to another user", path
        )
    return os.path.realpath(path)


def failure(error: OSError, option: str) -> str:
    """Return why a file can't be written, and what to do.

    Args:
        error: As the system has it. Its file may be a draft, and is not shown.
        option: The option that names the place.
    """
    advice = _ADVICE.get(error.errno or 0, "See that the place exists and is writable")
    return f"{error.strerror or error}. {advice}, or give another {option}."


def _write_draft(place: int, draft: str, content: bytes, mode: int) -> None:
    """Write a file of a folder, which nobody else may read until it is complete.

    It has no name before that where the file system supports this. Whatever kills the
    process leaves no draft behind then, which may hold a private key.
    """
    flags, unnamed = os.O_WRONLY, getattr(os, "O_TMPFILE", 0)
    try:
        handle = os.open(".", flags | unnamed, 0o600, dir_fd=place)
    except OSError:
        unnamed = 0
        handle = os.open(draft, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(handle, mode)
        # A file system with a quota, or on a network, may say only now that it is full.
        os.fsync(handle)
        if unnamed:
            os.link(f"/proc/self/fd/{handle}", draft, dst_dir_fd=place)


def _refuse_folder(place: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=place, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))


@contextlib.contextmanager
def _named(folder: str, name: str) -> t.Iterator[None]:
    """Give failures the name of the file that people know."""
    try:
        yield
    except OSError as error:
        path = os.path.join(folder, name)
        raise OSError(error.errno, error.strerror, path) from error
