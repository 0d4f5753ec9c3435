# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that no other user can change, and files that are written there.

Whoever can change a folder can put a link in the place of a file that root is about to
write, so a folder is opened once, checked, and then used by its descriptor alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

_MOST_LINKS = 40  # as in the kernel
# A folder may be passed through without being readable. macOS has no O_PATH.
_PATH = getattr(os, "O_PATH", os.O_RDONLY)


class Untrusted(OSError):
    """Another user can change a folder or a file."""


@contextlib.contextmanager
def folder(path: str, whole_way: bool = False) -> t.Iterator[int]:
    """Open a folder that no other user can change.

    Its owner is root or the user who runs this. Others can't write to it, or it is
    sticky, as `/tmp` is. Each symbolic link on the way to it has such an owner as well.

    Args:
        path: The folder, an absolute path.
        whole_way: Whether the folders above it must be like it. They must be where
            something is run later by its path. node_exporter's folder on Debian is
            root's in a folder of the user prometheus.

    Yields:
        A descriptor of the folder.

    Raises:
        Untrusted: Another user can change it.
        OSError: It can't be opened.
    """
    opened = [_open("/")]  # each on the way, the folder itself last
    steps = _steps(path)
    links = 0
    try:
        while steps:
            name = steps.pop()
            here = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
            if stat.S_ISLNK(here.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                _check(here, f"the symbolic link {name} on the way to {path}")
                target = os.readlink(name, dir_fd=opened[-1])
                if target.startswith("/"):
                    opened.append(_open("/"))
                steps += _steps(target)
                continue
            opened.append(_open(name, opened[-1]))
            if whole_way and steps:
                _check(os.fstat(opened[-1]), f"{name}, a folder above {path},")
        _check(os.fstat(opened[-1]), path)
        yield opened[-1]
    finally:
        for each in opened:
            os.close(each)


def check(path: str) -> None:
    """See that no other user can change a folder, from which code is loaded.

    Args:
        path: The folder.

    Raises:
        Untrusted: One can, or can change a folder above it.
        OSError: It can't be opened.
    """
    with folder(os.path.abspath(path), whole_way=True):
        pass


def replace(folder: int, name: str, content: bytes, mode: int) -> None:
    """Replace a file at once: nobody sees half of it.

    Args:
        folder: Descriptor of the folder that it is in.
        name: Its name. A symbolic link of this name is replaced, not followed.
        content: What it is to hold.
        mode: Its permissions.

    Raises:
        OSError: It can't be written.
    """
    draft = f".{name}.{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    handle = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=folder)
        raise


def open_to_append(folder: int, name: str, mode: int) -> int:
    """Open a file for appending, and make it where it is missing.

    Args:
        folder: Descriptor of the folder that it is in.
        name: Its name.
        mode: Permissions of a new file.

    Returns:
        A descriptor of the file.

    Raises:
        Untrusted: It is another user's, a symbolic link, or no file at all.
        OSError: It can't be opened.
    """
    # Opening a FIFO would wait for its reader.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        handle = os.open(name, flags, mode, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise Untrusted(f"{name} is not a regular file; remove it") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted(f"{name} is not a regular file; remove it")
        if status.st_uid not in (0, os.geteuid()):
            raise Untrusted(
                f"{name} belongs to {_user(status.st_uid)}, who can read and change "
                "what is written; remove it"
            )
    except BaseException:
        os.close(handle)
        raise
    return handle


def _open(name: str, above: int | None = None) -> int:
    return os.open(name, _PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)


def _steps(path: str) -> list[str]:
    """The parts of a path, the first of them last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _check(status: os.stat_result, what: str) -> None:
    """See that no other user can change something.

    Raises:
        Untrusted: One can.
    """
    remedy = "Make it root's (chown root:root; chmod go-w), or choose another folder."
    if status.st_uid not in (0, os.geteuid()):
        raise Untrusted(
            f"{what} belongs to {_user(status.st_uid)}, who could replace what is "
            f"in it. {remedy}"
        )
    if stat.S_ISLNK(status.st_mode) or status.st_mode & stat.S_ISVTX:
        return
    # Many users have a group of their own. Root's may stand for a list of users (ACL).
    own = os.geteuid() != 0 and status.st_gid == os.getegid()
    if status.st_mode & (stat.S_IWOTH if own else stat.S_IWOTH | stat.S_IWGRP):
        raise Untrusted(
            f"{what} is writable by other users, who could replace what is "
            f"in it. {remedy}"
        )


def _user(number: int) -> str:
    import pwd  # for messages only

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with id {number}"
