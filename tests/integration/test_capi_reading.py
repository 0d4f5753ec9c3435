# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a cluster of Magnum 23 with magnum-capi-helm, and what is refused.

All of it looks at one cluster, and changes nothing of it in Magnum.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from beds.kubernetes.cluster import kubectl
from integration.capi import (
    IMAGES,
    NEW,
    OLD,
    create_cluster,
    create_template,
    inventory,
    kubeconfig,
    nodes,
    reports,
    servers,
    show,
    workers,
)
from integration.cloud_site import Site
from integration.runner import Runner, Task
from integration.waiting import eventually

SITE = Path(__file__).parents[2] / "playbooks/site.yml"
READY = dict.fromkeys(
    ("cluster", "infrastructure", "controlplane", "nodegroup"), "Ready"
)


@dataclass(frozen=True)
class Seen:
    """The cluster `read`, of two workers with a device each.

    Attributes:
        site: Where it is.
        folder: For files.
        asked: The options that declare it.
        cluster: What its module showed.
        config: A kubeconfig for it.
    """

    site: Site
    folder: Path
    asked: dict[str, Any]
    cluster: dict[str, Any]
    config: Path

    @property
    def names(self) -> list[str]:
        """Its workers."""
        return sorted(servers(self.site, workers(self.cluster)))


def test_reading(site: Site, tmp_path: Path, subtests: pytest.Subtests) -> None:
    hardware = site.hardware("CUSTOM_GPU_A100", 1)
    create_template(site, "t", OLD, hardware)
    asked = {"name": "read", "template": "t", "node_count": 2}
    cluster = create_cluster(site, **asked)
    config = kubeconfig(site, "read", tmp_path)
    seen = Seen(site, tmp_path, asked, cluster, config)
    for check in (
        again_changes_nothing,
        names_are_compared_exactly,
        a_kubeconfig_logs_in,
        info_has_driver_and_groups,
        each_microversion_has_the_infrastructure_id,
        what_the_driver_ignores_is_refused,
        a_batch_size_is_ignored_with_a_warning,
        the_inventory_has_groups,
        reports_know_nodes_by_their_provider_id,
        what_needs_heat_says_so,
        preflight_needs_no_heat,
        the_export_declares_what_is_there,
        health_has_its_reasons,
    ):
        with subtests.test(check.__name__):
            check(seen)


def again_changes_nothing(seen: Seen) -> None:
    capi = seen.site.capi
    assert capi("gpu_cluster", **seen.asked)["action"] == "none"
    assert len(capi.recorder.counted) <= 4, capi.recorder.counted
    by_id = {**seen.asked, "name": seen.cluster["id"]}
    assert capi.check("gpu_cluster", **by_id)["action"] == "none"


def names_are_compared_exactly(seen: Seen) -> None:
    capi, path = seen.site.capi, str(seen.folder / "never")
    cluster = {"name": "new", "template": "t", "node_count": 1}
    said = "(there is 'read': names are compared exactly)"
    template, hardware = seen.asked["template"], "cpu.worker"
    quiet: list[Task] = [
        ("gpu_cluster", {"name": "Read", "state": "absent"}),
        ("node_group", {"name": "x", "cluster": "réad", "state": "absent"}),
    ]
    wrong: list[tuple[Task, str]] = [
        (("node_group", {"name": "x", "cluster": "READ"}), said),
        (("kubeconfig", {"name": "Read", "path": path}), said),
        (("gpu_cluster", {**cluster, "template": "T"}), said.replace("read", template)),
        (
            ("gpu_cluster", {**cluster, "hardware": "CPU.worker"}),
            said.replace("read", hardware),
        ),
        (
            ("gpu_cluster", {**cluster, "keypair": "Bed"}),
            said.replace("read", "bed"),
        ),
    ]
    results = capi.run([*quiet, *(task for task, _text in wrong)])
    assert capi.recorder.writes == []
    for result in results[: len(quiet)]:
        assert not result["changed"], result
        assert said in str(result["warnings"]), result
    for (_task, text), result in zip(wrong, results[len(quiet) :], strict=True):
        assert text in result["msg"], result


def a_kubeconfig_logs_in(seen: Seen) -> None:
    prefix = seen.cluster["infrastructure_id"]
    assert sorted(nodes(seen.config)) == sorted(servers(seen.site, prefix))


def info_has_driver_and_groups(seen: Seen) -> None:
    clusters, groups = seen.site.capi.run(
        [("gpu_cluster_info", {}), ("node_group_info", {"cluster": "read"})]
    )
    [cluster] = clusters["gpu_clusters"]
    expected = {
        "driver": "capi-helm",
        "infrastructure_id": seen.cluster["infrastructure_id"],
        "location": None,
        "node_addresses": [],
        "node_count": 2,
        "total_node_count": 2,
        "coe_version": OLD,
        "hostname": seen.cluster["hostname"],
    }
    assert {name: cluster[name] for name in expected} == expected
    assert expected["infrastructure_id"].startswith("read-")
    assert cluster["hostname"] in kubectl(seen.config, "config", "view")
    # No Heat in the region is no warning.
    assert not clusters.get("warnings"), clusters
    sizes = {one["name"]: one["node_count"] for one in groups["node_groups"]}
    assert sizes == {"default-master": 1, "default-worker": 2}
    assert sizes == {one["name"]: one["node_count"] for one in cluster["node_groups"]}
    assert not groups.get("warnings"), groups


def each_microversion_has_the_infrastructure_id(seen: Seen) -> None:
    """The field of Magnum's that it is read from was renamed in 1.13."""
    site = seen.site
    for version in ("1.12", "1.13", "1.14"):
        ceiling = {**site.capi.environment, "MAGNUM_API_VERSION": version}
        runner = Runner(ceiling, site.capi.cloud, seen.folder / version)
        try:
            [cluster] = runner("gpu_cluster_info", name="read")["gpu_clusters"]
        finally:
            runner.close()
        used = cluster["runtime_config"]["api_versions"]["magnum"]
        shown = (used, cluster["infrastructure_id"], cluster["driver"])
        assert shown == (version, seen.cluster["infrastructure_id"], "capi-helm")


def what_the_driver_ignores_is_refused(seen: Seen) -> None:
    """Before it is sent, in check mode too."""
    capi, group = seen.site.capi, {"cluster": "read", "name": "more"}
    path = str(seen.folder / "rotated")
    taint = {"key": "gpu", "effect": "NoSchedule"}
    refused: list[tuple[str, dict[str, Any], str]] = [
        ("node_group", {**group, "node_labels": {"a": "b"}}, "node_labels"),
        ("node_group", {**group, "node_taints": [taint]}, "node_taints"),
        ("node_group", {**group, "image": IMAGES[NEW]}, "image"),
        ("node_group", {**group, "labels": {"a": "b"}}, "labels"),
        ("node_group", {**group, "availability_zone": "nova"}, "availability_zone"),
        (
            "gpu_cluster",
            {**seen.asked, "node_groups": [{"name": "more", "node_taints": [taint]}]},
            "node_taints",
        ),
        (
            "gpu_cluster",
            {"name": "read", "nodes_to_remove": seen.names[:1]},
            "nodes_to_remove",
        ),
        (
            "kubeconfig",
            {"name": "read", "path": path, "rotate_ca_after": 365},
            "rotate_ca_after",
        ),
    ]
    tasks = [(module, args) for module, args, _option in refused]
    for results in (capi.plan(tasks), capi.run(tasks)):
        for (_module, _args, option), result in zip(refused, results, strict=True):
            assert result["error"]["type"] == "Conflict", result
            assert f"{option}: magnum-capi-helm does not support" in result["msg"]
    assert capi.recorder.writes == []
    badly_named = capi("node_group", cluster="read", name="More_1")
    assert badly_named["error"]["type"] == "InvalidInput", badly_named
    assert capi.recorder.writes == []


def a_batch_size_is_ignored_with_a_warning(seen: Seen) -> None:
    capi = seen.site.capi
    create_template(seen.site, "new", NEW)
    upgrade = {"name": "read", "template": "new", "upgrade": True}
    planned = capi.check("gpu_cluster", **upgrade, max_batch_size=2)
    assert planned["action"] == "update", planned
    assert "max_batch_size: magnum-capi-helm ignores" in str(planned["warnings"])
    assert not capi.check("gpu_cluster", **upgrade).get("warnings")


def the_inventory_has_groups(seen: Seen) -> None:
    listed = inventory(seen.site, seen.folder)
    prefix = seen.cluster["infrastructure_id"]
    assert sorted(listed.hosts) == sorted(servers(seen.site, prefix))
    assert listed.nodes(role="worker", node_group="default-worker") == seen.names
    assert len(listed.nodes(role="master")) == 1
    found = [node["gpufleet_node"] for node in listed.hosts.values()]
    assert {node["cluster"]["name"] for node in found} == {"read"}
    chosen = inventory(seen.site, seen.folder, clusters=["read"], include_masters=False)
    assert sorted(chosen.hosts) == seen.names


def reports_know_nodes_by_their_provider_id(seen: Seen) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "job", "namespace": "default"},
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "none",
                    "resources": {"limits": {"nvidia.com/gpu": 1}},
                }
            ]
        },
    }
    kubectl(seen.config, "apply", "-f-", stdin=json.dumps(pod))

    def node() -> str:
        template = "-ojsonpath={.spec.nodeName}"
        return kubectl(seen.config, "get", "pod", "job", template)

    eventually(lambda: node() in seen.names, True)
    # Under another name, it is known by the id that its Node has.
    with _renamed(seen.site, node(), "renamed"):
        report = reports(seen.site, seen.folder, "read")
    [other] = set(seen.names) - {node()}
    rows = {
        row["name"]: (row["cluster"], row["capacity"], row["allocated"])
        for row in report["nodes"]["data"]
    }
    assert rows == {"renamed": ("read", 1, 1), other: ("read", 1, 0)}
    assert report["overview"]["totalGpus"] == 2
    [row] = report["overview"]["byCluster"]
    assert (row["cluster"], row["allocatedGpus"]) == ("read", 1)


@contextmanager
def _renamed(site: Site, name: str, to: str) -> Iterator[None]:
    nova = site.as_member.compute
    server = nova.find_server(name)
    nova.update_server(server, name=to)
    try:
        yield
    finally:
        nova.update_server(server, name=name)


def what_needs_heat_says_so(seen: Seen) -> None:
    stack = {"name": "x", "template": {"heat_template_version": "2018-08-31"}}
    tasks = [
        ("location", {"name": "x", "cidr": "10.1.0.0/24"}),
        ("heat_stack", stack),
        ("gpu_cluster", {**seen.asked, "location": "x"}),
    ]
    for refused in seen.site.capi.run(tasks):
        assert "no usable endpoint for Heat" in refused["msg"], refused
        assert "region" in refused["msg"]


def preflight_needs_no_heat(seen: Seen) -> None:
    hardware = seen.site.name("custom_gpu_a100-1")
    found = seen.site.capi(
        "preflight_info",
        hardware=[hardware, "m1.master"],
        images=[IMAGES[NEW]],
        external_networks=["public"],
        keypairs=["bed"],
    )
    assert found["failed_checks"] == 0, found
    rows = {(row["check"], row["subject"]): row for row in found["checks"]}
    bad = {key for key, row in rows.items() if row["status"] != "ok"}
    # Who may not ask Placement is told so.
    assert bad == {("service", name) for name in ("Heat", "Octavia", "Placement")}
    assert "for Cluster API do not" in rows["service", "Heat"]["remedy"]
    assert NEW in rows["image", IMAGES[NEW]]["detail"]


def the_export_declares_what_is_there(seen: Seen) -> None:
    capi = seen.site.capi
    file = seen.folder / "site.yml"
    exported = capi("fleet_export", path=str(file))
    assert not exported.get("warnings"), exported
    fleet = exported["fleet"]
    assert fleet["fleet_locations"] == []
    [cluster] = fleet["fleet_clusters"]
    assert {**cluster, **seen.asked} == cluster
    # Flavors are shared: those of other tests come and go meanwhile.
    used = (seen.site.name("custom_gpu_a100-1"), "m1.master")
    mine = [one for one in fleet["fleet_hardware"] if one["name"] in used]
    assert len(mine) == len(used)
    declared = {"fleet_cloud": capi.cloud, "fleet_hardware": mine}
    results = capi.playbook(SITE, f"@{file}", **declared)
    assert [one for one in results if "gpu_cluster" in one]
    assert not any(one.get("changed") for one in results)


def health_has_its_reasons(seen: Seen) -> None:
    def health() -> tuple[str, dict[str, str]]:
        cluster = show(seen.site, "read")
        return cluster["health_status"], cluster["health_status_reason"]

    eventually(health, ("HEALTHY", READY), 90)
