# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Slurm knows: nodes with GPUs, and the jobs that hold them.

Its JSON is read from slurmrestd, or from C(squeue) and C(scontrol) where these can be
run. Its shape changed between releases: a number may be one, or a dictionary of
C(set), C(infinite) and C(number); a state a text, or a list with its flags.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import open_url

from ..fleet.join import Schedule, Scheduled
from ..fleet.model import Record
from ..fleet.state import Offer
from .failure import SourceError

_GRES = re.compile(
    r"gpu(?::(?P<type>[^:(),=]+))??[:=](?P<count>\d+)(?:\((?P<more>[^)]*)\))?"
)
_BY_ITSELF = ("slurm", "", None)
_OUT = ("DOWN", "FAIL", "FAILING", "NOT_RESPONDING", "ERROR")


def read(options: Record, timeout: float) -> Schedule:
    """Read nodes and jobs.

    Args:
        options: C(url), C(user), C(token), C(validate_certs) and C(ca_cert) for
            slurmrestd; or C(login), a host that C(ssh) reaches and where Slurm's
            commands are, and this machine without it. C(cluster) names the cluster.
        timeout: Seconds for each request or command.

    Returns:
        What Slurm knows.

    Raises:
        SourceError: It could not be read.
    """
    ask = _rest(options, timeout) if options.get("url") else _commands(options, timeout)
    nodes, jobs = ask("nodes"), ask("jobs")
    return schedule(nodes, jobs, options.get("cluster"))


def schedule(
    nodes: list[Record], jobs: list[Record], cluster: str | None = None
) -> Schedule:
    """Nodes and consumers of Slurm's own records: a pure function.

    Args:
        nodes: Of C(/slurm/v*/nodes) or C(sinfo).
        jobs: Of C(/slurm/v*/jobs) or C(squeue).
        cluster: Name of the cluster.
    """
    rows: dict[str, Record] = {}
    held: dict[str, set[int]] = {}
    pending = 0.0
    for job in jobs:
        state = _states(job.get("job_state"))
        if "RUNNING" in state or "COMPLETING" in state or "SUSPENDED" in state:
            devices = _devices(job)
            for name, index in devices:
                held.setdefault(name, set()).add(index)
            count = _allocated(job)
            if count:
                _add(rows, job, count, devices, cluster)
        elif "PENDING" in state and "Held" not in str(job.get("state_reason")):
            pending += _asked(job) * _tasks_of_array(job)
    found = [_node(node, held.get(node["name"], set())) for node in nodes]
    # Nodes without GPUs are Slurm's own matter.
    with_gpus = [node for node in found if node.offer.capacity]
    return Schedule("slurm", with_gpus, list(rows.values()), pending, None, cluster)


def _node(node: Record, held: set[int]) -> Scheduled:
    capacity, used = _count(node.get("gres")), _gpus(node.get("gres_used"))
    allocated = sum(count for count, _indexes in used)
    told = [index for _count, indexes in used for index in indexes or ()]
    devices = tuple(sorted(set(told) | held)) if len(told) == allocated else None
    states = _states(node.get("state")) | _states(node.get("state_flags"))
    reason = (
        f"{', '.join(sorted(states))}: {node.get('reason') or 'no reason is given'}"
    )
    maintenance: str | None = None
    broken: tuple[tuple[str, str], ...] = ()
    by_itself = node.get("reason_set_by_user") in _BY_ITSELF
    if states & {"MAINTENANCE", "MAINT"}:
        maintenance = reason
    elif states & set(_OUT) or ("DRAIN" in states and by_itself):
        broken = (("slurm_state", reason),)
    elif "DRAIN" in states:
        maintenance = f"{reason} ({node.get('reason_set_by_user')})"
    offer = Offer("slurm", capacity, allocated, maintenance, devices, broken)
    aliases = (node.get("address"), node.get("hostname"))
    return Scheduled(node["name"], offer, None, tuple(one for one in aliases if one))


def _add(
    rows: dict[str, Record],
    job: Record,
    count: int,
    devices: list[tuple[str, int]],
    cluster: str | None,
) -> None:
    """Add a job to the consumers; the tasks of an array are one."""
    ident = str(_number(job.get("array_job_id")) or _number(job.get("job_id")))
    row = rows.setdefault(
        ident,
        {
            "kind": "SlurmJob",
            "name": job.get("name"),
            "namespace": job.get("partition"),
            "uid": ident,
            "stat": {"gpuRequest": 0, "gpuEquivalent": 0.0, "gpuUtilization": None},
            "pods": [],
            "devices": [],
            "source": "slurm",
            "user": job.get("user_name") or None,
            "account": job.get("account") or None,
            "cluster": cluster or job.get("cluster") or None,
        },
    )
    row["stat"]["gpuRequest"] += count
    row["stat"]["gpuEquivalent"] += count
    if row["devices"] is not None:
        row["devices"] = [*row["devices"], *devices] if devices else None
    row["pods"].append(
        {"job": _number(job.get("job_id")), "nodes": job.get("nodes"), "gpus": count}
    )


# What Slurm says of GPUs --------------------------------------------------------


def _gpus(text: str | None) -> list[tuple[int, list[int] | None]]:
    """Counts of GPUs in a GRES text, each with indexes where it tells them.

    C(gpu:mi300x:8(IDX:0-3,5)), C(gpu:2), C(gres/gpu=4), C(gpu:a100:4(S:0-1),shard:8).
    """
    found = []
    for match in _GRES.finditer(text or ""):
        start = (text or "")[: match.start()]
        if start and start[-1] not in ",/:":
            continue  # the end of another word
        more = match.group("more") or ""
        indexes = _indexes(more[4:]) if more.startswith("IDX:") else None
        found.append((int(match.group("count")), indexes))
    return found


def _count(text: str | None) -> int:
    return sum(count for count, _indexes in _gpus(text))


def _indexes(text: str) -> list[int] | None:
    """Indexes of C(0-3,5); None for C(N/A)."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            return [] if text == "N/A" else None
        found += range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1)
    return found


def _devices(job: Record) -> list[tuple[str, int]]:
    """Names of nodes and indexes of the devices that a job holds, where told."""
    resources = job.get("job_resources") or {}
    listed = resources.get("allocated_nodes")
    if not listed:
        newer = resources.get("nodes")
        listed = newer.get("allocation") if isinstance(newer, dict) else None
    names = [one.get("nodename") or one.get("name") for one in listed or []]
    details = job.get("gres_detail") or []
    if len(names) != len(details):
        return []
    return [
        (name, index)
        for name, detail in zip(names, details)
        for _count, indexes in _gpus(detail)
        for index in indexes or ()
    ]


def _allocated(job: Record) -> int:
    """How many GPUs a running job holds."""
    by_node = sum(_count(detail) for detail in job.get("gres_detail") or [])
    if by_node:
        return by_node
    # With accounting of GPUs; the count of each type is told beside the sum.
    match = re.search(r"gres/gpu=(\d+)", job.get("tres_alloc_str") or "")
    return int(match.group(1)) if match else 0


def _asked(job: Record) -> int:
    """How many GPUs a waiting job asks for, however it does."""
    match = re.search(r"gres/gpu=(\d+)", job.get("tres_req_str") or "")
    if match:
        return int(match.group(1))
    nodes = _number(job.get("node_count")) or 1
    tasks = _number(job.get("tasks")) or nodes
    return max(
        _count(job.get("tres_per_job")),
        _count(job.get("tres_per_node")) * nodes,
        _count(job.get("tres_per_task")) * tasks,
    )


def _tasks_of_array(job: Record) -> int:
    """How many tasks a waiting job stands for: C(2-3%2) are two."""
    text = str(job.get("array_task_string") or "").partition("%")[0]
    return len(_indexes(text) or ()) or 1


def _states(value: t.Any) -> set[str]:
    """States and flags, upper case, of a text or a list."""
    listed = value if isinstance(value, list) else [value]
    return {str(one).upper() for one in listed if one}


def _number(value: t.Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("number") if value.get("set", True) else None
    return int(value) if isinstance(value, (int, float)) else None


# How it is asked ------------------------------------------------------------------

_Ask = t.Callable[[str], t.List[Record]]


def _rest(options: Record, timeout: float) -> _Ask:
    url = options["url"].rstrip("/")

    def get(path: str) -> Record:
        try:
            answer = open_url(
                url + path,
                headers={
                    "X-SLURM-USER-TOKEN": options.get("token") or "",
                    "X-SLURM-USER-NAME": options.get("user") or "",
                    "Accept": "application/json",
                },
                timeout=timeout,
                validate_certs=options.get("validate_certs", True),
                ca_path=options.get("ca_cert"),
            )
            return _json(answer.read())
        except HTTPError as error:
            raise SourceError(f"slurmrestd answered {error.code} to {path}") from error
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise SourceError(f"slurmrestd did not answer: {reason}") from error

    paths = " ".join(get("/openapi/v3").get("paths") or {})
    versions = [int(one) for one in re.findall(r"/slurm/v0\.0\.(\d+)/nodes\b", paths)]
    if not versions:
        raise SourceError(f"slurmrestd at {url} offers no API that is known here")

    def ask(what: str) -> list[Record]:
        return _records(get(f"/slurm/v0.0.{max(versions)}/{what}"), what)

    return ask


def _commands(options: Record, timeout: float) -> _Ask:
    login = options.get("login")
    way = ["ssh", "-o", "BatchMode=yes", "--", login] if login else []

    def ask(what: str) -> list[Record]:
        if what == "jobs":
            return _records(_run([*way, "squeue", "--json"], timeout), what)
        try:
            answer = _run([*way, "scontrol", "show", "nodes", "--json"], timeout)
        except SourceError as error:
            if "unrecognized option" not in str(error):
                raise
            # Before 23.02 it was sinfo that listed them so.
            answer = _run([*way, "sinfo", "--json"], timeout)
        return _records(answer, what)

    return ask


def _run(command: list[str], timeout: float) -> Record:
    text = " ".join(command)
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, timeout=timeout
        )
    except FileNotFoundError as error:
        raise SourceError(f"there is no {command[0]} on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{text} took more than {timeout:g} s") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise SourceError(f"{text} ended with {done.returncode}: {said[:300]}")
    return _json(done.stdout)


def _json(content: bytes) -> Record:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise SourceError("what Slurm answered is no JSON") from error
    if not isinstance(found, dict):
        raise SourceError("what Slurm answered is no JSON object")
    return found


def _records(answer: Record, what: str) -> list[Record]:
    errors = [
        one.get("error") or one.get("description") for one in answer.get("errors") or []
    ]
    listed = answer.get(what)
    if errors or not isinstance(listed, list):
        raise SourceError(
            f"Slurm did not list {what}: {'; '.join(map(str, errors)) or 'no list'}"
        )
    return listed
