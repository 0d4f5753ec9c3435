# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's records of nodes and jobs, from slurmrestd or from Slurm's commands.

Both answer with the same JSON, whose shape differs between releases.
"""

from __future__ import annotations

import os
import re
import time
import typing as t

from .. import _http
from . import programs
from .errors import SchedulerError

Record = t.Dict[str, t.Any]
List = t.Callable[[str], t.List[Record]]
"""Lists the records of `nodes` or `jobs`; raises `SchedulerError`."""


def rest(
    url: str,
    timeout: float,
    user: str | None = None,
    token: str | None = None,
    headers: t.Mapping[str, str] | None = None,
    **tls: t.Any,
) -> List:
    """Return a client of slurmrestd, for the newest API that it offers.

    Args:
        url: Its address.
        timeout: Seconds for all requests together.
        user: Name of the user of the token.
        token: JSON web token.
        headers: Further headers, for a proxy in front of it.
        tls: Certificates, as `_http.request` takes them.

    Raises:
        SchedulerError: It did not answer, or offers no API that is known.
    """
    url, deadline = url.rstrip("/"), time.monotonic() + timeout
    login = {"X-SLURM-USER-TOKEN": token or "", "X-SLURM-USER-NAME": user or ""}
    sent = {**login, **(headers or {})}

    def get(path: str) -> Record:
        try:
            return _http.request(url + path, sent, deadline, **tls)
        except _http.Refused as error:
            raise SchedulerError(
                f"slurmrestd answered {error.status} to {path}: {error}"
            ) from error
        except _http.NoAnswer as error:
            raise SchedulerError(f"slurmrestd did not answer: {error}") from error
        except _http.NotJson as error:
            raise SchedulerError(f"what Slurm answered is {error}") from error

    paths = " ".join(get("/openapi/v3").get("paths") or {})
    versions = [
        int(number) for number in re.findall(r"/slurm/v0\.0\.(\d+)/nodes\b", paths)
    ]
    if not versions:
        raise SchedulerError(f"slurmrestd at {url} offers no API that is known here")
    return lambda what: _records(get(f"/slurm/v0.0.{max(versions)}/{what}"), what)


def commands(login: str | None, timeout: float) -> List:
    """Return a client that runs `squeue` and `scontrol`.

    Args:
        login: Host where they are, which `ssh` reaches without asking; this machine
            without it.
        timeout: Seconds for all commands together.
    """
    deadline = time.monotonic() + timeout
    prefix = ["ssh", "-o", "BatchMode=yes", "--", login] if login else []

    def run(*command: str) -> Record:
        line = [*prefix, *command]
        try:
            return _run(line, deadline)
        except _http.Late as error:
            raise SchedulerError(
                f"{' '.join(line)} took more than {timeout:.3g} s"
            ) from error
        except _http.NotJson as error:
            raise SchedulerError(f"what Slurm answered is {error}") from error

    def records(what: str) -> list[Record]:
        if what == "jobs":
            return _records(run("squeue", "--json"), what)
        try:
            answer = run("scontrol", "show", "nodes", "--json")
        except SchedulerError as error:
            if "unrecognized option" not in str(error):
                raise
            # Before 23.02 it was sinfo that listed them so.
            answer = run("sinfo", "--json")
        return _records(answer, what)

    return records


def _run(command: list[str], deadline: float) -> Record:
    """Return the JSON object that a command prints.

    Raises:
        SchedulerError: It failed.
        Late: The deadline has passed.
        NotJson: It wrote no JSON object, or more than is read.
    """
    try:
        # Without it, squeue cuts the list of tasks of an array.
        environment = {**os.environ, "SLURM_BITSTR_LEN": "0"}
        done = programs.run(command, deadline, environment)
    except FileNotFoundError as error:
        raise SchedulerError(f"there is no {command[0]} on this machine") from error
    except OSError as error:
        raise SchedulerError(f"{command[0]}: {error.strerror}") from error
    if done.status != 0:
        reason = _http.shown(done.complaint)
        text = " ".join(command)
        raise SchedulerError(f"{text} ended with {done.status}: {reason[:300]}")
    return _http.parse(done.output)


def _records(answer: Record, what: str) -> list[Record]:
    errors = [
        error.get("error") or error.get("description")
        for error in answer.get("errors") or []
    ]
    records = answer.get(what)
    if errors or not isinstance(records, list):
        raise SchedulerError(
            f"Slurm did not list {what}: {'; '.join(map(str, errors)) or 'no list'}"
        )
    return records
