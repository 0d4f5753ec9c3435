# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is wrong, or is set while a module waits: libfaketime plays it."""

from __future__ import annotations

import json
import shutil
import subprocess
from glob import glob
from pathlib import Path

import pytest

from integration.conditions.running import Site


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of libfaketime, which is fetched from Debian where it is not installed."""
    name = "*/faketime/libfaketimeMT.so.1"
    for path in glob(f"/usr/lib/{name}"):
        return path
    folder = tmp_path_factory.mktemp("faketime")
    if shutil.which("apt-get"):
        fetch = ["apt-get", "download", "libfaketime"]
        subprocess.run(fetch, check=False, cwd=folder, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    for path in folder.glob(f"usr/lib/{name}"):
        return str(path)
    pytest.skip("there is no libfaketime, and none can be fetched")


def _faked(site: Site, library: str, offset: str) -> dict[str, str]:
    """Return an environment whose clock is off by what the file `clock` says."""
    _set(site, offset)
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(site.folder / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def _set(site: Site, offset: str) -> None:
    # The library may read it at any time.
    draft: Path = site.folder / "clock.draft"
    draft.write_text(f"{offset}\n")
    draft.rename(site.folder / "clock")


def test_clock_that_is_set_while_a_module_waits(recorded: Site, library: str) -> None:
    """Forward only: the library itself fails in sleep() where it is set back."""
    recorded.cloud.held = lambda request: request.startswith("POST /magnum")
    arguments = {
        "cloud": "recorded",
        "name": "cluster-0",
        "path": str(recorded.folder / "kubeconfig"),
        "timeout": 600,
    }
    # Of the module only: the library fails where Ansible sleeps until a time.
    clock = _faked(recorded, library, "+0")
    task = {"gpufleet.openstack.kubeconfig": arguments, "environment": clock}
    again = {**task, "register": "again"}
    proof = {"ansible.builtin.assert": {"that": "again is not changed"}}
    play = recorded.start(task, again, proof)
    play.until(lambda: recorded.cloud.reached(0))
    _set(recorded, "+3d")
    recorded.cloud.release()
    assert play.ended() == 0, play.output


@pytest.mark.parametrize("offset", ["+10d", "-10d"])
def test_inventory_whose_clock_is_wrong(
    recorded: Site, library: str, offset: str
) -> None:
    """Tokens seem to have expired, or to be of the future: servers decide that."""
    file = recorded.folder / "site.gpu_nodes.yml"
    file.write_text("plugin: gpufleet.openstack.gpu_nodes\ncloud: recorded\n")
    done = recorded.controller.run(
        "ansible-inventory",
        *("-i", str(file), "--list"),
        **{**recorded.environment, **_faked(recorded, library, offset)},
    )
    assert done.status == 0, done.output
    listed = json.loads(done.output[done.output.index("{") :])
    assert len(listed["_meta"]["hostvars"]) == 3
