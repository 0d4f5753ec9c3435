# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of hosts, by several exporters and by gpu_facts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ansible_collections.gpufleet.openstack.plugins.module_utils.fleet import (
    fleet,
    join,
    measure,
    state,
)
from unit.fleet import fleets


def device(index: int, **more: Any) -> dict[str, Any]:
    """A device as a source of measurements tells it."""
    usual = {
        "index": index,
        "pci_bus_id": None,
        "uuid": None,
        "vendor": "nvidia",
        "power_watts": None,
        "processes": None,
        "pods": [],
    }
    return {**usual, **more}


def told(
    name: str, devices: list[dict[str, Any]], age: float = 0, *aliases: str, **more: Any
) -> join.Measured:
    moment = fleets.NOW - timedelta(seconds=age)
    return join.Measured(
        name,
        aliases,
        {"gathered_at": moment.isoformat(), "devices": devices, **more},
    )


def measured(
    hosts: list[fleet.Host], *found: join.Measured, stale_after: float = 300
) -> dict[str, Any]:
    """Facts by host."""
    joined = measure.measure(hosts, found, fleets.NOW, stale_after)
    return {host.name: host.facts for host in joined}


def test_hosts_by_name_and_address() -> None:
    listed = [{"address": "10.0.0.2"}]
    hosts = [
        fleet.Host("gpu1.example.com"),
        fleet.Host("gpu2", fleets.node("gpu2", 1, addresses=listed)),
    ]
    found = measured(
        hosts,
        told("gpu1", [device(0)]),
        told("pod-x", [device(0)], 0, "10.0.0.2"),
        told("stranger", [device(0)]),
    )
    assert set(found) == {"gpu1.example.com", "gpu2", "stranger"}
    assert all(len(facts["devices"]) == 1 for facts in found.values())


def test_facts_of_now_stay_and_old_ones_go() -> None:
    fresh = fleets.facts([fleets.device(0, [7], uuid="a")], age=10)
    old = fleets.facts([fleets.device(0, [7])], age=400)
    hosts = [fleet.Host("fresh", None, fresh), fleet.Host("old", None, old)]
    pods = [("team", "train-0")]
    ports = [{"state": "ACTIVE"}]
    found = measured(
        hosts,
        *(
            told(
                name, [device(0, uuid="a", power_watts=9, pods=pods)], rdma_ports=ports
            )
            for name in ("fresh", "old")
        ),
    )
    [kept] = found["fresh"]["devices"]
    assert len(kept["processes"]) == 1
    assert kept["pods"] == pods
    assert found["fresh"]["rdma_ports"] == ports
    assert found["old"]["devices"][0]["power_watts"] == 9


def test_of_two_exporters_the_newer_and_what_it_lacks() -> None:
    found = measured(
        [],
        told("n", [device(0, uuid="a", power_watts=1, model="old")], 30),
        told("n", [device(0, uuid="a", power_watts=2)], 5),
    )
    [one] = found["n"]["devices"]
    assert (one["power_watts"], one["model"]) == (2, "old")
    assert found["n"]["gathered_at"].startswith("2026-11-24T11:59:55")


def test_an_exporter_that_is_gone() -> None:
    """Its last series stand for five minutes; a device went with it."""
    found = measured(
        [],
        told("n", [device(0, uuid="a"), device(1, uuid="b")], 200),
        told("n", [device(0, uuid="a")], 5),
    )
    assert [one["uuid"] for one in found["n"]["devices"]] == ["a"]


def test_vendors_count_their_own_devices() -> None:
    found = measured(
        [],
        told("n", [device(0), device(1)]),
        told("n", [device(0, vendor="amd")]),
    )
    listed = [(one["index"], one["vendor"]) for one in found["n"]["devices"]]
    assert listed == [(0, "amd"), (1, "nvidia"), (2, "nvidia")]


def workload(*pods: str, cluster: str | None = None) -> dict[str, Any]:
    return {
        "kind": "Job",
        "namespace": "team",
        "source": "k8s",
        "cluster": cluster,
        "devices": None,
        "pods": [{"name": name} for name in pods],
        "stat": {"gpuRequest": 1, "gpuEquivalent": 1.0, "gpuUtilization": None},
    }


def assigned(row: dict[str, Any], allocated: float) -> tuple[Any, Any]:
    """Devices of the workload, and those of the node that are given out."""
    facts = {
        "devices": [device(0, pods=[("team", "a")]), device(1), device(2, pods=[])],
    }
    offer = state.Offer("kubernetes", 3, allocated)
    host = fleet.Host("n", fleets.node("n", 3), facts, (offer,))
    found = measure.assign(join.Joined([host], [row], None, []))
    return found.consumers[0]["devices"], found.hosts[0].offers[0].devices


def test_devices_of_pods() -> None:
    assert assigned(workload("a"), 1) == ([("n", 0)], (0,))
    # Of another pod nobody tells the device, and so not of the whole.
    assert assigned(workload("a", "b"), 2) == (None, None)
    assert assigned(workload("a", cluster="training"), 1) == ([("n", 0)], (0,))
    assert assigned(workload("a", cluster="another"), 1) == (None, (0,))
    # A part of a device is given out, or more than is told.
    assert assigned(workload("a"), 0.5) == ([("n", 0)], None)
