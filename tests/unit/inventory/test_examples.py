# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that people begin with, as they stand, over a recorded cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.recorded.server import Cloud

INVENTORIES = Path(__file__).parents[3] / "inventories"
CLOUDS = ("mycloud", "mycloud2", "devstack")  # AWX calls its cloud devstack
SERVERS = 5


@pytest.mark.parametrize(
    ("name", "group", "count"),
    [
        ("mycloud.gpu_nodes.yml", "gpu_nodes", SERVERS - 2),
        ("awx.gpu_nodes.yml", "gpu_unknown", SERVERS - 2),
        # All clouds are the recorded one, with the same servers.
        ("regions.gpu_nodes.yml", "region_RegionOne", SERVERS - 2),
        ("static.yml", "gpu_nodes", 12),
        ("gpu_pods.yml", "gpu_pods", 0),
    ],
)
def test_inventory(tmp_path: Path, name: str, group: str, count: int) -> None:
    clouds = [Cloud(servers=SERVERS, clusters=2) for _name in CLOUDS]
    told = {
        name: {**cloud.config, "region_name": "RegionOne"}
        for name, cloud in zip(CLOUDS, clouds, strict=True)
    }
    file = tmp_path / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": told}))
    try:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-inventory",
                *("-i", INVENTORIES / name, "--list"),
            ],
            check=False,
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "HOME": str(tmp_path),
                "ANSIBLE_HOME": str(tmp_path),
                "OS_CLIENT_CONFIG_FILE": str(file),
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            },
        )
    finally:
        for cloud in clouds:
            cloud.close()
    # What this cloud and this machine lack is warned of: floating addresses, for one.
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout).get(group, {}).get("hosts", [])) == count


def test_each_is_tried() -> None:
    [tried] = [mark for mark in test_inventory.pytestmark if mark.name == "parametrize"]
    assert {file.name for file in INVENTORIES.iterdir()} == {
        name for name, *_rest in tried.args[1]
    }
