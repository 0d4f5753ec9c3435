# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written all or not at all, whatever the disk and other users do."""

from __future__ import annotations

import errno
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _files
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources import (
    files,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._node import textfile
from unit import filesystems

BOTH = {"a": b"new", "b": b"new" * 10_000}


def content(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_those_that_are_asked_for(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = tmp_path / "new/folder"
        _files.make_folder(str(folder), 0o750)
        _files.write(str(folder), {"a": b"text"}, 0o640)
    finally:
        os.umask(before)
    assert mode(folder) == mode(folder.parent) == 0o750
    assert mode(folder / "a") == 0o640
    assert _files.read(str(folder), "a") == (b"text", 0o640)


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    _files.make_folder(str(tmp_path), 0o755)
    _files.write(str(tmp_path), {"a": b"text"}, 0o644)
    assert mode(tmp_path) == 0o700


def test_a_full_disk(tmp_path: Path) -> None:
    with filesystems.small(tmp_path / "disk", 64) as disk:
        (disk / "a").write_bytes(b"old")
        (disk / "b").write_bytes(b"old")
        # There is room for a, but not for both.
        (disk / "filling").write_bytes(b"\0" * 48 * 1024)
        with pytest.raises(OSError, match="No space left") as caught:
            _files.write(str(disk), BOTH, 0o640)
        (disk / "filling").unlink()
        assert content(disk) == {"a": b"old", "b": b"old"}
    assert caught.value.filename == str(disk / "b")


def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    with filesystems.small(tmp_path / "disk", 64) as disk:
        (disk / "a").write_bytes(b"old")
        filesystems.make_read_only(disk)
        with pytest.raises(OSError, match="Read-only"):
            _files.write(str(disk), BOTH, 0o640)
        with pytest.raises(OSError, match="Read-only"):
            _files.make_folder(str(disk / "new"), 0o750)
        assert content(disk) == {"a": b"old"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_a_disk_that_says_so_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """As a quota and a file system on a network do."""
    (tmp_path / "a").write_bytes(b"old")

    def refuse(*_args: t.Any, **_options: t.Any) -> None:
        raise OSError(number, os.strerror(number), "a draft")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        _files.write(str(tmp_path), BOTH, 0o640)
    assert content(tmp_path) == {"a": b"old"}
    assert caught.value.filename == str(tmp_path / "a")


def test_a_folder_in_the_place_of_a_file_stops_all(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        _files.write(str(tmp_path), BOTH, 0o640)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_trial_leaves_nothing(tmp_path: Path) -> None:
    _files.try_out(str(tmp_path), 100)
    assert content(tmp_path) == {}
    with filesystems.small(tmp_path / "disk", 16) as disk:
        with pytest.raises(OSError, match="No space left"):
            _files.try_out(str(disk), 32 * 1024)
        assert content(disk) == {}


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "No space left on device. Free some space there, or"),
        (errno.EDQUOT, "Free some of the quota of the user that Ansible runs as, or"),
        (errno.EROFS, "Mount its file system for writing, or"),
        (
            errno.EACCES,
            "Give the user that Ansible runs as the right to write there, or",
        ),
        (errno.EIO, "Check the disk, or"),
        (errno.ENOTDIR, "See that the place exists and is writable, or"),
    ],
)
def test_an_error_says_what_to_do(number: int, advice: str) -> None:
    error = OSError(number, os.strerror(number), "/a/.gpufleet-draft")
    text = _files.failure(error, "path")
    assert advice in text
    assert text.endswith(" give another path.")
    assert "draft" not in text


# What several modules of a cloud write ------------------------------------------------


def test_a_private_file_on_a_full_disk(tmp_path: Path) -> None:
    with filesystems.small(tmp_path / "disk", 64) as disk:
        path = disk / "kubeconfig"
        files.write_private(str(path), "old")
        filesystems.fill(disk)
        with pytest.raises(ResourceError) as caught, files.typed(str(path)):
            files.write_private(str(path), "PRIVATE KEY" * 1000)
        (disk / "filling").unlink()
        assert content(disk) == {"kubeconfig": b"old"}
    assert str(caught.value) == (
        f"path: {path} can't be written, and is as it was: No space left on device. "
        "Free some space there, or give another path."
    )


def test_a_link_of_ones_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    files.check_folder(str(tmp_path / "link"))
    files.write_private(str(tmp_path / "link"), "text")
    assert (tmp_path / "link").is_symlink()
    assert (mode(tmp_path / "real"), (tmp_path / "real").read_text()) == (0o600, "text")


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to make a stranger's link")
def test_a_link_of_a_stranger_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("real")
    os.chown(link, 4242, 4242, follow_symlinks=False)
    with pytest.raises(InvalidInput, match="belongs to another user"):
        files.check_folder(str(link))
    with pytest.raises(OSError, match="belongs to another user"):
        files.write_private(str(link), "text")
    assert not (tmp_path / "real").exists()


# Metrics of a node, which stand alone -------------------------------------------------


def test_metrics_on_a_full_disk(tmp_path: Path) -> None:
    with filesystems.small(tmp_path / "disk", 64) as disk:
        (disk / "gpufleet.prom").write_bytes(b"old")
        filesystems.fill(disk)
        with pytest.raises(OSError, match="No space left"):
            textfile.write(str(disk / "gpufleet.prom"), "new" * 10_000)
        (disk / "filling").unlink()
        assert content(disk) == {"gpufleet.prom": b"old"}
