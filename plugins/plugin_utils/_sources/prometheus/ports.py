# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDMA ports, from the metrics of node_exporter."""

from __future__ import annotations

from ..._fleet.types import Measured, Record
from .api import Labels, Prometheus
from .labels import Place, Places
from .series import Query

_STATE = {1: "DOWN", 2: "INIT", 3: "ARMED", 4: "ACTIVE"}
_PHYSICAL = {1: "SLEEP", 2: "POLLING", 3: "DISABLED", 4: "TRAINING", 5: "LINK_UP"}


def ports(
    server: Prometheus, known: set[str], query: Query, places: Places
) -> list[Measured]:
    """Read the RDMA ports of nodes.

    Args:
        server: Makes selectors.
        known: Names of all metrics.
        query: Sends the queries.
        places: Tells where series were measured.

    Returns:
        Each target with its ports.
    """
    node_names: dict[tuple[str, str], str] = {}
    if "node_uname_info" in known:
        for labels, _value in query(f"node_uname_info{server.selector()}"):
            node_names[_target(places, labels)] = labels.get("nodename", "")
    by_target: dict[tuple[str, str], dict[tuple[str, str], Record]] = {}
    found: dict[tuple[str, str], Place] = {}
    for metric, field in (
        ("node_infiniband_state_id", "state"),
        ("node_infiniband_physical_state_id", "phys_state"),
        ("node_infiniband_rate_bytes_per_second", "rate_gbps"),
    ):
        for labels, value in query(f"{metric}{server.selector()}"):
            target = _target(places, labels)
            found[target] = places.of(labels)
            device, number = labels.get("device", ""), labels.get("port", "")
            port = by_target.setdefault(target, {}).setdefault(
                (device, number), {"device": device, "port": number, "rate_gbps": None}
            )
            port[field] = _value_of(field, value)
    return [
        _measured(target, found[target], node_names.get(target), of_target)
        for target, of_target in sorted(by_target.items())
    ]


def _target(places: Places, labels: Labels) -> tuple[str, str]:
    return places.cluster(labels), labels.get("instance", "")


def _measured(
    target: tuple[str, str],
    place: Place,
    node_name: str | None,
    by_port: dict[tuple[str, str], Record],
) -> Measured:
    cluster, instance = target
    names = [node_name, *place.aliases]
    aliases = tuple(dict.fromkeys(filter(None, names)))
    return Measured(
        name=next(iter(aliases), instance),
        aliases=aliases,
        target=place.target,
        cluster=cluster or None,
        exporter="node",
        facts={
            "devices": [],
            "rdma_ports": [port for _key, port in sorted(by_port.items())],
        },
    )


def _value_of(field: str, value: float) -> str | float | None:
    if field == "rate_gbps":
        return value * 8 / 1e9
    return (_STATE if field == "state" else _PHYSICAL).get(int(value))
