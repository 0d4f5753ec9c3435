# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of an inventory, and the same under other names elsewhere."""

from __future__ import annotations

from typing import Any

from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet import (
    fleet,
    join,
    overview,
    state,
)
from unit.fleet import fleets

OFFER = state.Offer("slurm", 8, 2)


def host(name: str, *addresses: str, **more: Any) -> fleet.Host:
    listed = [{"address": one} for one in addresses]
    return fleet.Host(name, fleets.node(name, 8, addresses=listed, **more))


def offered(hosts: list[fleet.Host], *nodes: join.Scheduled) -> dict[str, int]:
    """How many offers each host has."""
    joined = join.join(hosts, [join.Schedule("slurm", list(nodes), [], None)])
    return {one.name: len(one.offers) for one in joined.hosts}


def test_by_id_then_address_then_name() -> None:
    hosts = [host("a", "10.0.0.1"), host("b", "10.0.0.2"), host("c.example.com")]
    by_id = join.Scheduled("x", OFFER, provider_id="id-a")
    by_address = join.Scheduled("y", OFFER, None, ("10.0.0.2",))
    by_short_name = join.Scheduled("C", OFFER)
    found = offered(hosts, by_id, by_address, by_short_name)
    assert found == {"a": 1, "b": 1, "c.example.com": 1}


def test_what_two_have_in_common_tells_nothing() -> None:
    hosts = [host("a", "127.0.0.1"), host("b", "127.0.0.1")]
    nodes = [join.Scheduled(name, OFFER, None, ("127.0.0.1", "vm")) for name in "ba"]
    assert offered(hosts, *nodes) == {"a": 1, "b": 1}
    # One name, two hosts: it stands alone.
    twins = [host("a.north"), host("a.south")]
    found = offered(twins, join.Scheduled("a", OFFER))
    assert found == {"a.north": 0, "a.south": 0, "a": 1}


def test_a_node_that_no_host_is_counts_too() -> None:
    nodes = [join.Scheduled("alone", OFFER)]
    joined = join.join([], [join.Schedule("slurm", nodes, [], 3)])
    report = overview.report(fleet.build(joined.hosts, pending=joined.pending))
    assert (report["totalGpus"], report["allocatedGpus"]) == (8, 2)
    assert report["pendingGpus"] == 3


def test_devices_of_consumers_get_names_of_hosts() -> None:
    stat = {"gpuRequest": 2, "gpuEquivalent": 2.0, "gpuUtilization": None}
    row = {"kind": "SlurmJob", "stat": stat, "devices": [("gpu1", 0), ("gpu1", 1)]}
    measured = fleets.facts(
        [fleets.device(n, [], utilization_percent=40 + 20 * n) for n in range(8)]
    )
    hosts = [fleet.Host("gpu1.example.com", None, measured)]
    told = state.Offer("slurm", 8, 2, None, (0, 1))
    nodes = [join.Scheduled("gpu1", told)]
    joined = join.join(hosts, [join.Schedule("slurm", nodes, [row], 0)])
    seen = fleet.build(joined.hosts, consumers=joined.consumers, now=fleets.NOW)
    [found] = seen.consumers
    assert found["devices"] == [("gpu1.example.com", 0), ("gpu1.example.com", 1)]
    assert found["stat"]["gpuUtilization"] == 0.5
    report = overview.report(seen)
    assert (report["utilization"], report["utilizationBasis"]) == (0.5, "device")


def test_a_scheduler_that_failed_makes_its_hosts_unknown() -> None:
    hosts = [
        host("a")._replace(facts=fleets.facts([fleets.device(0)])),
        host("b", cluster={"id": "d", "name": "other"}),
    ]
    failed = join.Schedule("slurm", [], [], None, "it is down", "training")
    joined = join.join(hosts, [failed])
    assert joined.warnings == ["slurm training: it is down"]
    offers = {one.name: one.offers for one in joined.hosts}
    assert offers == {"a": (state.Offer("slurm", None, None),), "b": ()}
    report = overview.report(fleet.build(joined.hosts, now=fleets.NOW))
    assert report["unknownNodes"] == 1
    assert report["faults"][0]["rule"] == "devices_missing"


def test_two_schedulers_on_a_node() -> None:
    schedules = [
        join.Schedule(name, [join.Scheduled("a", state.Offer(name, 8, used))], [], None)
        for name, used in (("kubernetes", 2), ("slurm", 5))
    ]
    joined = join.join([host("a")], schedules)
    assert "several schedulers (kubernetes, slurm)" in joined.warnings[0]
    report = overview.report(fleet.build(joined.hosts, now=fleets.NOW))
    assert report["allocatedGpus"] == 5


# What a cloud lists ------------------------------------------------------------------


def test_nodes_of_a_cloud_are_hosts() -> None:
    hosts = [
        fleet.Host("by-id", {**fleets.node("x", 8), "id": "one"}),
        fleet.Host("gpu2.example.com"),
        fleet.Host("by-address", None, {"devices": []}),
        fleet.Host("twin", {**fleets.node("twin", 8), "id": "another"}),
    ]
    listed = [
        fleets.node("a", 8, id="one", addresses=[]),
        fleets.node("gpu2", 8, id="two", addresses=[]),
        fleets.node("c", 8, id="three", addresses=[{"address": "10.0.0.3"}]),
        fleets.node("twin", 8, id="four", addresses=[]),
    ]
    found = {host.name: host.node for host in join.add_nodes(hosts, listed)}
    assert set(found) == {host.name for host in hosts} | {"c", "twin four"}
    assert (found["by-id"] or {})["name"] == "a"
    assert (found["gpu2.example.com"] or {})["id"] == "two"
    assert (found["twin"] or {})["id"] == "another"


def test_a_node_that_never_joined() -> None:
    def fault_of(created: str, cluster: str = "training", **more: Any) -> list[str]:
        old = fleets.node("a", 8, created_at=created, **more)
        joined = join.join(
            [fleet.Host("a", old)],
            [join.Schedule("kubernetes", [], [], 0, None, cluster)],
        )
        built = fleet.build(joined.hosts, now=fleets.NOW)
        return [fault["rule"] for fault in built.nodes[0]["state"]["faults"]]

    assert fault_of("2026-11-24T11:00:00Z") == ["never_joined"]
    assert fault_of("2026-11-24T11:45:00Z") == []
    assert fault_of("2026-11-24T11:00:00Z", "another") == []
    assert fault_of("2026-11-24T11:00:00Z", role="master") == []
    assert fault_of("2026-11-24T11:00:00Z", status="BUILD") == ["server_status"]
