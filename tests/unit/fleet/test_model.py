# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server belongs where, and what its groups are called."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet import (
    groups,
    model,
)

A100 = {
    "vendor": "nvidia",
    "model": "A100",
    "count": 4,
    "memory_gib": 80,
    "kind": "gpu",
}


def server(name: str, *addresses: str, gpus: bool = True, **more: Any) -> model.Record:
    return {
        "id": more.pop("id", f"id-{name}"),
        "name": name,
        "status": "ACTIVE",
        "hardware": {"name": "gpu.a100", "accelerators": [A100] if gpus else []},
        "addresses": [
            {"network": "net", "address": one, "version": 4, "floating": False}
            for one in addresses
        ],
        **more,
    }


def cluster(name: str, stack: str | None = None, **more: Any) -> model.Record:
    return {
        "id": more.pop("id", f"id-{name}"),
        "name": name,
        "status": "CREATE_COMPLETE",
        "health_status": None,
        "stack": stack,
        "networks": ["net"],
        "workers": [],
        "masters": [],
        "location": None,
        **more,
    }


def test_servers_of_a_heat_stack() -> None:
    seen = model.Seen(
        [
            server("training-abc-node-0", "10.0.0.5"),
            server("training-abc-master-0", "10.0.0.6", gpus=False),
            server("training-more-xyz-node-0", "10.0.0.7"),
        ],
        [cluster("training", "training-abc", location="frankfurt")],
        [
            {
                "cluster": "id-training",
                "name": "more-of-them",
                "role": "worker",
                "stack": "training-more-xyz",
                "addresses": [],
            }
        ],
    )
    master, worker, more = model.nodes(seen)
    assert (master["role"], master["node_group"]) == ("master", "default-master")
    assert (worker["role"], worker["node_group"]) == ("worker", "default-worker")
    assert (more["role"], more["node_group"]) == ("worker", "more-of-them")
    assert {node["cluster"]["name"] for node in (master, worker, more)} == {"training"}
    assert worker["location"] == "frankfurt"
    assert set(worker) == set(model.NODE)


def test_clusters_of_other_drivers_by_network_and_address() -> None:
    """Two clusters have the same addresses, each in its own network."""
    one = cluster("one", workers=["10.0.0.5"], networks=["a"])
    two = cluster("two", workers=["10.0.0.5"], networks=["b"])
    found = server("kube-1", "10.0.0.5")
    found["addresses"][0]["network"] = "b"
    [node] = model.nodes(model.Seen([found], [one, two], []))
    assert node["cluster"]["name"] == "two"
    # Two in one network: it can't be told.
    two["networks"] = ["a"]
    found["addresses"][0]["network"] = "a"
    [node] = model.nodes(model.Seen([found], [one, two], []))
    assert node["cluster"] is None


def test_what_belongs_to_no_cluster() -> None:
    servers = [server("lonely"), server("gone-abc-node-0"), server("web", gpus=False)]
    lost, alone = model.nodes(model.Seen(servers, [], []))
    assert lost["reason"] == "it is named as a cluster's, and no cluster has it"
    assert lost["role"] is None
    assert (alone["role"], alone["reason"]) == ("standalone", None)
    down = model.Seen(servers, [], [], unknown="its cluster is not known: 503")
    for node in model.nodes(down):
        assert node["reason"] == "its cluster is not known: 503"


def test_names_of_groups() -> None:
    seen = model.Seen(
        [server("t-abc-node-0"), server("t-abc-master-0", gpus=False)],
        [cluster("t", "t-abc", location="Frankfurt 1")],
        [],
    )
    nodes = model.nodes(seen)
    found = groups.groups(nodes)
    assert set(found["id-t-abc-node-0"]) == {
        groups.Group("gpu_nodes"),
        groups.Group("cluster_t", "location_frankfurt_1"),
        groups.Group("node_group_t_default_worker", "cluster_t"),
        groups.Group("location_frankfurt_1"),
        groups.Group("hardware_gpu_a100"),
        groups.Group("status_active"),
        groups.Group("role_worker"),
        groups.Group("accelerator_nvidia_a100"),
    }
    names = {group.name for group in found["id-t-abc-master-0"]}
    assert "role_master" in names
    assert "gpu_nodes" not in names


def test_names_that_collide_tell_all_apart() -> None:
    ids = [f"{n}1111111-0000-4000-8000-000000000000" for n in range(2)]
    seen = model.Seen(
        [server("t-a-node-0", id=ids[0]), server("t-a-node-0", id=ids[1])], [], []
    )
    names = groups.host_names(model.nodes(seen))
    assert names == {ids[0]: "t-a-node-0-01111111", ids[1]: "t-a-node-0-11111111"}
    twins = model.Seen(
        [server("t-a-node-0"), server("t-b-node-0")],
        [cluster("t", "t-a", id=ids[0]), cluster("T", "t-b", id=ids[1])],
        [],
    )
    found = groups.groups(model.nodes(twins))
    told = {
        group.name
        for node in found.values()
        for group in node
        if group.name.startswith("cluster_")
    }
    assert told == {"cluster_t_01111111", "cluster_t_11111111"}


@pytest.mark.parametrize(
    ("name", "safe"), [("A b-C.1", "a_b_c_1"), ("é", "unnamed"), ("--", "unnamed")]
)
def test_safe_names(name: str, safe: str) -> None:
    assert groups.safe(name) == safe
