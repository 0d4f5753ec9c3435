# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder makes of the collection; no image is built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BUILDER = Path(sys.executable).parent / "ansible-builder"


def test_it_creates_what_an_image_is_built_from(tmp_path: Path) -> None:
    definition = ROOT / "execution-environment.yml"
    subprocess.run(
        [
            *(BUILDER, "create", "-f", definition, "-c", tmp_path),
            *("--output-filename", "Containerfile"),
        ],
        check=True,
        capture_output=True,
    )
    image = (tmp_path / "Containerfile").read_text()
    assert "ansible-core>=2.16" in image
    galaxy = yaml.safe_load((tmp_path / "_build" / "requirements.yml").read_text())
    names = [one["name"] for one in galaxy["collections"]]
    assert "gpufleet.openstack" in names


def test_it_finds_what_the_collection_needs(tmp_path: Path) -> None:
    folder = tmp_path / "ansible_collections" / "gpufleet"
    folder.mkdir(parents=True)
    (folder / "openstack").symlink_to(ROOT)
    told = subprocess.run(
        [BUILDER, "introspect", tmp_path], check=True, capture_output=True, text=True
    )
    # Each line ends with a comment that names the collection.
    found = {
        kind: [line.split("  #")[0] for line in lines]
        for kind, lines in yaml.safe_load(told.stdout).items()
    }
    assert found == {
        "python": ["openstacksdk>=4.12", "cryptography", "kubernetes>=24.2"],
        "system": ["openssh-clients [platform:rpm]", "openssh-client [platform:dpkg]"],
    }
