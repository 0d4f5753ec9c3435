# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups that a cluster template declares, kept in a label of its own.

Magnum's templates know none; C(gpu_cluster) makes them with the cluster.
"""

from __future__ import annotations

import json
import typing as t

from .waiter import Raw

LABEL = "gpufleet_node_groups"


def text(groups: t.Iterable[Raw]) -> str:
    """Node groups as the label keeps them: what was given of each, as JSON."""
    given = [{k: v for k, v in group.items() if v is not None} for group in groups]
    return json.dumps(given, sort_keys=True, separators=(",", ":"))


def of(template: Raw) -> list[Raw] | None:
    """The node groups that a template declares.

    Returns:
        Options of M(gpufleet.openstack.node_group) for each; None where the label holds
        something else.
    """
    try:
        found = json.loads((template.get("labels") or {}).get(LABEL) or "[]")
    except ValueError:
        return None
    if isinstance(found, list) and all(
        isinstance(group, dict) and group.get("name") for group in found
    ):
        return found
    return None
