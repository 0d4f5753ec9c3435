# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cluster templates, on real Magnum."""

from __future__ import annotations

from integration.cloud_site import Site


def test_life(site: Site) -> None:
    hardware = site.hardware("CUSTOM_GPU_A100", 1)
    name = site.name("gpu")
    asked = site.template_options(name=name, hardware=hardware, profile="gpu_intensive")

    assert site.member.check("cluster_template", **asked)["action"] == "create"
    made = site.member("cluster_template", **asked)
    assert made["action"] == "create", made
    template = made["cluster_template"]
    assert template["hardware"] == hardware
    assert template["labels"] == {
        "gpu_enabled": "true",
        "workload_type": "training",
        "power_monitoring": "kepler",
        "boot_volume_size": "0",
        "kube_tag": "v1.28.9",
    }
    assert template["docker_storage_driver"] == "overlay2"
    assert template["cluster_distro"] == "fedora-coreos"

    again = site.member("cluster_template", **asked)
    assert not again["changed"]
    assert len(site.member.recorder.counted) <= 4, site.member.recorder.counted

    # Names and ids mean the same.
    by_id = {
        "name": template["id"],
        "image": template["image"],
        "external_network": template["external_network"],
        "hardware": site.flavor_id(hardware),
    }
    assert not site.member("cluster_template", **by_id)["changed"]

    # Labels key by key; a profile's default gives way to what is asked for.
    more = {**asked, "labels": {"workload_type": "batch", "etcd_tag": True}}
    plan = site.member.check("cluster_template", **more)
    assert plan["diff"]["before"]["labels"]["workload_type"] == "training"
    assert plan["diff"]["after"]["labels"]["workload_type"] == "batch"
    changed = site.member("cluster_template", **more)
    assert changed["action"] == "update", changed
    assert changed["cluster_template"]["labels"] == {
        **template["labels"],
        "workload_type": "batch",
        "etcd_tag": "true",
    }
    other = site.member("cluster_template", name=name, network_driver="calico")
    assert other["cluster_template"]["network_driver"] == "calico"
    assert other["cluster_template"]["labels"]["etcd_tag"] == "true"

    # The administrator, who sees all projects, does not take it for his own.
    assert site.admin("cluster_template_info", name=name)["cluster_templates"] == []
    listed = site.member("cluster_template_info")["cluster_templates"]
    assert [one["id"] for one in listed if one["name"] == name] == [template["id"]]

    assert site.member("cluster_template", name=name, state="absent")["changed"]
    assert not site.member("cluster_template", name=name, state="absent")["changed"]
    missing = site.member("cluster_template_info", name=name, required=True)
    assert missing["error"]["type"] == "TemplateNotFound"


def test_revisions(site: Site) -> None:
    """A template in use gets a next revision; the cluster tells that it moved on."""
    name = site.name("rev")
    asked = site.template_options(name=name, hardware="cpu.worker")
    first = site.member("cluster_template", **asked)["cluster_template"]
    cluster = {"name": "rev", "template": name, "node_count": 0}
    assert site.member("gpu_cluster", **cluster)["action"] == "create"

    more = {**asked, "labels": {"etcd_tag": "v3.5.9"}}
    refused = site.member("cluster_template", **more)
    assert refused["error"]["type"] == "Conflict"
    assert "while clusters use it: rev" in refused["msg"]
    more["on_in_use"] = "new_revision"
    assert site.member.check("cluster_template", **more)["action"] == "new_revision"
    made = site.member("cluster_template", **more)
    assert made["action"] == "new_revision", made
    second = made["cluster_template"]
    assert (second["name"], second["revision"]) == (f"{name}-r2", 2)
    assert second["labels"] == {**first["labels"], "etcd_tag": "v3.5.9"}
    assert not site.member("cluster_template", **more)["changed"]

    again = site.member("gpu_cluster", **cluster)
    assert not again["changed"]
    drifted = again["gpu_cluster"]
    assert (drifted["template"], drifted["template_revision"]) == (name, 1)
    assert drifted["template_drift"] == {"template_id": second["id"], "revision": 2}
    assert "the newest is 2" in " ".join(site.member.output.split())

    # What is in use stays: neither pruned nor deleted.
    assert not site.member("cluster_template", **more, prune=True)["changed"]
    kept = site.member("cluster_template", name=name, state="absent")
    assert kept["error"]["details"]["clusters"][0]["name"] == "rev"
    assert site.member("gpu_cluster", name="rev", state="absent")["changed"]
    plan = site.member.check("cluster_template", **more, prune=True)
    pruned = site.member("cluster_template", **more, prune=True)
    for done in (plan, pruned):
        assert done["diff"]["before"]["unused_revisions"] == [name]
        assert done["diff"]["after"]["unused_revisions"] == []
    assert (
        site.member("cluster_template_info", name=first["id"])["cluster_templates"]
        == []
    )
    assert site.member("cluster_template", name=name, state="absent")["changed"]
    assert site.member("cluster_template_info")["cluster_templates"] == []


def test_wrong_names_and_values(site: Site) -> None:
    hardware = site.hardware("CUSTOM_GPU_A100", 1)
    good = site.template_options(name=site.name("bad"), hardware=hardware)
    results = site.member.run(
        [
            ("cluster_template", {**good, "hardware": "no-such-flavor"}),
            ("cluster_template", {**good, "image": "no-such-image"}),
            ("cluster_template", {**good, "keypair": "no-such-key"}),
            ("cluster_template", {**good, "external_network": "no-such-net"}),
            ("cluster_template", {**good, "apiserver_port": 80}),
            ("cluster_template", {"name": good["name"]}),
            ("cluster_template", {**good, "network_driver": "none"}),
            ("cluster_template", {**good, "public": True}),
        ]
    )
    hardware_, image, key, net, port, bare, driver, public = results
    assert hardware_["error"]["type"] == "HardwareNotFound"
    assert "hardware: there is no flavor named 'no-such-flavor'" in hardware_["msg"]
    for result, option in ((image, "image"), (key, "keypair"), (net, "network")):
        assert result["error"]["type"] == "InvalidInput"
        assert f"there is no {option} named 'no-such-" in result["msg"]
    assert port["msg"] == "apiserver_port: 80 is not within 1024 to 65535"
    assert "the option image is needed" in bare["msg"]
    assert driver["error"]["type"] == "InvalidInput"
    assert "Network driver type none is not supported" in driver["msg"]
    assert public["error"]["type"] == "AuthError"
    assert public["error"]["status"] == 403
    assert site.member("cluster_template_info")["cluster_templates"] == []


def test_a_name_that_exists_twice(site: Site) -> None:
    hardware = site.hardware("CUSTOM_GPU_A100", 1)
    name = site.name("twin")
    asked = site.template_options(name=name, hardware=hardware)
    made = site.member("cluster_template", **asked)["cluster_template"]
    site.duplicate_template(made["id"])
    result = site.member("cluster_template", **asked)
    assert result["error"]["type"] == "AmbiguousName"
    assert made["id"] in result["error"]["details"]["ids"]
    for ident in result["error"]["details"]["ids"]:
        site.member("cluster_template", name=ident, state="absent")


def test_plan_on_an_empty_cloud(site: Site) -> None:
    """A whole site is planned before any of it exists."""
    hardware = site.name("planned-hardware")
    template = site.name("planned-template")
    plan = site.member.plan(
        [
            (
                "cluster_template",
                site.template_options(name=template, hardware=hardware),
            ),
            (
                "gpu_cluster",
                {"name": "planned", "template": template, "keypair": "not-yet"},
            ),
        ]
    )
    assert [result["action"] for result in plan] == ["create", "create"]
    assert plan[1]["gpu_cluster"]["id"] == "known after apply"
    for warning in (
        f"hardware: there is no flavor named '{hardware}'",
        f"template: there is no template named '{template}'",
        "keypair: there is no keypair named 'not-yet'",
    ):
        assert warning in " ".join(site.member.output.split())
