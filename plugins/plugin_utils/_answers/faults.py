# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is faulty, and whose work it concerns."""

from __future__ import annotations

from .._fleet.types import Consumer, Fault, Fleet, Record
from .naming import cluster


def report(fleet: Fleet) -> list[Record]:
    """Return the faults of a fleet, node by node, each with the consumers there."""
    keys = {node.key for node in fleet.nodes if node.state["faults"]}
    on: dict[str, list[Consumer]] = {}
    for row in fleet.consumers if keys else ():
        for name, _held in row.get("nodes") or ():
            if name in keys:
                on.setdefault(name, []).append(row)
    return [
        {
            "node": node.name,
            "cluster": cluster(node),
            **fault,
            "consumers": _named(node.key, fault, on.get(node.key, [])),
        }
        for node in fleet.nodes
        for fault in node.state["faults"]
    ]


def _named(node: str, fault: Fault, rows: list[Consumer]) -> list[Record]:
    """Return who holds a faulty device, or if this is not known, any on its node."""
    index = fault["index"]
    chosen = [
        row
        for row in rows
        if index is None
        or row.get("devices") is None
        or (node, index) in (row.get("devices") or ())
    ]
    named = [
        {key: row[key] for key in ("kind", "namespace", "name", "uid")}
        for row in chosen
    ]
    return sorted(named, key=lambda each: [str(value) for value in each.values()])
