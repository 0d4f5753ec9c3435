# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files of the kernel. What can't be read is None."""

from __future__ import annotations

import os
import typing as t

_MOST = 65536


class Roots(t.NamedTuple):
    """Where the kernel's file systems are mounted.

    Attributes:
        sysfs: Usually C(/sys).
        procfs: Usually C(/proc).
        dev: Usually C(/dev).
    """

    sysfs: str = "/sys"
    procfs: str = "/proc"
    dev: str = "/dev"


def data(*path: str) -> bytes | None:
    """A file's content, 64 KiB at most."""
    try:
        with open(os.path.join(*path), "rb") as file:
            return file.read(_MOST)
    except OSError:
        return None


def text(*path: str) -> str | None:
    """A file's text without space around it; None where there is none."""
    content = data(*path)
    if content is None:
        return None
    return content.decode("utf-8", "replace").replace("\0", "").strip() or None


def integer(*path: str, base: int = 10) -> int | None:
    """A file's integer."""
    try:
        return int(text(*path) or "", base)
    except ValueError:
        return None


def scaled(factor: float, *path: str) -> float | None:
    """A file's integer, multiplied."""
    number = integer(*path)
    return None if number is None else number * factor


def names(*path: str) -> list[str]:
    """What a folder holds, in order; nothing where it can't be read."""
    try:
        return sorted(os.listdir(os.path.join(*path)))
    except OSError:
        return []


def link_name(*path: str) -> str | None:
    """Name of what a symbolic link points to."""
    try:
        return os.path.basename(os.readlink(os.path.join(*path)))
    except OSError:
        return None
