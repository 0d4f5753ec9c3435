# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud is asked before anything is declared, request by request."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.preflight import (
    preflight,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources import (
    quotas,
)
from unit import returned
from unit.cloud.fakes import CATALOG, KEYSTONE, PROJECT, Raw, Reply, Site

NOTHING: Raw = {
    "hardware": [],
    "images": [],
    "external_networks": [],
    "keypairs": [],
    "nodes": [],
}
IMAGE = "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
NET = "b7b0a1b2-6f7e-4a0e-a6c3-6b62c0a6a9f0"


def limits(**more: int) -> Raw:
    absolute = {
        "maxTotalInstances": 10,
        "totalInstancesUsed": 8,
        "maxTotalCores": -1,
        "totalCoresUsed": 3,
        "maxTotalRAMSize": 1000,
        "totalRAMUsed": 0,
    }
    return {"limits": {"absolute": {**absolute, **more}}}


@pytest.fixture
def ready(site: Site) -> Site:
    """A cloud that has everything."""
    site.on("GET /v1/clusters/detail", {"clusters": []})
    site.on("GET /v1.0/stacks?tags=gpufleet-location", {"stacks": []})
    gpu = {
        "id": "f1",
        "name": "gpu.4",
        "vcpus": 4,
        "ram": 100,
        "extra_specs": {"resources:CUSTOM_GPU_A100": "4"},
    }
    site.on("GET /v2.1/flavors/detail?is_public=None", {"flavors": [gpu]})
    site.on("GET /v2.1/flavors/detail", {"flavors": [gpu]})
    site.on("GET /v2.1/flavors/f1", {"flavor": gpu})
    site.on("GET /v2.1/limits", limits())
    site.on("GET /v2.1/os-keypairs/ops", {"keypair": {"name": "ops"}})
    site.on("GET /v2.1/os-keypairs/none", Reply(404))
    site.on("GET /v2.0/networks?limit=1", {"networks": []})
    quota = {
        name: {"limit": 10, "used": 4, "reserved": 0}
        for name in ("network", "subnet", "router", "security_group", "port")
    }
    site.on(f"GET /v2.0/quotas/{PROJECT}/details.json", {"quota": quota})
    site.on(f"GET /v1/quotas/{PROJECT}/Cluster", {"hard_limit": 20})
    site.on("GET /v2.0/networks?name=public", {"networks": [net()]})
    site.on(f"GET /v2.0/networks/{NET}", {"network": net()})
    site.on("GET /v2/images?limit=1", {"images": []})
    site.on("GET /v2/images?name=coreos", {"images": [image()]})
    site.on(f"GET /v2/images/{IMAGE}", image())
    site.on("GET /v0.1/resource_classes", {"resource_classes": []})
    candidates = {
        "provider_summaries": {
            "host": {"resources": {"CUSTOM_GPU_A100": {"capacity": 8, "used": 4}}}
        }
    }
    path = "GET /v0.1/allocation_candidates?resources=CUSTOM_GPU_A100%3A4"
    site.on(path, candidates)
    return site


def net(**more: t.Any) -> Raw:
    made = {"id": NET, "name": "public", "status": "ACTIVE", "router:external": True}
    return {**made, "subnets": ["s"], **more}


def image(**more: t.Any) -> Raw:
    made = {"id": IMAGE, "name": "coreos", "status": "active", "os_distro": "fedora"}
    return {**made, **more}


def check(site: Site, **params: t.Any) -> dict[tuple[str, str], Raw]:
    """The rows by check and subject."""
    result = preflight(site.cloud(), {**NOTHING, **params})
    assert result.pop("changed") is False
    returned.check(result, "preflight_info")
    rows = {(row["check"], row["subject"]): row for row in result["checks"]}
    assert len(rows) == len(result["checks"])
    failed = [row for row in result["checks"] if row["status"] == "failed"]
    assert result["failed_checks"] == len(failed)
    for row in result["checks"]:
        assert (row["remedy"] is None) == (row["status"] == "ok"), row
    assert site.writes == []
    return rows


def test_a_cloud_that_has_all_but_cinder_and_octavia(ready: Site) -> None:
    rows = check(
        ready,
        hardware=["gpu.4"],
        images=["coreos"],
        external_networks=["public"],
        keypairs=["ops"],
        nodes=[{"hardware": "gpu.4", "count": 1}],
    )
    assert [key for key, row in rows.items() if row["status"] != "ok"] == [
        ("service", "Cinder"),
        ("service", "Octavia"),
    ]
    assert rows["hardware", "gpu.4"]["detail"] == (
        "4 vCPUs, 100 MiB, 4 CUSTOM_GPU_A100"
    )
    # Cores have no limit: there is nothing to say about them.
    assert ("quota", "cores") not in rows
    assert rows["quota", "instances"]["detail"] == "1 needed, 2 free"
    assert rows["quota", "CUSTOM_GPU_A100"]["detail"] == "4 needed, 4 free"


def test_no_credentials_is_all_there_is_to_say(site: Site) -> None:
    site.mocker.post(f"{KEYSTONE}/auth/tokens", status_code=401)
    rows = check(site, hardware=["gpu.4"])
    assert list(rows) == [("credentials", "Keystone")]
    assert rows["credentials", "Keystone"]["status"] == "failed"


def test_a_service_that_is_not_there_is_not_asked_further(ready: Site) -> None:
    services = {name: url for name, url in CATALOG.items() if name != "image"}
    ready.keystone(services)
    rows = check(ready, images=["coreos"])
    assert rows["service", "Glance"]["status"] == "failed"
    assert ("image", "coreos") not in rows


def test_a_region_without_heat_is_no_failure(ready: Site) -> None:
    ready.keystone({k: v for k, v in CATALOG.items() if k != "orchestration"})
    row = check(ready)["service", "Heat"]
    assert row["status"] == "warning"
    assert "Only locations, Heat stacks and clusters of" in row["detail"]
    assert "clusters of drivers for Cluster API do not" in row["remedy"]


@pytest.mark.parametrize(
    ("properties", "status", "told"),
    [
        ({}, "ok", "os_distro is fedora"),
        (
            {"os_distro": "ubuntu", "kube_version": "v1.33.4"},
            "ok",
            "os_distro is ubuntu, kube_version is v1.33.4",
        ),
        (
            {"os_distro": "ubuntu"},
            "warning",
            "os_distro is ubuntu, and it has no property kube_version, which magnum-capi"
            "-helm requires",
        ),
    ],
)
def test_the_version_of_an_image(
    ready: Site, properties: Raw, status: str, told: str
) -> None:
    ready.on(f"GET /v2/images/{IMAGE}", image(**properties))
    row = check(ready, images=["coreos"])["image", "coreos"]
    assert (row["status"], row["detail"]) == (status, told)


@pytest.mark.parametrize(
    ("most", "status"), [(10, "ok"), (1, "warning"), (-1, None), (None, None)]
)
def test_members_of_server_groups(
    ready: Site, most: int | None, status: str | None
) -> None:
    ready.on(
        "GET /v2.1/limits",
        limits() if most is None else limits(maxServerGroupMembers=most),
    )
    rows = check(ready, nodes=[{"hardware": "gpu.4", "count": 2}])
    row = rows.get(("quota", "server_group_members"))
    assert (row["status"] if row else None) == status


def test_a_magnum_that_is_too_old(ready: Site) -> None:
    ready.magnum_version("1.8")
    row = check(ready)["service", "Magnum"]
    assert row["status"] == "failed"
    assert "needs Magnum API version 1.9, and 1.8 is" in row["detail"]


@pytest.mark.parametrize(
    ("params", "subject", "told"),
    [
        ({"hardware": ["none"]}, "none", "can't be seen"),
        ({"keypairs": ["none"]}, "none", "can't be seen"),
        (
            {"nodes": [{"hardware": "gpu.4", "count": 3}]},
            "instances",
            "3 needed, 2 free",
        ),
        (
            {"nodes": [{"hardware": "gpu.4", "count": 2}]},
            "CUSTOM_GPU_A100",
            "8 needed, 4 free",
        ),
    ],
)
def test_what_is_missing(ready: Site, params: Raw, subject: str, told: str) -> None:
    rows = check(ready, **params)
    [row] = [row for key, row in rows.items() if key[1] == subject]
    assert row["status"] == "failed"
    assert told in row["detail"]


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (image(status="queued"), "its status is queued"),
        (image(os_distro=None), "it has no property os_distro"),
    ],
)
def test_an_image_that_will_not_do(ready: Site, there: Raw, told: str) -> None:
    ready.on(f"GET /v2/images/{IMAGE}", there)
    row = check(ready, images=["coreos"])["image", "coreos"]
    assert (row["status"], told in row["detail"]) == ("failed", True)


@pytest.mark.parametrize(
    ("there", "status"),
    [
        (net(**{"router:external": False}), "failed"),
        (net(subnets=[]), "warning"),
    ],
)
def test_a_network_that_will_not_do(ready: Site, there: Raw, status: str) -> None:
    ready.on(f"GET /v2.0/networks/{NET}", {"network": there})
    assert check(ready, external_networks=["public"])["network", "public"][
        "status"
    ] == (status)


def test_a_name_that_means_two(ready: Site) -> None:
    twins = [image(), image(id="another")]
    ready.on("GET /v2/images?name=coreos", {"images": twins})
    row = check(ready, images=["coreos"])["image", "coreos"]
    assert row["remedy"] == "name it by its id"


def test_quota_that_is_used_up(ready: Site) -> None:
    quota = {
        name: {"limit": 1 if name == "router" else -1, "used": 1, "reserved": 0}
        for name in ("network", "subnet", "router", "security_group")
    }
    ready.on(f"GET /v2.0/quotas/{PROJECT}/details.json", {"quota": quota})
    rows = check(ready)
    assert rows["quota", "router"]["status"] == "warning"
    assert rows["quota", "router"]["detail"] == "0 needed, 0 free"
    assert ("quota", "network") not in rows


def test_what_has_nearly_the_name(ready: Site) -> None:
    ready.on("GET /v2.1/os-keypairs/Ops", {"keypair": {"name": "ops"}})
    row = check(ready, keypairs=["Ops"])["keypair", "Ops"]
    assert row["status"] == "failed"
    assert row["detail"] == (
        "can't be seen with these credentials (there is 'ops': names are compared "
        "exactly)"
    )


def test_all_quotas_are_shown_that_the_precheck_reads(ready: Site) -> None:
    hosts = {"block-storage": "cinder.test/v3", "load-balancer": "octavia.test/v2.0"}
    roots = {kind: f"http://{url.partition('/')[0]}" for kind, url in hosts.items()}
    ready.keystone({**CATALOG, **roots})
    for kind, url in hosts.items():
        ident = {"block-storage": "v3.0", "load-balancer": "v2.0"}[kind]
        links = [{"rel": "self", "href": f"http://{url}/"}]
        versions = [{"id": ident, "status": "CURRENT", "links": links}]
        for path in ("", "/"):
            ready.mocker.get(f"{roots[kind]}{path}", json={"versions": versions})
    volumes = {
        "maxTotalVolumes": 9,
        "totalVolumesUsed": 2,
        "maxTotalVolumeGigabytes": 5,
        "totalGigabytesUsed": 5,
    }
    absolute = {"limits": {"absolute": volumes}}
    ready.mocker.get("http://cinder.test/v3/limits", json=absolute)
    balancers = "http://octavia.test/v2.0/lbaas"
    ready.mocker.get(f"{balancers}/loadbalancers", json={"loadbalancers": [{}]})
    ready.mocker.get(
        f"{balancers}/quotas/{PROJECT}", json={"quota": {"load_balancer": 3}}
    )
    numbers = {
        name: {"limit": 7, "used": 1}
        for name in ("network", "subnet", "router", "security_group", "port")
    }
    numbers["floatingip"] = {"limit": 1, "used": 1}
    ready.on(f"GET /v2.0/quotas/{PROJECT}/details.json", {"quota": numbers})
    full = {"maxTotalCores": 4, "maxServerGroups": 6, "maxServerGroupMembers": 10}
    ready.on("GET /v2.1/limits", limits(**full))
    rows = check(ready)
    shown = {key[1]: row["detail"] for key, row in rows.items() if key[0] == "quota"}
    assert shown == {
        "clusters": "0 needed, 20 free",
        "cores": "0 needed, 1 free",
        "floatingip": "0 needed, 0 free",
        "gigabytes": "0 needed, 0 free",
        "instances": "0 needed, 2 free",
        "load_balancer": "0 needed, 2 free",
        "network": "0 needed, 6 free",
        "port": "0 needed, 6 free",
        "ram_mib": "0 needed, 1000 free",
        "router": "0 needed, 6 free",
        "security_group": "0 needed, 6 free",
        "server_group_members": "0 needed, 10 free",
        "server_groups": "0 needed, 6 free",
        "subnet": "0 needed, 6 free",
        "volumes": "0 needed, 7 free",
    }
    assert sorted(shown) == sorted(quotas.NAMES)
    warned = [key[1] for key, row in rows.items() if row["status"] == "warning"]
    assert warned == ["floatingip", "gigabytes"]


def test_what_is_not_known_has_a_row(ready: Site) -> None:
    specs = {"pci_passthrough:alias": "a100:2", "resources:CUSTOM_X": "many"}
    gpu = {"id": "f", "name": "odd", "vcpus": 1, "ram": 1, "extra_specs": specs}
    ready.on("GET /v2.1/flavors/detail?is_public=None", {"flavors": [gpu]})
    ready.on(f"GET /v1/quotas/{PROJECT}/Cluster", Reply(403, {}))
    rows = check(ready, nodes=[{"hardware": "odd", "count": 1}])
    details = [row["detail"] for key, row in rows.items() if "skipped" in key[1]]
    assert details == [
        "odd: how many devices of pci_passthrough:alias=a100:2 are free is not known",
        "odd: how many devices of resources:CUSTOM_X=many are free is not known",
        f"quota of clusters: Magnum answered 403 to GET /quotas/{PROJECT}/Cluster: {{}}",
    ]
