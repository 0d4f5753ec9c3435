# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and files that another user can change, and those that none can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    record,
    trusted,
)

OTHER = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to give away")


@as_root
@pytest.mark.parametrize(
    ("owner", "group", "mode", "refused"),
    [
        (0, 0, 0o755, None),
        (0, 0, 0o700, None),
        (0, OTHER, 0o755, None),
        (0, OTHER, 0o1777, None),
        (0, OTHER, 0o1775, None),
        (0, OTHER, 0o775, "is writable by other users"),
        (0, 0, 0o775, "is writable by other users"),
        (0, 0, 0o757, "is writable by other users"),
        (0, 0, 0o777, "is writable by other users"),
        (OTHER, 0, 0o755, "belongs to the user nobody"),
        (OTHER, 0, 0o700, "belongs to the user nobody"),
        (OTHER, 0, 0o1777, "belongs to the user nobody"),
        (123456, 0, 0o755, "belongs to the user with id 123456"),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_a_folder(
    tmp_path: Path, owner: int, group: int, mode: int, refused: str | None, above: bool
) -> None:
    """node_exporter's folder on Debian is root's in a folder of the user prometheus."""
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    os.chown(folder, owner, group)
    folder.chmod(mode)
    path = str(folder / "inside" if above else folder)
    if above:
        with trusted.folder(path):
            pass
    if refused is None:
        trusted.check(path)
        return
    with pytest.raises(trusted.Untrusted, match=refused):
        trusted.check(path)


@as_root
def test_links_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "real/inside").mkdir(parents=True)
    link, loop = tmp_path / "link", tmp_path / "loop"
    link.symlink_to("real/../real")
    loop.symlink_to("loop")
    with trusted.folder(f"{link}/./inside/") as folder:
        trusted.replace(folder, "file", b"content", 0o640)
    file = tmp_path / "real/inside/file"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"content", 0o640)
    with pytest.raises(OSError, match="Too many levels"), trusted.folder(str(loop)):
        pass
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    with (
        pytest.raises(trusted.Untrusted, match="the symbolic link link on the way"),
        trusted.folder(f"{link}/inside"),
    ):
        pass


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for path in (str(tmp_path), "/no/such", __file__):
        try:
            trusted.check(path)
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == len(before)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AMD Instinct MI300X", "AMD Instinct MI300X"),
        ("größer", "größer"),
        ("a\nb\tc\x1b[31m\x7f\u2028\u202e\ud800", "a?b?c?[31m????"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_what_prints(text: str, shown: str) -> None:
    assert record.printable(text) == shown
