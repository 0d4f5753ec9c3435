# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of an inventory, and the same under other names elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    matching,
    snapshot,
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
    alone = factory.schedule(factory.scheduled("alone"), pending=3)
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
    schedule = factory.schedule(node, consumers=[row], pending=0)
    seen = snapshot.assemble(hosts, schedules=[schedule], now=fleets.NOW)
    [found] = seen.consumers
    assert found.get("devices") == [("gpu1.example.com", 0), ("gpu1.example.com", 1)]
    assert found["stat"]["gpuUtilization"] == 0.5
    report = overview.report(seen)
    assert (report["utilization"], report["utilizationBasis"]) == (0.5, "device")


def test_a_scheduler_that_failed_makes_its_hosts_unknown() -> None:
    hosts = [
        replace(host("a"), facts=fleets.facts([factory.device(0)])),
        host("b", cluster=factory.cluster("other")),
    ]
    failed = factory.schedule(failure="it is down", cluster="training")
    joined = matching.join(hosts, [failed])
    assert joined.warnings == ["slurm training: it is down"]
    offers = {each.name: each.offers for each in joined.hosts}
    assert offers == {"a": (factory.offer(None, None),), "b": ()}
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
    found = {host.name: host.server for host in matching.add_servers(hosts, listed)}
    assert set(found) == {host.name for host in hosts} | {"c", "twin four"}
    assert (found["by-id"] or {})["name"] == "a"
    assert (found["gpu2.example.com"] or {})["id"] == "two"
    assert (found["twin"] or {})["id"] == "another"


def test_a_node_that_never_joined() -> None:
    def fault_of(created: str, cluster: str = "training", **more: Any) -> list[str]:
        old = factory.server("a", 8, created_at=created, **more)
        schedule = factory.schedule(source="kubernetes", pending=0, cluster=cluster)
        built = snapshot.assemble(
            [Host("a", old)], schedules=[schedule], now=fleets.NOW
        )
        return [fault["rule"] for fault in built.nodes[0].state["faults"]]

    assert fault_of("2026-11-24T11:00:00Z") == ["never_joined"]
    assert fault_of("2026-11-24T11:45:00Z") == []
    assert fault_of("2026-11-24T11:00:00Z", "another") == []
    assert fault_of("2026-11-24T11:00:00Z", role="master") == []
    assert fault_of("2026-11-24T11:00:00Z", status="BUILD") == ["server_status"]
