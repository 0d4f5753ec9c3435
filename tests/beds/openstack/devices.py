# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which physical devices a server has.

A device sits in a place of a compute host. A server gets free places there when it
starts, and whoever comes next gets the same devices: also a broken one.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .hardware import KUBERNETES

PLACES = "devices.json"
_NAMESPACE = uuid.UUID("6f2c5a0e-6d1b-4a53-9d0e-5f6a0c1d2e3f")

# Place: host, resource class and number, such as "a100-1/CUSTOM_GPU_A100/0"; who has it.
Places = dict[str, str]


@dataclass(frozen=True)
class Device:
    """A physical device.

    Attributes:
        place: Where it sits.
        resource_class: Its class in Placement.
        uuid: Its own, as its driver writes it; the same as long as it sits there.
        serial: Its serial number, likewise.
    """

    place: str
    resource_class: str
    uuid: str
    serial: str


def device(place: str) -> Device:
    """Return the device that sits in a place.

    Args:
        place: As in `Device`.
    """
    own = uuid.uuid5(_NAMESPACE, place)
    resource_class = place.split("/")[1]
    vendor = KUBERNETES.get(resource_class, "").partition(".")[0]
    written = {"nvidia": f"GPU-{own}", "amd": f"GPU-{own.hex[:16]}"}
    serial = str(own.int % 10**13).zfill(13)
    return Device(place, resource_class, written.get(vendor, str(own)), serial)


def classes_of(extra_specs: Mapping[str, str]) -> dict[str, int]:
    """Return how many devices of each resource class a flavor has.

    Args:
        extra_specs: Its extra specs.
    """
    return {
        key.partition(":")[2]: int(value)
        for key, value in extra_specs.items()
        if key.startswith("resources:CUSTOM_")
    }


def devices_of(data: Path, server_id: str) -> list[Device]:
    """Return the devices of a server.

    Args:
        data: The bed's folder ``data``.
        server_id: Its id in Nova.
    """
    return [device(place) for place, owner in _read(data).items() if owner == server_id]


def plug(
    data: Path, server_id: str, host: str, wanted: Mapping[str, int]
) -> list[Device]:
    """Give a server its devices, unless it has them.

    Args:
        data: The bed's folder ``data``.
        server_id: Its id in Nova.
        host: Its compute host.
        wanted: How many it has of each resource class.

    Returns:
        Its devices.
    """
    with _changed(data) as places:
        for resource_class, number in wanted.items():
            prefix = f"{host}/{resource_class}/"
            mine = [
                place
                for place, owner in places.items()
                if owner == server_id and place.startswith(prefix)
            ]
            free = (
                place
                for place in (f"{prefix}{index}" for index in range(1000))
                if place not in places
            )
            for _missing in range(number - len(mine)):
                places[next(free)] = server_id
    return devices_of(data, server_id)


def unplug(data: Path, there: Collection[str]) -> None:
    """Free the places of servers that are gone.

    Args:
        data: The bed's folder ``data``.
        there: Ids of the servers that are not gone.
    """
    if all(owner in there for owner in _read(data).values()):
        return
    with _changed(data) as places:
        for place in [place for place, owner in places.items() if owner not in there]:
            del places[place]


def _read(data: Path) -> Places:
    path = data / PLACES
    return dict(sorted(json.loads(path.read_text()).items())) if path.exists() else {}


@contextmanager
def _changed(data: Path) -> Iterator[Places]:
    """Read the places, and write them when they have been changed."""
    with open(data / f"{PLACES}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        places = _read(data)
        yield places
        new = data / f".{PLACES}.{os.getpid()}"
        new.write_text(json.dumps(places, indent=2))
        new.replace(data / PLACES)
