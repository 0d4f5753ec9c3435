# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that MariaDB takes for one name are two, on real services."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from integration.cloud_site import MAGNUM, Site
from integration.runner import Task

VARIANTS = ["train", "Tráin", "Train ", "Ｔｒａｉｎ", "Traın"]
"""Of the name Train: in other case, with accents, a blank, full width, a dotless i."""
ALIKE = ["train", "Tráin", "Train ", "Traın"]
"""Those that MariaDB takes for Train with the collation of the bed."""
SAID = "(there is 'Train': names are compared exactly)"
NOTHING = {"heat_template_version": "2018-08-31", "resources": {}}


def absent(kind: str, name: str, **more: str) -> Task:
    """A task that deletes what has this name, which is nothing."""
    return kind, {"name": name, "state": "absent", **more}


def test_clusters_and_node_groups(site: Site, tmp_path: Path) -> None:
    member = site.member
    asked = {"template": site.template("cpu.worker"), "node_count": 0, "wait": False}
    made = member("gpu_cluster", name="Train", **asked)
    assert made["action"] == "create", made
    uuid = made["gpu_cluster"]["id"]

    # This is what Magnum makes of these names.
    magnum = site.as_member.container_infrastructure_management
    for name in ALIKE:
        answer = magnum.get(f"/clusters/{quote(name)}", headers=MAGNUM)
        assert answer.json()["uuid"] == uuid, (name, answer.text)

    quiet = [absent("gpu_cluster", name) for name in VARIANTS]
    quiet += [
        absent("node_group", "Default-Worker", cluster="Train"),
        absent("node_group", "default-worker", cluster="train"),
        ("gpu_cluster_info", {"name": "TRAIN"}),
    ]
    # Magnum itself would accept the group, and its conductor then fail: the cluster
    # would stay UPDATE_IN_PROGRESS.
    group = {"cluster": "Train", "name": "Default-Worker"}
    path = str(tmp_path / "config")
    wrong: list[tuple[Task, str, str]] = [
        (("kubeconfig", {"name": "train", "path": path}), "ClusterNotFound", SAID),
        (("node_group", {"cluster": "train", "name": "x"}), "ClusterNotFound", SAID),
        (("node_group", group), "Conflict", "beside 'default-worker'"),
        (("gpu_cluster", {"name": "Train ", "node_count": 1}), "InvalidInput", SAID),
    ]
    results = member.run([*quiet, *(task for task, _error, _text in wrong)])
    assert member.recorder.writes == []
    for result, (_task, error, text) in zip(results[len(quiet) :], wrong, strict=True):
        assert result["error"]["type"] == error, result
        assert text in result["msg"], result
    results = results[: len(quiet)]
    assert [result["changed"] for result in results] == [False] * len(quiet), results
    assert results[-1]["gpu_clusters"] == []
    warned = [
        name
        for name, result in zip(VARIANTS, results, strict=False)
        if any(SAID in warning for warning in result.get("warnings", []))
    ]
    assert warned == ALIKE

    # Beside it there may be another one, and each is found by its own name.
    queries: list[Task] = [
        ("gpu_cluster_info", {"name": name}) for name in ("Train", "train", "TRAIN")
    ]
    other, *both = member.run([("gpu_cluster", {"name": "train", **asked}), *queries])
    assert other["action"] == "create", other
    answer = magnum.get("/clusters/train", headers=MAGNUM)
    assert answer.status_code == 409, answer.text
    ids = [[found["id"] for found in result["gpu_clusters"]] for result in both]
    assert ids == [[uuid], [other["gpu_cluster"]["id"]], []]


def _networks_of_neutron(site: Site) -> None:
    """In check mode what is not there is a warning, which names what nearly is."""
    network = site.as_member.network.create_network(name="Inner")
    site.as_member.network.create_subnet(
        name="Half", network_id=network.id, ip_version=4, cidr="10.62.0.0/24"
    )
    cluster = {"name": "c", "template": "Train", "node_count": 0}
    wrong: list[Task] = [
        ("gpu_cluster", {**cluster, "fixed_network": "inner"}),
        ("gpu_cluster", {**cluster, "fixed_network": "Inner", "fixed_subnet": "half"}),
        ("location", {"name": "other", "network": "ínner", "subnet": "Half"}),
        ("location", {"name": "other", "network": "Inner", "subnet": "half "}),
    ]
    real = ["Inner", "Half", "Inner", "Half"]
    for name, result in zip(real, site.member.run(wrong), strict=True):
        assert result["error"]["type"] == "InvalidInput", result
        assert f"(there is {name!r}: names are compared exactly)" in result["msg"]
    assert site.member.recorder.writes == []
    for name, result in zip(real, site.member.plan(wrong), strict=True):
        said = str(result["warnings"])
        assert f"(there is {name!r}: names are compared exactly) yet" in said, result


def test_hardware(site: Site) -> None:
    name, size = site.name("Gpu"), {"vcpus": 1, "ram_mib": 512, "disk_gib": 1}
    made, gone, clash = site.admin.run(
        [
            ("hardware", {"name": name, **size}),
            absent("hardware", name.lower()),
            ("hardware", {"name": name.lower(), **size}),
        ]
    )
    assert made["action"] == "create", made
    assert not gone["changed"], gone
    assert clash["error"]["type"] == "Conflict", clash
    assert len(site.admin.recorder.writes) == 1, site.admin.recorder.writes
    flavor = {"name": name.lower(), "vcpus": 1, "ram": 512, "disk": 1}
    answer = site.as_admin.compute.post("/flavors", json={"flavor": flavor})
    assert answer.status_code == 409, answer.text


def test_stacks_and_what_options_refer_to(site: Site) -> None:
    member = site.member
    template = site.template_options("Train", "cpu.worker")
    made = member.run(
        [
            ("heat_stack", {"name": "Train", "template": NOTHING}),
            ("location", {"name": "Train", "cidr": "10.61.0.0/24"}),
            ("cluster_template", template),
        ]
    )
    assert [result["action"] for result in made] == ["create"] * 3, made

    wrong = {
        "image": "Fedora-CoreOS-40",
        "keypair": "Bed",
        "hardware": "CPU.worker",
        "external_network": "Public",
    }
    results = member.run(
        [
            *(absent("heat_stack", name) for name in VARIANTS),
            absent("location", "train"),
            absent("cluster_template", "train"),
            ("heat_stack", {"name": "train", "template": NOTHING}),
            *(
                ("cluster_template", {**template, "name": "wrong", option: name})
                for option, name in wrong.items()
            ),
        ]
    )
    assert member.recorder.writes == []
    quiet, clash, errors = results[:-5], results[-5], results[-4:]
    assert not any(result["changed"] for result in quiet), quiet
    assert clash["error"]["type"] == "Conflict", clash
    for (option, name), result in zip(wrong.items(), errors, strict=True):
        real = template[option]
        assert f"named {name!r} in this project (there is {real!r}: " in result["msg"]
    _networks_of_neutron(site)

    # Heat refuses it too.
    body = {"stack_name": "train", "template": NOTHING}
    answer = site.as_member.orchestration.post("/stacks", json=body)
    assert answer.status_code == 409, answer.text
