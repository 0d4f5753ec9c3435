# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The consumers: who holds how many devices, and how hard they are used."""

from __future__ import annotations

import typing as t

from .._fleet.types import Consumer, Fleet, Record, consumer
from .overview import common

FILTERS = ("namespace", "kind", "source", "cluster")
GROUPS = ("namespace", "user", "account", "cluster")


def report(
    fleet: Fleet,
    page_num: int = 1,
    page_size: int = 10,
    include_pods: bool = False,
    group_by: str | None = None,
    **filters: str | None,
) -> Record:
    """Return a page of a fleet's consumers, with the field names of the Clusters API.

    They are in order of `gpuEquivalent`, the largest first, then by namespace, name
    and uid.

    Args:
        fleet: The fleet.
        page_num: Number of the page, from 1; beyond the end a page is empty.
        page_size: Rows of a page.
        include_pods: Whether `pods` lists those of each; None without it.
        group_by: One of `GROUPS`: sums them.
        filters: Values that a row must have, by field of `FILTERS`.
    """
    wanted = {name: value for name, value in filters.items() if value is not None}
    rows = [
        row
        for row in fleet.consumers
        if all(row.get(name) == value for name, value in wanted.items())
    ]
    if group_by:
        rows = _grouped(rows, group_by)
    rows.sort(key=_order)
    start = (page_num - 1) * page_size
    names = {node.key: node.name for node in fleet.nodes}
    return {
        "data": [
            _shown(row, include_pods, names) for row in rows[start : start + page_size]
        ],
        "total": len(rows),
        **common(fleet),
    }


def _shown(row: Consumer, include_pods: bool, names: dict[str, str]) -> Record:
    """Return a row as the report has it."""
    stat = row["stat"]
    used = stat["gpuUtilization"]
    places = {
        place: [(names.get(key, key), value) for key, value in listed]
        for place in ("devices", "nodes")
        if (listed := t.cast("Record", row).get(place)) is not None
    }
    return {
        **row,
        **places,
        "pods": _in_order(row["pods"]) if include_pods and row["pods"] else None,
        "stat": {
            **stat,
            "gpuEquivalent": round(stat["gpuEquivalent"], 3),
            "gpuUtilization": None if used is None else round(min(1.0, used), 4),
        },
    }


def _in_order(pods: t.Sequence[t.Any]) -> list[t.Any]:
    """Return pods, or jobs, in an order that does not depend on their source's."""
    if not all(isinstance(pod, t.Mapping) for pod in pods):
        return list(pods)
    return sorted(
        pods, key=lambda pod: [(value is None, str(value)) for value in pod.values()]
    )


def _order(row: Consumer) -> tuple[float, str, str, str]:
    return (
        -round(row["stat"]["gpuEquivalent"], 3),
        row["namespace"] or "",
        row["name"] or "",
        row["uid"] or "",
    )


def _grouped(rows: list[Consumer], by: str) -> list[Consumer]:
    """Return sums by a field; utilization by the devices that it is known of."""
    groups: dict[str, list[Consumer]] = {}
    for row in rows:
        # A process has its user where a workload has its namespace.
        process = by == "user" and row["kind"] == "Process"
        value = row["namespace"] if process else t.cast("Record", row).get(by)
        groups.setdefault(value or "", []).append(row)
    return [_sum(by, name, group) for name, group in groups.items()]


def _sum(by: str, name: str, rows: list[Consumer]) -> Consumer:
    stats = [row["stat"] for row in rows]
    known = [
        (stat["gpuEquivalent"], stat["gpuUtilization"])
        for stat in stats
        if stat["gpuUtilization"] is not None
    ]
    weight = sum(equivalent for equivalent, _used in known)
    used = sum(used * equivalent for equivalent, used in known)
    return consumer(
        kind=by,
        name=name or None,
        source=None,
        stat={
            "gpuRequest": sum(stat["gpuRequest"] for stat in stats),
            "gpuEquivalent": sum(stat["gpuEquivalent"] for stat in stats),
            "gpuUtilization": used / weight if weight else None,
        },
        consumers=len(rows),
    )
