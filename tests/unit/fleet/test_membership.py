# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server belongs where, and what its groups are called."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    addresses,
    groups,
    membership,
    types,
)
from unit.fleet import factory

A100 = {
    "vendor": "nvidia",
    "model": "A100",
    "count": 4,
    "memory_gib": 80,
    "kind": "gpu",
}


def server(name: str, *addresses: str, gpus: bool = True, **more: Any) -> Any:
    """A server as Nova knows it."""
    known = factory.server(
        name,
        hardware={"name": "gpu.a100", "accelerators": [A100] if gpus else []},
        addresses=[factory.address(text) for text in addresses],
        **more,
    )
    return {key: known[key] for key in membership.CloudServer.__annotations__}


def cluster(name: str, stack: str | None = None, **more: Any) -> Any:
    """A cluster as Magnum knows it."""
    return {
        "id": more.pop("id", f"id-{name}"),
        "name": name,
        "status": "CREATE_COMPLETE",
        "health_status": None,
        "stack": stack,
        "prefixes": [],
        "networks": ["net"],
        "workers": [],
        "masters": [],
        "location": None,
        **more,
    }


def test_servers_of_a_heat_stack() -> None:
    seen = membership.Seen(
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
    master, worker, more = membership.nodes(seen)
    assert (master["role"], master["node_group"]) == ("master", "default-master")
    assert (worker["role"], worker["node_group"]) == ("worker", "default-worker")
    assert (more["role"], more["node_group"]) == ("worker", "more-of-them")
    assert {node["cluster"]["name"] for node in (master, worker, more)} == {"training"}
    assert worker["location"] == "frankfurt"
    assert set(worker) == set(types.Server.__annotations__)


def test_clusters_of_other_drivers_by_network_and_address() -> None:
    """Two clusters have the same addresses, each in its own network."""
    one = cluster("one", workers=["10.0.0.5"], networks=["a"])
    two = cluster("two", workers=["10.0.0.5"], networks=["b"])
    found = server("kube-1", "10.0.0.5")
    found["addresses"][0]["network"] = "b"
    [node] = membership.nodes(membership.Seen([found], [one, two], []))
    assert node["cluster"]["name"] == "two"
    # Two in one network: it can't be told.
    two["networks"] = ["a"]
    found["addresses"][0]["network"] = "a"
    [node] = membership.nodes(membership.Seen([found], [one, two], []))
    assert node["cluster"] is None


@pytest.mark.parametrize(
    ("name", "group", "role"),
    [
        ("train-lfhd5anuthod-default-worker-7x2kq-9fz4c", "default-worker", "worker"),
        ("train-lfhd5anuthod-gpu-7x2kq-9fz4c", "gpu", "worker"),
        ("train-lfhd5anuthod-gpu-big-7x2kq-9fz4c", "gpu-big", "worker"),
        ("train-lfhd5anuthod-control-plane-abcde", "default-master", "master"),
        ("kube-ab12c-gpu-7x2kq-9fz4c-vwxyz", "gpu", "worker"),
        ("kube-ab12c-aaaaa-bbbbb", "default-master", "master"),
        ("kube-ab12d-aaaaa-bbbbb", None, "standalone"),
        ("train", None, "standalone"),
    ],
)
def test_servers_that_cluster_api_has_named(
    name: str, group: str | None, role: str
) -> None:
    clusters = [
        cluster(
            ident,
            prefixes=[
                (f"{ident}-", "default-master"),
                *((f"{ident}-{each}-", each) for each in ("default-worker", "gpu")),
                (f"{ident}-gpu-big-", "gpu-big"),
            ],
        )
        for ident in ("train-lfhd5anuthod", "kube-ab12c")
    ]
    [node] = membership.nodes(membership.Seen([server(name)], clusters, []))
    assert (node["node_group"], node["role"], node["reason"]) == (group, role, None)
    known = node["cluster"]["name"] if node["cluster"] else None
    assert known == (None if group is None else "-".join(name.split("-")[:2]))


def test_a_name_that_fits_two_node_groups() -> None:
    """Long names are cut before something random is added."""
    cut = f"{'x' * 30}-lfhd5anuthod-training-gpu"
    known = cluster("x", prefixes=[(cut, "training-gpu-1"), (cut, "training-gpu-2")])
    [node] = membership.nodes(membership.Seen([server(f"{cut}9fz4c")], [known], []))
    assert node["cluster"] is None
    assert node["reason"] == (
        "its name fits several node groups: training-gpu-1, training-gpu-2"
    )


def test_what_belongs_to_no_cluster() -> None:
    servers = [server("lonely"), server("gone-abc-node-0"), server("web", gpus=False)]
    lost, alone = membership.nodes(membership.Seen(servers, [], []))
    assert lost["reason"] == "it is named as a cluster's, and no cluster has it"
    assert lost["role"] is None
    assert (alone["role"], alone["reason"]) == ("standalone", None)
    down = membership.Seen(servers, [], [], unknown="its cluster is not known: 503")
    for node in membership.nodes(down):
        assert node["reason"] == "its cluster is not known: 503"


def test_names_of_groups() -> None:
    seen = membership.Seen(
        [server("t-abc-node-0"), server("t-abc-master-0", gpus=False)],
        [cluster("t", "t-abc", location="Frankfurt 1")],
        [],
    )
    nodes = membership.nodes(seen)
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
    seen = membership.Seen(
        [server("t-a-node-0", id=ids[0]), server("t-a-node-0", id=ids[1])], [], []
    )
    names = groups.host_names(membership.nodes(seen))
    assert names == {ident: ident for ident in ids}
    twins = membership.Seen(
        [server("t-a-node-0"), server("t-b-node-0")],
        [cluster("t", "t-a", id=ids[0]), cluster("T", "t-b", id=ids[1])],
        [],
    )
    found = groups.groups(membership.nodes(twins))
    told = {
        group.name
        for node in found.values()
        for group in node
        if group.name.startswith("cluster_")
    }
    assert told == {f"cluster_t__{ident.replace('-', '_')}" for ident in ids}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((name, True) for name in ("n", "gpu-1.example.com", "N_1", "a" * 201)),
        *(
            (name, True)
            for name in ("localhost-1", "mylocalhost", "10.gpu", "0xg", "yml")
        ),
        *((name, False) for name in ("", ".", "-n", "_n", "a b", "a/b", "a:1", "a,b")),
        *((name, False) for name in ("n\n", "n[0]", "{{a}}", "a" * 202, "n\u0661")),
        *((name, False) for name in ("localhost", "LOCALHOST", "localhost.", "::1")),
        *((name, False) for name in ("localhost6", "ip6-localhost", "a.localhost")),
        *(
            (name, False)
            for name in ("127.0.0.1", "127.1", "1", "0x7f.1", "10.", "1..2")
        ),
        *((name, False) for name in ("web1.yml", "web1.YAML", "web1.json")),
    ],
)
def test_names_that_hosts_may_have(name: str, is_one: bool) -> None:
    assert groups.is_host_name(name) == is_one


def test_a_name_that_is_taken() -> None:
    servers = [server(name, id=f"id-{name}") for name in ("Web", "all", "a", "A", "b")]
    servers += [server("id-b", id="x"), server("gpu_faulty", id="../y")]
    names = groups.host_names(
        membership.nodes(membership.Seen(servers, [], [])), ["web"]
    )
    assert names == {
        **{f"id-{name}": f"id-{name}" for name in ("Web", "all", "a", "A")},
        "id-b": "b",
        "x": "x",
    }


def group_names(seen: membership.Seen) -> set[str]:
    found = groups.groups(membership.nodes(seen))
    return {group.name for each in found.values() for group in each}


def test_no_name_looks_like_a_mark() -> None:
    servers = [server("t-node-0"), server("T-node-0")]
    clusters = [cluster("t", "t", id="a"), cluster("T", "T", id="b")]
    names = group_names(membership.Seen(servers, clusters, []))
    marked = sorted(name for name in names if name.startswith("cluster_"))
    assert [len(name) for name in marked] == [len("cluster_t__") + 32] * 2
    assert all(groups.safe(name) != name for name in marked)


def test_long_names_are_cut() -> None:
    seen = membership.Seen([server("l-node-0")], [cluster("x" * 5000, "l")], [])
    assert max(map(len, group_names(seen))) == groups.LONGEST_GROUP + 34


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ({}, "203.0.113.9"),
        ({"masters": ["203.0.113.9"]}, "203.0.113.9"),
        ({"masters": []}, None),
        ({"masters": ["10.0.0.99"]}, None),
    ],
)
def test_a_master_that_magnum_lists(more: dict[str, Any], address: str | None) -> None:
    known = cluster("t", "t-a", **{"masters": ["10.0.0.5"], **more})
    master = server("t-a-master-0", "10.0.0.5")
    floating = factory.address("203.0.113.9")
    master["addresses"].append({**floating, "floating": True})
    [node] = membership.nodes(membership.Seen([master], [known], []))
    assert node["cluster"]["master_address"] == address


@pytest.mark.parametrize("claim", ["name", "address"])
def test_a_master_that_another_server_claims_to_be(claim: str) -> None:
    known = cluster("t", "t-a", masters=["10.0.0.5"])
    name = "t-a-master-0" if claim == "name" else "t-a-master-1"
    servers = [
        server("t-a-master-0", "10.0.0.5", id="genuine"),
        server(name, "10.0.0.5" if claim == "address" else "10.0.0.6", id="other"),
    ]
    for number, each in enumerate(servers):
        floating = factory.address(f"203.0.113.{number}")
        each["addresses"].append({**floating, "floating": True})
    for node in membership.nodes(membership.Seen(servers, [known], [])):
        assert node["cluster"]["master_address"] is None


@pytest.mark.parametrize(
    ("text", "version", "known"),
    [
        ("10.0.0.1", 4, "10.0.0.1"),
        ("10.0.0.1", 6, None),
        ("2001:0DB8:0::1", 6, "2001:db8::1"),
        ("::ffff:10.0.0.1", None, "::ffff:a00:1"),
        *(
            (text, None, None)
            for text in ("127.0.0.1", "0.0.0.0", "0.1.2.3", "::", "::1")
        ),
        *((text, None, None) for text in ("169.254.169.254", "fe80::1", "224.0.0.1")),
        *((text, None, None) for text in ("255.255.255.255", "ff02::1", "240.0.0.1")),
        *((text, None, None) for text in ("::ffff:127.0.0.1", "64:ff9b::7f00:1")),
        *((text, None, None) for text in ("2002:7f00:1::", "2001:db8::1%;touch x")),
        *((text, None, None) for text in ("127.1", "010.0.0.1", " 10.0.0.1", "n", "")),
        *((value, None, None) for value in (None, 167772161, b"\x0a\x00\x00\x01", [])),
    ],
)
def test_addresses_that_are_of_a_server(
    text: object, version: int | None, known: str | None
) -> None:
    assert addresses.connectable(text, version) == known


@pytest.mark.parametrize(
    ("name", "safe"), [("A b-C.1", "a_b_c_1"), ("é", "unnamed"), ("--", "unnamed")]
)
def test_safe_names(name: str, safe: str) -> None:
    assert groups.safe(name) == safe
