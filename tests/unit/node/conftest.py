# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node of its own for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    collect,
    files,
)
from fakes.node.sysfs import Gather, Node
from unit import returned


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node without devices."""
    return Node(tmp_path / "node")


@pytest.fixture
def gather(node: Node) -> Gather:
    """Collect the node's facts, as documented; options as those of the module."""
    roots = files.Roots(str(node.sysfs), str(node.procfs), str(node.dev))

    def run(**options: Any) -> dict[str, Any]:
        facts = collect.collect(collect.Options(roots=roots, **options))
        returned.check(facts, "gpu_facts", "ansible_facts", "gpufleet")
        return facts

    return run
