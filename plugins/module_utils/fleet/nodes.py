# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes: what each is, what it holds, how it does and why."""

from __future__ import annotations

from . import state
from .fleet import Fleet
from .model import Record
from .overview import cluster, common, location, model

STATES = (
    state.HEALTHY,
    state.FAULTY,
    state.MAINTENANCE,
    state.IDLE,
    state.PARTIAL,
    state.BUSY,
    state.UNKNOWN,
)
"""What nodes can be asked for by."""


class NodeNotFound(LookupError):
    """There is no such node with accelerators."""


def report(
    fleet: Fleet,
    id: str | None = None,
    name: str | None = None,
    cluster_name: str | None = None,
    status: str | None = None,
) -> Record:
    """One row for each node.

    Args:
        fleet: The fleet.
        id: Id of the one node that is wanted.
        name: Name of the one node that is wanted.
        cluster_name: Name of the cluster whose nodes are wanted.
        status: One of C(STATES): nodes that are so are wanted.

    Raises:
        NodeNotFound: No node has this id or name.
    """
    rows = [_row(node) for node in fleet.nodes]
    for key, value in (("id", id), ("name", name)):
        if value is not None:
            rows = [row for row in rows if row[key] == value]
            if not rows:
                raise NodeNotFound(f"{key}: there is no node {value!r}")
    if cluster_name is not None:
        rows = [row for row in rows if row["cluster"] == cluster_name]
    if status is not None:
        rows = [row for row in rows if status in (row["health"], row["allocation"])]
    return {"data": rows, "total": len(rows), **common(fleet)}


def _row(node: Record) -> Record:
    told = node["state"]
    return {
        "id": node["node"].get("id"),
        "name": node["name"],
        "cluster": cluster(node),
        "nodeGroup": node["node"].get("node_group"),
        "location": location(node),
        "hardware": node["node"]["hardware"].get("name"),
        "model": model(node),
        "serverStatus": node["node"].get("status"),
        "health": told["health"],
        "maintenance": told["maintenance"],
        "faults": told["faults"],
        "allocation": told["allocation"],
        "reason": told["reason"],
        "capacity": told["capacity"],
        "allocated": told["allocated"],
        "measuredAt": told["gathered_at"],
        "devices": node["devices"],
    }
