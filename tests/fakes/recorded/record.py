# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes cloud.json, what the bed answers to inventories: make record-cloud.

A cluster is made on the bed, and ours and openstack.cloud's inventory list it through
a proxy that keeps all answers. Addresses of services become `@port@`.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

from beds.openstack import projects
from integration.cloud_site import Site
from integration.inventory import PEER, Inventory

FILE = Path(__file__).parent / "cloud.json"


def main(peer_python: str) -> None:
    """Record, and remove what was made.

    Args:
        peer_python: Python of an environment that has openstack.cloud.
    """
    admin = projects.admin_connection()
    project = projects.create_project(admin, f"record-{secrets.token_hex(3)}")
    with tempfile.TemporaryDirectory() as folder:
        site = Site(project, admin, Path(folder))
        try:
            _make(site)
            answers = _answers(site, Path(folder), peer_python)
        finally:
            site.close()
            projects.delete_project(admin, project)
            site.remove_hardware()
    FILE.write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")


def _make(site: Site) -> None:
    name = site.name("mi300x")
    accelerators = [{"vendor": "amd", "model": "MI300X", "count": 1}]
    size = {"vcpus": 2, "ram_mib": 2048, "disk_gib": 20, "power_watts": 900}
    made = site.admin("hardware", name=name, accelerators=accelerators, **size)
    assert made["action"] == "create"
    where = site.member("location", name="here", cidr="10.66.0.0/24")
    assert where["action"] == "create"
    cluster = {"name": "recorded", "template": site.template(name), "location": "here"}
    assert site.member("gpu_cluster", **cluster, node_count=1)["action"] == "create"


def _answers(site: Site, folder: Path, peer_python: str) -> dict[str, Any]:
    """Bodies by `"METHOD URL VERSION"`, the version that of the service's API."""
    kept: dict[str, Any] = {}

    def keep(request: str, status: int, content: bytes) -> None:
        if status < 400:
            kept[_neutral(request).strip()] = json.loads(_neutral(content.decode()))

    recorder = site.member.recorder
    recorder.keep = keep
    environment = {**site.member.environment, **site.member.proxy}
    ours = Inventory(folder, environment, cloud=site.member.cloud)
    assert ours.listing().hosts
    clouds = [site.member.cloud]
    theirs = Inventory(folder, environment, PEER, peer_python, only_clouds=clouds)
    assert theirs.listing().hosts
    return kept


def _neutral(text: str) -> str:
    """Text without the address that this bed happens to have."""
    return re.sub(r"127\.0\.0\.1:(\d+)", r"@\1@", text)


if __name__ == "__main__":
    main(sys.argv[1])
