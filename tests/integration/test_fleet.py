# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole site, declared, described by what is there, and removed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from integration.cloud_site import Site

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def declaration(site: Site) -> dict[str, Any]:
    """Two locations, a template in the profiles' form, and a cluster in each."""
    hardware = site.name("npu")
    return {
        "fleet_cloud": site.project.cloud,
        "fleet_admin_cloud": "bed-admin",
        "fleet_locations": [
            {"name": "east", "cidr": "10.61.0.0/24", "external_network": "public"},
            {
                "name": "west",
                "cidr": "10.62.0.0/24",
                "external_network": "public",
                "availability_zone": "nova",
                "connect_to": ["east"],
                # Arrives in the cloud without the words around it.
                "metadata": {"note": "{% raw %}{{ no template }}{% endraw %}"},
            },
        ],
        "fleet_hardware": [
            {
                "name": hardware,
                "vcpus": 2,
                "ram_mib": 2048,
                "disk_gib": 20,
                "accelerators": [{"model": "Gaudi3", "kind": "npu", "vendor": "intel"}],
                "hourly_cost": 9.5,
            }
        ],
        "cluster_templates": {
            "npu_optimized": {
                "name": "npu",
                "coe": "kubernetes",
                "image": "fedora-coreos-40",
                "flavor": hardware,
                "master_flavor": "m1.master",
                "keypair": "bed",
                "external_network": "public",
                "dns_nameserver": "192.0.2.53",
                "floating_ip_enabled": False,
                "node_count": 1,
                "labels": {"boot_volume_size": 0, "kube_tag": "v1.28.9"},
            }
        },
        "fleet_clusters": [
            {"name": "one", "location": "east", "template": "npu"},
            {
                "name": "two",
                "location": "west",
                "template": "npu",
                "max_node_count": 3,
                "labels": {"kube_tag": "v1.27.8"},
                "node_groups": [{"name": "cpu", "hardware": "cpu.worker"}],
            },
        ],
    }


def changes(results: list[dict[str, Any]]) -> list[str]:
    """Kind and name of what was changed."""
    kinds = ("location", "hardware", "cluster_template", "gpu_cluster")
    return [
        f"{kind} {(one.get(kind) or {}).get('name')}"
        for one in results
        for kind in kinds
        if one.get("changed") and kind in one
    ]


def test_a_site(site: Site) -> None:
    member, playbook = site.member, PLAYBOOKS / "site.yml"
    declared = declaration(site)
    hardware = declared["fleet_hardware"][0]["name"]
    everything = [
        "location east",
        "location west",
        f"hardware {hardware}",
        "cluster_template npu",
        "gpu_cluster one",
        "gpu_cluster two",
    ]

    # Nothing is there yet, and the plan is whole.
    assert changes(member.planned(playbook, **declared)) == everything

    assert changes(member.playbook(playbook, **declared)) == everything
    assert changes(member.playbook(playbook, **declared)) == []

    # What is there describes itself, and the role finds nothing to do.
    file = member.folder / "site.yml"
    first = member("fleet_export", path=str(file))
    assert first["changed"]
    assert not first.get("warnings"), first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = member("fleet_export", path=str(file))
    # Flavors are shared: those of other tests come and go meanwhile.
    assert second["changed"] == (second["fleet"] != first["fleet"])
    found = second["fleet"]
    used = (hardware, "m1.master", "cpu.worker")
    mine = [one for one in found["fleet_hardware"] if one["name"] in used]
    assert len(mine) == len(used)
    assert [one["name"] for one in found["fleet_locations"]] == ["east", "west"]
    [template] = found["fleet_cluster_templates"]
    assert (template["image"], template["hardware"]) == ("fedora-coreos-40", hardware)
    one, two = found["fleet_clusters"]
    assert (one["location"], one["node_count"]) == ("east", 1)
    assert not {"labels", "node_groups"} & set(one)
    assert (two["labels"], two["max_node_count"]) == ({"kube_tag": "v1.27.8"}, 3)
    assert [group["name"] for group in two["node_groups"]] == ["cpu"]
    assert 'metadata:\n      note: !unsafe "{{ no template }}"' in file.read_text()

    credentials = {"fleet_cloud": declared["fleet_cloud"], "fleet_hardware": mine}
    again = member.playbook(playbook, f"@{file}", **credentials)
    assert changes(again) == []
    assert [task for task in again if "gpu_cluster" in task]

    # A difference that is not there yet is told, beside the changes of others.
    smaller = yaml.safe_load(file.read_text().replace("!unsafe ", ""))["fleet_clusters"]
    smaller[0]["node_count"] = 2
    credentials.update(fleet_locations=[], fleet_hardware=[])
    planned = member.planned(
        playbook, f"@{file}", fleet_clusters=smaller, **credentials
    )
    assert changes(planned) == ["gpu_cluster one"]

    gone = member.playbook(playbook, fleet_state="absent", **declared)
    removed = [one for one in gone if one.get("action") == "delete"]
    assert len(removed) == len(everything)
    assert site.as_member.list_networks({"project_id": site.project.id}) == []


def test_verify(site: Site) -> None:
    member, playbook = site.member, PLAYBOOKS / "verify.yml"
    declared = declaration(site)
    results = member.playbook(playbook, **declared)
    [checks] = [one["checks"] for one in results if "checks" in one]
    bad = {(row["check"], row["subject"]) for row in checks if row["status"] != "ok"}
    # Who may not ask Placement is told so. The bed has no load balancers.
    assert bad == {("service", "Placement"), ("service", "Octavia")}
    subjects = {row["subject"] for row in checks}
    assert {"m1.master", "fedora-coreos-40", "public", "bed", "instances"} <= subjects

    declared["cluster_templates"]["npu_optimized"]["image"] = "no-image"
    output = member.refused(playbook, **declared)
    assert "FAILED   image        no-image" in output
    assert f"1 of {len(checks)} checks failed: no-image" in output
