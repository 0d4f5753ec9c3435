# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A GPU cluster in the shape that users see."""

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ..engine.fields import Field, api_values
from ..engine.status import Raw
from ..services.drivers import driver_of, infrastructure_id
from . import node_group, nodes_to_remove

_PLAIN = (
    "status",
    "status_reason",
    "health_status",
    "template_revision",
    "template_drift",
    "location",
    "api_address",
    "project_id",
    "user_id",
    "created_at",
    "updated_at",
    "coe_version",
    "container_version",
)
"""What is shown as Magnum has it."""


def view(fields: t.Iterable[Field], raw: Raw) -> dict[str, t.Any]:
    """Return a cluster as users see it.

    Args:
        fields: The fields of a cluster.
        raw: What `GpuClusterResource.load` gave. What an API leaves out may be missing.
    """
    plain = {name: raw.get(name) for name in _PLAIN}
    workers = raw.get("default_workers") or {}
    groups = [node_group.view(group) for group in raw.get("node_groups") or []]
    values = api_values(fields, raw)
    infrastructure = infrastructure_id(raw)
    shown = {
        "id": raw.get("uuid"),
        "name": raw["name"],
        **plain,
        **values,
        "driver": driver_of(raw.get("template_driver"), infrastructure).name or None,
        "infrastructure_id": infrastructure,
        "stack_id": infrastructure,
        "health_status_reason": raw.get("health_status_reason") or {},
        "faults": raw.get("faults") or {},
        "template": raw.get("template_name") or raw.get("cluster_template_id"),
        "template_id": raw.get("cluster_template_id"),
        "node_count": workers.get("node_count"),
        "total_node_count": raw.get("node_count"),
        "min_node_count": workers.get("min_node_count"),
        "max_node_count": workers.get("max_node_count"),
        "hostname": urlsplit(raw.get("api_address") or "").hostname,
        "node_addresses": raw.get("node_addresses") or [],
        "master_addresses": raw.get("master_addresses") or [],
        "node_groups": groups,
        "runtime_config": {
            "coe_version": plain["coe_version"],
            "container_version": plain["container_version"],
            "labels": values["labels"],
            "api_versions": raw.get("api_versions") or {},
        },
    }
    if nodes_to_remove.OPTION in raw:
        servers = raw[nodes_to_remove.OPTION]
        shown[nodes_to_remove.OPTION] = [server["name"] for server in servers]
    return shown
