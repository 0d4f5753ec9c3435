# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardware, on real Nova."""

from __future__ import annotations

from integration.cloud_site import Site

A100 = {"vendor": "nvidia", "model": "A100", "count": 2, "memory_gib": 80}
SIZE = {"vcpus": 4, "ram_mib": 8192, "disk_gib": 40}


def test_life(site: Site) -> None:
    admin = site.admin
    name = site.name("gpu")
    asked = {
        "name": name,
        **SIZE,
        "accelerators": [A100],
        "power_watts": 900,
        "hourly_cost": 4.5,
        "extra_specs": {"trait:CUSTOM_NVLINK": "required"},
        "description": "two A100",
    }

    planned = admin.check("hardware", **asked)
    assert planned["changed"]
    assert planned["action"] == "create"
    assert planned["hardware"]["id"] == "known after apply"
    assert planned["diff"]["before"] == {}
    assert planned["diff"]["after"]["vcpus"] == 4

    made = admin("hardware", **asked)
    assert made["action"] == "create", made
    assert made["hardware"]["accelerators"] == [
        {
            **A100,
            "kind": "gpu",
            "resource_class": "CUSTOM_GPU_A100",
            "pci_alias": None,
        }
    ]
    assert made["hardware"]["power_watts"] == 900
    assert made["hardware"]["extra_specs"] == {"trait:CUSTOM_NVLINK": "required"}

    # What Nova acts on, as Nova tells it.
    specs = site.nova_extra_specs(name)
    assert specs["resources:CUSTOM_GPU_A100"] == "2"

    again = admin("hardware", **asked)
    assert not again["changed"]
    assert len(admin.recorder.counted) == 1, admin.recorder.counted
    assert admin.recorder.writes == []

    by_id = admin("hardware", name=made["hardware"]["id"], hourly_cost=4.5)
    assert not by_id["changed"]

    # Another model takes the old resource class along, and nobody else's keys.
    site.set_extra_spec(name, "vendor:own", "untouched")
    h100 = {"vendor": "nvidia", "model": "H100", "count": 1, "memory_gib": 94}
    other = admin("hardware", name=name, accelerators=[h100], description="one H100")
    assert other["action"] == "update"
    assert other["diff"]["before"]["description"] == "two A100"
    assert other["diff"]["after"]["description"] == "one H100"
    specs = site.nova_extra_specs(name)
    assert specs["resources:CUSTOM_GPU_H100"] == "1"
    assert "resources:CUSTOM_GPU_A100" not in specs
    assert specs["vendor:own"] == "untouched"
    assert specs["trait:CUSTOM_NVLINK"] == "required"

    # A key that Nova acts on, removed by hand, is put back.
    site.remove_extra_spec(name, "resources:CUSTOM_GPU_H100")
    assert admin("hardware", name=name, accelerators=[h100])["changed"]
    assert site.nova_extra_specs(name)["resources:CUSTOM_GPU_H100"] == "1"

    frozen = admin("hardware", name=name, vcpus=8)
    assert frozen["failed"]
    assert frozen["error"]["type"] == "Conflict"
    assert "vcpus is 4 and can't be changed to 8" in frozen["msg"]
    assert not frozen["changed"]

    found = admin("hardware_info", name=name, required=True)["hardware"]
    assert [one["id"] for one in found] == [made["hardware"]["id"]]
    assert name in {one["name"] for one in admin("hardware_info")["hardware"]}

    assert admin.check("hardware", name=name, state="absent")["action"] == "delete"
    gone = admin("hardware", name=name, state="absent")
    assert gone["action"] == "delete"
    assert gone["hardware"] is None
    assert not admin("hardware", name=name, state="absent")["changed"]
    missing = admin("hardware_info", name=name, required=True)
    assert missing["error"]["type"] == "HardwareNotFound"
    assert admin("hardware_info", name=name)["hardware"] == []


def test_short_form_access_and_recreation(site: Site) -> None:
    admin, name = site.admin, site.name("short")
    asked = {
        "name": name,
        **SIZE,
        "public": False,
        "projects": [site.project.name],
        "gpu_type": "nvidia-a100",
        "gpu_count": 4,
    }
    made = admin("hardware", **asked)
    assert made["action"] == "create", made
    assert made["hardware"]["projects"] == [site.project.id]
    assert made["hardware"]["power_watts"] == 1600
    assert site.nova_extra_specs(name)["resources:CUSTOM_GPU_A100"] == "4"
    assert not admin("hardware", **asked)["changed"]
    # Its members see it, and when it is taken from them no more.
    [seen] = site.member("hardware_info", name=name)["hardware"]
    assert seen["accelerators"][0]["memory_gib"] == 80
    taken = admin("hardware", name=name, projects=[])
    assert taken["action"] == "update", taken
    assert site.member("hardware_info", name=name)["hardware"] == []
    admin("hardware", name=name, projects=[site.project.id])

    site.set_extra_spec(name, "vendor:own", "kept")
    planned = admin.check("hardware", name=name, vcpus=8, recreate=True)
    assert planned["action"] == "recreate", planned
    server = site.server(name)
    refused = admin("hardware", name=name, vcpus=8, recreate=True)
    assert refused["error"]["type"] == "Conflict", refused
    assert "while servers use it: busy" in refused["msg"]
    site.remove_server(server)

    new = admin("hardware", name=name, vcpus=8, recreate=True)
    assert new["action"] == "recreate", new
    assert new["hardware"]["id"] != made["hardware"]["id"]
    assert new["hardware"]["vcpus"] == 8
    assert new["hardware"]["ram_mib"] == SIZE["ram_mib"]
    assert new["hardware"]["projects"] == [site.project.id]
    specs = site.nova_extra_specs(name)
    assert specs["resources:CUSTOM_GPU_A100"] == "4"
    assert specs["vendor:own"] == "kept"
    assert not admin("hardware", name=name, vcpus=8, recreate=True)["changed"]


def test_bad_input(site: Site) -> None:
    name = site.name("bad")
    low, twice, ours, missing = site.admin.run(
        [
            ("hardware", {"name": name, **SIZE, "vcpus": 0}),
            ("hardware", {"name": name, **SIZE, "accelerators": [A100, A100]}),
            (
                "hardware",
                {"name": name, **SIZE, "extra_specs": {"gpufleet:keys": "x"}},
            ),
            ("hardware", {"name": name, "vcpus": 4}),
        ]
    )
    for result in (low, twice, ours, missing):
        assert result["error"]["type"] == "InvalidInput", result
    assert low["msg"] == "vcpus: 0 is below 1"
    assert "CUSTOM_GPU_A100 is asked for twice" in twice["msg"]
    assert "extra_specs: gpufleet:keys" in ours["msg"]
    assert "ram_mib, disk_gib" in missing["msg"]
    assert site.admin.recorder.writes == []


def test_a_plain_member_may_not(site: Site) -> None:
    refused = site.member("hardware", name=site.name("not-mine"), **SIZE)
    assert refused["error"]["type"] == "AuthError"
    assert refused["error"]["status"] == 403
    assert refused["error"]["request_id"].startswith("req-")
    assert not site.member("hardware_info", name=site.name("not-mine"))["hardware"]
