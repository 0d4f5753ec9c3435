# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that exists, with the subnet that clusters need."""

from __future__ import annotations

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
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from unit.cloud.fakes import TEMPLATES, Raw, Reply, Site, templates
from unit.cloud.resources import clusters
from unit.cloud.resources.test_cluster_template import template
from unit.cloud.resources.test_location import EAST, LIST, listed

IMAGE = {"id": "id-i", "name": "i", "os_distro": "fedora-coreos"}
ONE, BOTH = ["a"], ["a", "b"]
HELM = "k8s_capi_helm_v1"


def networks(site: Site, subnets: list[str]) -> None:
    """There is a network "lab" with these subnets, and "other" with one."""
    for name, names in (("lab", subnets), ("other", ["z"])):
        site.on(
            f"GET /v2.0/networks?name={name}",
            {"networks": [{"id": f"id-{name}", "name": name}]},
        )
        site.on(
            f"GET /v2.0/subnets?network_id=id-{name}",
            {"subnets": [{"id": f"id-{sub}", "name": sub} for sub in names]},
        )
        for sub in names:
            found = {"subnets": [{"id": f"id-{sub}", "name": sub}]}
            site.on(f"GET /v2.0/subnets?name={sub}", found)


def created(site: Site, request: str, options: Raw, resource: t.Any) -> Raw:
    """Run until the creation is sent, and return what was sent."""
    site.on(request, Reply(400, {"errors": [{"detail": "seen"}]}))
    with pytest.raises(InvalidInput, match="seen"):
        site.run(resource, **options)
    [body] = site.sent(request)
    return t.cast("Raw", body)


CASES = [
    # Subnets of the network, the subnet that is named, and the one that is taken or the
    # error.
    (ONE, None, "id-a", ""),
    (ONE, "a", "id-a", ""),
    (BOTH, "b", "id-b", ""),
    ([], None, "", "NETWORK: the network id-lab has no subnet, which clusters need"),
    (BOTH, None, "", "the network id-lab has 2 subnets: a, b. Set SUBNET to one of"),
    (BOTH, "z", "", "SUBNET: id-z is not in the network of NETWORK, id-lab. Name one"),
]


def _check(
    site: Site,
    request: str,
    resource: t.Any,
    names: tuple[str, str],
    options: Raw,
    case: tuple[str | None, str, str],
) -> Raw:
    named, taken, error = case
    given = {"name": "x", **options, names[0]: "lab"}
    if named:
        given[names[1]] = named
    if taken:
        return created(site, request, given, resource)
    error = error.replace("NETWORK", names[0]).replace("SUBNET", names[1])
    for check_mode in (True, False):
        with pytest.raises(InvalidInput, match=error):
            site.run(resource, check_mode=check_mode, **given)
    assert site.writes == []
    return {}


@pytest.mark.parametrize(("subnets", "named", "taken", "error"), CASES)
def test_of_a_location(
    site: Site, subnets: list[str], named: str | None, taken: str, error: str
) -> None:
    networks(site, subnets)
    site.on(LIST, {"stacks": []})
    case = (named, taken, error)
    body = _check(
        site,
        "POST /v1.0/stacks",
        LocationResource,
        ("network", "subnet"),
        {},
        case,
    )
    assert not taken or body["parameters"]["subnet"] == taken


FIXED = ("fixed_network", "fixed_subnet")


@pytest.mark.parametrize(("subnets", "named", "taken", "error"), CASES)
def test_of_a_cluster(
    site: Site, subnets: list[str], named: str | None, taken: str, error: str
) -> None:
    clusters.with_template(site)
    networks(site, subnets)
    site.on("GET /v1/clusters/x", clusters.MISSING)
    options = {"template": "gpu-a100", "precheck": False}
    case = (named, taken, error)
    body = _check(site, clusters.CREATE, GpuClusterResource, FIXED, options, case)
    assert not taken or body["fixed_subnet"] == taken


@pytest.mark.parametrize(("subnets", "named", "taken", "error"), CASES)
def test_of_a_template(
    site: Site, subnets: list[str], named: str | None, taken: str, error: str
) -> None:
    networks(site, subnets)
    site.on(TEMPLATES, templates())
    site.on("GET /v2/images?name=i", {"images": [IMAGE]})
    case = (named, taken, error)
    request = "POST /v1/clustertemplates"
    options = {"image": "i"}
    body = _check(site, request, ClusterTemplateResource, FIXED, options, case)
    assert not taken or body["fixed_subnet"] == taken


@pytest.mark.parametrize(
    ("subnets", "more", "sent"),
    [
        (ONE, {}, "id-a"),
        (BOTH, {"fixed_subnet": "b"}, None),
        # Cluster API takes them all.
        (BOTH, {"driver": HELM}, None),
    ],
)
def test_a_template_that_names_the_network(
    site: Site, subnets: list[str], more: Raw, sent: str | None
) -> None:
    """The cluster names the subnet that others left out of their template."""
    clusters.with_template(site)
    theirs = template(uuid=clusters.TEMPLATE, fixed_network="lab", keypair_id=None)
    site.on(TEMPLATES, templates({**theirs, **more}))
    networks(site, subnets)
    options = {"name": "train", "template": "gpu-a100", "precheck": False}
    if "driver" in more:
        image = {"id": theirs["image_id"], "name": "i", "status": "active"}
        image.update({"os_distro": "ubuntu", "kube_version": "v1.33.4"})
        site.on(f"GET /v2/images/{theirs['image_id']}", image)
    body = created(site, clusters.CREATE, options, GpuClusterResource)
    assert body.get("fixed_subnet") == sent


@pytest.mark.parametrize("subnets", [ONE, BOTH])
def test_a_location_that_was_made_without_a_subnet(
    site: Site, subnets: list[str]
) -> None:
    clusters.with_template(site)
    networks(site, subnets)
    site.on(LIST, {"stacks": [listed(EAST, "east", "network=lab")]})
    options = {"name": "train", "template": "gpu-a100", "precheck": False}
    options["location"] = "east"
    if subnets == ONE:
        body = created(site, clusters.CREATE, options, GpuClusterResource)
        assert body["fixed_subnet"] == "id-a"
        return
    with pytest.raises(
        InvalidInput, match="location: the network id-lab has 2 subnets"
    ):
        site.run(GpuClusterResource, check_mode=True, **options)


def test_a_template_that_is_there_is_left_alone(site: Site) -> None:
    networks(site, BOTH)
    site.on(TEMPLATES, templates(template(fixed_network="lab")))
    options = {"name": "gpu-a100", "fixed_network": "lab"}
    assert site.run(ClusterTemplateResource, **options).action == "none"


@pytest.mark.parametrize(
    ("options", "sent", "error"),
    [
        (
            {"fixed_network": "other"},
            {"fixed_network": "id-other", "fixed_subnet": "id-z"},
            "",
        ),
        ({"fixed_subnet": "b"}, {"fixed_subnet": "id-b"}, ""),
        ({"fixed_subnet": "z"}, {}, "is not in the network of fixed_network, id-lab"),
    ],
)
def test_a_template_that_changes(
    site: Site, options: Raw, sent: Raw, error: str
) -> None:
    networks(site, BOTH)
    before = template(fixed_network="lab", fixed_subnet="id-a")
    site.on(TEMPLATES, templates(before))
    site.on("GET /v1/clusters/detail", {"clusters": []})
    request = f"PATCH /v1/clustertemplates/{before['uuid']}"
    site.on(request, Reply(200, before))
    site.on(f"GET /v1/clustertemplates/{before['uuid']}", before)
    if error:
        with pytest.raises(InvalidInput, match=error):
            site.run(ClusterTemplateResource, name="gpu-a100", **options)
        return
    site.run(ClusterTemplateResource, name="gpu-a100", **options)
    [patch] = site.sent(request)
    assert {item["path"][1:]: item["value"] for item in patch} == sent
