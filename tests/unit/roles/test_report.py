# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the role report writes, and what it leaves alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit import filesystems

FILES = ["consumers.json", "heatmap.json", "overview.json", "report.html"]
NAN = float("nan")


def play(
    folder: Path,
    *tasks: dict[str, Any],
    prefix: tuple[str, ...] = (),
    **environment: str,
) -> str:
    """Return what a play prints; it has a node whose numbers are none."""
    device = {
        "index": NAN,
        "utilization_percent": NAN,
        "power_watts": float("inf"),
        "temperature_celsius": -float("inf"),
        "memory_total_bytes": NAN,
        "model": "MI300X",
    }
    ports = [{"state": "ACTIVE", "port": "1", "rate_gbps": NAN}]
    facts = {"devices": [device], "rdma_ports": ports, "elapsed_ms": NAN}
    inventory = folder / "hosts.yml"
    inventory.write_text(
        yaml.safe_dump({"all": {"hosts": {"node-1": {"gpufleet": facts}}}})
    )
    playbook = folder / "play.yml"
    playbook.write_text(
        yaml.safe_dump(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "tasks": list(tasks),
                }
            ]
        )
    )
    done = subprocess.run(
        [
            *(*prefix, Path(sys.executable).parent / "ansible-playbook"),
            *("-i", inventory, playbook),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        umask=0o077,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible"), **environment},
    )
    assert done.returncode == 0, done.stdout
    return " ".join(done.stdout.split())


def report(**options: Any) -> dict[str, Any]:
    """A task that runs the role, which may fail."""
    options = {f"report_{name}": value for name, value in options.items()}
    role = {"name": "gpufleet.openstack.report", "apply": {"ignore_errors": True}}
    return {"ansible.builtin.include_role": role, "vars": options}


def modes(folder: Path) -> dict[str, str]:
    """Return the modes of a folder and of its files."""
    paths = {".": folder, **{path.name: path for path in folder.iterdir()}}
    return {name: f"{path.stat().st_mode & 0o777:04o}" for name, path in paths.items()}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_what_it_writes_and_with_which_modes(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir(mode=0o700)
    (old / "report.html").write_text("old")
    (old / "report.html").chmod(0o666)
    modes_given = {"file_mode": "0644", "folder_mode": "0755"}
    output = play(
        tmp_path,
        report(folder=f"{tmp_path}/new/folder"),
        report(folder=str(old)),
        report(folder=f"{tmp_path}/open", **modes_given, page=False),
        report(folder=f"{tmp_path}/wrong", file_mode=640),
    )
    usual = dict.fromkeys(FILES, "0640")
    assert modes(tmp_path / "new/folder") == {".": "0750", **usual}
    assert modes(tmp_path / "new") == {".": "0750", "folder": "0750"}
    assert modes(old) == {".": "0700", **usual}
    readable = {**dict.fromkeys(FILES, "0644"), ".": "0755"}
    del readable["report.html"]
    assert modes(tmp_path / "open") == readable
    assert "file_mode: 640 must be an octal number in quotes" in output
    assert not (tmp_path / "wrong").exists()

    # Numbers that are none have become unknown, and the page has data.
    for name in FILES[:3]:
        text = (old / name).read_text()
        assert json.loads(text, parse_constant=refuse)["code"] == 0
    overview = json.loads((old / "overview.json").read_text())["data"]
    assert (overview["totalNodes"], overview["totalGpus"]) == (1, 1)
    assert overview["rdmaClusterStat"]["activePorts"] == 1
    assert any("rate_gbps can't be nan" in text for text in overview["warnings"])
    data = (
        (old / "report.html").read_text().split('id="data">')[1].split("</script>")[0]
    )
    assert json.loads(data, parse_constant=refuse)["overview"] == overview


def test_a_fleet_that_is_not_as_it_must_be(tmp_path: Path) -> None:
    """The role fails, and its files are there; what is not asked for is no failure."""
    output = play(
        tmp_path,
        report(folder=f"{tmp_path}/warned", strict=True),
        report(folder=f"{tmp_path}/unseen", min_coverage=0.5, page=False),
        report(folder=f"{tmp_path}/well", fail_on_faults=True, page=False),
    )
    assert "failed=0" in output
    assert "ignored=2" in output
    assert "its coverage is 0.0 (report_min_coverage: 0.5)" in output
    for name in ("warned", "unseen", "well"):
        assert (tmp_path / name / "overview.json").exists()
    page = (tmp_path / "warned/report.html").read_text()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["minCoverage"] == 0.9


def test_the_page_names_its_scripts_by_their_hashes(tmp_path: Path) -> None:
    play(tmp_path, report(folder=f"{tmp_path}/out"))
    page = (tmp_path / "out/report.html").read_text()
    policy = page.split('Content-Security-Policy" content="')[1].split('">')[0]
    hashes = {
        tag: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for kind, text in re.findall(
                rf"<{tag}([^>]*)>(.*?)</{tag}>", page, re.DOTALL
            )
            if "json" not in kind
        )
        for tag in ("script", "style")
    }
    assert hashes["script"].count("sha256") == 2
    assert policy == (
        f"default-src 'none'; script-src {hashes['script']}; "
        f"style-src {hashes['style']}; img-src data:; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to make it a stranger's")
def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """As root without its privileges, for whom all other files are a stranger's."""
    for name in ("closed", "read"):
        (tmp_path / name).mkdir(mode=0o700 if name == "closed" else 0o755)
        (tmp_path / name / "report.html").write_text("old")
        os.chown(tmp_path / name, 4242, 4242)
    output = play(
        tmp_path,
        report(folder=f"{tmp_path}/closed"),
        report(folder=f"{tmp_path}/read"),
        report(folder=f"{tmp_path}/read/new"),
        report(folder=f"{tmp_path}/own"),
        prefix=("setpriv", "--bounding-set=-all"),
    )
    for path in ("closed", "read/overview.json", "read/new"):
        assert (
            f"folder: {tmp_path}/{path} can't be written, and all files there are as "
            "they were: Permission denied. Give the user that Ansible runs as the right "
            "to write there, or give another folder." in output
        )
    for name in ("closed", "read"):
        assert [path.name for path in (tmp_path / name).iterdir()] == ["report.html"]
        assert (tmp_path / name / "report.html").read_text() == "old"
    assert modes(tmp_path / "own") == {".": "0750", **dict.fromkeys(FILES, "0640")}


def test_a_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    with (
        filesystems.small(tmp_path / "small", 256) as small,
        filesystems.small(tmp_path / "read-only", 16) as read_only,
    ):
        for folder in (small, read_only):
            for name in FILES:
                (folder / name).write_text("old")
        filesystems.make_read_only(read_only)
        output = play(
            tmp_path,
            report(folder=str(small)),
            report(folder=str(read_only)),
            # Its tasks need no temporary folder of Ansible's.
            report(folder=str(tmp_path / "out")),
            ANSIBLE_REMOTE_TMP=f"{read_only}/tmp",
        )
        for folder in (small, read_only):
            assert sorted(path.name for path in folder.iterdir()) == FILES
            assert {path.read_text() for path in folder.iterdir()} == {"old"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    unchanged = "can't be written, and all files there are as they were:"
    assert (
        f"folder: {small}/report.html {unchanged} No space left on device. Free some "
        "space there, or give another folder." in output
    )
    assert f"folder: {read_only}/overview.json {unchanged} Read-only" in output
