# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA ports, from the metrics of node_exporter."""

from __future__ import annotations

from ..._fleet.types import Measured, Record
from .api import Prometheus
from .labels import address_of, aliases_of
from .series import Query

_STATE = {1: "DOWN", 2: "INIT", 3: "ARMED", 4: "ACTIVE"}
_PHYSICAL = {1: "SLEEP", 2: "POLLING", 3: "DISABLED", 4: "TRAINING", 5: "LINK_UP"}


def ports(server: Prometheus, known: set[str], query: Query) -> list[Measured]:
    """Read the RDMA ports of nodes.

    Args:
        server: Makes selectors.
        known: Names of all metrics.
        query: Sends the queries.

    Returns:
        Each target with its ports.
    """
    node_names = _node_names(server, query) if "node_uname_info" in known else {}
    by_key: dict[tuple[str, str, str], Record] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    for metric, field in (
        ("node_infiniband_state_id", "state"),
        ("node_infiniband_physical_state_id", "phys_state"),
        ("node_infiniband_rate_bytes_per_second", "rate_gbps"),
    ):
        for labels, value in query(f"{metric}{server.selector()}"):
            target = labels.get("instance", "")
            key = (target, labels.get("device", ""), labels.get("port", ""))
            port = by_key.setdefault(
                key, {"device": key[1], "port": key[2], "rate_gbps": None}
            )
            port[field] = _value(field, value)
            name = node_names.get(target)
            aliases[target] = (*([name] if name else []), *aliases_of(labels))
    by_target: dict[str, list[Record]] = {}
    for (target, _device, _port), port in sorted(by_key.items()):
        by_target.setdefault(target, []).append(port)
    return [
        Measured(
            name=next(iter(aliases[target]), target),
            aliases=aliases[target],
            target=address_of({"instance": target}),
            exporter="node",
            facts={"devices": [], "rdma_ports": of_target},
        )
        for target, of_target in by_target.items()
    ]


def _value(field: str, value: float) -> str | float | None:
    if field == "rate_gbps":
        return value * 8 / 1e9
    return (_STATE if field == "state" else _PHYSICAL).get(int(value))


def _node_names(server: Prometheus, query: Query) -> dict[str, str]:
    """Names of nodes by target."""
    return {
        labels.get("instance", ""): labels["nodename"]
        for labels, _value in query(f"node_uname_info{server.selector()}")
        if labels.get("nodename")
    }
