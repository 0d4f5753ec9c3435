# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports from what the sources know: what lookup and action do."""

from __future__ import annotations

import typing as t
import uuid

from ..fleet import consumers, faults, fleet, heatmap, nodes, overview, state
from ..fleet.model import Record
from . import facts

REPORTS = ("overview", "consumers", "heatmap", "nodes")

ARGUMENT_SPEC: Record = {
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


class BadRequest(ValueError):
    """An option has a value that can't be, or names what is not there."""


class Incomplete(RuntimeError):
    """Something is missing or odd, and C(strict) was asked for."""


def compute(
    names: t.Sequence[str],
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
) -> list[Record]:
    """Reports from one snapshot.

    Args:
        names: Which, of C(REPORTS).
        options: Values of C(ARGUMENT_SPEC).
        hostvars: Variables of all hosts of the inventory.

    Raises:
        BadRequest: The request is wrong.
        Incomplete: There are warnings, and C(strict) is set.
    """
    for name in names or [""]:
        if name not in REPORTS:
            raise BadRequest(f"{name!r} is none of {', '.join(REPORTS)}")
    _check(options)
    seen = _snapshot(options, hostvars)
    try:
        found = [_report(name, seen, options) for name in names]
    except nodes.NodeNotFound as error:
        raise BadRequest(str(error)) from error
    if options["envelope"]:
        return [_answer(0, "success", report) for report in found]
    return found


def refusal(message: str) -> Record:
    """What the Clusters API answers to a request that is wrong."""
    return _answer(400, message, None)


def _answer(code: int, message: str, data: Record | None) -> Record:
    trace = f"trace-{uuid.uuid4().hex[:12]}"
    return {"code": code, "message": message, "data": data, "traceId": trace}


def _check(options: t.Mapping[str, t.Any]) -> None:
    for name, least, most in (
        ("page_num", 1, None),
        ("page_size", 1, 1000),
        ("top_k", 1, None),
        ("stale_after", 0, None),
    ):
        value = options[name]
        if value < least or (most and value > most):
            allowed = f"{least} to {most}" if most else f"{least} or more"
            raise BadRequest(f"{name}: {value} must be {allowed}")
    if options["now"] and state.moment_of(options["now"]) is None:
        raise BadRequest(f"now: {options['now']!r} is no time as ISO 8601 has it")


def _snapshot(
    options: t.Mapping[str, t.Any],
    hostvars: t.Mapping[str, t.Mapping[str, t.Any]],
) -> fleet.Fleet:
    try:
        rules = faults.policy(options["preset"], options["rules"])
    except faults.PolicyError as error:
        raise BadRequest(str(error)) from error
    warnings: list[str] = []
    seen = fleet.build(
        facts.hosts(hostvars, warnings.append),
        warnings=warnings,
        now=state.moment_of(options["now"]) if options["now"] else None,
        stale_after=options["stale_after"],
        rules=rules,
    )
    if seen.warnings and options["strict"]:
        raise Incomplete("; ".join(seen.warnings))
    return seen


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
