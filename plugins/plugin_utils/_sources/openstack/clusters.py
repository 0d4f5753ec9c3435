# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as Magnum and Heat know them, in the shape of the fleet."""

from __future__ import annotations

import re
import typing as t
from functools import partial

from ....module_utils._cloud.engine.errors import CloudError, NoEndpoint, NotFound
from ....module_utils._cloud.services import drivers
from ....module_utils._cloud.services.exact import is_uuid
from ....module_utils._cloud.services.places import MARK, Place
from ....module_utils._cloud.services.session import Cloud
from ..._fleet.membership import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    MASTER,
    WORKER,
    CloudCluster,
    NodeGroup,
    Seen,
)
from ..._fleet.types import Record
from ..._fleet.values import is_text
from ..partial import MANY, guarded, or_nothing, with_texts
from ..threads import Pool


def read_clusters(
    cloud: Cloud, warn: t.Callable[[str], None], needs_locations: bool = False
) -> Seen:
    """Read clusters with their node groups, and the locations that hold them.

    Args:
        cloud: The region.
        warn: Takes a warning for what could not be read.
        needs_locations: Whether a region without Heat, which keeps locations, is worth
            a warning.

    Returns:
        What was seen, without servers.

    Raises:
        CloudError: Magnum did not answer.
    """
    with Pool(MANY) as pool:
        what = "locations and Heat stacks"
        read_stacks = partial(_stacks, cloud, needs_locations)
        stacks = pool.submit(or_nothing, read_stacks, what, warn)
        raws = with_texts(cloud.magnum.clusters(), "uuid", "name")
        known = with_texts(stacks.result(), "id", "stack_name")
        names = {stack["id"]: stack["stack_name"] for stack in known}
        others = set(names.values()) - {names.get(str(_stack_id(raw))) for raw in raws}
        more = [raw for raw in raws if _has_more_groups(raw, names, others)]
        read_groups = guarded(
            lambda raw: _groups(cloud, raw, names, warn), "node groups of cluster", warn
        )
        groups = pool.map(read_groups, more)
    networks: list[Record] = []
    if any(_stack_id(raw) not in names and not _named_by(raw) for raw in raws):
        # Nothing names their servers: they are found by network and address, and
        # Nova tells networks by name.
        read = partial(cloud.neutron.list, "/networks", "networks")
        networks = or_nothing(read, "networks", warn)
    known_networks = with_texts(networks, "id", "name")
    by_id = {network["id"]: network["name"] for network in known_networks}
    marked = [stack for stack in known if MARK in _listed(stack.get("tags"))]
    place_of = guarded(Place.of, "location", warn, name=lambda raw: raw["stack_name"])
    places = [place for place in map(place_of, marked) if place]
    own = {raw["uuid"]: each for raw, each in zip(more, groups, strict=True)}
    read_cluster = guarded(
        lambda raw: _cluster(raw, names, places, by_id, own.get(raw["uuid"])),
        "cluster",
        warn,
    )
    clusters = [cluster for cluster in map(read_cluster, raws) if cluster]
    return Seen([], clusters, [group for each in groups for group in each or ()])


def _stacks(cloud: Cloud, needed: bool) -> list[Record]:
    """Return all stacks; none in a region without Heat, unless they are needed."""
    try:
        return cloud.heat.all_stacks()
    except NoEndpoint:
        if needed:
            raise
        return []


def _cluster(
    raw: Record,
    names: dict[str, str],
    places: list[Place],
    networks: dict[str, str],
    groups: list[NodeGroup] | None,
) -> CloudCluster:
    network = raw.get("fixed_network")
    return {
        "id": raw["uuid"],
        "name": raw["name"],
        "status": raw["status"],
        "health_status": raw.get("health_status"),
        "stack": names.get(str(_stack_id(raw))),
        "prefixes": _prefixes(raw, groups),
        # Magnum keeps what it was given, a name or an id.
        "networks": [networks.get(str(network), str(network))] if network else [],
        "workers": _listed(raw.get("node_addresses")),
        "masters": _listed(raw.get("master_addresses")),
        "location": next((place.name for place in places if place.holds(raw)), None),
    }


def _listed(value: object) -> list[str]:
    """Return the names or addresses of a list; nothing of what is no list."""
    return (
        [entry for entry in value if is_text(entry)] if isinstance(value, list) else []
    )


def _stack_id(raw: Record) -> str | None:
    """Return the id of a cluster's or group's stack, which 1.13 has renamed."""
    ident = raw.get("stack_id") or raw.get("cluster_id")
    return ident if is_text(ident) else None


def _named_by(raw: Record) -> str | None:
    """Return what the names of a cluster's servers begin with, with Cluster API.

    What is no id of a Heat stack is that.
    """
    ident = _stack_id(raw)
    return None if not ident or is_uuid(ident) else ident


def _prefixes(raw: Record, groups: list[NodeGroup] | None) -> list[tuple[str, str]]:
    """Return how the names of servers begin, with the node group that this means.

    Args:
        raw: The cluster.
        groups: Its node groups beside the default ones, None if they are not known.
    """
    ident = _named_by(raw)
    if not ident:
        return []
    names = [DEFAULT_WORKER, *(group["name"] for group in groups or ())]
    # What is of no group is a master. That can be told only if all groups are known.
    masters = "control-plane" if groups is None else drivers.MASTERS
    return [
        (drivers.prefix(ident, masters), DEFAULT_MASTER),
        *((drivers.prefix(ident, name), name) for name in names),
    ]


def _has_more_groups(raw: Record, names: dict[str, str], others: set[str]) -> bool:
    """Return whether a cluster may have node groups beside the default ones.

    Magnum's Heat driver makes a stack of each, named after the cluster and the first
    letters of the group: that there is one can be seen, and not how it is called.

    Args:
        raw: The cluster.
        names: Names of all stacks by id.
        others: Names of the stacks that are no cluster's own.
    """
    if _stack_id(raw) not in names:
        return True
    start = re.sub(r"[^a-z0-9-]", "", re.sub(r"[_.]", "-", raw["name"][:20].lower()))
    return any(other.startswith(f"{start}-") for other in others)


def _groups(
    cloud: Cloud, raw: Record, names: dict[str, str], warn: t.Callable[[str], None]
) -> list[NodeGroup] | None:
    """Return the node groups of a cluster beside the default ones; None if unknown."""
    cluster = raw["uuid"]
    groups: list[NodeGroup] = []
    try:
        for group in with_texts(cloud.magnum.node_groups(cluster), "uuid", "name"):
            if group.get("is_default"):
                continue
            stack = names.get(str(_stack_id(group)))
            named = stack or _named_by(raw)
            whole = group if named else cloud.magnum.node_group(cluster, group["uuid"])
            groups.append(
                {
                    "cluster": cluster,
                    "name": group["name"],
                    "role": MASTER if group.get("role") == MASTER else WORKER,
                    "stack": stack,
                    "addresses": _listed(whole.get("node_addresses")),
                }
            )
    except NotFound:
        pass  # it was deleted meanwhile
    except CloudError as error:
        warn(f"node groups of cluster {raw['name']} are not known: {error.message}")
        return None
    return groups
