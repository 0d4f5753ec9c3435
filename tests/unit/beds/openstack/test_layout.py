# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from beds.openstack import layout


def test_digest_ignores_the_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("2")
    assert layout.digest([first, second]) == layout.digest([second, first])


@pytest.mark.parametrize("change", ["content", "name", "word"])
def test_digest_follows_every_change(tmp_path: Path, change: str) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    before = layout.digest([file], "x")
    word = "x"
    if change == "content":
        file.write_text("2")
    elif change == "name":
        file = file.rename(tmp_path / "b")
    else:
        word = "y"
    assert layout.digest([file], word) != before


def test_the_bed_lies_under_the_cache_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUFLEET_CACHE", str(tmp_path))
    bed = layout.this_bed()
    assert bed.path.parent == bed.venv.parent == tmp_path
    assert bed.path.name.startswith("bed-")


def test_other_beds_are_found_and_environments_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPUFLEET_CACHE", str(tmp_path))
    for name in ("bed-1", "bed-2", "venv-bed-3"):
        (tmp_path / name).mkdir()
    (tmp_path / "bed.lock").touch()
    assert [path.name for path in layout.all_beds()] == ["bed-1", "bed-2"]


def test_ports_are_kept() -> None:
    ports = layout.choose_ports(["a", "b"], {})
    assert layout.choose_ports(["a", "b"], ports) == ports


def test_ports_differ_and_lie_below_the_outgoing_ones() -> None:
    names = [str(i) for i in range(50)]
    ports = layout.choose_ports(names, {}).values()
    assert len(set(ports)) == len(names)
    assert all(port in layout.PORT_RANGE for port in ports)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        port = layout.choose_ports(["a"], {})["a"]
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield port


def test_a_port_taken_meanwhile_is_replaced(taken: int) -> None:
    assert layout.choose_ports(["a"], {"a": taken})["a"] != taken


def test_a_port_taken_by_ourselves_is_kept(taken: int) -> None:
    assert layout.choose_ports(["a"], {"a": taken}, ours={"a"}) == {"a": taken}


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    bed = layout.Bed(tmp_path / "bed", tmp_path / "venv", tmp_path / "capi")
    layout.make_secrets(bed, ["a", "b"])
    made = bed.secrets
    layout.make_secrets(bed, ["a", "b"])
    assert bed.secrets == made
    assert made["a"] != made["b"]
    assert (bed.path / "secrets.json").stat().st_mode & 0o777 == 0o600
