# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example playbooks, run as they stand: twice, and to take all away again."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.cloud_site import Site

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("heat_stack", {}),
        ("location", {}),
        ("cluster_template", {}),
        ("hardware", {"cloud": "bed-admin"}),
    ],
)
def test_example(site: Site, name: str, variables: dict[str, str]) -> None:
    member, playbook = site.member, PLAYBOOKS / f"{name}.yml"
    # Flavors are shared by all tests.
    variables = {"prefix": site.project.name, **variables}
    first = member.playbook(playbook, **variables)
    made = [result for result in first if result.get("action") == "create"]
    assert len(made) >= 2, member.output

    again = member.playbook(playbook, **variables)
    assert not any(result["changed"] for result in again), member.output
    assert len(again) == len(first)

    gone = member.playbook(playbook, state="absent", **variables)
    deleted = [result for result in gone if result.get("action") == "delete"]
    assert len(deleted) == len(made), member.output
