# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system of servers, by their image or the volume that they boot from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    NoEndpoint,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack.hardware import (
    HardwareReader,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack.servers import (
    Booted,
    add_distros,
    read_servers,
)

Record = dict[str, Any]


class Cloud:
    """A cloud with one server, an image and volumes."""

    def __init__(self, server: Record, volumes: object) -> None:
        self.asked: list[str] = []
        self._volumes = volumes
        flavor = {"original_name": "gpu", "extra_specs": {}}
        raw = {"id": "s", "name": "node", "flavor": flavor, **server}
        self.nova = SimpleNamespace(server_pages=lambda _query: [[raw]])
        self.glance = SimpleNamespace(list=self._images)
        self.cinder = SimpleNamespace(list=self._list)

    def _images(self, *_arguments: Any) -> list[Record]:
        self.asked.append("images")
        return [{"id": "image", "os_distro": "fedora-coreos"}]

    def _list(self, path: str, _key: str, query: Record) -> Any:
        self.asked.append(f"{path} {query}")
        if isinstance(self._volumes, Exception):
            raise self._volumes
        return self._volumes


def read(cloud: Any, warnings: list[str]) -> list[Booted]:
    hardware = HardwareReader(cloud, [], {}, warnings.append)
    return read_servers(cloud, {}, hardware, warnings.append)


ATTACHED = "os-extended-volumes:volumes_attached"


def boots(*volumes: str) -> Record:
    return {"image": "", ATTACHED: [{"id": ident} for ident in volumes]}


def volume(ident: str, distro: object) -> Record:
    return {"id": ident, "volume_image_metadata": {"os_distro": distro}}


UBUNTU, ROCKY = volume("u", "ubuntu"), volume("r", "rocky")


@pytest.mark.parametrize(
    ("server", "volumes", "distro"),
    [
        ({"image": {"id": "image"}}, [], "fedora-coreos"),
        (
            {"image": {"id": "image"}, ATTACHED: [{"id": "u"}]},
            [UBUNTU],
            "fedora-coreos",
        ),
        ({"image": {"id": "other"}}, [], None),
        (boots("u"), [UBUNTU, ROCKY], "ubuntu"),
        (boots("u", "data"), [UBUNTU, ROCKY], "ubuntu"),
        # Which of the two it boots from is not told.
        (boots("u", "r"), [UBUNTU, ROCKY], None),
        (boots("u", "v"), [UBUNTU, volume("v", "ubuntu")], "ubuntu"),
        (boots("gone"), [UBUNTU], None),
        (boots("x"), [{"id": "x"}], None),
        (boots("x"), [{"id": "x", "volume_image_metadata": None}], None),
        (boots("x"), [volume("x", ["ubuntu"])], None),
        (boots(), [UBUNTU], None),
        ({"image": "", ATTACHED: None}, [UBUNTU], None),
    ],
)
def test_the_distribution(server: Record, volumes: object, distro: str | None) -> None:
    warnings: list[str] = []
    cloud: Any = Cloud(server, volumes)
    [booted] = servers = read(cloud, warnings)
    add_distros(cloud, servers, warnings.append)
    assert booted.server["os_distro"] == distro
    assert warnings == []
    # Volumes are listed only where a server boots from one.
    listed = "/volumes/detail {'bootable': 'true'}" in cloud.asked
    assert listed == bool(booted.volumes and not booted.image)


def test_volumes_that_cannot_be_read() -> None:
    warnings: list[str] = []
    cloud: Any = Cloud(boots("u"), NoEndpoint("no Cinder"))
    [booted] = servers = read(cloud, warnings)
    add_distros(cloud, servers, warnings.append)
    assert booted.server["os_distro"] is None
    assert warnings == ["volumes are not known: no Cinder"]
