# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test works in a project of its own on the bed (python -m beds.openstack up)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from beds.openstack import projects
from integration.cloud_site import Site, using_bed
from integration.faults import figures


@pytest.fixture(scope="session")
def meanwhile() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Does work while the next tests run; what failed is told at the end."""
    begun: list[Future[None]] = []
    with ThreadPoolExecutor() as pool:
        yield lambda work: begun.append(pool.submit(work))
    failed = [problem for one in begun if (problem := one.exception())]
    if failed:
        raise BaseExceptionGroup("projects could not be removed", failed)


@pytest.fixture
def site(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    meanwhile: Callable[[Callable[[], None]], None],
) -> Iterator[Site]:
    """A project made for this test, removed with all that is in it after the test."""
    alone = is_serial(request.node)
    with ExitStack() as stack:
        stack.enter_context(using_bed(alone=alone))
        admin = projects.admin_connection()
        name = request.node.name.removeprefix("test_").lower()
        word = re.sub(r"[^a-z0-9]+", "-", name)
        project = projects.create_project(admin, f"{word[:30]}-{secrets.token_hex(3)}")
        made = Site(project, admin, tmp_path)
        stack.callback(made.remove_hardware)
        stack.callback(projects.delete_project, admin, project)
        stack.callback(made.close)
        yield made
        if not alone:
            # The cluster that a test leaves takes half a minute to go.
            meanwhile(stack.pop_all().close)


def is_serial(item: pytest.Item) -> bool:
    """Whether a test must be the only one that uses the bed."""
    return item.get_closest_marker("serial") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let each process begin with its share of the tests of clouds.

    They take long and mostly wait; those that have to be alone with the bed come last, while
    other processes run what needs none.
    """
    clouds = [one for one in items if "site" in getattr(one, "fixturenames", ())]
    others = [one for one in items if one not in clouds]
    clouds.sort(key=is_serial)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    dealt: list[pytest.Item] = []
    for number in range(workers):
        # As xdist deals them: so many in a row to each.
        many = (len(items) - len(dealt)) // (workers - number)
        mine = clouds[number::workers]
        room = max(0, many - len(mine))
        dealt += [*mine, *others[:room]]
        del others[:room]
    items[:] = dealt


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures of the fault suite, where it ran."""
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
    ]
    found = [dict(report.user_properties).get(figures.KEY) for report in reports]
    printed = figures.lines(one for one in found if one)
    if printed:
        terminalreporter.section("fault suite")
        for line in printed:
            terminalreporter.write_line(line)
