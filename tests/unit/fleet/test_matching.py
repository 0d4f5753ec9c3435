# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of an inventory, and the same under other names elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    matching,
    snapshot,
    types,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.hosts import (
    add_servers,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Host,
    Scheduled,
)
from unit.fleet import factory, fleets


def host(name: str, *addresses: str, **more: Any) -> Host:
    listed = [factory.address(text) for text in addresses]
    return Host(name, factory.server(name, 8, addresses=listed, **more))


def offered(hosts: list[Host], *nodes: Scheduled) -> dict[str, int]:
    """How many offers each host has."""
    joined = matching.join(hosts, [factory.schedule(*nodes)])
    return {each.name: len(each.offers) for each in joined.hosts}


def test_by_id_then_address_then_name() -> None:
    hosts = [host("a", "10.0.0.1"), host("b", "10.0.0.2"), host("c.example.com")]
    by_id = factory.scheduled("x", provider_id="id-a")
    by_address = factory.scheduled("y", aliases=("10.0.0.2",))
    by_short_name = factory.scheduled("C")
    found = offered(hosts, by_id, by_address, by_short_name)
    assert found == {"a": 1, "b": 1, "c.example.com": 1}


def test_what_two_have_in_common_tells_nothing() -> None:
    hosts = [host("a", "127.0.0.1"), host("b", "127.0.0.1")]
    nodes = [factory.scheduled(name, aliases=("127.0.0.1", "vm")) for name in "ba"]
    assert offered(hosts, *nodes) == {"a": 1, "b": 1}
    # One name, two hosts: it stands alone.
    twins = [host("a.north"), host("a.south")]
    found = offered(twins, factory.scheduled("a"))
    assert found == {"a.north": 0, "a.south": 0, "a": 1}


KNOWN = {"id": "c1", "name": "train", "status": "UPDATE_COMPLETE"}
TRAIN = {**KNOWN, "health_status": None, "master_address": None}
NAMED = {**dict.fromkeys(TRAIN), "name": "train"}


def claimed(*clusters: str, others: Any = (), **more: Any) -> Any:
    """The server of a host that Kubernetes of these clusters have as a node."""
    alone = {"cluster": None, "role": "standalone", "reason": "network unknown"}
    one = host("a", **{**alone, **more})
    node = factory.scheduled("x", provider_id="id-a")
    schedules = [factory.schedule(node, cluster=name) for name in clusters]
    joined = matching.join([one, *others], schedules)
    return joined.hosts[0].server


def test_a_provider_id_tells_the_cluster() -> None:
    found = claimed("train")
    assert (found["cluster"], found["role"]) == (NAMED, "worker")
    assert found["reason"] is None
    # What the cloud knows of the cluster is taken over.
    assert claimed("train", others=[host("b", cluster=TRAIN)])["cluster"] == TRAIN


def test_a_provider_id_contradicts_no_one() -> None:
    assert claimed("other", cluster=TRAIN)["cluster"] == TRAIN
    assert claimed("one", "two")["cluster"] is None
    assert claimed()["cluster"] is None


def test_a_node_that_no_host_is_counts_too() -> None:
    alone = factory.schedule(factory.scheduled("alone"), waiting=factory.waiting(3))
    report = overview.report(snapshot.assemble([], schedules=[alone]))
    assert (report["totalGpus"], report["allocatedGpus"]) == (8, 2)
    assert report["pendingGpus"] == 3


def test_devices_of_consumers_get_names_of_hosts() -> None:
    stat = {"gpuRequest": 2, "gpuEquivalent": 2.0, "gpuUtilization": None}
    devices = [("gpu1", 0), ("gpu1", 1)]
    row = factory.consumer(kind="SlurmJob", stat=stat, devices=devices)
    measured = fleets.facts(
        [factory.device(n, [], utilization_percent=40 + 20 * (n % 2)) for n in range(8)]
    )
    hosts = [Host("gpu1.example.com", None, measured)]
    node = factory.scheduled("gpu1", offer=factory.offer(8, 2, devices=(0, 1)))
    schedule = factory.schedule(node, consumers=[row])
    seen = snapshot.assemble(hosts, schedules=[schedule], now=fleets.NOW)
    [found] = seen.consumers
    assert found.get("devices") == [("gpu1.example.com", 0), ("gpu1.example.com", 1)]
    assert found["stat"]["gpuUtilization"] == 0.5
    report = overview.report(seen)
    assert (report["utilization"], report["utilizationBasis"]) == (0.5, "device")


# Clusters ---------------------------------------------------------------------------


def places(
    hosts: list[Host], *schedules: types.Schedule
) -> tuple[dict[str, list[Any]], int]:
    """Capacities offered to each host by (cluster, name), and the number of warnings."""
    joined = matching.join(hosts, schedules, matching.is_foreign(hosts, schedules))
    shown: dict[str, list[Any]] = {}
    for each in joined.hosts:
        cluster = each.server["cluster"] if each.server else None
        key = f"{cluster['name'] if cluster else '-'}/{each.name}"
        shown.setdefault(key, []).append([offer.capacity for offer in each.offers])
    return shown, len(joined.warnings)


def kube(cluster: str | None, *nodes: Scheduled, **more: Any) -> types.Schedule:
    return factory.schedule(*nodes, **{"source": "kubernetes", **more}, cluster=cluster)


def node(name: str, capacity: float, *aliases: str, **more: Any) -> Scheduled:
    offer = factory.offer(capacity, 0, source="kubernetes")
    return factory.scheduled(name, offer=offer, aliases=aliases, **more)


def slurm(*nodes: Scheduled, **more: Any) -> types.Schedule:
    own = [replace(each, offer=replace(each.offer, source="slurm")) for each in nodes]
    return factory.schedule(*own, **more)


A, B = factory.cluster("A"), factory.cluster("B")
NONE: dict[str, Any] = {"cluster": None, "role": None}


@pytest.mark.parametrize(
    ("hosts", "schedules", "expected", "warnings"),
    [
        pytest.param(
            [],
            [kube("A", node("n", 1)), kube("B", node("n", 2))],
            {"A/n": [[1]], "B/n": [[2]]},
            0,
            id="two clusters have nodes of one name",
        ),
        pytest.param(
            [],
            [kube(None, node("n", 1)), kube(None, node("n", 2))],
            {"-/n": [[1], [2]]},
            0,
            id="a machine is of one Kubernetes, whether named or not",
        ),
        pytest.param(
            [
                host("a", cluster=A),
                Host("b", factory.server("a", 8, id="2", cluster=B)),
            ],
            [kube("B", node("a", 2)), kube("A", node("a", 1))],
            {"A/a": [[1]], "B/b": [[2]]},
            0,
            id="names within a cluster",
        ),
        pytest.param(
            [host("a", "10.0.0.5", cluster=A), host("b", "10.0.0.5", cluster=B)],
            [
                kube("A", node("x", 1, "10.0.0.5")),
                kube("B", node("y", 2, "10.0.0.5")),
            ],
            {"A/a": [[1]], "B/b": [[2]]},
            0,
            id="tenants' networks overlap",
        ),
        pytest.param(
            [host("a", "10.0.0.5", **NONE), host("b", "10.0.0.5", **NONE)],
            [kube("A", node("x", 1, "10.0.0.5", provider_id="id-b"))],
            {"-/a": [[]], "A/b": [[1]]},
            0,
            id="an id goes before an address",
        ),
        pytest.param(
            [host("a", "10.0.0.5", cluster=A)],
            [kube("A", node("a", 1, "10.0.0.5", provider_id="another"))],
            {"A/a": [[], [1]]},
            0,
            id="another id is a veto",
        ),
        pytest.param(
            [host("a", cluster=A)],
            [kube("B", node("a", 1, provider_id="id-a"))],
            {"A/a": [[]], "B/a": [[1]]},
            0,
            id="another cluster is a veto, even with the same id",
        ),
        pytest.param(
            [host("a", cluster=A), Host("a.example.com")],
            [kube("A", node("a", 1))],
            {"A/a": [[1]], "-/a.example.com": [[]]},
            0,
            id="of the same cluster goes before of none",
        ),
        pytest.param(
            [Host("a", None, factory.facts())],
            [kube("A", node("a", 1)), slurm(node("a", 1))],
            {"A/a": [[1, 1]]},
            1,
            id="two schedulers have one host",
        ),
        pytest.param(
            [Host("a", None, factory.facts())],
            [kube("A", node("a", 1)), kube("B", node("a", 2))],
            {"A/a": [[1]], "B/a": [[2]]},
            1,
            id="facts of one of two clusters count for none",
        ),
        pytest.param(
            [host("a", cluster=A)],
            [kube("A", node("a", 1)), kube(None, node("a", 2))],
            {"A/a": [[1]], "-/a": [[2]]},
            0,
            id="of two clusters the one that is named",
        ),
        pytest.param(
            [host("a", **NONE)],
            [kube(None, node("a", 1, provider_id="id-a")), kube(None, node("a", 2))],
            {"-/a": [[1], [2]]},
            0,
            id="of two clusters the one that knows the id",
        ),
        pytest.param(
            [host("a", **NONE)],
            [kube("A", node("a", 1)), kube("B", node("a", 2))],
            {"-/a": [[]], "A/a": [[1]], "B/a": [[2]]},
            1,
            id="a server of one of two clusters stays",
        ),
        pytest.param(
            [host("a.north"), host("a.south")],
            [kube(None, node("a", 1))],
            {"training/a.north": [[]], "training/a.south": [[]], "-/a": [[1]]},
            1,
            id="a node that may be two hosts",
        ),
        *(
            pytest.param(
                [],
                [first, second],
                {f"-/{name}": [[8, 8]]},
                1,
                id=f"two schedulers without an inventory: {name}",
            )
            for name, first, second in (
                (
                    "gpu-1.ex.org",
                    kube(None, node("gpu-1.ex.org", 8)),
                    slurm(node("GPU-1", 8)),
                ),
                ("gpu-1", slurm(node("gpu-1", 8)), kube(None, node("gpu-1.ex.org", 8))),
                (
                    "x",
                    slurm(node("x", 8, "10.0.0.1")),
                    kube(None, node("y", 8, "10.0.0.1")),
                ),
            )
        ),
        pytest.param(
            [host("a", cluster=factory.cluster("train"))],
            [kube("prod-eu", node("a", 1), labeled=True)],
            {"train/a": [[1]]},
            0,
            id="labels have names of their own for clusters",
        ),
        pytest.param(
            [host("a", cluster=A)],
            [
                kube("B", node("a", 2), labeled=True),
                kube("A", node("a", 1), labeled=True),
            ],
            {"A/a": [[1]], "B/a": [[2]]},
            0,
            id="labels have the inventory's names for clusters",
        ),
    ],
)
def test_the_join(
    hosts: list[Host],
    schedules: list[types.Schedule],
    expected: dict[str, list[Any]],
    warnings: int,
) -> None:
    assert places(hosts, *schedules) == (expected, warnings)


FAILED: dict[str, Any] = {"failure": "it is down"}
ALONE: dict[str, Any] = {"cluster": None, "role": "standalone"}


@pytest.mark.parametrize(
    ("one", "schedules", "unknown"),
    [
        (host("a", cluster=A), [kube(None, **FAILED)], True),
        (host("a", cluster=A), [kube("A", **FAILED)], True),
        (host("a", cluster=A), [kube("B", **FAILED)], False),
        # Another source has answered for it, with it or without.
        (host("a", cluster=A), [kube("A", node("a", 1)), slurm(**FAILED)], False),
        (host("a", cluster=A), [kube("A"), slurm(**FAILED)], False),
        (Host("a"), [slurm(node("a", 1)), kube(None, **FAILED)], False),
        (Host("a"), [slurm(node("b", 1)), kube(None, **FAILED)], True),
        # Its own has not.
        (host("a", cluster=A), [slurm(node("a", 1)), kube("A", **FAILED)], True),
        # It may be of that cluster; a server of none is not.
        (Host("a"), [kube("A", **FAILED)], True),
        (host("a", **ALONE), [kube("A", **FAILED)], False),
        (host("a", **ALONE), [kube(None, **FAILED)], True),
    ],
)
def test_whose_allocation_a_failure_makes_unknown(
    one: Host, schedules: list[types.Schedule], unknown: bool
) -> None:
    joined = matching.join([one], schedules)
    offers = next(each.offers for each in joined.hosts if each.name == "a")
    assert any(offer.allocated is None for offer in offers) == unknown


def test_consumers_of_namesakes_have_their_own_devices() -> None:
    """Those of a node that its scheduler does not list are unknown."""
    rows = [
        factory.consumer(name=name, devices=[(node_name, 0)])
        for name, node_name in (("a", "n"), ("b", "n"), ("c", "gone"))
    ]
    schedules = [
        slurm(node("n", 8), consumers=rows[:1], cluster="A"),
        slurm(node("n", 8), consumers=rows[1:], cluster="B"),
    ]
    found = matching.join([], schedules).consumers
    assert [row.get("devices") for row in found] == [[("n", 0)], [("B/n", 0)], None]


def test_a_scheduler_that_failed_makes_its_hosts_unknown() -> None:
    hosts = [
        replace(host("a"), facts=fleets.facts([factory.device(0)])),
        host("b", cluster=factory.cluster("other")),
    ]
    failed = factory.schedule(failure="it is down", cluster="training")
    joined = matching.join(hosts, [failed])
    assert joined.warnings == ["slurm training: it is down"]
    offers = {each.name: each.offers for each in joined.hosts}
    silent = factory.offer(None, None, reason="slurm could not be read")
    assert offers == {"a": (silent,), "b": ()}
    report = overview.report(snapshot.build(joined.hosts, now=fleets.NOW))
    assert report["unknownNodes"] == 1
    assert report["faults"][0]["rule"] == "devices_missing"


def test_two_schedulers_on_a_node() -> None:
    schedules = [
        factory.schedule(
            factory.scheduled("a", offer=factory.offer(8, used, source=name)),
            source=name,
        )
        for name, used in (("kubernetes", 2), ("slurm", 5))
    ]
    joined = matching.join([host("a")], schedules)
    assert "several schedulers (kubernetes, slurm)" in joined.warnings[0]
    report = overview.report(snapshot.build(joined.hosts, now=fleets.NOW))
    assert report["allocatedGpus"] == 5


# What a cloud lists ------------------------------------------------------------------


def test_nodes_of_a_cloud_are_hosts() -> None:
    hosts = [
        Host("by-id", factory.server("x", 8, id="one")),
        Host("gpu2.example.com"),
        Host("by-address", None, factory.facts()),
        Host("twin", factory.server("twin", 8, id="another")),
    ]
    listed = [
        factory.server("a", 8, id="one"),
        factory.server("gpu2", 8, id="two"),
        factory.server("c", 8, id="three", addresses=[factory.address("10.0.0.3")]),
        factory.server("twin", 8, id="four"),
    ]
    known = add_servers(hosts, listed)
    assert [host.name for host in known] == [
        *(host.name for host in hosts),
        "c",
        "twin",
    ]
    found = {host.key: host.server for host in known}
    assert set(found) == {host.name for host in hosts} | {"c", "four/twin"}
    assert (found["by-id"] or {})["name"] == "a"
    assert (found["gpu2.example.com"] or {})["id"] == "two"
    assert (found["twin"] or {})["id"] == "another"


def test_a_node_that_never_joined() -> None:
    def fault_of(
        created: str, cluster: str = "training", others: Any = (), **more: Any
    ) -> list[str]:
        old = factory.server("a", 8, created_at=created, **more)
        schedule = factory.schedule(cluster=cluster, others=others)
        built = snapshot.assemble(
            [Host("a", old)], schedules=[schedule], now=fleets.NOW
        )
        return [fault["rule"] for fault in built.nodes[0].state["faults"]]

    assert fault_of("2026-11-24T11:00:00Z") == ["never_joined"]
    assert fault_of("2026-11-24T11:45:00Z") == []
    assert fault_of("2026-11-24T11:00:00Z", "another") == []
    assert fault_of("2026-11-24T11:00:00Z", role="master") == []
    assert fault_of("2026-11-24T11:00:00Z", status="BUILD") == ["server_status"]
    # Slurm has it, without devices.
    assert fault_of("2026-11-24T11:00:00Z", others=[("a.example.com",)]) == []
    assert fault_of("2026-11-24T11:00:00Z", others=[("b",)]) == ["never_joined"]
