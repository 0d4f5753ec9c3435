# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from what the sources know: what lookup and action do."""

from __future__ import annotations

import copy
import typing as t
import uuid
from dataclasses import replace

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean

from ._answers import consumers, heatmap, nodes, overview
from ._fleet import coverage, faults, snapshot, state
from ._fleet.types import Fleet, Record
from ._fleet.values import shown
from ._sources import facts, table
from ._sources.base import WrongOption


def _consumers(fleet: Fleet, options: t.Mapping[str, t.Any]) -> Record:
    return consumers.report(
        fleet,
        options["page_num"],
        options["page_size"],
        options["include_pods"],
        options["group_by"],
        **{key: options[key] for key in consumers.FILTERS},
    )


def _nodes(fleet: Fleet, options: t.Mapping[str, t.Any]) -> Record:
    chosen = (options[key] for key in ("id", "name", "cluster", "status"))
    return nodes.report(fleet, *chosen)


REPORTS: dict[str, t.Callable[[Fleet, t.Mapping[str, t.Any]], Record]] = {
    "overview": lambda fleet, _options: overview.report(fleet),
    "consumers": _consumers,
    "heatmap": lambda fleet, options: heatmap.report(
        fleet, options["top_k"], options["matrix"]
    ),
    "nodes": _nodes,
}
"""What makes each report, of a fleet and the options."""

ARGUMENT_SPEC: Record = {
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [{"type": "facts"}],
        "options": table.OPTIONS,
    },
    "max_age": {"type": "int", "default": 30},
    "stale_after": {"type": "int", "default": 300},
    "now": {"type": "str"},
    "preset": {"type": "str", "default": "default", "choices": list(faults.PRESETS)},
    "rules": {"type": "dict", "default": {}},
    "top_k": {"type": "int", "default": 5},
    "matrix": {"type": "bool", "default": False},
    "page_num": {"type": "int", "default": 1, "aliases": ["pageNum"]},
    "page_size": {"type": "int", "default": 10, "aliases": ["pageSize"]},
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
    "min_coverage": {"type": "float", "default": 0.0},
    "fail_on_faults": {"type": "bool", "default": False},
    "envelope": {"type": "bool", "default": False},
}
"""The options of the documentation fragment `gpufleet.openstack.reports`."""

_RANGES: tuple[tuple[str, int, int | None], ...] = (
    ("page_num", 1, None),
    ("page_size", 1, 1000),
    ("top_k", 1, None),
    ("stale_after", 0, None),
    ("max_age", 0, None),
    ("min_coverage", 0, 1),
)


class BadRequest(ValueError):
    """An option has a value that can't be, or names what is not there."""


class Unacceptable(RuntimeError):
    """The fleet is not as `strict`, `min_coverage` or `fail_on_faults` require it.

    Attributes:
        reports: The reports nevertheless.
    """

    def __init__(self, complaints: t.Sequence[str], reports: list[Record]) -> None:
        super().__init__("; ".join(complaints))
        self.reports = reports


def compute(
    names: t.Sequence[str],
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    folder: str,
) -> list[Record]:
    """Return reports that are made from one snapshot.

    Args:
        names: Which, of `REPORTS`.
        options: Values of `ARGUMENT_SPEC`, of any type. With `envelope` each failure is
            an answer, and none is raised.
        hostvars: Variables of all hosts of the inventory.
        folder: Where what the sources tell may be kept; nobody else may write there.

    Raises:
        BadRequest: The request is wrong.
        Unacceptable: The fleet is not as the options require it.
    """
    if not _has_envelope(options):
        return _computed(names, options, hostvars, folder)
    try:
        reports = _computed(names, options, hostvars, folder)
    except (BadRequest, Unacceptable) as error:
        return [refusal(error) for _name in names or [""]]
    except Exception as error:  # noqa: BLE001 -- the API answers, whatever happens
        text = f"internal error: {type(error).__name__}: {shown(error)}"
        return [_answer(500, text) for _name in names or [""]]
    return [_answer(0, "success", report) for report in reports]


def _computed(
    names: t.Sequence[str],
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    folder: str,
) -> list[Record]:
    for name in names or [""]:
        if name not in REPORTS:
            raise BadRequest(f"reports: {name!r} is none of {', '.join(REPORTS)}")
    options = _checked(options)
    fleet = _snapshot(options, hostvars, folder)
    try:
        reports = [REPORTS[name](fleet, options) for name in names]
    except nodes.NodeNotFound as error:
        raise BadRequest(str(error)) from error
    complaints = list(_complaints(fleet, options))
    if complaints:
        raise Unacceptable(complaints, reports)
    return reports


def _complaints(fleet: Fleet, options: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Yield how a fleet is not as the options require it."""
    if options["strict"]:
        yield from fleet.warnings
    least, seen = options["min_coverage"], coverage.share(fleet.nodes)
    if least and (seen is None or seen < least):
        yield (
            f"coverage is {'unknown' if seen is None else seen}, and min_coverage is "
            f"{least:g}: look at the warnings for what is not measured"
        )
    if options["fail_on_faults"]:
        broken = [
            f"{node.key}: {fault['evidence']}"
            for node in fleet.nodes
            for fault in node.state["faults"]
        ]
        if broken:
            more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
            yield f"there are faults: {'; '.join(broken[:5])}{more}"


def refusal(error: Exception) -> Record:
    """What the Clusters API answers to a request that it can't serve."""
    return _answer(400 if isinstance(error, BadRequest) else 500, str(error))


def _answer(code: int, message: str, data: Record | None = None) -> Record:
    """Return an answer; the API has no data in those that tell an error."""
    answer = {"code": code, "message": message}
    if data is not None:
        answer["data"] = data
    return {**answer, "traceId": f"trace-{uuid.uuid4().hex[:12]}"}


def _has_envelope(options: t.Mapping[str, t.Any]) -> bool:
    """Return whether `envelope` is set; what is no boolean is refused later."""
    return bool(boolean(options.get("envelope") or False, strict=False))


def _checked(options: t.Mapping[str, t.Any]) -> Record:
    """The options, with their types and defaults.

    Raises:
        BadRequest: One has a value that can't be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    # The validator completes defaults in place: those of suboptions in a list.
    result = ArgumentSpecValidator(copy.deepcopy(ARGUMENT_SPEC)).validate(given)
    if result.error_messages:
        raise BadRequest("; ".join(result.error_messages))
    checked: Record = result.validated_parameters
    for name, least, most in _RANGES:
        value = checked[name]
        if value < least or (most and value > most):
            allowed = f"{least} to {most}" if most else f"{least} or more"
            raise BadRequest(f"{name}: {value} must be {allowed}")
    if checked["now"] and state.moment_of(checked["now"]) is None:
        raise BadRequest(f"now: {checked['now']!r} must be a time in ISO 8601")
    try:
        table.check(checked["sources"])
    except WrongOption as error:
        raise BadRequest(str(error)) from error
    return checked


def _snapshot(
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
    folder: str,
) -> Fleet:
    """Return the fleet as an inventory and the sources know it.

    Raises:
        BadRequest: The policy of faults can't be.
    """
    try:
        rules = faults.policy(options["preset"], options["rules"])
    except faults.PolicyError as error:
        raise BadRequest(str(error)) from error
    warnings: list[str] = []
    hosts = facts.hosts(hostvars, warnings.append)
    if not table.reads_variables(options["sources"]):
        hosts = [replace(host, facts=None) for host in hosts]
    answers = table.read(options["sources"], folder, options["max_age"])
    fleet = snapshot.assemble(
        hosts,
        listings=answers.listings,
        measured=answers.telemetry,
        schedules=answers.schedules,
        warnings=[*warnings, *answers.warnings],
        now=state.moment_of(options["now"]),
        stale_after=options["stale_after"],
        rules=rules,
    )
    gaps = coverage.gaps(fleet.nodes, options["stale_after"])
    return replace(fleet, warnings=[*fleet.warnings, *gaps])
