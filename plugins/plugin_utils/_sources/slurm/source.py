# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source Slurm: nodes with GPUs, and the jobs that hold them."""

from __future__ import annotations

import typing as t
from functools import partial

from ....module_utils._schedulers import slurm as client
from ....module_utils._schedulers.errors import SchedulerError
from ..._fleet.types import Consumer, Record, Schedule, Scheduled
from ..._fleet.waiting import Waiting
from ..base import HTTP, Source, headers, no_schedule, tls, wrong_http
from ..failure import SourceError
from ..partial import guarded, text
from . import gres as _gres
from . import jobs as _jobs
from . import nodes as _nodes
from .units import Units


def read(options: Record, timeout: float) -> Schedule:
    """Read nodes and jobs.

    Args:
        options: `url`, `user`, `token` and those of `base.HTTP` for slurmrestd; or
            `login`, a host that `ssh` reaches and where Slurm's commands are, and this
            machine without it. `cluster` names the cluster;
            `health_check_users` are those that drain nodes for a health check.
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
        return schedule(
            records("nodes"),
            records("jobs"),
            options.get("cluster"),
            options.get("health_check_users", _nodes.HEALTH_CHECKS),
        )
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
        "health_check_users": {
            "type": "list",
            "elements": "str",
            "default": list(_nodes.HEALTH_CHECKS),
        },
        **HTTP,
    },
    check=_check,
    read=read,
    failed=no_schedule,
)


def schedule(
    nodes: list[Record],
    jobs: list[Record],
    cluster: str | None = None,
    health_checks: t.Collection[str] = _nodes.HEALTH_CHECKS,
) -> Schedule:
    """Return nodes and consumers from Slurm's own records.

    Args:
        nodes: Of `/slurm/v*/nodes` or `sinfo`.
        jobs: Of `/slurm/v*/jobs` or `squeue`.
        cluster: Name of the cluster.
        health_checks: Users that drain nodes for a health check.
    """
    warnings: list[str] = []
    queue = _queue(jobs, _units(nodes), cluster, warnings.append)

    def read_node(record: Record) -> Scheduled | tuple[str, ...]:
        with_devices = _nodes.scheduled(record, queue.held, health_checks)
        return with_devices or _nodes.names(record)

    read = guarded(read_node, "node", warnings.append, _nodes.unknown)
    known = [read(record) for record in nodes]
    strange = {name for record in nodes for name in _strange(record)}
    if strange:
        warnings.append(
            f"GRES {', '.join(sorted(strange)[:5])} are not counted, only gpu, shard "
            "and mps. If they are devices, name them gpu in Slurm's configuration"
        )
    return Schedule(
        source="slurm",
        nodes=[each for each in known if isinstance(each, Scheduled)],
        others=tuple(each for each in known if isinstance(each, tuple)),
        consumers=list(queue.consumers.values()),
        waiting=queue.waiting,
        cluster=cluster,
        warnings=tuple(warnings),
    )


class _Queue(t.NamedTuple):
    """The jobs.

    Attributes:
        consumers: Those that hold devices, by id.
        held: Numbers of devices that they hold, by name of the node.
        waiting: What the others wait for; None if one of them can't be read.
    """

    consumers: dict[str, Consumer]
    held: dict[str, set[int]]
    waiting: Waiting | None


def _queue(
    records: list[Record],
    units: t.Mapping[str, Units],
    cluster: str | None,
    warn: t.Callable[[str], None],
) -> _Queue:
    """Return what jobs hold, and wait for."""
    consumers: dict[str, Consumer] = {}
    held: dict[str, set[int]] = {}
    by_reason: dict[str, float] = {}
    ready: set[str] = set()
    read = guarded(partial(_jobs.job, units=units), "job", warn)
    jobs = [read(record) for record in records]
    for job, record in zip(jobs, records, strict=True):
        if job is None:
            continue
        for name, index in job.devices:
            held.setdefault(name, set()).add(index)
        if job.units:
            _jobs.add(consumers, job, record, cluster)
        if job.requested and job.reason:
            by_reason[job.reason] = by_reason.get(job.reason, 0.0) + job.requested
            ready |= {job.reason} if job.is_ready else set()
        if job.is_cut:
            warn(
                f"job {job.ident}: Slurm lists only the first tasks of its array, so "
                "no others are counted (SLURM_BITSTR_LEN of slurmrestd)"
            )
    # One that can't be read may be one that waits.
    waiting = None if None in jobs else Waiting(by_reason, tuple(sorted(ready)))
    return _Queue(consumers, held, waiting)


def _strange(record: t.Any) -> frozenset[str]:
    """Return GRES of a node that are devices in all likelihood; records can be odd."""
    return _gres.others(record.get("gres")) if isinstance(record, dict) else frozenset()


def _units(nodes: list[Record]) -> dict[str, Units]:
    """Return the units of the nodes, by name; those that can't be read are left out."""
    read = guarded(
        lambda node: (text(node["name"]), _nodes.units(node)),
        "node",
        lambda _text: None,
    )
    return dict(pair for pair in map(read, nodes) if pair)
