# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restricted application credentials, with which no trusts can be created."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AuthError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.preflight import (
    preflight,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.heat_stack import (
    HeatStackResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import CATALOG, KEYSTONE, TOKEN, Raw, Reply, Site, token
from unit.cloud.resources.clusters import GROUPS, cluster, there, with_template
from unit.cloud.test_preflight import NOTHING

REMEDY = "openstack application credential create --unrestricted NAME"


def sign_in(site: Site, credential: Raw | None) -> None:
    """Keystone says this of the application credential that was used."""
    body = token(CATALOG)
    if credential is not None:
        body["token"]["application_credential"] = {"id": "a", **credential}
    site.mocker.post(
        f"{KEYSTONE}/auth/tokens",
        status_code=201,
        json=body,
        headers={"X-Subject-Token": TOKEN},
    )


TEMPLATE: Raw = {"heat_template_version": "2018-08-31"}
NEW: list[tuple[t.Any, Raw]] = [
    (LocationResource, {"name": "new", "cidr": "10.0.0.0/24"}),
    (HeatStackResource, {"name": "new", "template": TEMPLATE}),
    (GpuClusterResource, {"name": "new", "template": "gpu-a100"}),
    (NodeGroupResource, {"name": "new", "cluster": "train"}),
    (GpuClusterResource, {"name": "train", "node_groups": [{"name": "new"}]}),
]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("resource", "options"), NEW)
def test_nothing_new_can_be_made(
    site: Site, resource: t.Any, options: Raw, check_mode: bool
) -> None:
    with_template(site)
    there(site, cluster())
    site.on("GET /v1/clusters/new", Reply(404))
    site.on(f"{GROUPS}/new", Reply(404))
    site.on("GET /v1.0/stacks/new", Reply(404))
    site.on("GET /v1.0/stacks?tags=gpufleet-location", {"stacks": []})
    sign_in(site, {"restricted": True})
    with pytest.raises(AuthError, match=REMEDY):
        site.run(resource, check_mode=check_mode, **options)
    assert site.writes == []


@pytest.mark.parametrize("credential", [None, {"restricted": False}, {}])
@pytest.mark.parametrize(("resource", "options"), NEW[:2])
def test_others_can(
    site: Site, resource: t.Any, options: Raw, credential: Raw | None
) -> None:
    site.on("GET /v1.0/stacks/new", Reply(404))
    site.on("GET /v1.0/stacks?tags=gpufleet-location", {"stacks": []})
    sign_in(site, credential)
    assert site.run(resource, check_mode=True, **options).action == "create"


def test_what_is_there_can_be_seen(site: Site) -> None:
    with_template(site)
    there(site, cluster())
    sign_in(site, {"restricted": True})
    assert site.run(GpuClusterResource, name="train").action == "none"


def test_preflight(site: Site) -> None:
    services = {"identity": KEYSTONE, "container-infra": CATALOG["container-infra"]}
    body = token(services)
    body["token"]["application_credential"] = {"id": "a", "restricted": True}
    headers = {"X-Subject-Token": TOKEN}
    url = f"{KEYSTONE}/auth/tokens"
    site.mocker.post(url, status_code=201, json=body, headers=headers)
    site.on("GET /v1/clusters/detail", {"clusters": []})
    rows = preflight(site.cloud(), NOTHING)["checks"]
    row = rows[0]
    assert (row["check"], row["status"]) == ("credentials", "failed")
    assert "restricted application credential" in row["detail"]
    assert REMEDY in row["remedy"]
    assert len(rows) > 1
