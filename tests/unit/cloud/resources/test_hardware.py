# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import requests

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.accelerators.extra_specs import (
    Contents,
    encode,
    normalize,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    Conflict,
    InvalidInput,
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.module import (
    look_up,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.hardware import (
    HardwareResource,
)
from unit import returned
from unit.cloud.fakes import FakeTime, Raw, Reply, Site

FLAVORS = "GET /v2.1/flavors/detail?is_public=None"
FLAVOR = "GET /v2.1/flavors/7"
CREATE = "POST /v2.1/flavors"
SPECS = "POST /v2.1/flavors/7/os-extra_specs"

A100 = {"vendor": "nvidia", "model": "A100", "count": 4, "memory_gib": 80}
H200 = {"vendor": "nvidia", "model": "H200", "count": 8, "memory_gib": 141}
OPTIONS: Raw = {
    "name": "gpu.a100.4",
    "vcpus": 48,
    "ram_mib": 524288,
    "disk_gib": 200,
    "accelerators": [A100],
    "power_watts": 2400,
    "hourly_cost": 12.5,
}


def specs(*accelerators: Raw, **theirs: str) -> dict[str, str]:
    """The extra specs of ASKED, with these accelerators."""
    return {**encode(Contents(normalize(accelerators), 2400.0, 12.5, {})), **theirs}


def flavor(extra_specs: Raw | None = None, **values: t.Any) -> Raw:
    """What Nova says of it."""
    return {
        "id": "7",
        "name": "gpu.a100.4",
        "vcpus": 48,
        "ram": 524288,
        "disk": 200,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "swap": "",
        "os-flavor-access:is_public": True,
        "description": None,
        "extra_specs": extra_specs or {},
        **values,
    }


def there(site: Site, extra_specs: Raw | None = None, **values: t.Any) -> None:
    """There is such a flavor."""
    site.on(FLAVORS, {"flavors": [flavor(extra_specs, **values)]})


# create -----------------------------------------------------------------------


def test_create(site: Site) -> None:
    bare, whole = (flavor(s, description="Four") for s in ({}, specs(A100)))
    site.on(FLAVORS, {"flavors": []})
    site.on(CREATE, {"flavor": bare})
    site.on(FLAVOR, {"flavor": bare}, {"flavor": whole})
    site.on(SPECS, {"extra_specs": {}})
    outcome = site.run(HardwareResource, **OPTIONS, description="Four")
    assert outcome.action == "create"
    assert outcome.after == {
        "id": "7",
        "name": "gpu.a100.4",
        "vcpus": 48,
        "ram_mib": 524288,
        "disk_gib": 200,
        "ephemeral_gib": 0,
        "swap_mib": 0,
        "public": True,
        "projects": None,
        "description": "Four",
        "accelerators": normalize([A100]),
        "power_watts": 2400.0,
        "hourly_cost": 12.5,
        "extra_specs": {},
    }


def test_the_requests_of_a_create(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on(CREATE, {"flavor": flavor()})
    site.on(FLAVOR, {"flavor": flavor()}, {"flavor": flavor(specs(A100))})
    site.on(SPECS, {"extra_specs": {}})
    site.run(HardwareResource, **OPTIONS, public=True, swap_mib=0, ephemeral_gib=0)
    assert site.history == [FLAVORS, CREATE, FLAVOR, SPECS, FLAVOR]
    assert site.sent(CREATE) == [
        {
            "flavor": {
                "name": "gpu.a100.4",
                "vcpus": 48,
                "ram": 524288,
                "disk": 200,
                "OS-FLV-EXT-DATA:ephemeral": 0,
                "swap": 0,
                "os-flavor-access:is_public": True,
            }
        }
    ]
    assert site.sent(SPECS) == [{"extra_specs": specs(A100)}]
    assert site.warnings == []


def test_one_without_accelerators_needs_no_extra_specs(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on(CREATE, {"flavor": flavor()})
    site.on(FLAVOR, {"flavor": flavor()})
    options = {k: OPTIONS[k] for k in ("name", "vcpus", "ram_mib", "disk_gib")}
    assert site.run(HardwareResource, **options).action == "create"
    assert site.history == [FLAVORS, CREATE, FLAVOR]


def test_a_create_without_wait_sets_its_extra_specs_all_the_same(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on(CREATE, {"flavor": flavor()})
    site.on(FLAVOR, {"flavor": flavor()}, {"flavor": flavor(specs(A100))})
    site.on(SPECS, {"extra_specs": {}})
    outcome = site.run(HardwareResource, **OPTIONS, wait=False)
    assert outcome.after is not None
    assert outcome.after["accelerators"] == normalize([A100])
    assert site.writes == [CREATE, SPECS]


def test_a_new_one_needs_a_size(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    with pytest.raises(InvalidInput) as caught:
        site.run(HardwareResource, name="gpu.a100.4", vcpus=4)
    assert caught.value.message == (
        "hardware 'gpu.a100.4' does not exist, and to create it these options are "
        "needed: ram_mib, disk_gib"
    )
    assert site.writes == []


def test_an_unclear_create_is_looked_for(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []}, {"flavors": [flavor()]})
    site.on(CREATE, Reply(502, "<h1>Bad Gateway</h1>"))
    site.on(FLAVOR, {"flavor": flavor()}, {"flavor": flavor(specs(A100))})
    site.on(SPECS, {"extra_specs": {}})
    assert site.run(HardwareResource, **OPTIONS).action == "create"
    assert site.history == [FLAVORS, CREATE, FLAVORS, FLAVOR, SPECS, FLAVOR]


def test_an_unclear_create_that_is_not_found(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on(CREATE, requests.exceptions.ConnectionError("Connection aborted."))
    with pytest.raises(Timeout, match="outcome unknown, run again") as caught:
        site.run(HardwareResource, **OPTIONS, timeout=60)
    assert caught.value.changed is True
    assert site.writes == [CREATE]


def test_a_quota_is_a_resource_error(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    said = {"forbidden": {"code": 403, "message": "Quota exceeded for flavors"}}
    site.on(CREATE, Reply(403, said))
    with pytest.raises(ResourceError, match="Quota exceeded"):
        site.run(HardwareResource, **OPTIONS)


# no change --------------------------------------------------------------------


def test_a_second_run_is_one_request(site: Site) -> None:
    there(site, specs(A100))
    outcome = site.run(HardwareResource, **OPTIONS)
    assert (outcome.action, outcome.changed) == ("none", False)
    assert site.history == [FLAVORS]


def test_a_second_run_by_id_is_one_request(site: Site) -> None:
    there(site, specs(A100))
    assert site.run(HardwareResource, **{**OPTIONS, "name": "7"}).action == "none"
    assert site.history == [FLAVORS]


def test_only_what_is_asked_for_is_compared(site: Site) -> None:
    there(site, specs(A100), description="theirs", swap=512)
    assert site.run(HardwareResource, name="gpu.a100.4").action == "none"


@pytest.mark.parametrize("cost", [1234567.89, 0.1, 1e-7, 3, 0])
def test_a_price_is_kept_to_the_last_digit(site: Site, cost: float) -> None:
    there(site, encode(Contents(normalize([A100]), 2400.0, cost, {})))
    options = {**OPTIONS, "hourly_cost": cost}
    assert site.run(HardwareResource, **options).action == "none"


# update -----------------------------------------------------------------------


def test_another_model_takes_the_old_one_s_resources_along(site: Site) -> None:
    theirs = {"hw:cpu_policy": "dedicated", "resources:VGPU": "1"}
    there(site, {**specs(A100), **theirs})
    old = "DELETE /v2.1/flavors/7/os-extra_specs/resources%3ACUSTOM_GPU_A100"
    site.on(SPECS, {"extra_specs": {}})
    site.on(old, Reply(200))
    site.on(FLAVOR, {"flavor": flavor({**specs(H200), **theirs})})
    outcome = site.run(HardwareResource, **{**OPTIONS, "accelerators": [H200]})
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["accelerators"] == normalize([H200])
    assert outcome.after["extra_specs"] == theirs
    assert site.history == [FLAVORS, SPECS, old, FLAVOR]
    new = specs(H200)
    assert site.sent(SPECS) == [
        {
            "extra_specs": {
                key: new[key]
                for key in (
                    "gpufleet:accelerator.0",
                    "gpufleet:keys",
                    "resources:CUSTOM_GPU_H200",
                )
            }
        }
    ]


def test_no_accelerators_take_all_of_ours_away(site: Site) -> None:
    there(site, {**specs(A100), "hw:cpu_policy": "dedicated"})
    removed = [
        f"DELETE /v2.1/flavors/7/os-extra_specs/{key}"
        for key in (
            "gpufleet%3Aaccelerator.0",
            "gpufleet%3Akeys",
            "resources%3ACUSTOM_GPU_A100",
        )
    ]
    for request in removed:
        site.on(request, Reply(200))
    site.on(FLAVOR, {"flavor": flavor({"hw:cpu_policy": "dedicated"})})
    site.run(HardwareResource, **{**OPTIONS, "accelerators": []})
    assert site.writes == removed


def test_a_count_that_was_changed_by_hand_is_put_right(site: Site) -> None:
    there(site, {**specs(A100), "resources:CUSTOM_GPU_A100": "2"})
    site.on(SPECS, {"extra_specs": {}})
    site.on(FLAVOR, {"flavor": flavor(specs(A100))})
    outcome = site.run(HardwareResource, **OPTIONS)
    assert outcome.diff_before["accelerators"][0]["count"] == 2
    assert outcome.diff_after["accelerators"][0]["count"] == 4
    assert site.sent(SPECS) == [{"extra_specs": {"resources:CUSTOM_GPU_A100": "4"}}]


def test_specs_of_the_user_s_own_are_set_key_by_key(site: Site) -> None:
    theirs = {"hw:cpu_policy": "dedicated", "trait:CUSTOM_A": "forbidden"}
    there(site, {**specs(A100), **theirs})
    site.on(SPECS, {"extra_specs": {}})
    site.on(FLAVOR, {"flavor": flavor(specs(A100))})
    mine = {"trait:CUSTOM_A": "required", "hw:numa_nodes": 2}
    site.run(HardwareResource, **OPTIONS, extra_specs=mine)
    assert site.writes == [SPECS]
    assert site.sent(SPECS) == [
        {"extra_specs": {"trait:CUSTOM_A": "required", "hw:numa_nodes": "2"}}
    ]


def test_the_description_is_changed_for_itself(site: Site) -> None:
    put = "PUT /v2.1/flavors/7"
    there(site, specs(A100), description="old")
    site.on(put, {"flavor": flavor()})
    site.on(FLAVOR, {"flavor": flavor(specs(A100), description="new")})
    outcome = site.run(HardwareResource, **OPTIONS, description="new")
    assert (outcome.diff_before["description"], outcome.diff_after["description"]) == (
        "old",
        "new",
    )
    assert site.history == [FLAVORS, put, FLAVOR]
    assert site.sent(put) == [{"flavor": {"description": "new"}}]


@pytest.mark.parametrize(
    ("field", "there_is", "value"),
    [
        ("vcpus", 48, 64),
        ("ram_mib", 524288, 1024),
        ("disk_gib", 200, 100),
        ("ephemeral_gib", 0, 10),
        ("swap_mib", 0, 512),
        ("public", True, False),
    ],
)
def test_what_nova_can_not_change_is_a_conflict(
    site: Site, field: str, there_is: t.Any, value: t.Any
) -> None:
    there(site, specs(A100))
    with pytest.raises(Conflict) as caught:
        site.run(HardwareResource, **{**OPTIONS, field: value})
    assert caught.value.message == (
        f"hardware 'gpu.a100.4': {field} is {there_is!r} and can't be changed to "
        f"{value!r} (Nova can't change it; set recreate: true to replace the flavor, "
        "or give the new one another name)"
    )
    assert site.writes == []


# absent -----------------------------------------------------------------------


def test_delete(site: Site, time: FakeTime) -> None:
    delete = "DELETE /v2.1/flavors/7"
    there(site, specs(A100))
    site.on(delete, Reply(202))
    site.on(FLAVOR, {"flavor": flavor()}, Reply(404, {}))
    outcome = site.run(HardwareResource, "absent", name="gpu.a100.4")
    assert (outcome.action, outcome.after) == ("delete", None)
    assert site.history == [FLAVORS, delete, FLAVOR, FLAVOR]
    assert time.sleeps == [1]


def test_deleting_what_is_not_there(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    outcome = site.run(HardwareResource, "absent", name="gpu.a100.4")
    assert (outcome.action, outcome.changed) == ("none", False)
    assert site.history == [FLAVORS]


def test_a_name_that_is_another_one_s_id_is_ambiguous(site: Site) -> None:
    site.on(FLAVORS, {"flavors": [flavor(), flavor(id="8", name="7")]})
    with pytest.raises(AmbiguousName):
        site.run(HardwareResource, "absent", name="7")
    assert site.writes == []


# check mode -------------------------------------------------------------------


def test_check_mode_of_a_create(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    outcome = site.run(HardwareResource, **OPTIONS, check_mode=True)
    assert outcome.action == "create"
    assert outcome.after == {
        "id": "known after apply",
        "name": "gpu.a100.4",
        "vcpus": 48,
        "ram_mib": 524288,
        "disk_gib": 200,
        "ephemeral_gib": 0,
        "swap_mib": 0,
        "public": None,
        "projects": None,
        "description": None,
        "accelerators": normalize([A100]),
        "power_watts": 2400.0,
        "hourly_cost": 12.5,
        "extra_specs": {},
    }
    assert site.history == [FLAVORS]


def test_check_mode_of_an_update(site: Site) -> None:
    there(site, specs(A100))
    options = {**OPTIONS, "accelerators": [H200]}
    outcome = site.run(HardwareResource, **options, check_mode=True)
    assert outcome.action == "update"
    assert outcome.diff_after["accelerators"] == normalize([H200])
    assert site.history == [FLAVORS]


def test_check_mode_of_a_delete(site: Site) -> None:
    there(site, specs(A100))
    outcome = site.run(HardwareResource, "absent", name="7", check_mode=True)
    assert outcome.action == "delete"
    assert site.history == [FLAVORS]


# input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"vcpus": 0}, "vcpus: 0 is below 1"),
        ({"ram_mib": 0}, "ram_mib: 0 is below 1"),
        ({"disk_gib": -1}, "disk_gib: -1 is below 0"),
        ({"swap_mib": -1}, "swap_mib: -1 is no number from 0 on"),
        ({"power_watts": -5}, "power_watts: -5.0 is no number from 0 on"),
        ({"hourly_cost": "nan"}, "hourly_cost: nan is no number from 0 on"),
        ({"hourly_cost": "inf"}, "hourly_cost: inf is no number from 0 on"),
        (
            {"accelerators": [{**A100, "count": 0}]},
            "accelerators[0].count: 0 is below 1",
        ),
        (
            {"extra_specs": {"a/b": "1"}},
            "extra_specs: 'a/b' is no key that Nova takes; it must hold 1 to 255 "
            "letters, digits, blanks, ':', '.', '_' and '-'",
        ),
        (
            {"extra_specs": {"gpufleet:keys": "hw:a"}},
            "extra_specs: gpufleet:keys is set from accelerators, power_watts and "
            "hourly_cost; leave it out",
        ),
        (
            {"extra_specs": {"resources:CUSTOM_GPU_A100": 8}},
            "extra_specs: resources:CUSTOM_GPU_A100 is set from accelerators, "
            "power_watts and hourly_cost; leave it out",
        ),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(
    site: Site, wrong: Raw, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.run(HardwareResource, **{**OPTIONS, **wrong})
    assert caught.value.message == said
    assert site.everything == []


def test_options_have_the_names_of_openstack_cloud_too(site: Site) -> None:
    there(site)
    outcome = site.run(
        HardwareResource, name="7", ram=524288, disk=200, vcpus=48, is_public=True
    )
    assert outcome.action == "none"


# the catalogue ------------------------------------------------------------------


def test_the_short_form(site: Site) -> None:
    site.on(FLAVORS, {"flavors": []})
    size = {name: OPTIONS[name] for name in ("name", "vcpus", "ram_mib", "disk_gib")}
    short = {"gpu_type": "nvidia-a100", "gpu_count": 4}
    outcome = site.run(HardwareResource, **size, **short, check_mode=True)
    assert outcome.after is not None
    assert outcome.after["accelerators"] == normalize([A100])
    assert outcome.after["power_watts"] == 1600
    # What is said goes before what is known.
    more = {**short, "power_watts": 2400}
    outcome = site.run(HardwareResource, **size, **more, check_mode=True)
    assert outcome.after is not None
    assert outcome.after["power_watts"] == 2400


def test_the_short_form_is_the_same_as_the_long_one(site: Site) -> None:
    there(site, specs(A100))
    options: Raw = {"name": "gpu.a100.4", "gpu_type": "NVIDIA-A100-80", "gpu_count": 4}
    assert site.run(HardwareResource, **options).action == "none"


def test_both_kinds_in_short(site: Site) -> None:
    there(site)
    outcome = site.run(
        HardwareResource,
        name="gpu.a100.4",
        gpu_type="amd-mi300x",
        gpu_count=8,
        npu_type="intel-gaudi3",
        npu_count=2,
        check_mode=True,
    )
    assert outcome.after is not None
    assert [
        (device["kind"], device["model"], device["count"], device["memory_gib"])
        for device in outcome.after["accelerators"]
    ] == [("gpu", "MI300X", 8, 192), ("npu", "Gaudi3", 2, 128)]
    assert outcome.after["power_watts"] == 8 * 750 + 2 * 900


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ({"model": "Gaudi 3"}, ("npu", "intel", 128)),
        ({"model": "a100", "memory_gib": 40}, ("gpu", "nvidia", 40)),
        ({"model": "A100"}, ("gpu", "nvidia", 80)),
        # Another vendor's: the catalogue does not know it.
        ({"model": "A100", "vendor": "acme"}, ("gpu", "acme", None)),
        ({"model": "X1", "vendor": "acme"}, ("gpu", "acme", None)),
        ({"model": "XDNA"}, ("npu", "amd", None)),
    ],
)
def test_the_catalogue_fills_in_what_is_not_said(
    site: Site, given: Raw, filled: tuple[str, str, int | None]
) -> None:
    there(site)
    outcome = site.run(
        HardwareResource, name="gpu.a100.4", accelerators=[given], check_mode=True
    )
    assert outcome.after is not None
    [device] = outcome.after["accelerators"]
    assert (device["kind"], device["vendor"], device["memory_gib"]) == filled


def test_power_is_not_guessed_again_while_nothing_changes(site: Site) -> None:
    there(site, specs(A100))  # 2400 W, once set by hand
    options: Raw = {"name": "gpu.a100.4", "accelerators": [A100]}
    assert site.run(HardwareResource, **options).action == "none"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gpu_type": "nvidia-a100"}, "gpu_count: is needed beside gpu_type"),
        ({"npu_count": 2}, "npu_type: is needed beside npu_count"),
        ({"gpu_type": "x", "gpu_count": 1}, "gpu_type: 'x' is none of amd-mi250"),
        ({"gpu_type": "intel-gaudi3", "gpu_count": 1}, "is none of amd-mi250"),
        (
            {"gpu_type": "nvidia-a100", "gpu_count": 1, "accelerators": [A100]},
            "can't be given together with gpu_type",
        ),
        ({"accelerators": [{"model": "X1"}]}, "'X1' is not in the catalogue"),
        ({"gpu_type": "nvidia-a100", "gpu_count": 0}, "count: 0 is below 1"),
    ],
)
def test_what_the_short_form_refuses(site: Site, options: Raw, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        site.run(HardwareResource, name="gpu.a100.4", **options)
    assert site.history == []


# access by project ----------------------------------------------------------------

ACCESS = "GET /v2.1/flavors/7/os-flavor-access"
ACTION = "POST /v2.1/flavors/7/action"
PRIVATE = {"os-flavor-access:is_public": False}


def project(site: Site, name: str, ident: str) -> None:
    project = {"id": ident, "name": name}
    site.on(f"GET /v3/projects/{name}", Reply(404))
    site.on(f"GET /v3/projects?name={name}", {"projects": [project]})
    site.on(f"GET /v3/projects/{ident}", {"project": project})


def access(*idents: str) -> Raw:
    return {"flavor_access": [{"flavor_id": "7", "tenant_id": i} for i in idents]}


def test_projects_are_granted_and_revoked(site: Site) -> None:
    there(site, **PRIVATE)
    site.on(FLAVOR, {"flavor": flavor(**PRIVATE)})
    project(site, "blue", "p1")
    project(site, "red", "p2")
    site.on(ACCESS, access("p2", "p3"), access("p1", "p2"))
    site.on(ACTION, {})
    outcome = site.run(HardwareResource, name="gpu.a100.4", projects=["blue", "p2"])
    assert outcome.action == "update"
    assert site.sent(ACTION) == [
        {"addTenantAccess": {"tenant": "p1"}},
        {"removeTenantAccess": {"tenant": "p3"}},
    ]
    assert outcome.after is not None
    assert outcome.after["projects"] == ["p1", "p2"]


def test_the_same_projects_are_no_change(site: Site) -> None:
    there(site, **PRIVATE)
    project(site, "blue", "p1")
    site.on(ACCESS, access("p1"))
    assert site.run(HardwareResource, name="gpu.a100.4", projects=["blue"]).action == (
        "none"
    )


def test_access_that_is_there_meanwhile_is_no_failure(site: Site) -> None:
    there(site, **PRIVATE)
    site.on(FLAVOR, {"flavor": flavor(**PRIVATE)})
    project(site, "blue", "p1")
    site.on(ACCESS, access())
    site.on(ACTION, Reply(409, {"conflictingRequest": {"message": "exists"}}))
    assert site.run(HardwareResource, name="gpu.a100.4", projects=["blue"]).changed


def test_a_public_one_has_no_projects(site: Site) -> None:
    there(site)
    project(site, "blue", "p1")
    with pytest.raises(InvalidInput, match="is public, so that all projects may use"):
        site.run(HardwareResource, name="gpu.a100.4", projects=["blue"])
    assert site.writes == []


def test_a_project_that_does_not_exist(site: Site) -> None:
    there(site, **PRIVATE)
    site.on(ACCESS, access())
    site.on("GET /v3/projects/blue", Reply(404))
    site.on("GET /v3/projects", {"projects": [{"id": "b1", "name": "blues"}]})
    site.on("GET /v3/projects?name=blue", {"projects": []})
    with pytest.raises(InvalidInput, match=r"no project named 'blue'.*mean 'blues'"):
        site.run(HardwareResource, name="gpu.a100.4", projects=["blue"])
    assert site.writes == []


# recreate ---------------------------------------------------------------------------

SERVERS = "GET /v2.1/servers?all_tenants=1&flavor=7"


def test_recreate_takes_over_what_is_not_asked_for(site: Site) -> None:
    old = specs(A100, **{"vendor:own": "kept"})
    there(site, old, **PRIVATE)
    site.on(ACCESS, access("p1"))
    project(site, "blue", "p1")
    site.on(SERVERS, {"servers": []})
    site.on("DELETE /v2.1/flavors/7", Reply(202))
    bare = flavor(id="8", vcpus=64, **PRIVATE)
    whole = flavor(old, id="8", vcpus=64, **PRIVATE)
    site.on(FLAVOR, Reply(404))
    site.on(CREATE, {"flavor": bare})
    site.on("GET /v2.1/flavors/8", {"flavor": bare}, {"flavor": whole})
    site.on("GET /v2.1/flavors/8/os-flavor-access", access(), access("p1"))
    site.on("POST /v2.1/flavors/8/os-extra_specs", {"extra_specs": old})
    site.on("POST /v2.1/flavors/8/action", {})
    outcome = site.run(HardwareResource, name="gpu.a100.4", vcpus=64, recreate=True)
    assert outcome.action == "recreate"
    [made] = site.sent(CREATE)
    assert (made["flavor"]["vcpus"], made["flavor"]["ram"]) == (64, 524288)
    assert made["flavor"]["os-flavor-access:is_public"] is False
    assert site.sent("POST /v2.1/flavors/8/os-extra_specs") == [{"extra_specs": old}]
    assert site.sent("POST /v2.1/flavors/8/action") == [
        {"addTenantAccess": {"tenant": "p1"}}
    ]
    assert (outcome.diff_before["vcpus"], outcome.diff_after["vcpus"]) == (48, 64)


def test_recreate_is_refused_while_servers_use_it(site: Site) -> None:
    there(site)
    site.on(SERVERS, {"servers": [{"id": "s1", "name": "node-1"}]})
    with pytest.raises(Conflict, match="while servers use it: node-1") as caught:
        site.run(HardwareResource, name="gpu.a100.4", vcpus=64, recreate=True)
    assert caught.value.details == {"servers": [{"id": "s1", "name": "node-1"}]}
    assert site.writes == []


def test_recreate_in_check_mode_and_without_need(site: Site) -> None:
    there(site)
    site.on(SERVERS, {"servers": []})
    options: Raw = {"name": "gpu.a100.4", "recreate": True}
    plan = site.run(HardwareResource, **options, vcpus=64, check_mode=True)
    assert plan.action == "recreate"
    assert plan.after is not None
    assert (plan.after["vcpus"], plan.after["ram_mib"]) == (64, 524288)
    assert site.run(HardwareResource, **options, vcpus=48).action == "none"
    assert site.writes == []


@pytest.mark.parametrize("described", [False, True])
def test_an_update_that_is_refused_half_way_has_changed_something(
    site: Site, described: bool
) -> None:
    put = "PUT /v2.1/flavors/7"
    there(site)
    site.on(put, {"flavor": flavor()})
    site.on(SPECS, Reply(409, {"conflictingRequest": {"message": "busy"}}))
    text = {"description": "four A100"} if described else {}
    with pytest.raises(Conflict, match="busy") as caught:
        site.run(HardwareResource, name="gpu.a100.4", hourly_cost=2, **text)
    assert site.writes == [*([put] * described), SPECS]
    assert caught.value.changed is described


# Flavors that others made -----------------------------------------------------


def looked_up(site: Site) -> Raw:
    """What the query module returns of the flavor."""
    [found] = look_up(HardwareResource(site.cloud(), {"name": "gpu.a100.4"}), True)
    returned.check(found, "hardware_info", "hardware")
    return found


@pytest.mark.parametrize(
    ("theirs", "accelerator"),
    [
        (
            {"pci_passthrough:alias": "H100SXM:8,mlx5:1"},
            ("gpu", "nvidia", "H100", 8, None),
        ),
        ({"resources:CUSTOM_PCI_10DE_20B5": "2"}, ("gpu", "nvidia", "A100", 2, 80)),
        ({"accel:device_profile": "gpu-a100"}, ("gpu", "nvidia", "A100", None, None)),
    ],
)
def test_a_query_reads_flavors_of_others(
    site: Site, theirs: dict[str, str], accelerator: tuple[t.Any, ...]
) -> None:
    there(site, theirs)
    found = looked_up(site)
    keys = ("kind", "vendor", "model", "count", "memory_gib")
    none = {"resource_class": None, "pci_alias": None}
    assert found["accelerators"] == [
        {**dict(zip(keys, accelerator, strict=True)), **none}
    ]
    assert found["extra_specs"] == theirs
    assert bool(site.warnings) == (accelerator[3] is None)


def test_a_query_says_what_is_no_number(site: Site) -> None:
    there(site, {"pci_passthrough:alias": "a100:many"})
    assert looked_up(site)["accelerators"][0]["count"] is None
    [warning] = site.warnings
    assert warning.startswith("flavor 'gpu.a100.4': pci_passthrough:alias=a100 has")


def test_accelerators_of_others_are_not_taken_for_ours(site: Site) -> None:
    """A change elsewhere does not write them down as ours."""
    there(site, {"pci_passthrough:alias": "a100:4"})
    outcome = site.run(HardwareResource, name="gpu.a100.4", vcpus=48)
    assert (outcome.changed, outcome.after["accelerators"]) == (False, [])
