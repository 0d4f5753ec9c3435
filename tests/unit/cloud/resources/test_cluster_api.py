# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of the drivers magnum-capi-helm and magnum-cluster-api."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import CATALOG, TEMPLATES, Raw, Reply, Site, templates
from unit.cloud.resources.cluster_api import (
    HELM,
    HELM_ID,
    KUBE,
    KUBE_ID,
    SERVERS,
    capi,
    server,
    template,
)
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    GROUPS,
    ID,
    MISSING,
    RESIZE,
    STACK_ID,
    VIEW,
    there,
    with_template,
    workers,
)


@pytest.fixture
def site(site: Site) -> Site:
    with_template(site)
    site.magnum_version("1.14")
    return site


# What is shown -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "ident", "named", "driver"),
    [
        ("1.14", HELM_ID, "k8s_capi_helm_v1", "capi-helm"),
        ("1.13", KUBE_ID, "k8s_cluster_api_ubuntu", "cluster-api"),
        ("1.12", KUBE_ID, None, "cluster-api"),
        ("1.14", HELM_ID, "k8s_other_v1", "k8s_other_v1"),
        ("1.14", None, None, None),
    ],
)
def test_driver_and_infrastructure(
    site: Site, version: str, ident: str, named: str | None, driver: str | None
) -> None:
    site.magnum_version(version)
    raw = capi(ident=ident)
    if version == "1.12":
        raw["stack_id"] = raw.pop("cluster_id")
    there(site, raw)
    site.on(TEMPLATES, templates(template(named)))
    outcome = site.run(GpuClusterResource, name="train", node_count=2)
    assert outcome.action == "none"
    assert outcome.after is not None
    assert outcome.after["driver"] == driver
    assert outcome.after["infrastructure_id"] == outcome.after["stack_id"] == ident
    assert site.history == [BY_NAME, *VIEW]
    asked = site.last().headers["OpenStack-API-Version"]
    assert asked == f"container-infra {version}"


# What a driver would ignore ----------------------------------------------------------


TAINT = {"key": "gpu", "effect": "NoSchedule"}


def grow(site: Site, inline: bool, check_mode: bool = False, **asked: t.Any) -> None:
    """Ask for a node group, alone or with its cluster."""
    if inline:
        group = {"name": "big", **asked}
        options: Raw = {"name": "train", "node_groups": [group]}
        site.run(GpuClusterResource, check_mode=check_mode, **options)
    else:
        options = {"name": "big", "cluster": "train", **asked}
        site.run(NodeGroupResource, check_mode=check_mode, **options)


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(
    ("ident", "asked"),
    [
        (HELM_ID, {"node_labels": {"tier": "1"}}),
        (HELM_ID, {"node_taints": [TAINT]}),
        (HELM_ID, {"image": "ubuntu"}),
        (HELM_ID, {"labels": {"boot_volume_size": "80"}}),
        (HELM_ID, {"availability_zone": "az1"}),
        (KUBE_ID, {"node_labels": {"tier": "1"}}),
        (KUBE_ID, {"node_taints": [TAINT]}),
    ],
)
def test_options_that_a_driver_ignores(
    site: Site, ident: str, asked: Raw, inline: bool, check_mode: bool
) -> None:
    there(site, capi(ident=ident))
    site.on(f"{GROUPS}/big", MISSING)
    [option] = asked
    match = f"node group 'big': {option}: magnum-.* does not support .* Leave it out"
    with pytest.raises(Conflict, match=match):
        grow(site, inline, check_mode, **asked)
    assert site.writes == []


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize(
    ("ident", "asked"),
    [
        (KUBE_ID, {"image": "ubuntu"}),
        (KUBE_ID, {"availability_zone": "az1"}),
        (HELM_ID, {"node_labels": {}, "node_taints": []}),
    ],
)
def test_options_that_a_driver_takes(
    site: Site, ident: str, asked: Raw, inline: bool
) -> None:
    there(site, capi(ident=ident))
    site.on("GET /v2/images?name=ubuntu", {"images": [{"id": "u", "name": "ubuntu"}]})
    site.on(f"{GROUPS}/big", MISSING)
    grow(site, inline, check_mode=True, **asked)


def test_a_new_cluster_has_the_driver_of_its_template(site: Site) -> None:
    site.on(TEMPLATES, templates(template(HELM)))
    labeled = {"name": "big", "node_labels": {"tier": "1"}}
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_groups": [labeled]}
    with pytest.raises(Conflict, match="'big': node_labels: magnum-capi-helm does not"):
        site.run(GpuClusterResource, **asked)
    assert site.writes == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_named_nodes_cannot_be_removed_with_helm(site: Site, check_mode: bool) -> None:
    there(site, capi())
    with pytest.raises(Conflict, match=r"nodes_to_remove: .*delete its Node object"):
        site.run(
            GpuClusterResource,
            name="train",
            nodes_to_remove=["a"],
            check_mode=check_mode,
        )
    assert site.writes == []


FIRST, SECOND, MASTER = (
    f"{KUBE_ID}-{rest}"
    for rest in ("default-worker-x-1-a", "default-worker-x-1-b", "aaaaa-bbbbb")
)


@pytest.mark.parametrize("left", [FIRST, SECOND])
def test_named_nodes_are_removed_with_cluster_api(site: Site, left: str) -> None:
    there(site, capi(ident=KUBE_ID), workers(2), workers(1))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(
        BY_ID,
        capi("UPDATE_IN_PROGRESS", ident=KUBE_ID),
        capi("UPDATE_COMPLETE", ident=KUBE_ID, node_count=1),
    )
    before = [server(name) for name in (FIRST, SECOND, MASTER)]
    after = [server(name) for name in (left, MASTER)]
    site.on(SERVERS[KUBE_ID], {"servers": before}, {"servers": after})
    asked: Raw = {"name": "train", "nodes_to_remove": [SECOND]}
    if left == SECOND:
        with pytest.raises(ResourceError, match=f"removed {FIRST}, which"):
            site.run(GpuClusterResource, **asked)
    else:
        assert site.run(GpuClusterResource, **asked).action == "update"
    assert site.sent(RESIZE) == [
        {"node_count": 1, "nodegroup": "w", "nodes_to_remove": [f"id-{SECOND}"]}
    ]


# What a driver takes for wrong later -------------------------------------------------


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("ident", [HELM_ID, KUBE_ID, STACK_ID])
@pytest.mark.parametrize("name", ["Big", "big_1", "1big", "b", "big.1"])
def test_names_of_node_groups(site: Site, ident: str, inline: bool, name: str) -> None:
    there(site, capi(ident=ident))
    site.on(f"{GROUPS}/{name}", MISSING)
    if ident == STACK_ID:
        grow(site, inline, check_mode=True, name=name)
        return
    with pytest.raises(InvalidInput, match=f"name: '{name}' must begin with a lower"):
        grow(site, inline, check_mode=True, name=name)


@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("ident", [HELM_ID, KUBE_ID, STACK_ID])
@pytest.mark.parametrize("name", ["big-", ".big", "b" * 64, "bïg", "two words"])
def test_names_that_no_driver_takes(
    site: Site, ident: str, inline: bool, name: str
) -> None:
    """They become labels of the nodes, of which a kubelet refuses these."""
    there(site, capi(ident=ident))
    site.on(f"{GROUPS}/{quote(name)}", MISSING)
    for check_mode in (True, False):
        with pytest.raises(InvalidInput, match=f"name: '{name}' must "):
            grow(site, inline, check_mode=check_mode, name=name)
    assert site.writes == []


@pytest.mark.parametrize(
    ("ident", "labels", "asked", "refused"),
    [
        (HELM_ID, {"auto_scaling_enabled": "true"}, {}, True),
        (HELM_ID, {"auto_scaling_enabled": "true"}, {"min_node_count": 0}, True),
        (HELM_ID, {"auto_scaling_enabled": "true"}, {"min_node_count": 1}, False),
        (HELM_ID, {}, {"min_node_count": 0}, False),
        (KUBE_ID, {"auto_scaling_enabled": "true"}, {"min_node_count": 0}, False),
    ],
)
@pytest.mark.parametrize("inline", [False, True])
def test_an_autoscaler_keeps_a_node(
    site: Site, ident: str, labels: Raw, asked: Raw, refused: bool, inline: bool
) -> None:
    there(site, capi(ident=ident, labels=labels))
    site.on(f"{GROUPS}/big", MISSING)
    if not refused:
        grow(site, inline, check_mode=True, **asked)
        return
    match = "node group 'big': min_node_count: 0 is below 1, which magnum-capi-helm req"
    with pytest.raises(InvalidInput, match=match):
        grow(site, inline, check_mode=True, **asked)


def test_an_autoscaler_keeps_a_default_worker(site: Site) -> None:
    label = {"auto_scaling_enabled": "true"}
    there(site, capi(labels=label), workers(low=1, high=3))
    match = "gpu cluster 'train': min_node_count: 0 is below 1"
    with pytest.raises(InvalidInput, match=match):
        site.run(GpuClusterResource, name="train", min_node_count=0, check_mode=True)
    site.on(BY_NAME, MISSING)
    site.on(TEMPLATES, templates(template(HELM, labels=label)))
    asked: Raw = {"name": "train", "template": "gpu-a100", "min_node_count": 0}
    with pytest.raises(InvalidInput, match=match):
        site.run(GpuClusterResource, **asked)
    assert site.writes == []


SCALES = {"auto_scaling_enabled": "true"}
CREATED = {**SCALES, "min_node_count": "1"}


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("driver", "labels", "bounds", "match"),
    [
        (HELM, SCALES, {}, r"unless the label min_node_count is 1 or more \(it is 0\)"),
        (HELM, {**SCALES, "min_node_count": "0"}, {}, r"\(it is 0\). Set it in labels"),
        (HELM, {**SCALES, "min_node_count": "x"}, {}, r"\(it is x\). Set it in labels"),
        (HELM, CREATED, {"min_node_count": 2}, "label min_node_count=1, and would"),
        (
            HELM,
            {**CREATED, "max_node_count": "3"},
            {"max_node_count": 4},
            "max_node_count: magnum-capi-helm takes this bound .* ignore 4. Set 3; for",
        ),
        (HELM, CREATED, {"min_node_count": 1, "max_node_count": 4}, None),
        (HELM, {}, {"min_node_count": 0}, None),
        (KUBE, SCALES, {"min_node_count": 0}, None),
    ],
)
def test_labels_are_bounds_with_an_autoscaler(
    site: Site,
    driver: str,
    labels: Raw,
    bounds: Raw,
    match: str | None,
    check_mode: bool,
) -> None:
    site.on(TEMPLATES, templates(template(driver, labels={**labels, "kube_tag": "v1"})))
    site.on("GET /v2/images?name=old", {"images": []})
    site.on(BY_NAME, MISSING)
    asked: Raw = {"name": "train", "template": "gpu-a100", "precheck": False, **bounds}
    if match:
        with pytest.raises(Conflict, match=match):
            site.run(GpuClusterResource, **asked, check_mode=check_mode)
        assert site.writes == []
    else:
        outcome = site.run(GpuClusterResource, **asked, check_mode=True)
        assert outcome.action == "create"


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("labels", "bounds", "refused"),
    [
        (CREATED, {"min_node_count": 2}, "min_node_count"),
        ({**CREATED, "max_node_count": "3"}, {"max_node_count": 4}, "max_node_count"),
        (CREATED, {"max_node_count": 4}, None),
        ({"min_node_count": "1"}, {"min_node_count": 2}, None),
    ],
)
def test_labels_stay_bounds_with_an_autoscaler(
    site: Site, labels: Raw, bounds: Raw, refused: str | None, check_mode: bool
) -> None:
    there(site, capi(labels=labels), workers(2, low=1, high=3))
    site.on(f"{GROUPS}/default-worker", workers(2, low=1, high=3))
    runs: list[tuple[type[t.Any], Raw]] = [
        (GpuClusterResource, {"name": "train"}),
        (NodeGroupResource, {"name": "default-worker", "cluster": "train"}),
    ]
    for kind, named in runs:
        if refused:
            with pytest.raises(Conflict, match=f"'.*': {refused}: magnum-capi-helm"):
                site.run(kind, **named, **bounds, check_mode=check_mode)
            assert site.writes == []
        else:
            outcome = site.run(kind, **named, **bounds, check_mode=True)
            assert outcome.action == "update"


# Without Heat ------------------------------------------------------------------------


def without_heat(site: Site) -> None:
    site.keystone({k: v for k, v in CATALOG.items() if k != "orchestration"})


def test_a_location_needs_heat(site: Site) -> None:
    without_heat(site)
    there(site, capi())
    asked: Raw = {"name": "train", "location": "here"}
    match = r"^location: The cloud has no usable endpoint for Heat.*set fixed_network"
    with pytest.raises(ApiError, match=match):
        site.run(GpuClusterResource, **asked)


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_else_needs_heat(site: Site, check_mode: bool) -> None:
    """No missing endpoint hides what the driver can't do."""
    without_heat(site)
    there(site, capi())
    assert site.run(GpuClusterResource, name="train", node_count=2).action == "none"
    with pytest.raises(Conflict, match="nodes_to_remove: magnum-capi-helm does not"):
        site.run(
            GpuClusterResource,
            name="train",
            nodes_to_remove=["a"],
            check_mode=check_mode,
        )


def test_a_zone_that_a_driver_ignores_is_a_warning(site: Site) -> None:
    site.on(TEMPLATES, templates(template(HELM)))
    site.on("GET /v2/images?name=old", {"images": []})
    asked: Raw = {"name": "train", "template": "gpu-a100", "precheck": False}
    zone = {"availability_zone": "az1"}
    site.run(GpuClusterResource, **asked, labels=zone, check_mode=True)
    assert site.warnings == [
        "availability_zone: magnum-capi-helm ignores the zone 'az1', and Nova chooses "
        "that of each node"
    ]
