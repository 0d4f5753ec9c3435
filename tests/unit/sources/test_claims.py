# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that Kubernetes gives out by resource claims (DRA)."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.kubernetes import (
    Refused,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.types import (
    Schedule,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet.waiting import (
    Waiting,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)

ROOT = "/apis/resource.k8s.io"
DRIVER = "gpu.nvidia.com"


def node(name: str = "n", capacity: Any = None) -> dict[str, Any]:
    capacity = {"cpu": "64", **(capacity or {})}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {"capacity": capacity, "allocatable": capacity, "conditions": ready},
    }


def pod(
    name: str, *claims: str, node_name: str | None = "n", **status: Any
) -> dict[str, Any]:
    """A pod with claims of these names."""
    listed = [{"name": claim, "resourceClaimName": claim} for claim in claims]
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": name},
        "spec": {"nodeName": node_name, "containers": [], "resourceClaims": listed},
        "status": status,
    }


def slice_of(
    *devices: Any, driver: str = DRIVER, generation: int = 1, on: str = "n"
) -> dict[str, Any]:
    """Devices that a driver has on a node; names stand for whole devices."""
    entries = [{"name": each} if isinstance(each, str) else each for each in devices]
    pool = {"name": on, "generation": generation, "resourceSliceCount": 1}
    spec = {"driver": driver, "pool": pool, "nodeName": on, "devices": entries}
    return {"metadata": {"name": f"{on}-{driver}"}, "spec": spec}


def part(name: str, parent: str, profile: str) -> dict[str, Any]:
    """A MIG device."""
    values = {
        "parentUUID": parent,
        "profile": profile,
        "productName": "NVIDIA H100 80GB HBM3",
    }
    attributes = {key: {"string": value} for key, value in values.items()}
    return {"name": name, "attributes": attributes}


def claim(
    name: str, *devices: str, driver: str = DRIVER, wanted: Any = None, **result: Any
) -> dict[str, Any]:
    """A claim that was given devices, or wants some."""
    status: dict[str, Any] = {}
    if devices:
        results = [
            {"driver": driver, "pool": "n", "device": device, "request": "r", **result}
            for device in devices
        ]
        status = {"allocation": {"devices": {"results": results}}}
    requests = [wanted or {"name": "r", "exactly": {"deviceClassName": driver}}]
    return {
        "metadata": {"name": name, "namespace": "ml"},
        "spec": {"devices": {"requests": requests}},
        "status": status,
    }


def schedule(
    nodes: Any = (),
    pods: Any = (),
    slices: Any = (),
    claims: Any = (),
    version: str = "v1",
    refused: int = 0,
) -> Schedule:
    """What an API server with these objects tells."""
    lists = {
        "/api/v1/nodes": list(nodes) or [node()],
        "/api/v1/pods": list(pods),
        f"{ROOT}/{version}/resourceslices": list(slices),
        f"{ROOT}/{version}/resourceclaims": list(claims),
    }

    def get(path: str, _query: Any, _accept: str) -> Any:
        if refused and path.startswith(f"{ROOT}/{version}/"):
            raise Refused(refused, "resourceslices is forbidden")
        if path == f"{ROOT}/{version}":
            return {"resources": [{"name": "resourceslices"}]}
        if path not in lists:
            raise Refused(404, "the server could not find the requested resource")
        return {"items": copy.deepcopy(lists[path])}

    return kubernetes.schedule(get, kubernetes.RESOURCES, None)


WHOLE = ("gpu-0", "gpu-1", "gpu-2", "gpu-3")


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_claimed_devices_are_allocated(version: str) -> None:
    known = schedule(
        pods=[pod("a", "one", "two"), pod("b", "three")],
        slices=[slice_of(*WHOLE)],
        claims=[claim("one", "gpu-0"), claim("two", "gpu-1"), claim("three", "gpu-2")],
        version=version,
    )
    [one] = known.nodes
    assert (one.offer.capacity, one.offer.allocated) == (4, 3)
    stats = {row["name"]: row["stat"]["gpuEquivalent"] for row in known.consumers}
    assert stats == {"a": 2, "b": 1}
    assert (known.waiting, known.warnings) == (Waiting({}, ()), ())


def test_attributes_of_the_first_version() -> None:
    known = [{"name": "gpu-0", "basic": {"attributes": {"uuid": {"string": "u"}}}}]
    [one] = schedule(slices=[slice_of(*known)], version="v1beta1").nodes
    assert one.offer.capacity == 1


def test_a_claim_that_pods_share_counts_once() -> None:
    known = schedule(
        pods=[pod("a", "one"), pod("b", "one")],
        slices=[slice_of(*WHOLE)],
        claims=[claim("one", "gpu-0")],
    )
    [one] = known.nodes
    assert one.offer.allocated == 1
    stats = {row["name"]: row["stat"]["gpuEquivalent"] for row in known.consumers}
    assert stats == {"a": 0.5, "b": 0.5}


def test_parts_are_fractions() -> None:
    parts = [part(f"gpu-0-mig-{n}", "GPU-0", "1g.10gb") for n in range(7)]
    whole = {"name": "gpu-0", "attributes": {"uuid": {"string": "GPU-0"}}}
    known = schedule(
        pods=[pod("a", "one")],
        slices=[slice_of(whole, *parts, "gpu-1")],
        claims=[claim("one", "gpu-0-mig-3")],
    )
    [one] = known.nodes
    assert one.offer.capacity == 2
    assert one.offer.allocated == pytest.approx(1 / 7, abs=1e-3)


@pytest.mark.parametrize(
    ("slices", "claims", "capacity", "allocated"),
    [
        # The last generation of a pool counts.
        ([slice_of("a", "b"), slice_of("a", generation=2)], [], 1, 0),
        # Drivers of networks, and of the channels between devices, are not ours.
        ([slice_of("a", driver="dra.net")], [claim("x", "a", driver="dra.net")], 0, 0),
        ([slice_of("a", driver="compute-domain.nvidia.com")], [], 0, 0),
        # Whoever watches a device takes it from nobody.
        ([slice_of("a")], [claim("x", "a", adminAccess=True)], 1, 0),
        # A claim of a pod that has ended still holds its device.
        ([slice_of("a")], [claim("x", "a")], 1, 1),
        # A device of another node.
        ([slice_of("a", on="m"), slice_of("a")], [claim("x", "a")], 1, 1),
    ],
)
def test_what_counts(
    slices: Any, claims: Any, capacity: float, allocated: float
) -> None:
    [one] = schedule(slices=slices, claims=claims).nodes
    assert (one.offer.capacity, one.offer.allocated) == (capacity, allocated)


def test_devices_that_a_plugin_offers_too_count_once() -> None:
    capacity = {"nvidia.com/gpu": "4"}
    [one] = schedule([node(capacity=capacity)], slices=[slice_of(*WHOLE)]).nodes
    assert one.offer.capacity == 4


def test_an_extended_resource_of_which_the_scheduler_makes_a_claim() -> None:
    by_class = pod("a")
    by_class["spec"]["containers"] = [
        {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    ]
    by_class["status"]["extendedResourceClaimStatus"] = {"name": "made"}
    known = schedule(
        pods=[by_class], slices=[slice_of(*WHOLE)], claims=[claim("made", "gpu-0")]
    )
    assert known.nodes[0].offer.allocated == 1
    assert [row["stat"]["gpuRequest"] for row in known.consumers] == [1]


@pytest.mark.parametrize(
    ("wanted", "devices"),
    [
        ({"exactly": {"deviceClassName": DRIVER, "count": 2}}, 2),
        ({"exactly": {"deviceClassName": DRIVER}}, 1),
        ({"deviceClassName": "mig.nvidia.com", "count": 3}, 3),
        ({"firstAvailable": [{"deviceClassName": DRIVER, "count": 2}]}, 2),
        ({"exactly": {"deviceClassName": "dra.net", "count": 2}}, 0),
    ],
)
def test_claims_that_wait(wanted: Any, devices: int) -> None:
    known = schedule(
        pods=[pod("a", "one", node_name=None)], claims=[claim("one", wanted=wanted)]
    )
    assert known.waiting is not None
    assert known.waiting.pending == devices
    assert known.waiting.by_reason == ({"Unscheduled": devices} if devices else {})


def test_claims_made_from_a_template() -> None:
    made = pod("a")
    made["spec"]["resourceClaims"] = [
        {"name": "gpu", "resourceClaimTemplateName": "single-gpu"},
        {"name": "spare", "resourceClaimTemplateName": "optional"},
    ]
    made["status"]["resourceClaimStatuses"] = [
        {"name": "gpu", "resourceClaimName": "a-gpu-x7"},
        {"name": "spare", "resourceClaimName": None},
    ]
    known = schedule(
        pods=[made], slices=[slice_of(*WHOLE)], claims=[claim("a-gpu-x7", "gpu-0")]
    )
    assert known.nodes[0].offer.allocated == 1
    assert known.warnings == ()


@pytest.mark.parametrize("refused", [0, 403, 500])
def test_claims_that_are_not_known(refused: int) -> None:
    """What is allocated on the node is unknown, and the node is there."""
    known = schedule(pods=[pod("a", "gone")], refused=refused)
    [one] = known.nodes
    assert (one.offer.capacity, one.offer.allocated) == (None, None)
    assert "its resource claims are not known" in known.warnings[-1]
    if refused:
        assert "resource claims are not known: the API server" in known.warnings[0]
        assert ("gpufleet:readers" in known.warnings[0]) == (refused == 403)


def test_a_cluster_without_the_api() -> None:
    known = schedule(version="v9")
    assert (known.nodes[0].offer.capacity, known.warnings) == (0, ())
