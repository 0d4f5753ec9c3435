# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from what the sources know: what lookup and action do."""

from __future__ import annotations

import threading
import typing as t
import uuid

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..fleet import (
    consumers,
    faults,
    fleet,
    heatmap,
    join,
    measure,
    nodes,
    overview,
    state,
)
from ..fleet.model import Record
from . import cache, facts, kubernetes, openstack, prometheus, slurm
from .failure import SourceError

REPORTS = ("overview", "consumers", "heatmap", "nodes")

TIMEOUT = 20
"""Seconds that a source may take."""

ARGUMENT_SPEC: Record = {
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [{"type": "facts"}],
        "options": {
            "type": {
                "type": "str",
                "required": True,
                "choices": ["facts", "kubernetes", "openstack", "prometheus", "slurm"],
            },
            "cluster": {"type": "str"},
            "timeout": {"type": "int", "default": TIMEOUT},
            "url": {"type": "str"},
            "user": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "token": {"type": "str", "no_log": True},
            "validate_certs": {"type": "bool", "default": True},
            "ca_cert": {"type": "path"},
            "matchers": {"type": "str"},
            "login": {"type": "str"},
            "kubeconfig": {"type": "path"},
            "context": {"type": "str"},
            "resources": {"type": "list", "elements": "str", "default": []},
            "cloud": {"type": "str"},
            "region_name": {"type": "str"},
        },
    },
    "max_age": {"type": "int", "default": 30},
    "stale_after": {"type": "int", "default": 300},
    "now": {"type": "str"},
    "preset": {"type": "str", "default": "default", "choices": list(faults.PRESETS)},
    "rules": {"type": "dict", "default": {}},
    "top_k": {"type": "int", "default": 5},
    "matrix": {"type": "bool", "default": False},
    "page_num": {"type": "int", "default": 1},
    "page_size": {"type": "int", "default": 10},
    "include_pods": {"type": "bool", "default": False},
    "group_by": {"type": "str", "choices": list(consumers.GROUPS)},
    "namespace": {"type": "str"},
    "kind": {"type": "str"},
    "source": {"type": "str"},
    "cluster": {"type": "str"},
    "id": {"type": "str"},
    "name": {"type": "str"},
    "status": {"type": "str", "choices": list(nodes.STATES)},
    "strict": {"type": "bool", "default": False},
    "envelope": {"type": "bool", "default": False},
}
"""The options of the documentation fragment C(gpufleet.openstack.reports)."""


_TLS = ("validate_certs", "ca_cert")

_OPTIONS = {
    "facts": (),
    "kubernetes": ("kubeconfig", "context", "resources", "cloud", "region_name"),
    "openstack": ("cloud", "region_name"),
    "prometheus": ("url", "user", "password", "token", "matchers", *_TLS),
    "slurm": ("url", "user", "token", "login", *_TLS),
}
"""The options of each type of source, beside those that all have."""

_COMMON = ("cluster", "timeout")


class BadRequest(ValueError):
    """An option has a value that can't be, or names what is not there."""


class Incomplete(RuntimeError):
    """Something is missing or odd, and C(strict) was asked for."""


def compute(
    names: t.Sequence[str],
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    folder: str,
) -> list[Record]:
    """Reports from one snapshot.

    Args:
        names: Which, of C(REPORTS).
        options: Values of C(ARGUMENT_SPEC).
        hostvars: Variables of all hosts of the inventory.
        folder: Where what the sources tell may be kept; nobody else may write there.

    Raises:
        BadRequest: The request is wrong.
        Incomplete: There are warnings, and C(strict) is set.
    """
    for name in names or [""]:
        if name not in REPORTS:
            raise BadRequest(f"{name!r} is none of {', '.join(REPORTS)}")
    options = _checked(options)
    seen = _snapshot(options, hostvars, folder)
    try:
        found = [_report(name, seen, options) for name in names]
    except nodes.NodeNotFound as error:
        raise BadRequest(str(error)) from error
    if options["envelope"]:
        return [_answer(0, "success", report) for report in found]
    return found


def refusal(error: BadRequest | Incomplete) -> Record:
    """What the Clusters API answers to a request that it can't serve."""
    return _answer(400 if isinstance(error, BadRequest) else 500, str(error), None)


def _answer(code: int, message: str, data: Record | None) -> Record:
    trace = f"trace-{uuid.uuid4().hex[:12]}"
    return {"code": code, "message": message, "data": data, "traceId": trace}


def _checked(options: t.Mapping[str, t.Any]) -> Record:
    """The options, with their types and defaults.

    Raises:
        BadRequest: One has a value that can't be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    result = ArgumentSpecValidator(ARGUMENT_SPEC).validate(given)
    if result.error_messages:
        raise BadRequest("; ".join(result.error_messages))
    found: Record = result.validated_parameters
    for name, least, most in (
        ("page_num", 1, None),
        ("page_size", 1, 1000),
        ("top_k", 1, None),
        ("stale_after", 0, None),
        ("max_age", 0, None),
    ):
        value = found[name]
        if value < least or (most and value > most):
            allowed = f"{least} to {most}" if most else f"{least} or more"
            raise BadRequest(f"{name}: {value} must be {allowed}")
    if found["now"] and state.moment_of(found["now"]) is None:
        raise BadRequest(f"now: {found['now']!r} is no time as ISO 8601 has it")
    for number, source in enumerate(found["sources"]):
        _only_its_own(number, source)
        if source["timeout"] < 1:
            raise BadRequest(
                f"sources[{number}].timeout: {source['timeout']} must be 1 or more"
            )
        by_magnum = source["type"] == "kubernetes" and source["cloud"]
        if by_magnum and (source["kubeconfig"] or not source["cluster"]):
            raise BadRequest(
                f"sources[{number}].cloud: takes cluster, and no kubeconfig"
            )
        if source["type"] == "prometheus" and not source["url"]:
            raise BadRequest(f"sources[{number}].url: Prometheus' is missing")
        if source["url"] and source["login"]:
            raise BadRequest(f"sources[{number}]: give url or login, not both")
    return found


def _only_its_own(number: int, source: Record) -> None:
    """Refuse options of other types; those that stand at their default say nothing."""
    allowed = ("type", *_COMMON, *_OPTIONS[source["type"]])
    options = ARGUMENT_SPEC["sources"]["options"]
    for name, value in source.items():
        if name not in allowed and value != options[name].get("default"):
            raise BadRequest(
                f"sources[{number}].{name}: a source of type {source['type']} has no "
                f"such option, only {', '.join(allowed[1:])}"
            )


def _snapshot(
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    folder: str,
) -> fleet.Fleet:
    try:
        rules = faults.policy(options["preset"], options["rules"])
    except faults.PolicyError as error:
        raise BadRequest(str(error)) from error
    warnings: list[str] = []
    hosts = facts.hosts(hostvars, warnings.append)
    sources = options["sources"]
    if not any(source["type"] == "facts" for source in sources):
        hosts = [host._replace(facts=None) for host in hosts]
    now = state.moment_of(options["now"]) if options["now"] else None
    asked = [one for one in sources if one["type"] != "facts"]
    told = _read(asked, folder, options["max_age"])
    listed = [node for one in told.listings for node in one.nodes]
    measured = [one for found in told.telemetry for one in found.measured]
    hosts = join.add_nodes(hosts, listed)
    hosts = measure.measure(hosts, measured, now, options["stale_after"])
    joined = measure.assign(join.join(hosts, told.schedules))
    storages = [one.storage for one in told.listings if one.storage]
    storages += [one.storage for one in told.telemetry if one.storage]
    seen = fleet.build(
        joined.hosts,
        consumers=joined.consumers,
        storage=storages[0] if storages else None,
        pending=joined.pending,
        warnings=[
            *warnings,
            *(f"openstack: {text}" for one in told.listings for text in one.warnings),
            *(f"prometheus: {text}" for one in told.telemetry for text in one.warnings),
            *joined.warnings,
        ],
        now=now,
        stale_after=options["stale_after"],
        rules=rules,
    )
    if seen.warnings and options["strict"]:
        raise Incomplete("; ".join(seen.warnings))
    return seen


_One = t.Union[join.Listing, join.Telemetry, join.Schedule]


class _Told(t.NamedTuple):
    """What the sources told, each kind in their order."""

    listings: list[join.Listing]
    telemetry: list[join.Telemetry]
    schedules: list[join.Schedule]


def _read(sources: list[Record], folder: str, max_age: float) -> _Told:
    """What the sources know, read side by side; what one can't tell is a failure."""
    found: dict[int, _One] = {}
    # Kubernetes itself knows better than what Prometheus has heard of it.
    workloads = all(source["type"] != "kubernetes" for source in sources)
    readers: dict[str, t.Callable[[Record, float], _One]] = {
        "kubernetes": kubernetes.read,
        "openstack": openstack.read,
        "prometheus": prometheus.read if workloads else prometheus.read_devices,
        "slurm": slurm.read,
    }

    def read(number: int, source: Record) -> None:
        reader = readers[source["type"]]
        key = {**source, "workloads": workloads}
        try:
            found[number] = cache.kept(
                folder, key, max_age, lambda: reader(source, source["timeout"])
            )
        except SourceError as error:
            found[number] = _failed(source, str(error))
        except Exception as error:  # noqa: BLE001 -- an answer of a shape nobody has seen
            text = f"its answer is not understood: {type(error).__name__}: {error}"
            found[number] = _failed(source, text)

    threads = [
        # One that hangs is left behind.
        threading.Thread(target=read, args=each, daemon=True)
        for each in enumerate(sources)
    ]
    for thread in threads:
        thread.start()
    told = _Told([], [], [])
    for number, (thread, source) in enumerate(zip(threads, sources)):
        thread.join(source["timeout"])
        late = f"it took more than {source['timeout']} s"
        one = found.get(number) or _failed(source, late)
        if isinstance(one, join.Listing):
            told.listings.append(one)
        elif isinstance(one, join.Schedule):
            told.schedules.append(one)
        else:
            told.telemetry.append(one)
            told.schedules.extend([one.schedule] if one.schedule else [])
    return told


def _failed(source: Record, reason: str) -> _One:
    if source["type"] == "openstack":
        return join.Listing([], warnings=(reason,))
    if source["type"] == "prometheus":
        return join.Telemetry([], warnings=(reason,))
    return join.Schedule(source["type"], [], [], None, reason, source["cluster"])


def _report(name: str, seen: fleet.Fleet, options: t.Mapping[str, t.Any]) -> Record:
    if name == "overview":
        return overview.report(seen)
    if name == "heatmap":
        return heatmap.report(seen, options["top_k"], options["matrix"])
    if name == "nodes":
        asked = (options[key] for key in ("id", "name", "cluster", "status"))
        return nodes.report(seen, *asked)
    return consumers.report(
        seen,
        options["page_num"],
        options["page_size"],
        options["include_pods"],
        options["group_by"],
        **{key: options[key] for key in consumers.FILTERS},
    )
