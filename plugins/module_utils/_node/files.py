# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files of the kernel. What can't be read is None."""

from __future__ import annotations

import os
import stat
import typing as t

_MOST = 65536
_MOST_DIGITS = 40


class Roots(t.NamedTuple):
    """Where the kernel's file systems are mounted.

    Attributes:
        sysfs: Usually `/sys`.
        procfs: Usually `/proc`.
        dev: Usually `/dev`.
    """

    sysfs: str = "/sys"
    procfs: str = "/proc"
    dev: str = "/dev"


def data(*path: str, wait: bool = True) -> bytes | None:
    """Return a file's content, 64 KiB at most.

    Args:
        path: Parts of its path.
        wait: Whether this may wait, as for a pipe that nobody writes to: only the
            guard's child may.
    """
    flags = os.O_RDONLY if wait else os.O_RDONLY | os.O_NONBLOCK
    try:
        handle = os.open(os.path.join(*path), flags)
    except OSError:
        return None
    try:
        if not wait and not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        return _whole(handle)
    except OSError:
        return None
    finally:
        os.close(handle)


def text(*path: str, wait: bool = True) -> str | None:
    """Return a file's text without space around it; None where there is none."""
    content = data(*path, wait=wait)
    if content is None:
        return None
    return content.decode("utf-8", "replace").replace("\0", "").strip() or None


def integer(*path: str, base: int = 10, wait: bool = True) -> int | None:
    """Return a file's integer."""
    digits = text(*path, wait=wait) or ""
    try:
        return int(digits, base) if len(digits) <= _MOST_DIGITS else None
    except ValueError:
        return None


def scaled(factor: float, *path: str) -> float | None:
    """Return a file's integer, multiplied."""
    number = integer(*path)
    if number is None or abs(number) >= 2**64:  # the kernel's have 64 bits
        return None
    return number * factor


def names(*path: str) -> list[str]:
    """Return the names in a folder, sorted; none where it can't be read."""
    try:
        return sorted(os.listdir(os.path.join(*path)))
    except OSError:
        return []


def link_name(*path: str) -> str | None:
    """Return the name of what a symbolic link points to."""
    try:
        return os.path.basename(os.readlink(os.path.join(*path)))
    except OSError:
        return None


def _whole(handle: int) -> bytes:
    """Read a file to its end, 64 KiB at most."""
    content = os.read(handle, _MOST)
    while content and len(content) < _MOST:
        part = os.read(handle, _MOST - len(content))
        if not part:
            break
        content += part
    return content
