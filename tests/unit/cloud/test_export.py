# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site in the words that declare it, request by request."""

from __future__ import annotations

import typing as t

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.export import (
    export,
    peers_first,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.export_text import (
    yaml_text,
)
from unit import returned
from unit.cloud.fakes import CATALOG, PROJECT, TEMPLATES, Raw, Reply, Site, templates

IMAGE = "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
TEMPLATE = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
CLUSTER = "0562d357-8641-4759-8fed-8173f02c9633"


def template(**more: t.Any) -> Raw:
    return {
        "uuid": TEMPLATE,
        "name": "gpu",
        "project_id": PROJECT,
        "coe": "kubernetes",
        "image_id": IMAGE,
        "flavor_id": "gpu.4",
        "keypair_id": "ops",
        "labels": {"kube_tag": "v1.28.9"},
        "public": False,
        "tags": "",
        **more,
    }


def cluster(**more: t.Any) -> Raw:
    return {
        "uuid": CLUSTER,
        "name": "training",
        "status": "CREATE_COMPLETE",
        "cluster_template_id": TEMPLATE,
        "project_id": PROJECT,
        "flavor_id": "gpu.4",
        "keypair": "ops",
        "master_count": 1,
        "node_count": 2,
        "labels": {"kube_tag": "v1.28.9"},
        "fixed_network": None,
        **more,
    }


def group(name: str, **more: t.Any) -> Raw:
    return {
        "uuid": f"id-of-{name}",
        "name": name,
        "is_default": name.startswith("default"),
        "role": "master" if "master" in name else "worker",
        "flavor_id": "gpu.4",
        "image_id": IMAGE,
        "status": "CREATE_COMPLETE",
        "node_count": 2,
        "min_node_count": 0,
        "labels": {"kube_tag": "v1.28.9"},
        **more,
    }


def there(
    site: Site,
    clusters: t.Sequence[Raw] = (),
    groups: t.Sequence[Raw] = (),
    found: t.Sequence[Raw] = (),
    images: t.Sequence[str] = (IMAGE,),
) -> None:
    site.on("GET /v1.0/stacks?tags=gpufleet-location", {"stacks": []})
    site.on(TEMPLATES, templates(*(found or [template()])))
    site.on("GET /v1/clusters/detail", {"clusters": list(clusters)})
    flavors = [
        {
            "id": f"id-of-{name}",
            "name": name,
            "vcpus": 4,
            "ram": 4096,
            "disk": 20,
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "swap": 0,
            "os-flavor-access:is_public": True,
            "extra_specs": {},
        }
        for name in ("gpu.4", "m1.tiny")
    ]
    site.on("GET /v2.1/flavors/detail?is_public=None", {"flavors": flavors})
    site.on("GET /v2.1/flavors/detail", {"flavors": flavors})
    site.on("GET /v2.1/os-keypairs/ops", {"keypair": {"name": "ops"}})
    image = {"id": IMAGE, "name": "coreos"}
    site.on(f"GET /v2/images/{IMAGE}", image)
    named = [{"id": ident, "name": "coreos"} for ident in images]
    site.on("GET /v2/images?name=coreos", {"images": named})
    path = f"/v1/clusters/{CLUSTER}/nodegroups"
    site.on(f"GET {path}", {"nodegroups": list(groups)})
    for item in groups:
        site.on(f"GET {path}/{item['uuid']}", item)


def test_what_follows_from_the_template_is_not_said_twice(site: Site) -> None:
    there(site, [cluster()], [group("default-master"), group("default-worker")])
    made = export(site.cloud())
    returned.check({"fleet": made, "path": None}, "fleet_export")
    assert made["fleet_cluster_templates"] == [
        {
            "name": "gpu",
            "coe": "kubernetes",
            "image": "coreos",
            "keypair": "ops",
            "hardware": "gpu.4",
            "labels": {"kube_tag": "v1.28.9"},
            "public": False,
        }
    ]
    assert made["fleet_clusters"] == [
        {
            "name": "training",
            "template": "gpu",
            "master_count": 1,
            "node_count": 2,
            "min_node_count": 0,
        }
    ]
    # Nothing needs m1.tiny, and it has no accelerators.
    assert [item["name"] for item in made["fleet_hardware"]] == ["gpu.4"]
    assert site.writes == []


def test_what_a_cluster_and_its_groups_have_of_their_own(site: Site) -> None:
    marks = {"kube_tag": "v1.27.0", "availability_zone": "b"}
    own = cluster(labels=marks, flavor_id="m1.tiny", docker_volume_size=9)
    more = group("more", labels={**marks, "availability_zone": "c"}, node_count=1)
    groups = [group("default-master"), group("default-worker"), more]
    there(site, [own], groups)
    [made] = export(site.cloud())["fleet_clusters"]
    assert made["labels"] == marks
    assert made["hardware"] == "m1.tiny"
    assert made["docker_volume_size"] == 9
    assert made["node_groups"] == [
        {
            "name": "more",
            "hardware": "gpu.4",
            "node_count": 1,
            "min_node_count": 0,
            "availability_zone": "c",
        }
    ]


def test_labels_that_a_cluster_lacks_are_replaced_as_a_whole(site: Site) -> None:
    there(site, [cluster(labels={"a": "1"})], [group("default-worker")])
    [made] = export(site.cloud())["fleet_clusters"]
    assert (made["labels"], made["merge_labels"]) == ({"a": "1"}, False)


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_IN_PROGRESS"])
def test_a_cluster_that_is_lost_is_left_out(site: Site, status: str) -> None:
    there(site, [cluster(status=status)], [group("default-worker")])
    assert export(site.cloud())["fleet_clusters"] == []
    assert site.warnings == [f"left out: 'training' is {status}"]


def test_clusters_and_templates_of_others_are_theirs(site: Site) -> None:
    other = template(uuid="other", name="theirs", project_id="other", public=True)
    there(
        site,
        [cluster(project_id="other")],
        [group("default-worker")],
        [template(), other],
    )
    made = export(site.cloud())
    returned.check({"fleet": made, "path": None}, "fleet_export")
    assert made["fleet_clusters"] == []
    assert [item["name"] for item in made["fleet_cluster_templates"]] == ["gpu"]


def test_the_newest_revision_is_exported(site: Site) -> None:
    tags = "gpufleet-template=gpu,gpufleet-revision=2"
    newer = template(uuid="second", name="gpu-r2", tags=tags, dns_nameserver="9.9.9.9")
    there(site, found=[newer, template()])
    [made] = export(site.cloud())["fleet_cluster_templates"]
    assert (made["name"], made["dns_nameserver"]) == ("gpu", "9.9.9.9")


def test_an_image_whose_name_is_not_its_own_keeps_its_id(site: Site) -> None:
    there(site, images=[IMAGE, "another"])
    [made] = export(site.cloud())["fleet_cluster_templates"]
    assert made["image"] == IMAGE


def test_an_image_that_is_gone_keeps_its_id(site: Site) -> None:
    there(site)
    site.on(f"GET /v2/images/{IMAGE}", Reply(404))
    site.on(f"GET /v2/images?name={IMAGE}", {"images": []})
    [made] = export(site.cloud())["fleet_cluster_templates"]
    assert made["image"] == IMAGE


def test_two_templates_of_one_name_are_an_error(site: Site) -> None:
    there(site, found=[template(), template(uuid="twin")])
    with pytest.raises(AmbiguousName, match="several cluster templates 'gpu'") as told:
        export(site.cloud())
    assert told.value.details == {"ids": [TEMPLATE, "twin"]}


def test_locations_come_after_those_they_are_joined_with() -> None:
    joined = {"a": ["c"], "b": [], "c": ["b"]}
    given = [{"name": name, "connect_to": to} for name, to in joined.items()]
    assert [item["name"] for item in peers_first(given)] == ["b", "c", "a"]
    circle = [{"name": "a", "connect_to": ["b"]}, {"name": "b", "connect_to": ["a"]}]
    assert peers_first(circle) == circle


def test_texts_of_the_cloud_are_no_templates() -> None:
    labels = {"x": "{{ 7 * 7 }}", "y": "no", "z": "1.10", "{% x %}": "{# y #}"}
    site = {"fleet_clusters": [{"name": "a", "labels": labels}]}
    text = yaml_text(site)
    assert text.count("!unsafe") == 3
    assert 'x: !unsafe "{{ 7 * 7 }}"' in text
    # Neither a boolean nor a number came of a text.
    assert yaml.safe_load(text.replace("!unsafe ", "")) == site


def test_a_cluster_of_cluster_api(site: Site) -> None:
    """What its driver ignores would be refused; without Heat there are no locations."""
    groups = [
        group("default-worker"),
        # After an upgrade, Magnum keeps the image that a group was made with.
        group(
            "big",
            image_id="old",
            node_labels={"tier": "1"},
            labels={"kube_tag": "v1.28.9", "availability_zone": "az1", "more": "1"},
        ),
    ]
    there(site, [cluster(stack_id="training-lfhd5anuthod")], groups)
    site.on("GET /v2/images?name=old", {"images": [{"id": "old", "name": "old"}]})
    site.keystone({k: v for k, v in CATALOG.items() if k != "orchestration"})
    made = export(site.cloud())
    assert made["fleet_locations"] == []
    [found] = made["fleet_clusters"]
    assert [each["name"] for each in found["node_groups"]] == ["big"]
    assert set(found["node_groups"][0]) == {
        "name",
        "hardware",
        "node_count",
        "min_node_count",
    }
    assert site.warnings == []


def test_hardware_of_others_is_exported_by_its_extra_specs(site: Site) -> None:
    """The role changes nothing in a flavor that others made."""
    theirs = {"pci_passthrough:alias": "H100SXM:8"}
    there(site)
    cpu = {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "mlx5:1"}
    usual = {"vcpus": 4, "ram": 4096, "disk": 20, "swap": 0}
    flavors = [
        {"id": name, "name": name, **usual, "extra_specs": specs}
        for name, specs in (("gpu.8", theirs), ("net.1", cpu))
    ]
    site.on("GET /v2.1/flavors/detail?is_public=None", {"flavors": flavors})
    found = export(site.cloud())["fleet_hardware"]
    [hardware] = [one for one in found if one["name"] != "gpu.4"]
    assert hardware["name"] == "gpu.8"
    assert hardware["accelerators"] == []
    assert hardware["extra_specs"] == theirs
