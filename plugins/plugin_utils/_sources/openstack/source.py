# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenStack knows of a fleet: regions of clouds, each in a handful of requests."""

from __future__ import annotations

import typing as t

from ....module_utils._cloud.accelerators.declared import Declared
from ....module_utils._cloud.engine.clock import Clock
from ....module_utils._cloud.engine.errors import CloudError
from ....module_utils._cloud.services import sdk
from ....module_utils._cloud.services.session import Cloud
from ..._fleet.membership import Seen, nodes
from ..._fleet.readings import identified
from ..._fleet.types import Listing, Record, Server, Storage
from ..._fleet.values import is_number, shown
from ..base import Source, WrongOption
from ..failure import SourceError
from ..partial import MANY, or_nothing
from ..threads import Pool
from .clusters import read_clusters
from .declared import declared as read_declared
from .filters import NO_NAMES, Filters, Names, names_of
from .hardware import HardwareReader
from .servers import add_distros, read_servers

GIB = 2**30
TIMEOUT = 120
"""Seconds that a region may take."""


class Region(t.NamedTuple):
    """What was read of a region of a cloud.

    Attributes:
        name: Names of cloud and region, for people.
        nodes: Its nodes, those that are wanted.
        missing: What could not be read, with its cause.
        warnings: What else the user should know.
        failure: Why nothing could be read, where that is so.
        names: Names of what it holds, by the filter that takes them.
        no_flavors: Flavors that the user declares and that it does not have.
    """

    name: str
    nodes: list[Server]
    missing: list[str]
    warnings: list[str]
    failure: str | None = None
    names: Names = NO_NAMES
    no_flavors: t.Sequence[str] = ()


def read_regions(
    options: Record,
    clouds: list[str] | None,
    regions: list[str] | None,
    filters: Filters,
    declared: Declared | None = None,
) -> list[Region]:
    """Read regions of clouds side by side.

    Args:
        options: Values of the options of `session.ARGUMENT_SPEC`.
        clouds: Names of clouds, in place of the one that the options name.
        regions: Names of regions, or `["all"]` for those that a cloud has.
        filters: What is wanted.
        declared: Accelerators that the user declares, by name of flavor.

    Returns:
        What was read, in the order of clouds and regions; those that failed too.
    """
    each = [{**options, "cloud": name} for name in clouds or []] or [options]
    with Pool(MANY) as pool:
        listed = pool.map(lambda cloud: _regions(cloud, regions), each)
        places = [place for region in listed for place in region]
        return pool.map(
            lambda place: _read_region(place, filters, declared or {}), places
        )


def read(options: Record, timeout: float) -> Listing:
    """Read the nodes of a region, and its storage.

    Args:
        options: `cloud` and `region_name`, as openstacksdk knows them, and
            `flavor_accelerators`.
        timeout: Seconds that it may take.

    Raises:
        SourceError: Nova or Magnum did not answer.
    """
    warnings: list[str] = []
    names = ("cloud", "region_name")
    place = {name: options[name] for name in names if options.get(name)}
    try:
        cloud = Cloud(place, Clock(timeout), warnings.append, in_time=True)
        declared = read_declared(options.get("flavor_accelerators"))
        seen, no_flavors = look(cloud, Filters(), declared, warnings.append)
    except CloudError as error:
        raise SourceError(error.message) from error
    warnings += map(no_flavor, no_flavors)
    return Listing(
        servers=nodes(seen, options.get("cloud"), cloud.region or None),
        storage=_storage(cloud, warnings.append),
        warnings=tuple(warnings),
    )


def _storage(cloud: Cloud, warn: t.Callable[[str], None]) -> Storage | None:
    """Return the space of Cinder's pools, which take an administrator by default."""
    path = "/scheduler-stats/get_pools?detail=true"
    pools = or_nothing(lambda: cloud.cinder.get(path)["pools"], "storage pools", warn)
    return space(pools if isinstance(pools, list) else [], warn)


def space(pools: list[Record], warn: t.Callable[[str], None]) -> Storage | None:
    """Return the space of storage pools in all; None if no pool tells its own.

    Args:
        pools: As Cinder lists them with details.
        warn: Takes a warning for each pool that does not tell its space.
    """
    spaces = []
    for pool in pools:
        record = pool if isinstance(pool, dict) else {}
        known = record.get("capabilities")
        known = known if isinstance(known, dict) else {}
        total: t.Any = known.get("total_capacity_gb")
        free: t.Any = known.get("free_capacity_gb")
        if is_number(total) and is_number(free):
            spaces.append((total, total - free))
        else:
            name, sizes = record.get("name"), f"{shown(total)} GiB, {shown(free)}"
            warn(f"storage pool {shown(name)} has {sizes} of them free")
    if not spaces:
        return None
    total, used = (int(sum(each) * GIB) for each in zip(*spaces, strict=True))
    return {"total_bytes": total, "used_bytes": used}


def _regions(options: Record, regions: list[str] | None) -> list[Record]:
    """Return options for each region of a cloud."""
    names = regions or []
    if names == ["all"]:
        try:
            names = _of_clouds_yaml(options) or _cloud(options, []).regions()
        except CloudError:
            names = []  # to read it fails with the same, which is told then
    return [{**options, "region_name": name} for name in names] or [options]


def _of_clouds_yaml(options: Record) -> list[str]:
    """Return the regions that clouds.yaml lists for a cloud, where it lists any."""
    openstack = sdk.load()
    try:
        configs = openstack.config.loader.OpenStackConfig().get_all()
    except openstack.exceptions.ConfigException:
        return []  # of another cloud, maybe
    cloud = options.get("cloud")
    names = [config.region_name for config in configs if config.name == cloud]
    return [name for name in names if name] if len(names) > 1 else []


def _cloud(options: Record, warnings: list[str]) -> Cloud:
    return Cloud(options, Clock(TIMEOUT), warnings.append, in_time=True)


def _read_region(options: Record, filters: Filters, declared: Declared) -> Region:
    cloud_name = options["cloud"] if isinstance(options.get("cloud"), str) else None
    if cloud_name and cloud_name.lstrip().startswith("{"):
        cloud_name = None  # a configuration with its password, written as a text
    parts = [cloud_name, options.get("region_name")]
    name = " ".join(str(part) for part in parts if part) or "the cloud"
    missing: list[str] = []
    warnings: list[str] = []
    try:
        cloud = _cloud(options, warnings)
        seen, no_flavors = look(cloud, filters, declared, missing.append)
    except CloudError as error:
        return Region(name, [], missing, warnings, error.message)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # An endpoint can answer anything. Other regions are unaffected.
        reason = f"an answer is not understood: {type(error).__name__}: {error}"
        return Region(name, [], missing, warnings, f"{reason:.200}")
    found = nodes(seen, cloud_name, cloud.region or None)
    known = identified(found, missing.append)
    wanted = [node for node in known if filters.wanted(node)]
    return Region(
        name, wanted, missing, warnings, names=names_of(seen), no_flavors=no_flavors
    )


def look(
    cloud: Cloud,
    filters: Filters,
    declared: Declared,
    warn: t.Callable[[str], None],
) -> tuple[Seen, list[str]]:
    """Read servers, clusters and what joins them, side by side.

    Servers must be readable. What else can't be read is told, and missing.

    Args:
        cloud: The region; its project's servers are read.
        filters: What need not be read.
        declared: Accelerators that the user declares, by name of flavor.
        warn: Is told what could not be read, with its cause.

    Returns:
        What was seen, and the flavors that the user declares and that are not there.

    Raises:
        CloudError: Nova did not answer; or Magnum did not, where nothing is wanted but
            nodes of clusters.
    """
    cloud.keystone.sign_in()
    with Pool(MANY) as pool:
        flavors = pool.submit(or_nothing, cloud.nova.flavors, "flavors", warn)
        located = bool(filters.locations)
        clusters = pool.submit(read_clusters, cloud, warn, located)
        # What is wanted is known by its cluster: then servers are read after these.
        query = filters.query(clusters.result() if filters.of_clusters else None)
        hardware = HardwareReader(cloud, flavors.result(), declared, warn)
        servers = []
        if query is not None:
            servers = read_servers(cloud, query, hardware, warn)
        try:
            seen = clusters.result()
        except CloudError as error:
            warn(f"clusters are not known: {error.message}")
            seen = Seen([], [], [], f"its cluster is not known: {error.message}")
    add_distros(cloud, servers, warn)
    seen = seen._replace(servers=[each.server for each in servers])
    return seen, hardware.missing()


def no_flavor(name: str) -> str:
    """Return the warning for a flavor that the user declares and that is not there."""
    return (
        f"flavor_accelerators: there is no flavor {shown(name)} that these credentials "
        "can see; correct the name or leave it out"
    )


def _wrong(options: Record) -> str | None:
    try:
        read_declared(options.get("flavor_accelerators"))
    except WrongOption as error:
        return f".{error}"
    return None


SOURCE = Source(
    type="openstack",
    options={
        "cloud": {"type": "str"},
        "region_name": {"type": "str"},
        "flavor_accelerators": {"type": "dict"},
    },
    read=read,
    check=_wrong,
)
