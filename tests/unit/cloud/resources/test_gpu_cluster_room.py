# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room for a cluster."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.reconcile import (
    reconcile,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.cluster_spec import (
    ClusterSpec,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.drivers import (
    CAPI_HELM,
    CLUSTER_API,
    HEAT,
    Driver,
)
from unit.cloud.fakes import Raw, Reply, Site
from unit.cloud.resources.clusters import (
    A100,
    BY_ID,
    CANDIDATES,
    CLUSTER_QUOTA,
    CREATE,
    FLAVORS,
    ID,
    LIMITS,
    MASTER,
    QUOTAS,
    REFUSED,
    cluster,
    groups,
    limits,
    quota,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")


# room ------------------------------------------------------------------------


OF_CLUSTER = {
    "clusters": 1,
    "network": 1,
    "router": 1,
    "security_group": 2,
    "server_groups": 2,
    "subnet": 1,
}
"""What a cluster on a network of its own takes besides its nodes."""


def free(*hosts: tuple[int, int]) -> Raw:
    """What Placement says of hosts, each with its capacity and what is used of it."""
    summaries = {
        f"host-{number}": {
            "resources": {"CUSTOM_GPU_A100": {"capacity": capacity, "used": used}}
        }
        for number, (capacity, used) in enumerate(hosts)
    }
    return {"allocation_requests": [], "provider_summaries": summaries}


def test_what_fits_is_told(site: Site) -> None:
    site.on(LIMITS, limits(instances=20))
    site.on(CANDIDATES, free((8, 0), (8, 3)))
    resource = planned(site, node_count=3)
    assert resource.report["precheck"] == {
        "needed": {
            "instances": 4,
            "cores": 3 * 48 + 2,
            "ram_mib": 3 * 524288 + 4096,
            "CUSTOM_GPU_A100": 12,
            "server_group_members": 3,
            **OF_CLUSTER,
            "port": 4,
        },
        # Of the five that are left on the second host one can't be used.
        "free": {"instances": 17, "CUSTOM_GPU_A100": 12, "clusters": 20},
        "skipped": [],
    }
    assert site.warnings == []


def planned(site: Site, **options: t.Any) -> GpuClusterResource:
    """A resource that has looked for room in check mode."""
    cloud = site.cloud()
    spec = {**GpuClusterResource.argument_spec()}
    params = {**dict.fromkeys(spec), "precheck": True, "merge_labels": True}
    params.update({"name": "train", "template": "gpu-a100", **options})
    resource = GpuClusterResource(cloud, params, check_mode=True)
    reconcile(resource, "present", clock=cloud.clock, check_mode=True)
    return resource


def test_what_does_not_fit_is_refused_before_any_write(site: Site) -> None:
    site.on(LIMITS, limits(instances=5, cores=100, ram=10**9))
    site.on(CANDIDATES, free((8, 4)))
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}
    with pytest.raises(ResourceError) as caught:
        site.run(GpuClusterResource, **asked)
    assert caught.value.message == (
        "gpu cluster 'train' does not fit, and nothing was written: instances: 3 "
        "needed, 2 free; cores: 98 needed, 90 free; CUSTOM_GPU_A100: 8 needed, 4 free. "
        "With precheck: false it is tried all the same"
    )
    assert caught.value.details["free"]["CUSTOM_GPU_A100"] == 4
    assert caught.value.changed is False
    assert site.writes == []
    # Until a plan is carried out there may be room.
    resource = planned(site, node_count=2)
    assert "does not fit" in site.warnings[0]
    assert resource.report["precheck"]["needed"]["CUSTOM_GPU_A100"] == 8
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster())
    groups(site, workers())
    assert site.run(GpuClusterResource, **asked, precheck=False).action == "create"


def test_what_can_not_be_asked_is_said(site: Site) -> None:
    site.on(FLAVORS, {"flavors": [A100]})
    report = planned(site, node_count=1).report["precheck"]
    assert "CUSTOM_GPU_A100" not in report["free"]
    assert report["skipped"] == [
        "m1.master: this flavor can't be seen with these credentials",
        "accelerators: Placement answered 403 to GET /allocation_candidates: not for "
        "you",
    ]


def test_growing_needs_room_for_what_is_added_only(site: Site) -> None:
    there(site)
    groups(site, workers(2))
    site.on(LIMITS, limits(instances=4))
    with pytest.raises(ResourceError, match="instances: 2 needed, 1 free"):
        site.run(GpuClusterResource, name="train", node_count=4)
    assert site.writes == []
    site.forget()
    site.run(GpuClusterResource, name="train", node_count=1, check_mode=True)
    assert LIMITS not in site.history


# what is needed --------------------------------------------------------------


def spec(driver: Driver = HEAT, **values: t.Any) -> ClusterSpec:
    labels = values.pop("labels", {})
    return ClusterSpec({"labels": labels, **values}, driver)


BASE = {**OF_CLUSTER, "floatingip": 0, "load_balancer": 0, "port": 0}
BASE.pop("server_groups")


@pytest.mark.parametrize(
    ("made_of", "more"),
    [
        (spec(), {}),
        (spec(fixed_network="n"), {"network": 0, "router": 0, "subnet": 0}),
        (spec(master_lb_enabled=True), {"load_balancer": 2, "port": 2}),
        (
            spec(master_lb_enabled=True, floating_ip_enabled=True),
            {"load_balancer": 2, "port": 2, "floatingip": 1},
        ),
        (
            spec(
                master_lb_enabled=True,
                labels={"master_lb_floating_ip_enabled": "True"},
            ),
            {"load_balancer": 2, "port": 2, "floatingip": 1},
        ),
        (spec(floating_ip_enabled=True), {}),
    ],
)
def test_what_a_cluster_takes(made_of: ClusterSpec, more: Raw) -> None:
    assert made_of.quota_of_cluster() == {**BASE, **more}


@pytest.mark.parametrize(
    ("made_of", "more"),
    [
        (spec(), {}),
        (spec(floating_ip_enabled=True), {"floatingip": 5}),
        (spec(docker_volume_size=10), {"volumes": 5, "gigabytes": 50}),
        (spec(labels={"boot_volume_size": "20"}), {"volumes": 5, "gigabytes": 100}),
        (spec(labels={"boot_volume_size": "0"}), {}),
        (spec(labels={"boot_volume_size": "big"}), {}),
        (spec(labels={"etcd_volume_size": "7"}), {"volumes": 2, "gigabytes": 14}),
        (
            spec(docker_volume_size=1, labels={"boot_volume_size": "2"}),
            {"volumes": 10, "gigabytes": 15},
        ),
    ],
)
def test_what_two_masters_and_three_workers_take(
    made_of: ClusterSpec, more: Raw
) -> None:
    nothing = {"floatingip": 0, "gigabytes": 0, "volumes": 0}
    assert made_of.quota_of_nodes(2, 3) == {**nothing, "port": 5, **more}


@pytest.mark.parametrize("driver", [CAPI_HELM, CLUSTER_API])
def test_what_is_not_known_of_cluster_api_is_said(driver: Driver) -> None:
    made_of = spec(driver, floating_ip_enabled=True, docker_volume_size=10)
    assert made_of.quota_of_cluster() == {"clusters": 1}
    assert made_of.quota_of_nodes(1, 1) == {"port": 2}
    [text] = made_of.unknown
    assert text.startswith(f"{driver.title}: what it takes of the quotas of volumes")


def test_options_go_before_the_template() -> None:
    theirs = {"flavor_id": "f", "labels": {"a": "1", "b": "1"}, "fixed_network": "n"}
    own = {"labels": {"b": "2"}, "fixed_network": "m"}
    merged = ClusterSpec(own, HEAT, theirs)
    assert (merged.get("hardware"), merged.get("fixed_network")) == ("f", "m")
    assert merged.labels == {"a": "1", "b": "2"}
    assert ClusterSpec(own, HEAT, theirs, merge_labels=False).labels == {"b": "2"}
    assert ClusterSpec({}, HEAT, theirs, merge_labels=False).labels == theirs["labels"]


@pytest.mark.parametrize(
    ("nova", "neutron", "clusters", "message"),
    [
        (
            {"maxServerGroupMembers": 2},
            {},
            20,
            "server_group_members: 3 needed, 2 free",
        ),
        (
            {"maxServerGroups": 6, "totalServerGroupsUsed": 5},
            {},
            20,
            "server_groups: 2 needed, 1 free",
        ),
        ({}, {"port": 4}, 20, "port: 4 needed, 3 free"),
        ({}, {"security_group": 2}, 20, "security_group: 2 needed, 1 free"),
        ({}, {"router": 1}, 20, "router: 1 needed, 0 free"),
        ({}, {}, 0, "clusters: 1 needed, 0 free"),
    ],
)
def test_each_quota_is_looked_at(
    site: Site, nova: Raw, neutron: Raw, clusters: int, message: str
) -> None:
    site.on(LIMITS, limits(**nova))
    site.on(QUOTAS, quota(**neutron))
    site.on(CLUSTER_QUOTA, {"hard_limit": clusters})
    with pytest.raises(ResourceError, match=f"nothing was written: {message}. With"):
        site.run(GpuClusterResource, name="train", template="gpu-a100", node_count=3)
    assert site.writes == []


def test_floating_addresses(site: Site) -> None:
    """They were used up, and the cluster failed in Heat, which Magnum did not see."""
    site.on(QUOTAS, quota(floatingip=2))
    options = {"name": "train", "template": "gpu-a100", "floating_ip_enabled": True}
    with pytest.raises(ResourceError, match="floatingip: 2 needed, 1 free"):
        site.run(GpuClusterResource, **options)


@pytest.mark.parametrize(
    ("members", "fits"), [(4, True), (3, False), (-1, True)], ids=str
)
def test_the_group_grows(site: Site, members: int, fits: bool) -> None:
    there(site)
    groups(site, workers(2))
    site.on(LIMITS, limits(maxServerGroupMembers=members))
    options = {"name": "train", "node_count": 4, "check_mode": True}
    site.run(GpuClusterResource, **options)
    text = "server_group_members: 4 needed, 3 free"
    assert [text in warning for warning in site.warnings] == ([] if fits else [True])


def test_what_a_service_does_not_tell_is_said(site: Site) -> None:
    site.on(QUOTAS, REFUSED)
    site.on(CANDIDATES, free((8, 0)))
    resource = planned(site, docker_volume_size=10)
    texts = resource.report["precheck"]["skipped"]
    assert [text.split(":")[0] for text in texts] == [
        "quota of network, subnet, router, port, security_group",
        "quota of volumes, gigabytes",
    ]
    assert "Neutron answered 403" in texts[0]
    assert "Cinder" in texts[1]


@pytest.mark.parametrize(
    ("specs", "needed", "skipped"),
    [
        ({"resources:CUSTOM_A": "2"}, {"CUSTOM_A": 2}, []),
        ({"resources:CUSTOM_A": "0"}, {}, []),
        ({"resources:CUSTOM_A": "two"}, {}, ["resources:CUSTOM_A=two"]),
        ({"resources:CUSTOM_A": ""}, {}, ["resources:CUSTOM_A="]),
        ({"resources:CUSTOM_A": "-1"}, {}, ["resources:CUSTOM_A=-1"]),
        ({"resources:CUSTOM_A": "1.5"}, {}, ["resources:CUSTOM_A=1.5"]),
        ({"resources:CUSTOM_A": "²"}, {}, ["resources:CUSTOM_A=²"]),
        ({"resources1:CUSTOM_A": "2"}, {}, ["resources1:CUSTOM_A=2"]),
        ({"resources_GPU:CUSTOM_A": "2"}, {}, ["resources_GPU:CUSTOM_A=2"]),
        ({"resources:VGPU": "1"}, {}, ["resources:VGPU=1"]),
        ({"resources:PGPU": "1"}, {}, ["resources:PGPU=1"]),
        ({"pci_passthrough:alias": "a1:2"}, {}, ["pci_passthrough:alias=a1:2"]),
        ({"accel:device_profile": "a100"}, {}, ["accel:device_profile=a100"]),
        ({"resources:VCPU": "0", "hw:cpu_policy": "dedicated"}, {}, []),
    ],
)
def test_flavors_that_others_made(
    site: Site, specs: Raw, needed: Raw, skipped: list[str]
) -> None:
    site.on(FLAVORS, {"flavors": [{**A100, "extra_specs": specs}, MASTER]})
    candidates = "GET /v0.1/allocation_candidates?resources=CUSTOM_A%3A2"
    site.on(candidates, {"provider_summaries": {}})
    report = planned(site).report["precheck"]
    own = {key: n for key, n in report["needed"].items() if key.startswith("CUSTOM")}
    assert own == needed
    assert report["skipped"] == [
        f"gpu.a100.4: how many devices of {text} are free is not known"
        for text in skipped
    ]
