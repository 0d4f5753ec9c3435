# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Magnum refuses is refused before it is asked, in check mode too."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.cluster_template import (
    ClusterTemplateResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import CATALOG, PROJECT, TEMPLATES, USER, Raw, Reply, Site
from unit.cloud.fakes import templates as listed
from unit.cloud.resources.clusters import (
    A100,
    BY_NAME,
    FLAVORS,
    GROUPS,
    MASTER,
    TEMPLATE,
    cluster,
    there,
    with_template,
)

BARE = {**A100, "id": "9", "name": "bare", "disk": 0}
FLAVOR_LIST = {"flavors": [{**A100, "disk": 20}, {**MASTER, "disk": 20}, BARE]}
OCTAVIA = {**CATALOG, "load-balancer": "http://octavia.test"}
KEYPAIR = "GET /v2.1/os-keypairs/theirs"


def template(**more: t.Any) -> Raw:
    return {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "user_id": USER,
        "public": False,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        **more,
    }


@pytest.fixture
def site(site: Site) -> Site:
    with_template(site)
    site.on(FLAVORS, FLAVOR_LIST)
    site.on(KEYPAIR, Reply(404))
    return site


def refusal(site: Site, resource: t.Any, **options: t.Any) -> str:
    """The message with which both check mode and the real run end."""
    messages = set()
    for check_mode in (True, False):
        with pytest.raises(InvalidInput) as caught:
            site.run(resource, check_mode=check_mode, **options)
        messages.add(caught.value.message)
    assert site.writes == []
    [message] = messages
    return message


CLUSTERS: list[tuple[Raw, Raw, str]] = [
    ({}, {"master_count": 2}, "master_count: 2 is even, and Magnum requires an odd"),
    ({}, {"master_count": 4, "master_lb_enabled": True}, "Set 3 or 5"),
    ({}, {"master_count": 3}, "master_count: 3 masters require a load balancer"),
    ({}, {"master_lb_enabled": True}, "master_lb_enabled: this cloud has no service"),
    ({"master_lb_enabled": True}, {}, "master_lb_enabled: this cloud has no service"),
    (
        {"labels": {"boot_volume_size": "0"}},
        {"hardware": "bare"},
        "hardware: the flavor",
    ),
    ({}, {"labels": {"boot_volume_size": 0}, "hardware": "bare"}, "'bare' has no disk"),
    (
        {"master_flavor_id": "bare", "labels": {"boot_volume_size": "0"}},
        {},
        "master_hardware: the flavor 'bare' has no disk",
    ),
    (
        {"labels": {"boot_volume_size": "20"}},
        {"labels": {"boot_volume_size": 0}, "hardware": "bare"},
        "set the label boot_volume_size to the size",
    ),
    (
        {},
        {"labels": {"boot_volume_size": "big"}},
        "boot_volume_size: 'big' is no number",
    ),
    (
        {"docker_storage_driver": "devicemapper"},
        {"docker_volume_size": 2},
        "docker_volume_size: 2 is below 3",
    ),
    (
        {"docker_storage_driver": "devicemapper"},
        {},
        "docker_volume_size: None is below",
    ),
    ({"keypair_id": "theirs"}, {}, f"names the keypair 'theirs', .* of user {USER}"),
]


@pytest.mark.parametrize(("theirs", "options", "message"), CLUSTERS)
def test_clusters(site: Site, theirs: Raw, options: Raw, message: str) -> None:
    site.on(TEMPLATES, listed(template(**theirs)))
    given = {"name": "train", "template": "gpu-a100", **options}
    text = refusal(site, GpuClusterResource, **given)
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("theirs", "options"),
    [
        ({}, {"master_count": 1}),
        ({}, {"master_count": 3, "master_lb_enabled": True}),
        ({"master_lb_enabled": True}, {"master_count": 5}),
        ({"master_lb_enabled": True}, {"master_lb_enabled": False}),
        ({}, {"hardware": "bare", "labels": {"boot_volume_size": 20}}),
        ({"labels": {"boot_volume_size": "20"}}, {"hardware": "bare"}),
        (
            {"docker_storage_driver": "devicemapper", "docker_volume_size": 3},
            {},
        ),
        ({"docker_storage_driver": "overlay2"}, {"docker_volume_size": 1}),
        ({"keypair_id": "ops"}, {}),
        ({"keypair_id": "theirs"}, {"keypair": "ops"}),
        ({"keypair_id": None}, {}),
    ],
)
def test_clusters_that_magnum_takes(site: Site, theirs: Raw, options: Raw) -> None:
    site.keystone(OCTAVIA)
    site.on("GET /v2.1/os-keypairs/ops", {"keypair": {"name": "ops"}})
    site.on(TEMPLATES, listed(template(**theirs)))
    given = {"name": "train", "template": "gpu-a100", "precheck": False, **options}
    outcome = site.run(GpuClusterResource, check_mode=True, **given)
    assert outcome.action == "create"
    assert site.warnings == []


def test_a_default_of_magnum_may_help(site: Site) -> None:
    """Its default_boot_volume_size is not told by the API."""
    options = {"name": "train", "template": "gpu-a100", "hardware": "bare"}
    site.run(GpuClusterResource, check_mode=True, precheck=False, **options)
    assert site.warnings == [
        "hardware: the flavor 'bare' has no disk. Use one with a disk, or set the label "
        "boot_volume_size to the size of a boot volume in GiB. This can be ignored where "
        "Magnum has a default for the label"
    ]


def test_a_cluster_that_is_there_is_left_alone(site: Site) -> None:
    there(site, cluster(master_count=2))
    outcome = site.run(GpuClusterResource, name="train", master_count=2)
    assert outcome.action == "none"


IMAGE = {"id": "i", "name": "i", "os_distro": "fedora-coreos"}
ZERO = {"boot_volume_size": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"external_network": "lab"}, "external_network: 'lab' is not external"),
        ({"image": "plain"}, "image: 'plain' has no property os_distro"),
        ({"hardware": "bare", "labels": ZERO}, "hardware: the flavor 'bare' has no"),
        ({"master_hardware": "bare", "labels": ZERO}, "master_hardware: the flavor"),
        (
            {"docker_storage_driver": "devicemapper"},
            "docker_volume_size: None is below",
        ),
        ({"labels": {"boot_volume_size": "x"}, "hardware": "bare"}, "'x' is no number"),
    ],
)
def test_templates(site: Site, options: Raw, message: str) -> None:
    site.on(TEMPLATES, listed())
    site.on("GET /v2/images?name=i", {"images": [IMAGE]})
    site.on("GET /v2/images?name=plain", {"images": [{"id": "p", "name": "plain"}]})
    lab = {"id": "n", "name": "lab", "router:external": False}
    site.on("GET /v2.0/networks?name=lab", {"networks": [lab]})
    given = {"name": "new", "image": "i", **options}
    assert message in refusal(site, ClusterTemplateResource, **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"role": "master"}, "role: 'master' is that of default-master"),
        ({"hardware": "bare"}, "hardware: the flavor 'bare' has no disk"),
    ],
)
@pytest.mark.parametrize("inline", [False, True])
def test_node_groups(site: Site, options: Raw, message: str, inline: bool) -> None:
    marks = {"boot_volume_size": "0"}
    there(site, cluster(labels=marks))
    group = {"name": "big", **options}
    site.on(f"{GROUPS}/big", Reply(404))
    if inline:
        given = {"name": "train", "node_groups": [group]}
        assert message in refusal(site, GpuClusterResource, **given)
        site.on(BY_NAME, Reply(404))
        site.on(TEMPLATES, listed(template(labels=marks)))
        given["template"] = "gpu-a100"
        assert message in refusal(site, GpuClusterResource, **given)
        return
    assert message in refusal(site, NodeGroupResource, cluster="train", **group)
