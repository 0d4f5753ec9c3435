# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's jobs: the devices that they hold, or wait for."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ..._fleet.types import Consumer, Record, consumer
from ..._fleet.values import LONGEST
from ..partial import text
from . import gres, values
from .units import Units, anywhere

_HOLDING = {
    "RUNNING",
    "CONFIGURING",
    "COMPLETING",
    "SUSPENDED",
    "STOPPED",
    "RESIZING",
    "SIGNALING",
}
_WAITING_FOR_ROOM = (
    "None",
    "Resources",
    "Priority",
    "ReqNodeNotAvail",
    "Nodes required for job",
    "NodeDown",
    "Cleaning",
    "Prolog",
    "SchedDefer",
    "MaxPoweredUpNodes",
)
"""How the reasons begin for which a job waits that can start as soon as there is room.

More devices change nothing for all others: holds, dependencies, a begin in the future,
limits of an account, QOS, partition or array, and requests that never fit. Source:
src/common/job_state_reason.c of Slurm 25.05.
"""


_NO_NODE = Units(())


class Job(t.NamedTuple):
    """A job.

    Attributes:
        ident: Its id, or that of its array.
        units: Units that it holds, parts of devices too.
        allocated: Devices that this is.
        devices: Which these are, nodes and indexes; empty if this is not known.
        requested: Devices that it waits for.
        reason: Why it waits, as Slurm names it; None if it does not.
        is_cut: Whether there may be more of its array than is listed.
    """

    ident: str
    units: int = 0
    allocated: float = 0.0
    devices: Sequence[tuple[str, int]] = ()
    requested: float = 0.0
    reason: str | None = None
    is_cut: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it can start as soon as there is room."""
        return bool(self.reason and self.reason.startswith(_WAITING_FOR_ROOM))


def job(record: Record, units: Mapping[str, Units]) -> Job:
    """Return a job.

    Args:
        record: Its record.
        units: The units of the nodes, by name.
    """
    states = values.states(record.get("job_state"))
    number = values.number(record.get("array_job_id"))
    ident = str(number or values.number(record.get("job_id")))
    if states & _HOLDING:
        return _holding(record, ident, units)
    if "PENDING" not in states:
        return Job(ident)
    tasks, is_whole = _tasks_of_array(record)
    requested = _requested(record, units) * tasks
    return Job(
        ident,
        requested=requested,
        reason=_reason(record),
        is_cut=bool(requested and not is_whole),
    )


def _reason(record: Record) -> str:
    """Return why a job waits, without the names of nodes that may follow."""
    reason = str(record.get("state_reason") or "None").partition(",")[0]
    return reason.replace("_", " ")[:LONGEST]


def add(
    consumers: dict[str, Consumer], job: Job, record: Record, cluster: str | None
) -> None:
    """Add a job to the consumers; the tasks of an array are one."""
    row = consumers.get(job.ident)
    if row is None:
        row = consumers[job.ident] = consumer(
            kind="SlurmJob",
            name=record.get("name"),
            source="slurm",
            namespace=record.get("partition"),
            uid=job.ident,
            pods=[],
            devices=[],
            user=record.get("user_name") or None,
            account=record.get("account") or None,
            cluster=cluster or record.get("cluster") or None,
        )
    row["stat"]["gpuRequest"] += job.units
    row["stat"]["gpuEquivalent"] += job.allocated
    known = row.get("devices")
    is_known = known is not None and job.devices
    row["devices"] = [*(known or ()), *job.devices] if is_known else None
    number, nodes = values.number(record.get("job_id")), record.get("nodes")
    if row["pods"] is not None:
        row["pods"].append({"job": number, "nodes": nodes, "gpus": job.units})


# What a job holds ---------------------------------------------------------------------


def _holding(record: Record, ident: str, units: Mapping[str, Units]) -> Job:
    """Return a job that holds devices: those in its details, else those in its TRES."""
    details = [gres.parse(each) for each in record.get("gres_detail") or []]
    names = _nodes(record)
    if not any(each.count for entries in details for each in entries):
        # With accounting of GPUs.
        details, names = [gres.of_tres(record.get("tres_alloc_str"))], names[:1]
    if len(names) != len(details):
        names = [""] * len(details)
    count, held = 0, 0.0
    devices: list[tuple[str, int]] = []
    for name, entries in zip(names, details, strict=True):
        own = units.get(name, _NO_NODE)
        held += own.equivalent(entries)
        count += sum(each.count for each in entries)
        if name and own.are_whole(entries):
            devices += [(name, i) for each in entries for i in each.indexes or ()]
    return Job(ident, units=count, allocated=round(held, 3), devices=devices)


def _nodes(record: Record) -> list[str]:
    """Return the names of a job's nodes, in the order of its details.

    Slurm 21.08 numbers them. Then the name of a single one is known.
    """
    resources = record.get("job_resources") or {}
    nodes = resources.get("allocated_nodes")
    if isinstance(nodes, dict):
        return [text(resources.get("nodes"))] if len(nodes) == 1 else []
    if not nodes:
        newer = resources.get("nodes")
        nodes = newer.get("allocation") if isinstance(newer, dict) else None
    return [text(node.get("nodename") or node.get("name")) for node in nodes or []]


# What a job waits for -----------------------------------------------------------------


def _requested(record: Record, units: Mapping[str, Units]) -> float:
    """Return how many devices a waiting job requests, in whichever way."""
    in_all = _anywhere(gres.of_tres(record.get("tres_req_str")), units)
    if in_all:
        return in_all
    nodes = values.number(record.get("node_count")) or 1
    tasks = values.number(record.get("tasks")) or nodes
    ways = (("tres_per_job", 1), ("tres_per_node", nodes), ("tres_per_task", tasks))
    return max(
        _anywhere(gres.parse(record.get(way)), units) * times for way, times in ways
    )


def _anywhere(entries: t.Iterable[gres.Gres], units: Mapping[str, Units]) -> float:
    """Return how many devices some entries are on any node."""
    return sum(each.count * _share(each, units) for each in entries)


def _share(entry: gres.Gres, units: Mapping[str, Units]) -> float:
    """Return how much of a device a unit is: at most, on the nodes that have such."""
    shares = [each.share(entry) for each in units.values()]
    if entry.name in gres.SHARED and any(shares):
        return max(shares)
    return anywhere(entry)


def _tasks_of_array(record: Record) -> tuple[int, bool]:
    """Return how many tasks a waiting job is, of `2-3%2` two, and if these are all."""
    tasks = str(record.get("array_task_string") or "").partition("%")[0]
    count, is_whole = gres.length(tasks)
    return (count, is_whole) if count else (1, True)
