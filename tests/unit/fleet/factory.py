# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet is made of, with usual values and every key, for tests.

Keywords override single values.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import record
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    snapshot,
    state,
    types,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.waiting import (
    Waiting,
)

Record = dict[str, Any]


def process(pid: int, **more: Any) -> Record:
    """A process of alice's."""
    return {
        "pid": pid,
        "name": "python3",
        "user": "alice",
        "memory_bytes": 1,
        **more,
    }


def device(index: int = 0, processes: Any = (), **more: Any) -> Record:
    """A device that is well, and held by processes of these ids.

    Args:
        index: Its index.
        processes: Ids of processes; None if they are not known.
        more: Other fields of `gpu_facts`.
    """
    return {
        **record.new_device(f"0000:{index:02x}:00.0", "amd", "gpu"),
        "index": index,
        "model": "MI300X",
        "health": "ok",
        "utilization_percent": 0,
        "processes": None if processes is None else [process(pid) for pid in processes],
        **more,
    }


def port(state: str = "ACTIVE", rate: float | None = 400.0, **more: Any) -> types.Port:
    """An RDMA port."""
    return types.Port(
        **{
            "device": "mlx5_0",
            "port": 1,
            "state": state,
            "phys_state": None,
            "rate_gbps": rate,
            "link_layer": "InfiniBand",
            "numa_node": 0,
            **more,
        }
    )


def event(code: int = 79, **more: Any) -> types.XidEvent:
    """An XID that asks for a restart."""
    usual = {"pci_bus_id": "b", "age_seconds": 60.0, "action": "RESTART_BM"}
    none = {"type": "xid", "message": None}
    return types.XidEvent(**{"code": code, **none, **usual, **more})


def facts(devices: Any = (), **more: Any) -> types.Facts:
    """What was measured of a host, of now if no time is given."""
    return types.Facts(devices=list(devices), **more)


def server(name: str = "n", count: int = 0, **more: Any) -> Record:
    """A server whose flavor declares so many devices: `gpufleet_node`."""
    usual: dict[str, Any] = {"memory_gib": 192, "kind": "gpu"}
    accelerator = {"vendor": "amd", "model": "MI300X", "count": count, **usual}
    none = state.NO_SERVER
    return {
        **none,
        "id": f"id-{name}",
        "name": name,
        "status": "ACTIVE",
        "cluster": cluster("training"),
        "node_group": "default-worker",
        "role": "worker",
        "location": "frankfurt",
        "hardware": {
            **none["hardware"],
            "name": "gpu",
            "accelerators": [accelerator] if count else [],
        },
        **more,
    }


def cluster(name: str, **more: Any) -> Record:
    """A cluster, as its nodes have it."""
    keys = ("status", "health_status", "master_address")
    return {"id": f"id-{name}", "name": name, **dict.fromkeys(keys), **more}


def address(text: str, **more: Any) -> Record:
    """A fixed address of a server."""
    return {
        "network": "net",
        "address": text,
        "version": 4,
        "floating": False,
        **more,
    }


def offer(
    capacity: float | None = 8, allocated: float | None = 2, **more: Any
) -> types.Offer:
    """What a scheduler knows of a node."""
    given = {"capacity": capacity, "allocated": allocated}
    return types.Offer(**{"source": "slurm", **given, **more})


def scheduled(name: str, **more: Any) -> types.Scheduled:
    """A node of a scheduler."""
    return types.Scheduled(**{"name": name, "offer": offer(), **more})


def waiting(count: float, reason: str = "Resources") -> Waiting:
    """Devices that are given out as soon as there is room."""
    return Waiting({reason: count} if count else {}, (reason,))


def schedule(*nodes: types.Scheduled, **more: Any) -> types.Schedule:
    """What a scheduler knows."""
    return types.Schedule(**{"source": "slurm", "nodes": list(nodes), **more})


def consumer(**more: Any) -> types.Consumer:
    """A workload that holds a device."""
    stat = {"gpuRequest": 1, "gpuEquivalent": 1.0, "gpuUtilization": None}
    usual = {"kind": "Job", "name": "train", "namespace": "default", "source": "k8s"}
    return types.consumer(**{**usual, "stat": stat, "cluster": "c", **more})


def fleet(*hosts: types.Host, **more: Any) -> types.Fleet:
    """A fleet of hosts."""
    return snapshot.build(hosts, **more)
