# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as Nova knows them, in the shape of the fleet."""

from __future__ import annotations

import json
import typing as t
from functools import partial

from ..cloud import extra_specs, flavor
from ..cloud.session import Cloud
from ..fleet.model import Record
from .partial import or_nothing

_IMAGES = 50
"""Images asked for at a time: so many ids fit into a URL."""


def read_servers(cloud: Cloud, query: Record, flavors: list[Record]) -> list[Record]:
    """Read servers.

    Args:
        cloud: The region; its project's servers are read.
        query: What Nova leaves out.
        flavors: All flavors, for today's prices.

    Returns:
        Servers as C(model.Seen) has them, with the id of their C(image) in place of
        C(os_distro).

    Raises:
        CloudError: Nova did not answer.
    """
    known = {one["name"]: one for one in flavors}
    hardware: dict[str, Record] = {}
    found = []
    for page in cloud.nova.server_pages(query):
        for raw in page:
            # Thousands of servers share a flavor: it is read and kept once.
            key = json.dumps(raw["flavor"], sort_keys=True)
            if key not in hardware:
                hardware[key] = _hardware(raw["flavor"], known)
            found.append(_server(raw, hardware[key]))
    return found


def _server(raw: Record, hardware: Record) -> Record:
    return {
        "id": raw["id"],
        "name": raw["name"],
        "status": raw["status"],
        "hardware": hardware,
        "addresses": [
            {
                "network": network,
                "address": port["addr"],
                "version": port["version"],
                "floating": port.get("OS-EXT-IPS:type") == "floating",
            }
            for network, ports in sorted(raw["addresses"].items())
            for port in ports
        ],
        "availability_zone": raw.get("OS-EXT-AZ:availability_zone") or None,
        "created_at": raw.get("created"),
        "project_id": raw.get("tenant_id"),
        "image": (raw.get("image") or {}).get("id"),
    }


def _hardware(embedded: Record, flavors: dict[str, Record]) -> Record:
    """Hardware of a server: its accelerators as it booted, its prices as they are."""
    name = embedded.get("original_name")
    specs = embedded.get("extra_specs") or {}
    current = (flavors.get(str(name)) or {}).get("extra_specs") or {}
    booted, now = extra_specs.decode(specs), extra_specs.decode(current)
    return {
        "name": name,
        "accelerators": flavor.accelerators(specs) or flavor.accelerators(current),
        "vcpus": embedded.get("vcpus"),
        "ram_mib": embedded.get("ram"),
        "power_watts": _either(now.power_watts, booted.power_watts),
        "hourly_cost": _either(now.hourly_cost, booted.hourly_cost),
    }


def _either(now: float | None, booted: float | None) -> float | None:
    return booted if now is None else now


def add_distros(
    cloud: Cloud, servers: list[Record], warn: t.Callable[[str], None]
) -> None:
    """Put what images say of their operating system in place of their ids."""
    wanted = sorted({one["image"] for one in servers} - {None})
    found: list[Record] = []
    for start in range(0, len(wanted), _IMAGES):
        query = {"id": f"in:{','.join(wanted[start : start + _IMAGES])}"}
        read = partial(cloud.glance.list, "/images", "images", query)
        found += or_nothing(read, "images", warn)
    distros = {one["id"]: one.get("os_distro") for one in found}
    for server in servers:
        server["os_distro"] = distros.get(server.pop("image"))
