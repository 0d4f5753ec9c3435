# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that modules write on the machine that they run on."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ... import _files
from ..engine.errors import InvalidInput, ResourceError


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner may read, at once and as a whole."""
    folder, name = os.path.split(_files.target(path))
    _files.write(folder, {name: text.encode()}, 0o600)


def try_out(path: str) -> None:
    """See that a file of usual size can be written, before what can't be undone."""
    _files.try_out(os.path.dirname(_files.target(path)), 32 * 1024)


@contextlib.contextmanager
def typed(path: str) -> t.Iterator[None]:
    """Give failures of the file system a type."""
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"path: {path} can't be written, and is as it was: "
            f"{_files.failure(error, 'path')}"
        ) from error


def check_folder(path: str) -> None:
    """See that a file can be written there, before anything else is done.

    Raises:
        InvalidInput: The folder is not there, or the path is no file.
    """
    try:
        folder = os.path.dirname(_files.target(path))
    except OSError as error:
        raise InvalidInput(
            f"path: {path} is not followed: {_files.failure(error, 'path')}"
        ) from error
    if not os.path.isdir(folder):
        raise InvalidInput(f"path: there is no directory {folder}; create it")
    native = _files.native(path)
    if os.path.isdir(native):
        raise InvalidInput(f"path: {path} is a directory; give the path of a file")
    if os.path.exists(native) and not os.path.isfile(native):
        # To open a FIFO would wait for whoever writes to it.
        raise InvalidInput(f"path: {path} is not a regular file; give another path")
