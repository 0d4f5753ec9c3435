# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes: what each is, what it holds, how it does and why."""

from __future__ import annotations

import typing as t

from ...module_utils._near import did_you_mean
from .._fleet import state
from .._fleet.types import Fleet, Node, Record
from .naming import cluster, location, model, whole
from .overview import common

STATES = (
    state.HEALTHY,
    state.FAULTY,
    state.MAINTENANCE,
    state.IDLE,
    state.PARTIAL,
    state.BUSY,
    state.UNKNOWN,
)
"""Values of `status`."""


class NodeNotFound(LookupError):
    """There is no such node with accelerators."""


def report(
    fleet: Fleet,
    node_id: str | None = None,
    name: str | None = None,
    cluster_name: str | None = None,
    status: str | None = None,
) -> Record:
    """Return one row for each node.

    Args:
        fleet: The fleet.
        node_id: Only the node with this id.
        name: Only the node with this name.
        cluster_name: Only the nodes of the cluster with this name.
        status: Only the nodes with this health, or the healthy ones with this
            allocation: those that the overview counts under it. One of `STATES`.

    Raises:
        NodeNotFound: No node has this id or name.
    """
    rows = [_row(node) for node in fleet.nodes]
    for key, value in (("id", node_id), ("name", name)):
        if value is not None:
            found = [row for row in rows if row[key] == value]
            if not found:
                names = [str(row[key]) for row in rows if row[key] is not None]
                hint = did_you_mean(value, names)
                raise NodeNotFound(f"{key}: there is no node {value!r}{hint}")
            rows = found
    if cluster_name is not None:
        rows = [row for row in rows if row["cluster"] == cluster_name]
    if status is not None:
        rows = [row for row in rows if status in _states(row)]
    return {"data": rows, "total": len(rows), **common(fleet)}


def _states(row: Record) -> tuple[str, ...]:
    """Return the states that the overview counts a node under."""
    if row["health"] == state.HEALTHY:
        return (state.HEALTHY, row["allocation"])
    return (row["health"],)


def _row(node: Node) -> Record:
    server, known = node.server, node.state
    return {
        "id": server["id"],
        "name": node.name,
        "cluster": cluster(node),
        "nodeGroup": server["node_group"],
        "location": location(node),
        "hardware": server["hardware"]["name"],
        "model": model(node),
        "serverStatus": server["status"],
        "health": known["health"],
        "maintenance": known["maintenance"],
        "faults": known["faults"],
        "allocation": known["allocation"],
        "reason": known["reason"],
        "capacity": known["capacity"],
        "allocated": known["allocated"],
        "devicesByState": {
            name: None if known["capacity"] is None else whole(t.cast("float", number))
            for name, number in known["devices"].items()
        },
        "measuredAt": known["gathered_at"],
        "devices": node.devices,
    }
