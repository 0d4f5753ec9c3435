# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an empty project to one that a cluster can be built in."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integration.cloud_site import Site
from integration.runner import Runner

ROOT = Path(__file__).parents[2]


def qcow2(size: int) -> bytes:
    """An empty image of so many bytes, as Glance's look at its header wants it."""
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII",
        *(b"QFI\xfb", 3),  # the magic word, and the version
        *(0, 0),  # no backing file
        *(16, size),  # clusters of 64 KiB
        0,  # not encrypted
        *(1, 0x10000, 0x20000, 1),  # tables: one entry each
        *(0, 0),  # no snapshots
        *(0, 0, 0),  # no features
        *(4, 104),  # counters of 16 bits, and how long the header is
    )
    return header.ljust(0x30000, b"\0")


def test_bootstrap(site: Site, tmp_path: Path) -> None:
    image, key = tmp_path / "tiny.qcow2", tmp_path / "key.pub"
    image.write_bytes(qcow2(2**20))
    public = Ed25519PrivateKey.generate().public_key()
    key.write_bytes(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    clouds = {"OS_CLIENT_CONFIG_FILE": str(site.project.clouds)}
    # Has PyPI's ansible, and with it openstack.cloud.
    python = os.environ.get("PEER_PYTHON", "")
    peer = Runner(clouds, site.project.cloud, tmp_path / "peer", python)
    name = site.name("tiny")
    variables = {
        "admin_cloud": "bed-admin",
        "bootstrap_image": name,
        "bootstrap_image_file": str(image),
        "bootstrap_keypair": "own",
        "bootstrap_public_key": str(key),
        "bootstrap_project": site.project.name,
        "bootstrap_quota": {"instances": 7, "network": 3},
    }
    try:
        peer.playbook(ROOT / "playbooks/bootstrap.yml", **variables)
        assert f"OK       image        {name}" in peer.output
        assert "os_distro is fedora-coreos" in peer.output
        assert "0 needed, 7 free" in peer.output
        peer.playbook(ROOT / "playbooks/bootstrap.yml", **variables)
        assert "changed=0" in peer.output
    finally:
        peer.close()
        for found in site.as_member.image.images(name=name):
            site.as_member.image.delete_image(found)
        site.as_member.delete_keypair("own")
