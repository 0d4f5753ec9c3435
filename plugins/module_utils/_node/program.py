# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This package as a program on a node: one file, which Python runs as it is.

Python's option `-I` and a single file leave nothing to be imported from but that file
and what the Python has installed itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import pkgutil
import shutil
import stat
import zipfile

from . import telemetry, trusted

NAME = "gpufleet_node.pyz"

_PACKAGE = "gpufleet_node"
"""Name of the package in the file, and of the folder of version 0.1.0."""

_MAIN = f"from {_PACKAGE}.telemetry import main\n\nmain()\n"
_MODE = 0o644


class Program:
    """The program in a folder of a node.

    Args:
        path: The folder.

    Raises:
        trusted.Untrusted: Another user can change it or a folder above it.
        OSError: It can't be read.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._after = _shipped()
        self._before, self._mode, self._older = _present(path)
        self.changed = [NAME] if self._before != self._after else []
        """Names of what is to be written or removed in the folder."""
        self.changed += [_PACKAGE] if self._older else []

    @property
    def differs(self) -> bool:
        """Whether anything is to be done, be it a file's mode alone."""
        return bool(self.changed) or self._mode != _MODE

    def install(self) -> None:
        """Write the file, and remove the package of version 0.1.0.

        Raises:
            trusted.Untrusted: Another user can change the folder or one above it.
            OSError: It can't be written.
        """
        os.makedirs(self._path, exist_ok=True)
        with trusted.folder(self._path, whole_way=True) as folder:
            if self._before != self._after or self._mode != _MODE:
                trusted.replace(folder, NAME, self._after, _MODE)
            if self._older:
                _remove(folder, _PACKAGE)

    def diff(self) -> list[dict[str, str]]:
        """Return what diff mode shows of what differs."""
        differs = []
        if self._before != self._after:
            differs.append((NAME, _digest(self._before), _digest(self._after)))
        if self._older:
            differs.append((_PACKAGE, "a folder of version 0.1.0\n", ""))
        return [
            {
                "before_header": os.path.join(self._path, name),
                "after_header": os.path.join(self._path, name),
                "before": before,
                "after": after,
            }
            for name, before, after in differs
        ]


def _shipped() -> bytes:
    """The program: all that lies beside telemetry, which may be in a zip."""
    package = telemetry.__name__.rpartition(".")[0]
    modules = pkgutil.iter_modules([os.path.dirname(telemetry.__file__)])
    names = ["__init__.py", *sorted(f"{module.name}.py" for module in modules)]
    files = {f"{_PACKAGE}/{name}": pkgutil.get_data(package, name) for name in names}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in [("__main__.py", _MAIN.encode()), *files.items()]:
            # Of a fixed time and not compressed: the same bytes from each Python.
            archive.writestr(zipfile.ZipInfo(name), text or b"")
    return content.getvalue()


def _present(path: str) -> tuple[bytes | None, int | None, bool]:
    """What there is: the file's content and mode, and whether 0.1.0 was there."""
    if not os.path.lexists(path):
        return None, None, False
    with trusted.folder(path, whole_way=True) as folder:
        older = _status(folder, _PACKAGE) is not None
        status = _status(folder, NAME)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None, None, older
        if status.st_uid not in (0, os.geteuid()) or status.st_nlink > 1:
            return None, None, older  # to be replaced, whatever it holds
        handle = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            return file.read(), stat.S_IMODE(status.st_mode), older


def _status(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _remove(folder: int, name: str) -> None:
    """Remove what has a name in a folder, and a link without what it points to."""
    status = _status(folder, name)
    if status is not None and stat.S_ISDIR(status.st_mode):
        shutil.rmtree(f"/proc/self/fd/{folder}/{name}")
    elif status is not None:
        os.unlink(name, dir_fd=folder)


def _digest(content: bytes | None) -> str:
    if content is None:
        return ""
    return f"sha256:{hashlib.sha256(content).hexdigest()}\n"
