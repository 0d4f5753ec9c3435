# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import typing as t

import pytest
import requests

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    CloudError,
    Conflict,
    HardwareNotFound,
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.cluster_template import (
    ClusterTemplateResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.profiles import (
    PROFILES,
)
from unit.cloud.fakes import PROJECT, TEMPLATES, USER, Raw, Reply, Site, templates

ID = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
IMAGE = "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
IMAGE_NAME = "fedora-coreos"
NET = "b7b0a1b2-6f7e-4a0e-a6c3-6b62c0a6a9f0"

BY_ID = f"GET /v1/clustertemplates/{ID}"
CREATE = "POST /v1/clustertemplates"
PATCH = f"PATCH /v1/clustertemplates/{ID}"
DELETE = f"DELETE /v1/clustertemplates/{ID}"
USERS = "GET /v1/clusters/detail"
IMAGES = "GET /v2/images?name=fedora-coreos"
NETWORKS = "GET /v2.0/networks?name=public"
KEYPAIR = "GET /v2.1/os-keypairs/ops"
FLAVORS = "GET /v2.1/flavors/detail?is_public=None"

OPTIONS: Raw = {
    "name": "gpu-a100",
    "profile": "gpu_intensive",
    "image": "fedora-coreos",
    "keypair": "ops",
    "hardware": "gpu.a100.4",
    "master_hardware": "m1.master",
    "external_network": "public",
    "floating_ip_enabled": False,
    "labels": {"kube_tag": "v1.28.9"},
}
LABELS = {
    "gpu_enabled": "true",
    "workload_type": "training",
    "power_monitoring": "kepler",
    "kube_tag": "v1.28.9",
}


def template(**values: t.Any) -> Raw:
    """What Magnum says of the template that ASKED makes."""
    return {
        "uuid": ID,
        "name": "gpu-a100",
        "coe": "kubernetes",
        "image_id": IMAGE,
        "keypair_id": "ops",
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        "external_network_id": NET,
        "fixed_network": None,
        "fixed_subnet": None,
        "network_driver": "flannel",
        "volume_driver": "cinder",
        "docker_storage_driver": "overlay2",
        "docker_volume_size": None,
        "dns_nameserver": "8.8.8.8",
        "apiserver_port": None,
        "server_type": "vm",
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "registry_enabled": False,
        "tls_disabled": False,
        "insecure_registry": None,
        "http_proxy": None,
        "https_proxy": None,
        "no_proxy": None,
        "labels": LABELS,
        "public": False,
        "hidden": False,
        "cluster_distro": "fedora-coreos",
        "tags": None,
        "project_id": PROJECT,
        "user_id": USER,
        "created_at": "2026-01-01T10:00:00+00:00",
        "updated_at": None,
        **values,
    }


@pytest.fixture
def site(site: Site) -> Site:
    """A cloud that has what the template refers to."""
    image = {"id": IMAGE, "name": "fedora-coreos", "os_distro": "fedora-coreos"}
    site.on(IMAGES, {"images": [image]})
    site.on(f"GET /v2/images/{IMAGE}", image)
    site.on(f"GET /v2.0/networks/{NET}", {"network": {"id": NET, "name": "public"}})
    site.on(NETWORKS, {"networks": [{"id": NET, "name": "public"}]})
    site.on(KEYPAIR, {"keypair": {"name": "ops"}})
    flavors = [{"id": "7", "name": "gpu.a100.4"}, {"id": "8", "name": "m1.master"}]
    site.on(FLAVORS, {"flavors": flavors})
    return site


def missing(site: Site) -> None:
    site.on(TEMPLATES, templates())


def used_by(site: Site, *names: str) -> None:
    clusters = [
        {"uuid": f"c-{name}", "name": name, "cluster_template_id": ID} for name in names
    ]
    other = {"uuid": "c-x", "name": "other", "cluster_template_id": "another"}
    site.on(USERS, {"clusters": [other, *clusters]})


# create -----------------------------------------------------------------------


def test_create(site: Site) -> None:
    missing(site)
    site.on(CREATE, Reply(201, template()))
    site.on(BY_ID, template())
    outcome = site.run(ClusterTemplateResource, **OPTIONS)
    assert outcome.action == "create"
    # What is named is looked up before it is made.
    assert site.history == [
        TEMPLATES,
        IMAGES,
        KEYPAIR,
        FLAVORS,
        NETWORKS,
        CREATE,
        BY_ID,
    ]
    assert site.writes == [CREATE]
    assert site.sent(CREATE) == [
        {
            "name": "gpu-a100",
            "coe": "kubernetes",
            "image_id": IMAGE,
            "keypair_id": "ops",
            "flavor_id": "gpu.a100.4",
            "master_flavor_id": "m1.master",
            "external_network_id": NET,
            "network_driver": "flannel",
            "volume_driver": "cinder",
            "docker_storage_driver": "overlay2",
            "floating_ip_enabled": False,
            "labels": LABELS,
        }
    ]


def test_what_users_see(site: Site) -> None:
    site.on(TEMPLATES, templates(template(tags="gpufleet,revision-2")))
    after = site.run(ClusterTemplateResource, name="gpu-a100").after
    assert after is not None
    assert {k: v for k, v in after.items() if v is not None} == {
        "id": ID,
        "name": "gpu-a100",
        "revision_of": "gpu-a100",
        "revision": 1,
        "coe": "kubernetes",
        "image": IMAGE,
        "keypair": "ops",
        "hardware": "gpu.a100.4",
        "master_hardware": "m1.master",
        "external_network": NET,
        "network_driver": "flannel",
        "volume_driver": "cinder",
        "docker_storage_driver": "overlay2",
        "dns_nameserver": "8.8.8.8",
        "server_type": "vm",
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "registry_enabled": False,
        "tls_disabled": False,
        "node_groups": [],
        "labels": LABELS,
        "public": False,
        "hidden": False,
        "cluster_distro": "fedora-coreos",
        "tags": ["gpufleet", "revision-2"],
        "project_id": PROJECT,
        "user_id": USER,
        "created_at": "2026-01-01T10:00:00+00:00",
    }
    assert after["driver"] is None


@pytest.mark.parametrize(
    ("profile", "drivers", "marks"),
    [
        (
            "gpu_intensive",
            {"volume_driver": "cinder"},
            {"gpu_enabled": "true", "workload_type": "training"},
        ),
        ("npu_optimized", {}, {"npu_enabled": "true", "workload_type": "inference"}),
        (
            "hybrid_balanced",
            {"volume_driver": "cinder"},
            {"gpu_enabled": "true", "npu_enabled": "true", "workload_type": "mixed"},
        ),
        ("cpu_only", {}, {"workload_type": "general"}),
    ],
)
def test_profiles(site: Site, profile: str, drivers: Raw, marks: Raw) -> None:
    missing(site)
    site.on(CREATE, Reply(201, template()))
    site.on(BY_ID, template(**{**PROFILES[profile], **drivers}))
    site.run(
        ClusterTemplateResource, name="gpu-a100", profile=profile, image=IMAGE_NAME
    )
    assert site.sent(CREATE) == [
        {
            "name": "gpu-a100",
            "image_id": IMAGE,
            "coe": "kubernetes",
            "network_driver": "flannel",
            "docker_storage_driver": "overlay2",
            **drivers,
            "labels": {"power_monitoring": "kepler", **marks},
        }
    ]


def test_options_go_before_the_profile(site: Site) -> None:
    missing(site)
    site.on(CREATE, Reply(201, template()))
    site.on(
        BY_ID,
        template(network_driver="calico", labels={**LABELS, "workload_type": "mixed"}),
    )
    site.run(
        ClusterTemplateResource,
        **{
            **OPTIONS,
            "network_driver": "calico",
            "labels": {"workload_type": "mixed", "gpu_enabled": True},
        },
    )
    sent = site.sent(CREATE)[0]
    assert sent["network_driver"] == "calico"
    assert sent["labels"] == {
        "gpu_enabled": "true",
        "workload_type": "mixed",
        "power_monitoring": "kepler",
    }


def test_without_a_profile_there_are_no_defaults(site: Site) -> None:
    missing(site)
    site.on(CREATE, Reply(201, template()))
    site.on(BY_ID, template())
    site.run(ClusterTemplateResource, name="gpu-a100", image=IMAGE_NAME)
    assert site.sent(CREATE) == [
        {"name": "gpu-a100", "coe": "kubernetes", "image_id": IMAGE}
    ]


def test_a_new_one_needs_an_image(site: Site) -> None:
    missing(site)
    with pytest.raises(InvalidInput, match="the option image is needed"):
        site.run(ClusterTemplateResource, name="gpu-a100", profile="cpu_only")
    assert site.writes == []


def test_what_it_refers_to_has_to_be_there(site: Site) -> None:
    missing(site)
    with pytest.raises(HardwareNotFound) as caught:
        site.run(ClusterTemplateResource, **{**OPTIONS, "hardware": "gpu.h200.8"})
    assert caught.value.message == (
        "hardware: there is no flavor named 'gpu.h200.8' in this project (did you mean "
        "'gpu.a100.4'?)"
    )
    assert caught.value.changed is False
    assert site.writes == []


# no change --------------------------------------------------------------------


def test_a_second_run_is_at_most_four_requests(site: Site) -> None:
    """Names that Magnum keeps as ids are looked up; the others are not."""
    site.on(TEMPLATES, templates(template()))
    outcome = site.run(ClusterTemplateResource, **OPTIONS)
    assert (outcome.action, outcome.changed) == ("none", False)
    assert site.history == [TEMPLATES, IMAGES, NETWORKS]


def test_a_second_run_with_every_name_is_four_requests(site: Site) -> None:
    """Both networks are looked up at once."""
    other = "1f6c0d55-57f5-4ee5-8a35-0d3f4dc7a111"
    networks = "GET /v2.0/networks?name=private&name=public"
    subnets = "GET /v2.0/subnets?name=nodes"
    site.on(TEMPLATES, templates(template(fixed_network=other, fixed_subnet=other)))
    site.on(
        networks,
        {"networks": [{"id": NET, "name": "public"}, {"id": other, "name": "private"}]},
    )
    site.on(subnets, {"subnets": [{"id": other, "name": "nodes"}]})
    options = {**OPTIONS, "fixed_network": "private", "fixed_subnet": "nodes"}
    assert site.run(ClusterTemplateResource, **options).action == "none"
    assert site.history == [TEMPLATES, IMAGES, networks, subnets]


def test_a_second_run_with_ids_is_one_request(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    options = {**OPTIONS, "name": ID, "image": IMAGE, "external_network": NET}
    assert site.run(ClusterTemplateResource, **options).action == "none"
    assert site.history == [TEMPLATES]


def test_one_that_lists_leave_out_is_found_by_id(site: Site) -> None:
    site.on(TEMPLATES, templates())
    site.on(BY_ID, template(hidden=True))
    assert site.run(ClusterTemplateResource, **{**OPTIONS, "name": ID}).action == "none"


def test_a_template_that_keeps_names_is_the_same(site: Site) -> None:
    """Others made it with names, which Magnum keeps as they are given."""
    by_id = f"GET /v2/images/{IMAGE}"
    site.on(by_id, {"id": IMAGE, "name": IMAGE_NAME})
    site.on(TEMPLATES, templates(template(image_id=IMAGE_NAME, flavor_id="7")))
    assert site.run(ClusterTemplateResource, **{**OPTIONS, "image": IMAGE}).changed is (
        False
    )
    assert site.history == [TEMPLATES, by_id, FLAVORS, NETWORKS]


def test_labels_of_others_are_left_alone(site: Site) -> None:
    site.on(TEMPLATES, templates(template(labels={**LABELS, "boot_volume_size": 20})))
    assert site.run(ClusterTemplateResource, **OPTIONS).action == "none"


@pytest.mark.parametrize("there", ["true", "True", True])
def test_labels_are_compared_as_text(site: Site, there: t.Any) -> None:
    site.on(TEMPLATES, templates(template(labels={**LABELS, "gpu_enabled": there})))
    options = {**OPTIONS, "labels": {"gpu_enabled": True}}
    assert site.run(ClusterTemplateResource, **options).action == "none"


# update -----------------------------------------------------------------------


def test_update(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site)
    site.on(PATCH, template())
    changed = template(
        network_driver="calico",
        docker_volume_size=20,
        labels={**LABELS, "kube_tag": "v1.29.0"},
    )
    site.on(BY_ID, changed)
    outcome = site.run(
        ClusterTemplateResource,
        **{
            **OPTIONS,
            "network_driver": "calico",
            "docker_volume_size": 20,
            "labels": {"kube_tag": "v1.29.0"},
        },
    )
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["network_driver"] == "calico"
    assert site.history == [TEMPLATES, IMAGES, NETWORKS, USERS, PATCH, BY_ID]
    operations = {op["path"]: (op["op"], op["value"]) for op in site.sent(PATCH)[0]}
    labels = operations.pop("/labels")
    assert operations == {
        "/network_driver": ("replace", "calico"),
        "/docker_volume_size": ("replace", 20),
    }
    assert labels[0] == "replace"
    assert ast.literal_eval(labels[1]) == {**LABELS, "kube_tag": "v1.29.0"}


def test_names_are_resolved_in_an_update_too(site: Site) -> None:
    site.on(TEMPLATES, templates(template(image_id="another", flavor_id="m1.small")))
    used_by(site)
    site.on(PATCH, template())
    site.on(BY_ID, template())
    site.run(ClusterTemplateResource, **{**OPTIONS, "hardware": "7"})
    assert site.sent(PATCH) == [
        [
            {"op": "replace", "path": "/image_id", "value": IMAGE},
            {"op": "replace", "path": "/flavor_id", "value": "gpu.a100.4"},
        ]
    ]


def test_publishing_is_a_request_for_itself(site: Site) -> None:
    """Magnum takes it in no other way, and with clusters using the template."""
    site.on(TEMPLATES, templates(template()))
    site.on(PATCH, template())
    site.on(BY_ID, template(public=True, hidden=True))
    site.run(ClusterTemplateResource, name="gpu-a100", public=True, hidden=True)
    assert site.history == [TEMPLATES, PATCH, BY_ID, PATCH, BY_ID]
    assert site.sent(PATCH) == [
        [{"op": "replace", "path": "/public", "value": True}],
        [{"op": "replace", "path": "/hidden", "value": True}],
    ]


def test_one_in_use_can_not_be_changed(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site, "train", "infer")
    options = {**OPTIONS, "network_driver": "calico"}
    for check_mode in (False, True):
        with pytest.raises(Conflict) as caught:
            site.run(ClusterTemplateResource, **options, check_mode=check_mode)
        assert caught.value.message == (
            "cluster template 'gpu-a100' can't be changed while clusters use it: "
            "infer, train. Delete them first, create a template of another name, or "
            "set on_in_use: new_revision"
        )
        assert caught.value.details == {
            "clusters": [
                {"id": "c-train", "name": "train", "template_id": ID},
                {"id": "c-infer", "name": "infer", "template_id": ID},
            ]
        }
    assert site.writes == []


def test_one_in_use_may_be_run_again(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    assert site.run(ClusterTemplateResource, **OPTIONS).action == "none"
    assert USERS not in site.history


# absent -----------------------------------------------------------------------


def test_delete(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site)
    site.on(DELETE, Reply(204))
    site.on(BY_ID, Reply(404, {}))
    outcome = site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert (outcome.action, outcome.after) == ("delete", None)
    assert site.history == [TEMPLATES, USERS, DELETE, BY_ID]


def test_one_in_use_can_not_be_deleted(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site, "train")
    for check_mode in (False, True):
        with pytest.raises(Conflict, match="can't be deleted while clusters use it"):
            site.run(
                ClusterTemplateResource,
                "absent",
                name="gpu-a100",
                check_mode=check_mode,
            )
    assert site.writes == []


def test_deleting_what_is_not_there(site: Site) -> None:
    missing(site)
    outcome = site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert outcome.changed is False
    assert site.history == [TEMPLATES]


def test_two_of_a_name(site: Site) -> None:
    several = [template(), template(uuid="second")]
    site.on(TEMPLATES, templates(*several))
    with pytest.raises(AmbiguousName) as caught:
        site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert caught.value.details == {"ids": [ID, "second"]}


# check mode -------------------------------------------------------------------


def test_check_mode_of_a_create(site: Site) -> None:
    missing(site)
    outcome = site.run(ClusterTemplateResource, **OPTIONS, check_mode=True)
    assert outcome.action == "create"
    assert outcome.after is not None
    assert outcome.after["id"] == "known after apply"
    assert outcome.after["name"] == "gpu-a100"
    assert outcome.after["labels"] == LABELS
    assert outcome.after["public"] is None
    assert site.writes == []
    assert site.warnings == []


def test_check_mode_on_an_empty_cloud(site: Site) -> None:
    """Earlier tasks of the same play would have made what it refers to."""
    missing(site)
    site.on("GET /v2/images", {"images": []})
    site.on("GET /v2.0/networks", {"networks": []})
    site.on("GET /v2.1/os-keypairs", {"keypairs": []})
    site.on(KEYPAIR, Reply(404, {}))
    site.on(FLAVORS, {"flavors": []})
    outcome = site.run(ClusterTemplateResource, **OPTIONS, check_mode=True)
    assert outcome.action == "create"
    assert [warning.split(" ")[0] for warning in site.warnings] == [
        "image:",
        "keypair:",
        "hardware:",
        "master_hardware:",
        "external_network:",
    ]
    assert site.writes == []


def test_check_mode_of_an_update_and_a_delete(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site)
    options = {**OPTIONS, "network_driver": "calico"}
    updated = site.run(ClusterTemplateResource, **options, check_mode=True)
    assert (updated.action, updated.diff_after["network_driver"]) == (
        "update",
        "calico",
    )
    deleted = site.run(
        ClusterTemplateResource, "absent", name="gpu-a100", check_mode=True
    )
    assert deleted.action == "delete"
    assert site.writes == []


# input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"docker_volume_size": 0}, "docker_volume_size: 0 is below 1"),
        ({"apiserver_port": 80}, "apiserver_port: 80 is not within 1024 to 65535"),
        (
            {"apiserver_port": 65536},
            "apiserver_port: 65536 is not within 1024 to 65535",
        ),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(
    site: Site, wrong: Raw, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.run(ClusterTemplateResource, **{**OPTIONS, **wrong})
    assert caught.value.message == said
    assert site.everything == []


# revisions --------------------------------------------------------------------

SECOND = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d2"
THIRD = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d3"
CALICO = {**OPTIONS, "network_driver": "calico", "on_in_use": "new_revision"}


def revision(ident: str, number: int, **values: t.Any) -> Raw:
    tags = f"gpufleet-template=gpu-a100,gpufleet-revision={number}"
    return template(uuid=ident, name=f"gpu-a100-r{number}", tags=tags, **values)


def test_a_new_revision_of_one_in_use(site: Site) -> None:
    made = revision(SECOND, 2, network_driver="calico")
    site.on(TEMPLATES, templates(template()))
    used_by(site, "train")
    plan = site.run(ClusterTemplateResource, **CALICO, check_mode=True)
    assert site.writes == []
    site.on(CREATE, Reply(201, made))
    site.on(f"GET /v1/clustertemplates/{SECOND}", made)
    outcome = site.run(ClusterTemplateResource, **CALICO)
    assert plan.action == outcome.action == "new_revision"
    assert plan.after is not None
    assert outcome.after is not None
    for key in ("name", "revision_of", "revision", "tags", "network_driver"):
        assert plan.after[key] == outcome.after[key]
    assert (outcome.after["name"], outcome.after["revision"]) == ("gpu-a100-r2", 2)
    assert site.writes == [CREATE]
    sent = site.sent(CREATE)[0]
    assert sent["tags"] == "gpufleet-template=gpu-a100,gpufleet-revision=2"
    assert (sent["name"], sent["keypair_id"]) == ("gpu-a100-r2", "ops")

    # From then on the name means it.
    site.on(TEMPLATES, templates(made, template()))
    assert site.run(ClusterTemplateResource, **CALICO).action == "none"


def test_one_that_is_not_in_use_is_changed_in_place(site: Site) -> None:
    site.on(TEMPLATES, templates(template()))
    used_by(site)
    site.on(PATCH, template())
    site.on(BY_ID, template(network_driver="calico"))
    assert site.run(ClusterTemplateResource, **CALICO).action == "update"


def test_the_old_revision_is_not_taken_for_one_that_got_no_answer(site: Site) -> None:
    made = revision(SECOND, 2, network_driver="calico")
    old = templates(template())
    site.on(TEMPLATES, old, old, old, templates(template(), made))
    used_by(site, "train")
    site.on(CREATE, requests.ConnectionError("reset"))
    site.on(f"GET /v1/clustertemplates/{SECOND}", made)
    outcome = site.run(ClusterTemplateResource, **CALICO)
    assert outcome.after is not None
    assert outcome.after["id"] == SECOND
    assert site.writes == [CREATE]


def test_prune(site: Site) -> None:
    newest = revision(THIRD, 3)
    listed = templates(template(), revision(SECOND, 2), newest)
    site.on(TEMPLATES, listed, listed, templates(template(), newest))
    used_by(site, "train")
    site.on(f"DELETE /v1/clustertemplates/{SECOND}", Reply(204))
    site.on(f"GET /v1/clustertemplates/{THIRD}", newest)
    plan = site.run(ClusterTemplateResource, **OPTIONS, prune=True, check_mode=True)
    assert site.writes == []
    outcome = site.run(ClusterTemplateResource, **OPTIONS, prune=True)
    assert plan.action == outcome.action == "update"
    assert outcome.diff_before["unused_revisions"] == ["gpu-a100-r2"]
    for done in (plan, outcome):
        assert done.diff_after["unused_revisions"] == []
    # The first one is in use.
    assert site.writes == [f"DELETE /v1/clustertemplates/{SECOND}"]

    site.on(TEMPLATES, templates(template(), newest))
    assert not site.run(ClusterTemplateResource, **OPTIONS, prune=True).changed


def test_a_new_revision_prunes_too(site: Site) -> None:
    made = revision(THIRD, 3, network_driver="calico")
    current = revision(SECOND, 2)
    site.on(TEMPLATES, templates(template(), current))
    cluster = {"uuid": "c", "name": "train", "cluster_template_id": SECOND}
    site.on(USERS, {"clusters": [cluster]})
    site.on(CREATE, Reply(201, made))
    site.on(f"GET /v1/clustertemplates/{THIRD}", made)
    site.on(DELETE, Reply(204))
    outcome = site.run(ClusterTemplateResource, **CALICO, prune=True)
    assert outcome.action == "new_revision"
    assert site.writes == [CREATE, DELETE]
    assert "unused_revisions" not in site.sent(CREATE)[0]


def test_absent_removes_all_revisions_the_newest_last(site: Site) -> None:
    site.on(TEMPLATES, templates(revision(SECOND, 2), template()))
    used_by(site, "train")
    with pytest.raises(Conflict, match="while clusters use it: train"):
        site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert site.writes == []
    used_by(site)
    second = f"/v1/clustertemplates/{SECOND}"
    site.on(DELETE, Reply(204))
    site.on(f"DELETE {second}", Reply(204))
    site.on(f"GET {second}", Reply(404, {}))
    site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert site.writes == [DELETE, f"DELETE {second}"]
    site.forget()
    site.run(ClusterTemplateResource, "absent", name=SECOND)
    assert site.writes == [f"DELETE {second}"]


@pytest.mark.parametrize("name", ["a,b", "n" * 201])
def test_a_name_must_fit_into_tags(site: Site, name: str) -> None:
    with pytest.raises(InvalidInput, match="200 characters at most and hold no ','"):
        site.run(ClusterTemplateResource, name=name, on_in_use="new_revision")
    assert site.everything == []


def test_a_removal_that_breaks_off_has_changed_something(site: Site) -> None:
    site.on(TEMPLATES, templates(revision(SECOND, 2), template()))
    used_by(site)
    site.on(DELETE, Reply(204))
    site.on(f"DELETE /v1/clustertemplates/{SECOND}", Reply(403, {}))
    with pytest.raises(CloudError) as caught:
        site.run(ClusterTemplateResource, "absent", name="gpu-a100")
    assert caught.value.changed is True


NPU: Raw = {"name": "npu", "hardware": "gpu.a100.4", "node_count": 1, "role": None}
NPU_LABEL = '[{"hardware":"gpu.a100.4","name":"npu","node_count":1}]'


def test_node_groups_are_kept_in_a_label(site: Site) -> None:
    missing(site)
    site.on(CREATE, template())
    kept = {**LABELS, "gpufleet_node_groups": NPU_LABEL}
    site.on(BY_ID, template(labels=kept))
    outcome = site.run(ClusterTemplateResource, **OPTIONS, node_groups=[NPU])
    assert site.sent(CREATE)[0]["labels"] == kept
    assert outcome.after is not None
    assert outcome.after["node_groups"] == [
        {"name": "npu", "hardware": "gpu.a100.4", "node_count": 1}
    ]
    site.on(TEMPLATES, templates(template(labels=kept)))
    again = site.run(ClusterTemplateResource, **OPTIONS, node_groups=[NPU])
    assert again.action == "none"


def test_what_node_groups_refer_to_must_be_there(site: Site) -> None:
    missing(site)
    wrong = {"name": "npu", "hardware": "no-such"}
    with pytest.raises(HardwareNotFound, match="node_groups: npu: hardware: there is"):
        site.run(ClusterTemplateResource, **OPTIONS, node_groups=[wrong])
    with pytest.raises(InvalidInput, match="the name 'npu' is empty or there twice"):
        site.run(ClusterTemplateResource, **OPTIONS, node_groups=[NPU, NPU])
    assert site.writes == []


@pytest.mark.parametrize("text", ["{", '{"name": "npu"}', '[{"hardware": "x"}]', "[1]"])
def test_a_label_of_another_kind_is_no_node_group(site: Site, text: str) -> None:
    odd = template(labels={"gpufleet_node_groups": text})
    site.on(TEMPLATES, templates(odd))
    after = site.run(ClusterTemplateResource, name="gpu-a100").after
    assert after is not None
    assert after["node_groups"] is None
