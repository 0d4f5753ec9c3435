# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from keystoneauth1.adapter import Adapter
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.nova import (
    Nova,
)
from unit.cloud.fakes import Reply, Site

FLAVORS = "GET /v2.1/flavors/detail?is_public=None"
SMALL = {"id": "1", "name": "gpu.small", "extra_specs": {}}
LARGE = {"id": "2", "name": "gpu.large", "extra_specs": {}}


@pytest.fixture
def nova(site: Site) -> Nova:
    adapter = Adapter(Session(auth=NoAuth()), endpoint_override="http://nova.test/v2.1")
    return Nova(lambda: adapter, site.time.clock())


def test_asks_for_the_version_that_lists_extra_specs(site: Site, nova: Nova) -> None:
    site.on(FLAVORS, {"flavors": [SMALL]})
    assert nova.flavors() == [SMALL]
    assert site.last().headers["OpenStack-API-Version"] == "compute 2.61"


def test_reads_all_pages_of_flavors(site: Site, nova: Nova) -> None:
    following = "http://inner:8774/v2.1/flavors/detail?is_public=None&marker=1"
    links = [{"rel": "next", "href": following}]
    # The answers of both pages are registered from the general to the particular.
    site.on(FLAVORS, {"flavors": [SMALL], "flavors_links": links})
    site.on(f"{FLAVORS}&marker=1", {"flavors": [LARGE]})
    assert nova.flavors() == [SMALL, LARGE]
    assert site.history == [FLAVORS, f"{FLAVORS}&marker=1"]


@pytest.mark.parametrize("ident", ["2", "gpu.large"])
def test_finds_a_flavor_by_name_or_id(site: Site, nova: Nova, ident: str) -> None:
    site.on(FLAVORS, {"flavors": [SMALL, LARGE]})
    assert nova.find_flavor(ident) == LARGE
    assert site.history == [FLAVORS]


def test_finds_no_flavor(site: Site, nova: Nova) -> None:
    site.on(FLAVORS, {"flavors": [SMALL, LARGE]})
    assert nova.find_flavor("gpu") is None


def test_a_flavor_whose_name_is_its_id_is_one(site: Site, nova: Nova) -> None:
    site.on(FLAVORS, {"flavors": [{"id": "m1", "name": "m1"}]})
    assert nova.find_flavor("m1") == {"id": "m1", "name": "m1"}


def test_one_s_name_and_another_s_id_are_ambiguous(site: Site, nova: Nova) -> None:
    site.on(FLAVORS, {"flavors": [SMALL, {"id": "3", "name": "1"}]})
    with pytest.raises(AmbiguousName) as caught:
        nova.find_flavor("1")
    assert caught.value.details == {"ids": ["1", "3"]}


def test_reads_a_flavor_by_id(site: Site, nova: Nova) -> None:
    site.on("GET /v2.1/flavors/1", {"flavor": SMALL}, Reply(404, {}))
    assert nova.flavor("1") == SMALL
    assert nova.flavor("1") is None


def test_writes_flavors(site: Site, nova: Nova) -> None:
    site.on("POST /v2.1/flavors", {"flavor": SMALL})
    site.on("PUT /v2.1/flavors/1", {"flavor": SMALL})
    site.on("POST /v2.1/flavors/1/os-extra_specs", {"extra_specs": {"a:b": "1"}})
    site.on("DELETE /v2.1/flavors/1/os-extra_specs/a%3Ab", Reply(200))
    site.on("DELETE /v2.1/flavors/1", Reply(202))
    assert nova.create_flavor({"name": "gpu.small"}) == SMALL
    nova.set_flavor_description("1", "small")
    nova.set_extra_specs("1", {"a:b": "1"})
    nova.remove_extra_spec("1", "a:b")
    nova.delete_flavor("1")
    assert site.history == [
        "POST /v2.1/flavors",
        "PUT /v2.1/flavors/1",
        "POST /v2.1/flavors/1/os-extra_specs",
        "DELETE /v2.1/flavors/1/os-extra_specs/a%3Ab",
        "DELETE /v2.1/flavors/1",
    ]
    assert site.sent("POST /v2.1/flavors") == [{"flavor": {"name": "gpu.small"}}]
    assert site.sent("PUT /v2.1/flavors/1") == [{"flavor": {"description": "small"}}]
    assert site.sent("POST /v2.1/flavors/1/os-extra_specs") == [
        {"extra_specs": {"a:b": "1"}}
    ]


def test_finds_a_keypair(site: Site, nova: Nova) -> None:
    site.on("GET /v2.1/os-keypairs/the%20ops", {"keypair": {"name": "the ops"}})
    site.on("GET /v2.1/os-keypairs/none", Reply(404, {}))
    assert nova.find_keypair("the ops") == {"name": "the ops"}
    assert nova.find_keypair("none") is None
