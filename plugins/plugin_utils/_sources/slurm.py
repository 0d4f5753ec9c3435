# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source Slurm: nodes with GPUs, and the jobs that hold them.

The shape of its JSON changed between releases: a number may be one, or a dictionary of
`set`, `infinite` and `number`; a state a text, or a list with its flags.
"""

from __future__ import annotations

import re
import typing as t

from ...module_utils._schedulers import slurm as client
from ...module_utils._schedulers.errors import SchedulerError
from .._fleet.types import (
    Consumer,
    Offer,
    Record,
    Schedule,
    Scheduled,
    consumer,
)
from . import gres
from .base import HTTP, Source, headers, no_schedule, tls, wrong_http
from .failure import SourceError
from .partial import guarded, text

_BY_ITSELF = ("slurm", "", None)
_OUT = ("DOWN", "FAIL", "FAILING", "NOT_RESPONDING", "ERROR")


def read(options: Record, timeout: float) -> Schedule:
    """Read nodes and jobs.

    Args:
        options: `url`, `user`, `token` and those of `base.HTTP` for slurmrestd; or
            `login`, a host that `ssh` reaches and where Slurm's commands are, and this
            machine without it. `cluster` names the cluster.
        timeout: Seconds for all requests or commands together.

    Raises:
        SourceError: It could not be read.
    """
    try:
        if options.get("url"):
            records = client.rest(
                options["url"],
                timeout,
                user=options.get("user"),
                token=options.get("token"),
                headers=headers(options),
                **tls(options),
            )
        else:
            records = client.commands(options.get("login"), timeout)
        return schedule(records("nodes"), records("jobs"), options.get("cluster"))
    except SchedulerError as error:
        raise SourceError(str(error)) from error


def _check(options: Record) -> str | None:
    if options["url"] and options["login"]:
        return ": give url or login, not both"
    return wrong_http(options)


SOURCE = Source(
    type="slurm",
    options={
        "url": {"type": "str"},
        "user": {"type": "str"},
        "token": {"type": "str", "no_log": True},
        "login": {"type": "str"},
        **HTTP,
    },
    check=_check,
    read=read,
    failed=no_schedule,
)


def schedule(
    nodes: list[Record], jobs: list[Record], cluster: str | None = None
) -> Schedule:
    """Return nodes and consumers from Slurm's own records.

    Args:
        nodes: Of `/slurm/v*/nodes` or `sinfo`.
        jobs: Of `/slurm/v*/jobs` or `squeue`.
        cluster: Name of the cluster.
    """
    warnings: list[str] = []
    consumers: dict[str, Consumer] = {}
    held: dict[str, set[int]] = {}
    pending: float | None = 0.0
    read_job = guarded(_job, "job", warnings.append)
    for record in jobs:
        job = read_job(record)
        if job is None:
            pending = None  # it may be one that waits
            continue
        for name, index in job.devices:
            held.setdefault(name, set()).add(index)
        if job.allocated:
            _add(consumers, job, record, cluster)
        if pending is not None:
            pending += job.requested
    read_node = guarded(
        lambda node: _node(node, held), "node", warnings.append, _unknown_node
    )
    return Schedule(
        source="slurm",
        nodes=[node for node in map(read_node, nodes) if node],
        consumers=list(consumers.values()),
        pending=pending,
        cluster=cluster,
        warnings=tuple(warnings),
    )


class _Job(t.NamedTuple):
    """A job: how many GPUs it holds, which ones as far as known, and waits for."""

    ident: str
    allocated: int = 0
    devices: t.Sequence[tuple[str, int]] = ()
    requested: int = 0


def _job(record: Record) -> _Job:
    states = _states(record.get("job_state"))
    ident = _number(record.get("array_job_id")) or _number(record.get("job_id"))
    if states & {"RUNNING", "COMPLETING", "SUSPENDED"}:
        details = [gres.gpus(detail) for detail in record.get("gres_detail") or []]
        return _Job(str(ident), _allocated(record, details), _devices(record, details))
    if "PENDING" in states and "Held" not in str(record.get("state_reason")):
        return _Job(str(ident), requested=_requested(record) * _tasks_of_array(record))
    return _Job(str(ident))


def _unknown_node(node: Record) -> Scheduled:
    """A node of which no more than its name can be read."""
    return Scheduled(name=text(node["name"]), offer=Offer(source="slurm"))


def _node(node: Record, held: t.Mapping[str, set[int]]) -> Scheduled | None:
    """A node, with the indexes of its devices that jobs hold; None without GPUs.

    Those are Slurm's own matter.
    """
    capacity, used = gres.count(node.get("gres")), gres.gpus(node.get("gres_used"))
    if not capacity:
        return None
    name = text(node["name"])
    of_jobs = held.get(name, set())
    allocated = sum(count for count, _indexes in used)
    known = [index for _count, indexes in used for index in indexes or ()]
    maintenance, faults = _condition(node)
    offer = Offer(
        source="slurm",
        capacity=capacity,
        allocated=allocated,
        maintenance=maintenance,
        devices=tuple(sorted({*known, *of_jobs})) if len(known) == allocated else None,
        faults=faults,
    )
    addresses = (node.get("address"), node.get("hostname"))
    aliases = tuple(address for address in addresses if address)
    return Scheduled(name=name, offer=offer, aliases=aliases)


def _condition(node: Record) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Why a node is in maintenance, or else the rules that it breaks."""
    states = _states(node.get("state")) | _states(node.get("state_flags"))
    reason = (
        f"{', '.join(sorted(states))}: {node.get('reason') or 'no reason is given'}"
    )
    author = node.get("reason_set_by_user")
    if states & {"MAINTENANCE", "MAINT"}:
        return reason, ()
    if states & set(_OUT) or ("DRAIN" in states and author in _BY_ITSELF):
        return None, (("slurm_state", reason),)
    return f"{reason} ({author})" if "DRAIN" in states else None, ()


def _add(
    consumers: dict[str, Consumer], job: _Job, record: Record, cluster: str | None
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
    row["stat"]["gpuRequest"] += job.allocated
    row["stat"]["gpuEquivalent"] += job.allocated
    known = row.get("devices")
    is_known = known is not None and job.devices
    row["devices"] = [*(known or ()), *job.devices] if is_known else None
    number, nodes = _number(record.get("job_id")), record.get("nodes")
    if row["pods"] is not None:
        row["pods"].append({"job": number, "nodes": nodes, "gpus": job.allocated})


# What Slurm says of GPUs --------------------------------------------------------


def _devices(job: Record, details: list[gres.Gpus]) -> list[tuple[str, int]]:
    """Names of nodes and indexes of the devices that a job holds, where known."""
    resources = job.get("job_resources") or {}
    nodes = resources.get("allocated_nodes")
    if not nodes:
        newer = resources.get("nodes")
        nodes = newer.get("allocation") if isinstance(newer, dict) else None
    names = [node.get("nodename") or node.get("name") for node in nodes or []]
    if len(names) != len(details):
        return []
    return [
        (text(name), index)
        for name, gpus in zip(names, details, strict=True)
        for _count, indexes in gpus
        for index in indexes or ()
    ]


def _allocated(job: Record, details: list[gres.Gpus]) -> int:
    """How many GPUs a running job holds."""
    by_node = sum(count for gpus in details for count, _indexes in gpus)
    if by_node:
        return by_node
    # With accounting of GPUs; the count of each type stands beside the sum.
    match = re.search(
        r"gres/gpu=([0-9]{1,9})(?![0-9])", job.get("tres_alloc_str") or ""
    )
    return int(match.group(1)) if match else 0


def _requested(job: Record) -> int:
    """How many GPUs a waiting job requests, in whichever way."""
    match = re.search(r"gres/gpu=([0-9]{1,9})(?![0-9])", job.get("tres_req_str") or "")
    if match:
        return int(match.group(1))
    nodes = _number(job.get("node_count")) or 1
    tasks = _number(job.get("tasks")) or nodes
    return max(
        gres.count(job.get("tres_per_job")),
        gres.count(job.get("tres_per_node")) * nodes,
        gres.count(job.get("tres_per_task")) * tasks,
    )


def _tasks_of_array(job: Record) -> int:
    """How many tasks a waiting job stands for: `2-3%2` are two."""
    text = str(job.get("array_task_string") or "").partition("%")[0]
    return gres.length(text) or 1


def _states(value: t.Any) -> set[str]:
    """States and flags, upper case, of a text or a list."""
    states = value if isinstance(value, list) else [value]
    return {str(state).upper() for state in states if state}


def _number(value: t.Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("number") if value.get("set", True) else None
    return int(value) if isinstance(value, (int, float)) else None
