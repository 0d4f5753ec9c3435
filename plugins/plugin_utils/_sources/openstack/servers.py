# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as Nova knows them, in the shape of the fleet."""

from __future__ import annotations

import typing as t
from functools import partial

from ....module_utils._cloud.services.session import Cloud
from ..._fleet.membership import CloudServer
from ..._fleet.types import Address, Hardware, Record
from ..._fleet.values import is_text
from ..partial import guarded, or_nothing, text, with_texts
from .hardware import HardwareReader

_IMAGES = 50
"""Images asked for at a time: so many ids fit into a URL."""


class Booted(t.NamedTuple):
    """A server, and what it was made from.

    Attributes:
        server: The server.
        image: Id of its image, None if it boots from a volume.
        volumes: Ids of the volumes attached to it.
    """

    server: CloudServer
    image: str | None
    volumes: list[str]


def read_servers(
    cloud: Cloud,
    query: Record,
    hardware: HardwareReader,
    warn: t.Callable[[str], None],
) -> list[Booted]:
    """Read servers, without what their images say of the operating system.

    A record that can't be a server's is left out.

    Args:
        cloud: The region; its project's servers are read.
        query: What Nova leaves out.
        hardware: Reads what their flavors declare.
        warn: Takes a warning for each record that is left out.

    Raises:
        CloudError: Nova did not answer.
    """

    def booted(raw: Record) -> Booted:
        image = raw.get("image")  # of a server on a volume it is an empty text
        ident = image.get("id") if _is_dict(image) else None
        image_id = ident if is_text(ident) else None
        return Booted(
            _server(raw, hardware.of(raw["flavor"])), image_id, list(_volumes(raw))
        )

    read = guarded(booted, "server", warn, name=_name)
    pages = cloud.nova.server_pages(query)
    return [server for page in pages for server in map(read, page) if server]


def _server(raw: Record, hardware: Hardware) -> CloudServer:
    return {
        "id": text(raw["id"]),
        "name": raw.get("name"),
        "status": raw.get("status"),
        "hardware": hardware,
        "addresses": list(_addresses(raw.get("addresses"))),
        "availability_zone": raw.get("OS-EXT-AZ:availability_zone") or None,
        "created_at": raw.get("created"),
        "project_id": raw.get("tenant_id"),
        "os_distro": None,
    }


def _volumes(raw: Record) -> t.Iterator[str]:
    """Yield the ids of the volumes attached to a server."""
    attached = raw.get("os-extended-volumes:volumes_attached")
    for volume in attached if isinstance(attached, list) else ():
        if _is_dict(volume) and is_text(volume.get("id")):
            yield volume["id"]


def _addresses(networks: object) -> t.Iterator[Address]:
    """Yield the addresses of a server; what is of another shape is none."""
    for network, ports in sorted(networks.items() if _is_dict(networks) else ()):
        for port in ports if isinstance(ports, list) else ():
            if _is_dict(port) and is_text(port.get("addr")):
                yield {
                    "network": network,
                    "address": port["addr"],
                    "version": port.get("version"),
                    "floating": port.get("OS-EXT-IPS:type") == "floating",
                }


def _name(raw: object) -> object:
    return raw.get("name") if _is_dict(raw) else raw


def _is_dict(value: object) -> t.TypeGuard[Record]:
    return isinstance(value, dict)


def add_distros(
    cloud: Cloud, servers: list[Booted], warn: t.Callable[[str], None]
) -> None:
    """Add what images say of the operating system, or the volumes made from them."""
    images = _distros_of_images(cloud, servers, warn)
    bootable: dict[str, str] = {}
    if any(each.volumes and not each.image for each in servers):
        bootable = _distros_of_volumes(cloud, warn)
    for each in servers:
        if each.image:
            each.server["os_distro"] = images.get(each.image)
        else:
            # Nova does not tell which volume a server boots from.
            found = {bootable[ident] for ident in each.volumes if ident in bootable}
            each.server["os_distro"] = found.pop() if len(found) == 1 else None


def _distros_of_images(
    cloud: Cloud, servers: list[Booted], warn: t.Callable[[str], None]
) -> dict[str, str]:
    """Return the property `os_distro` of the images of servers, by id."""
    wanted = sorted({each.image for each in servers if each.image})
    images: list[Record] = []
    for start in range(0, len(wanted), _IMAGES):
        query = {"id": f"in:{','.join(wanted[start : start + _IMAGES])}"}
        read = partial(cloud.glance.list, "/images", "images", query)
        images += or_nothing(read, "images", warn)
    known = with_texts(images, "id", "os_distro")
    return {image["id"]: image["os_distro"] for image in known}


def _distros_of_volumes(cloud: Cloud, warn: t.Callable[[str], None]) -> dict[str, str]:
    """Return what bootable volumes keep of the `os_distro` of their image, by id."""
    query = {"bootable": "true"}
    read = partial(cloud.cinder.list, "/volumes/detail", "volumes", query)
    distros: dict[str, str] = {}
    for volume in with_texts(or_nothing(read, "volumes", warn), "id"):
        metadata = volume.get("volume_image_metadata")
        distro = metadata.get("os_distro") if _is_dict(metadata) else None
        if distro is not None and is_text(distro):
            distros[volume["id"]] = distro
    return distros
