# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody has looked at is not well: coverage, and warnings of what is not seen."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    coverage,
    types,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import table
from unit.fleet import factory, fleets

SERVER = factory.server("n", 8)


def host(facts: types.Facts | None, count: int = 8) -> types.Host:
    return types.Host("n", factory.server("n", count) if count else None, facts)


def facts(*percents: float | None, age: float = 10) -> types.Facts:
    devices = [
        factory.device(number, utilization_percent=percent)
        for number, percent in enumerate(percents)
    ]
    return fleets.facts(devices, age)


@pytest.mark.parametrize(
    ("one", "share"),
    [
        (host(facts(*[0] * 8)), 1),
        # There, and not measured.
        (host(facts(*[None] * 8)), 0),
        (host(facts(*[5] * 6, None, None)), 0.75),
        (host(facts(*[5] * 6)), 0.75),
        (host(facts(*[5] * 8, age=301)), 0),
        (host(None), 0),
        (host(facts(*[5] * 8), count=0), 1),
        (host(None, count=0), None),
    ],
)
def test_coverage_counts_known_utilization(
    one: types.Host, share: float | None
) -> None:
    assert coverage.share(factory.fleet(one, now=fleets.NOW).nodes) == share


@pytest.mark.parametrize(
    ("hosts", "parts"),
    [
        ([], ["no node was found"]),
        ([host(facts(5))], []),
        ([host(None)], ["1 nodes have no facts (n)"]),
        ([host(None)] * 4, ["4 nodes have no facts (n, n, n, ...)"]),
        (
            [host(facts(5, age=301)), host(facts(5, age=2.5 * 86400)), host(facts(5))],
            ["2 nodes' facts are older than 300 s, the oldest 2 d"],
        ),
        ([host(facts(5, age=301))], ["the oldest 5 min"]),
        ([host(facts(5, age=7300))], ["the oldest 2 h"]),
        (
            [host(facts(5, age=-100))],
            ["1 nodes' facts are of a time that can't be (n)"],
        ),
        (
            [host(None), host(facts(5, age=400))],
            ["1 nodes have no facts", "1 nodes' facts are older"],
        ),
    ],
)
def test_what_is_not_seen_is_told(hosts: list[types.Host], parts: list[str]) -> None:
    fleet = factory.fleet(*hosts, now=fleets.NOW)
    gaps = list(coverage.gaps(fleet.nodes, 300))
    assert len(gaps) == len(parts)
    for gap, part in zip(gaps, parts, strict=True):
        assert part in gap


def reported(options: dict[str, Any], *hosts: types.Host) -> Any:
    hostvars = {
        f"n{number}": fleets.variables(each) for number, each in enumerate(hosts)
    }
    given = {"now": fleets.NOW.isoformat(), **options}
    return _reports.compute(["overview"], given, hostvars, "")


SEEN, HALF, BROKEN = (
    host(facts(*[0] * 8)),
    host(facts(*[0] * 4, *[None] * 4)),
    types.Host("b", factory.server("b", 8, status="ERROR"), facts(*[0] * 8)),
)


@pytest.mark.parametrize(
    ("options", "hosts", "text"),
    [
        ({}, [], None),
        ({"min_coverage": 1}, [SEEN], None),
        ({"min_coverage": 0.5}, [HALF], None),
        ({"min_coverage": 0.6}, [HALF], "coverage is 0.5, and min_coverage is 0.6"),
        ({"min_coverage": 0.1}, [], "coverage is unknown"),
        ({"strict": True}, [HALF], None),
        ({"strict": True}, [], "no node was found"),
        ({"strict": True}, [host(None)], "1 nodes have no facts"),
        ({"fail_on_faults": True}, [SEEN], None),
        ({"fail_on_faults": True}, [BROKEN], "there are faults: n0: the server's"),
        ({"fail_on_faults": True}, [BROKEN] * 7, " and 2 more"),
    ],
)
def test_what_a_fleet_must_be(
    options: dict[str, Any], hosts: list[types.Host], text: str | None
) -> None:
    if text is None:
        assert reported(options, *hosts)
        return
    with pytest.raises(_reports.Unacceptable) as caught:
        reported(options, *hosts)
    assert text in str(caught.value)
    # What was found is there nevertheless.
    assert caught.value.reports[0]["totalNodes"] == len(hosts)
    [answer] = reported({**options, "envelope": True}, *hosts)
    assert (answer["code"], "data" in answer) == (500, False)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"page_num": "x"}, 400, "page_num"),
        ({"group_by": "colour"}, 400, "colour"),
        ({"min_coverage": 2}, 400, "min_coverage: 2.0 must be 0 to 1"),
        ({"colour": 1}, 400, "colour"),
        ({"sources": 7}, 400, "sources"),
        ({"sources": [{"type": "prometheus"}]}, 400, "url"),
        ({"envelope": "maybe"}, None, "envelope"),
    ],
)
@pytest.mark.parametrize("yes", [True, "yes"])
def test_answers_to_wrong_options(
    options: dict[str, Any], code: int | None, text: str, yes: object
) -> None:
    given = {"envelope": yes, **options}
    if code is None:
        with pytest.raises(_reports.BadRequest, match=text):
            reported(given)
        return
    [answer] = reported(given)
    assert set(answer) == {"code", "message", "traceId"}
    assert answer["code"] == code
    assert text in answer["message"]


def test_the_answer_to_a_failure_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setitem(_reports.REPORTS, "overview", fails)
    [answer] = reported({"envelope": True}, SEEN)
    assert set(answer) == {"code", "message", "traceId"}
    assert (answer["code"], "KeyError" in answer["message"]) == (500, True)
    with pytest.raises(KeyError):
        reported({}, SEEN)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (types.Schedule(source="slurm"), "it has no node with devices"),
        (types.Schedule(source="slurm", failure="x"), None),
        (types.Listing(), "openstack: it knows nothing of any node"),
        (types.Telemetry(), "openstack: it knows nothing of any node"),
        (types.Telemetry(warnings=("down",)), "openstack: down"),
        (types.Telemetry(measured=[types.Measured(name="n", facts={})]), None),
        (types.Listing(storage={"total_bytes": 1, "used_bytes": 0}), None),
    ],
)
def test_a_source_that_found_nothing(answer: Any, text: str | None) -> None:
    answers = table._sorted([("openstack", answer)])
    told = [*answers.warnings, *(w for one in answers.schedules for w in one.warnings)]
    assert told == ([text] if text else [])


def test_pages_by_the_names_of_the_api() -> None:
    row = {"page_num": 2, "pageSize": 3}
    [report] = _reports.compute(["consumers"], {**row, "pageNum": 2}, {}, "")
    assert report["total"] == 0
    assert _reports._checked({"pageNum": 4, "pageSize": 3})["page_num"] == 4
