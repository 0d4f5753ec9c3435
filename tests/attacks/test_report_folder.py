# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another user of the controller attacks who writes into a folder that both may use."""

from __future__ import annotations

import os
import stat
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _files
from attacks.controller import Controller, Done

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to be two users"),
]

STRANGER = 4242
CREDENTIALS = {
    "auth_url": "http://127.0.0.1:1/v3",
    "username": "alice",
    "password": "never-to-be-seen",
    "project_name": "team",
    "user_domain_id": "default",
    "project_domain_id": "default",
}


class Shared:
    """A folder of a stranger, who knows which files will be written there.

    Attributes:
        folder: The folder.
        precious: A file of the user who runs Ansible.
        done: What came of two tasks that write there.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "shared"
        self.precious = root / "precious"
        self.precious.write_text("mine")
        self.precious.chmod(0o600)
        self.folder.mkdir()
        self.folder.chmod(0o777)
        os.chown(self.folder, STRANGER, STRANGER)
        self._link("overview.json")
        os.link(self.precious, self.folder / "consumers.json")
        (self.folder / "heatmap.json").write_text("not yours")
        (self.folder / "heatmap.json").chmod(0o666)
        os.chown(self.folder / "heatmap.json", STRANGER, STRANGER)
        os.mkfifo(self.folder / "report.html")
        self._link("kubeconfig")
        self._link("site.yml")
        self.done = self._written(Controller(root))

    def _link(self, name: str) -> None:
        path = self.folder / name
        path.symlink_to(self.precious)
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)

    def _written(self, controller: Controller) -> Done:
        path = str(self.folder)
        return controller.play(
            [
                {
                    "gpufleet.openstack.kubeconfig": {
                        "auth": CREDENTIALS,
                        "name": "training",
                        "path": f"{path}/kubeconfig",
                        "force": True,
                    },
                    "ignore_errors": True,
                },
                {
                    "gpufleet.openstack.fleet_export": {
                        "auth": CREDENTIALS,
                        "path": f"{path}/site.yml",
                    },
                    "ignore_errors": True,
                },
                {
                    "ansible.builtin.include_role": {
                        "name": "gpufleet.openstack.report"
                    },
                    "vars": {"report_folder": path},
                },
            ]
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    return Shared(tmp_path_factory.mktemp("two-users"))


@pytest.mark.parametrize(
    "name", ["overview.json", "consumers.json", "heatmap.json", "report.html"]
)
def test_a_report_is_a_file_of_its_writer(shared: Shared, name: str) -> None:
    """A link, another name of a file, a stranger's file and a pipe are replaced."""
    assert shared.done.status == 0, shared.done.output
    status = (shared.folder / name).lstat()
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert (status.st_uid, status.st_nlink) == (os.geteuid(), 1)


@pytest.mark.parametrize("name", ["kubeconfig", "site.yml"])
def test_a_private_file_follows_no_link_of_a_stranger(
    shared: Shared, name: str
) -> None:
    assert f"path: {shared.folder}/{name} is not followed" in shared.done.output
    assert (shared.folder / name).is_symlink()


def test_what_links_lead_to_stays_as_it_was(shared: Shared) -> None:
    status = shared.precious.stat()
    assert shared.precious.read_text() == "mine"
    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 1)


def test_the_folder_stays_a_strangers(shared: Shared) -> None:
    status = shared.folder.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (STRANGER, 0o777)


def test_a_race_for_drafts_wins_nothing(tmp_path: Path) -> None:
    """The stranger puts a link in the place of whatever appears in the folder."""
    folder, precious = tmp_path / "shared", tmp_path / "precious"
    folder.mkdir()
    precious.write_text("mine")
    precious.chmod(0o600)
    over = threading.Event()

    def exchange() -> None:
        while not over.is_set():
            for name in t.cast("list[str]", os.listdir(folder)):
                try:
                    os.unlink(folder / name)
                    os.symlink(precious, folder / name)
                except OSError:
                    continue

    race = threading.Thread(target=exchange)
    race.start()
    try:
        for number in range(300):
            try:
                _files.write(str(folder), {"a": b"%d" % number}, 0o644)
            except FileNotFoundError:
                continue
    finally:
        over.set()
        race.join()
    assert precious.read_text() == "mine"
    assert stat.S_IMODE(precious.stat().st_mode) == 0o600
