# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as Magnum and Heat know them, in the shape of the fleet."""

from __future__ import annotations

import re
import typing as t
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ..cloud import location
from ..cloud.errors import CloudError, NotFound
from ..cloud.session import Cloud
from ..fleet.model import MASTER, WORKER, Record, Seen
from .partial import MANY, or_nothing


def read_clusters(cloud: Cloud, warn: t.Callable[[str], None]) -> Seen:
    """Read clusters with their node groups, and the locations that hold them.

    Returns:
        What was seen, without servers.

    Raises:
        CloudError: Magnum did not answer.
    """
    with ThreadPoolExecutor(MANY) as pool:
        what = "locations and Heat stacks"
        stacks = pool.submit(or_nothing, cloud.heat.all_stacks, what, warn)
        raws = cloud.magnum.clusters()
        known = stacks.result()
        names = {stack["id"]: stack["stack_name"] for stack in known}
        others = set(names.values()) - {names.get(str(_stack_id(raw))) for raw in raws}
        more = [raw for raw in raws if _has_more_groups(raw, names, others)]
        groups = list(pool.map(lambda raw: _groups(cloud, raw, names, warn), more))
    networks: list[Record] = []
    if any(_stack_id(raw) not in names for raw in raws):
        # No stack names their servers: they are found by network and address, and
        # Nova tells networks by name.
        read = partial(cloud.neutron.list, "/networks", "networks")
        networks = or_nothing(read, "networks", warn)
    by_id = {network["id"]: network["name"] for network in networks}
    places = [
        location.Placement.of(stack)
        for stack in known
        if location.MARK in (stack.get("tags") or [])
    ]
    return Seen(
        [],
        [_cluster(raw, names, places, by_id) for raw in raws],
        [group for each in groups for group in each],
    )


def _cluster(
    raw: Record,
    names: dict[str, str],
    places: list[location.Placement],
    networks: dict[str, str],
) -> Record:
    network = raw.get("fixed_network")
    return {
        "id": raw["uuid"],
        "name": raw["name"],
        "status": raw["status"],
        "health_status": raw.get("health_status"),
        "stack": names.get(str(_stack_id(raw))),
        # Magnum keeps what it was given, a name or an id.
        "networks": [networks.get(network, network)] if network else [],
        "workers": raw.get("node_addresses") or [],
        "masters": raw.get("master_addresses") or [],
        "location": next((place.name for place in places if place.holds(raw)), None),
    }


def _stack_id(raw: Record) -> str | None:
    """Id of a cluster's or group's stack; from 1.13 on it has another name."""
    return raw.get("stack_id") or raw.get("cluster_id")


def _has_more_groups(raw: Record, names: dict[str, str], others: set[str]) -> bool:
    """Whether a cluster may have node groups beside the default ones.

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
) -> list[Record]:
    """The node groups of a cluster beside the default ones."""
    cluster = raw["uuid"]
    found = []
    try:
        for group in cloud.magnum.node_groups(cluster):
            if group.get("is_default"):
                continue
            stack = names.get(str(_stack_id(group)))
            whole = group if stack else cloud.magnum.node_group(cluster, group["uuid"])
            found.append(
                {
                    "cluster": cluster,
                    "name": group["name"],
                    "role": MASTER if group.get("role") == MASTER else WORKER,
                    "stack": stack,
                    "addresses": whole.get("node_addresses") or [],
                }
            )
    except NotFound:
        pass  # it was deleted meanwhile
    except CloudError as error:
        warn(f"node groups of cluster {raw['name']} are not known: {error.message}")
    return found
