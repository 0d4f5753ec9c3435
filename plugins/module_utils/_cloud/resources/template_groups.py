# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node groups that a cluster template declares, kept in a label of its own.

Magnum's templates know none; `gpu_cluster` makes them with the cluster.
"""

from __future__ import annotations

import json
import typing as t

from ..engine.errors import Conflict
from ..engine.status import Raw, status_of

LABEL = "gpufleet_node_groups"


def text(groups: t.Iterable[Raw]) -> str:
    """Return node groups as the label keeps them: the options of each, as JSON."""
    options = [{k: v for k, v in group.items() if v is not None} for group in groups]
    return json.dumps(options, sort_keys=True, separators=(",", ":"))


def declared(template: Raw) -> list[Raw] | None:
    """Return the node groups that a template declares.

    Returns:
        Options of `gpufleet.openstack.node_group` for each; None where the label holds
        something else.
    """
    try:
        groups = json.loads((template.get("labels") or {}).get(LABEL) or "[]")
    except ValueError:
        return None
    if isinstance(groups, list) and all(
        isinstance(group, dict) and group.get("name") for group in groups
    ):
        return groups
    return None


def missing(
    what: object, template: Raw | None, have: t.Sequence[t.Mapping[str, t.Any]]
) -> list[Raw]:
    """Return the node groups that a template declares and a cluster does not have.

    A group that failed for good counts as missing. Those that are there may have
    changed since, and are left as they are.

    Args:
        what: How messages call the cluster.
        template: The cluster's template, None where it is not known.
        have: The views of the cluster's node groups.

    Returns:
        As `declared`.

    Raises:
        Conflict: The label holds something else.
    """
    groups = declared(template) if template else []
    if groups is None:
        raise Conflict(
            f"{what}: the label {LABEL} of its template holds no node groups; declare "
            "the template again, with node_groups"
        )
    if not groups:
        return []
    usable = [view["name"] for view in have if not status_of(dict(view)).lost]
    return [group for group in groups if group["name"] not in usable]
