# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that modules write on the machine that they run on."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t

from .errors import InvalidInput, ResourceError


def write_private(path: str, text: str) -> None:
    """Write a file that only its owner may read, at once and as a whole."""
    path = os.path.realpath(path)
    # Made with 0600, in the same folder, so that it can take the place of the old one.
    handle, draft = tempfile.mkstemp(prefix=".gpufleet-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise


@contextlib.contextmanager
def typed(path: str) -> t.Iterator[None]:
    """Give failures of the file system a type."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"path: {path} can't be written: {error}") from error


def check_folder(path: str) -> None:
    """See that a file can be written there, before anything else is done.

    Raises:
        InvalidInput: The folder is not there, or the path is one itself.
    """
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise InvalidInput(f"path: there is no folder {folder}")
    if os.path.isdir(path):
        raise InvalidInput(f"path: {path} is a folder; give the path of a file")
