# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenStack knows of a fleet: regions of clouds, each in a handful of requests."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ..cloud.clock import Clock
from ..cloud.errors import CloudError
from ..cloud.session import Cloud
from ..fleet.join import Listing
from ..fleet.model import Record, Seen, nodes
from .clusters import read_clusters
from .failure import SourceError
from .filters import Filters
from .partial import MANY, or_nothing
from .servers import add_distros, read_servers

GIB = 2**30
TIMEOUT = 120
"""Seconds that the retries of a region may take."""


class Region(t.NamedTuple):
    """What was read of a region of a cloud.

    Attributes:
        name: Names of cloud and region, for people.
        nodes: Its nodes, those that are wanted.
        missing: What could not be read, with its cause.
        warnings: What else the user should know.
        failure: Why nothing could be read, where that is so.
    """

    name: str
    nodes: list[Record]
    missing: list[str]
    warnings: list[str]
    failure: str | None = None


def read_regions(
    options: Record,
    clouds: list[str] | None,
    regions: list[str] | None,
    filters: Filters,
) -> list[Region]:
    """Read regions of clouds side by side.

    Args:
        options: Values of the options of C(session.ARGUMENT_SPEC).
        clouds: Names of clouds, in place of the one that the options name.
        regions: Names of regions, or C(["all"]) for those that a cloud has.
        filters: What is wanted.

    Returns:
        What was read, in the order of clouds and regions; those that failed too.
    """
    each = [{**options, "cloud": name} for name in clouds or []] or [options]
    with ThreadPoolExecutor(MANY) as pool:
        listed = list(pool.map(lambda one: _regions(one, regions), each))
        places = [place for found in listed for place in found]
        return list(pool.map(lambda place: _read_region(place, filters), places))


def read(options: Record, timeout: float) -> Listing:
    """Read the nodes of a region, and its storage.

    Args:
        options: C(cloud) and C(region_name), as openstacksdk knows them.
        timeout: Seconds that retries may take.

    Raises:
        SourceError: Nova or Magnum did not answer.
    """
    warnings: list[str] = []
    names = ("cloud", "region_name")
    told = {name: options[name] for name in names if options.get(name)}
    try:
        cloud = Cloud(told, Clock(timeout), warnings.append)
        seen = look(cloud, Filters(), warnings.append)
    except CloudError as error:
        raise SourceError(error.message) from error
    where = {"cloud": options.get("cloud"), "region": cloud.region or None}
    found = [{**node, **where} for node in nodes(seen)]
    return Listing(found, _storage(cloud, warnings.append), tuple(warnings))


def _storage(cloud: Cloud, warn: t.Callable[[str], None]) -> Record | None:
    """Space of Cinder's pools, which administrators alone may see by default."""
    path = "/scheduler-stats/get_pools?detail=true"
    pools = or_nothing(lambda: cloud.cinder.get(path)["pools"], "storage pools", warn)
    return space(pools, warn)


def space(pools: list[Record], warn: t.Callable[[str], None]) -> Record | None:
    """Space of storage pools in all; None where none tells it.

    Args:
        pools: As Cinder lists them with details.
        warn: Is told of pools that do not tell theirs.
    """
    told = []
    for pool in pools:
        found = pool.get("capabilities") or {}
        total, free = found.get("total_capacity_gb"), found.get("free_capacity_gb")
        if isinstance(total, (int, float)) and isinstance(free, (int, float)):
            told.append((total, total - free))
        else:
            warn(
                f"storage pool {pool.get('name')} has {total} GiB, {free} of them free"
            )
    if not told:
        return None
    total, used = (int(sum(each) * GIB) for each in zip(*told))
    return {"total_bytes": total, "used_bytes": used}


def _regions(options: Record, regions: list[str] | None) -> list[Record]:
    """Options for each region of a cloud."""
    names = regions or []
    if names == ["all"]:
        try:
            names = _of_clouds_yaml(options) or _cloud(options, []).regions()
        except CloudError:
            names = []  # to read it fails with the same, which is told then
    return [{**options, "region_name": name} for name in names] or [options]


def _of_clouds_yaml(options: Record) -> list[str]:
    """The regions that clouds.yaml lists for a cloud, where it lists any."""
    from openstack import exceptions
    from openstack.config import loader

    try:
        found = loader.OpenStackConfig().get_all()
    except exceptions.ConfigException:
        return []  # of another cloud, maybe
    names = [one.region_name for one in found if one.name == options.get("cloud")]
    return [name for name in names if name] if len(names) > 1 else []


def _cloud(options: Record, warnings: list[str]) -> Cloud:
    return Cloud(options, Clock(TIMEOUT), warnings.append)


def _read_region(options: Record, filters: Filters) -> Region:
    cloud_name = options["cloud"] if isinstance(options.get("cloud"), str) else None
    told = [cloud_name, options.get("region_name")]
    name = " ".join(str(part) for part in told if part) or "the cloud"
    missing: list[str] = []
    warnings: list[str] = []
    try:
        cloud = _cloud(options, warnings)
        seen = look(cloud, filters, missing.append)
    except CloudError as error:
        return Region(name, [], missing, warnings, error.message)
    where = {"cloud": cloud_name, "region": cloud.region or None}
    found = [{**node, **where} for node in nodes(seen) if filters.wanted(node)]
    return Region(name, found, missing, warnings)


def look(cloud: Cloud, filters: Filters, warn: t.Callable[[str], None]) -> Seen:
    """Read servers, clusters and what joins them, side by side.

    Servers must be readable. What else can't be read is told, and missing.

    Args:
        cloud: The region; its project's servers are read.
        filters: What need not be read.
        warn: Is told what could not be read, with its cause.

    Raises:
        CloudError: Nova did not answer; or Magnum did not, where nothing is wanted but
            nodes of clusters.
    """
    cloud.keystone.sign_in()
    with ThreadPoolExecutor(MANY) as pool:
        flavors = pool.submit(or_nothing, cloud.nova.flavors, "flavors", warn)
        clusters = pool.submit(read_clusters, cloud, warn)
        # What is wanted is known by its cluster: then servers are read after these.
        query = filters.query(clusters.result() if filters.of_clusters else None)
        hardware = flavors.result()
        servers = [] if query is None else read_servers(cloud, query, hardware)
        try:
            seen = clusters.result()
        except CloudError as error:
            warn(f"clusters are not known: {error.message}")
            seen = Seen([], [], [], f"its cluster is not known: {error.message}")
    add_distros(cloud, servers, warn)
    return seen._replace(servers=servers)
