# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    CloudError,
    HardwareNotFound,
    InvalidInput,
    TemplateNotFound,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.references import (
    Reference,
    References,
)
from unit.cloud.fakes import PROJECT, TEMPLATES, Raw, Reply, Site, templates

ID = "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c11"
OTHER = "9a1f2f0b-47bb-4a3c-9f3d-9b8f2a6d6c22"
FLAVORS = "GET /v2.1/flavors/detail?is_public=None"


class Kind(t.NamedTuple):
    """How a kind of thing is looked up, and what is said then."""

    by_name: str
    by_id: str
    one: t.Callable[[str], t.Any]
    several: t.Callable[[list[str]], t.Any]


LISTED = {
    "image": Kind(
        "GET /v2/images?name=thing",
        f"GET /v2/images/{ID}",
        lambda ident: {"id": ident, "name": "thing"},
        lambda idents: {"images": [{"id": i, "name": "thing"} for i in idents]},
    ),
    "network": Kind(
        "GET /v2.0/networks?name=thing",
        f"GET /v2.0/networks/{ID}",
        lambda ident: {"network": {"id": ident, "name": "thing"}},
        lambda idents: {"networks": [{"id": i, "name": "thing"} for i in idents]},
    ),
    "subnet": Kind(
        "GET /v2.0/subnets?name=thing",
        f"GET /v2.0/subnets/{ID}",
        lambda ident: {"subnet": {"id": ident, "name": "thing"}},
        lambda idents: {"subnets": [{"id": i, "name": "thing"} for i in idents]},
    ),
}
KINDS = pytest.mark.parametrize("kind", LISTED)


@pytest.fixture
def references(site: Site) -> References:
    return References(site.cloud(), check_mode=False)


@KINDS
def test_by_name(site: Site, references: References, kind: str) -> None:
    site.on(LISTED[kind].by_name, LISTED[kind].several([ID]))
    assert references.find(kind, "thing") == Reference(ID, "thing", ID)
    assert site.history == [LISTED[kind].by_name]


@KINDS
def test_by_id(site: Site, references: References, kind: str) -> None:
    site.on(LISTED[kind].by_id, LISTED[kind].one(ID))
    assert references.find(kind, ID) == Reference(ID, "thing", ID)
    assert site.history == [LISTED[kind].by_id]


@KINDS
def test_a_name_may_look_like_an_id(
    site: Site, references: References, kind: str
) -> None:
    by_name = LISTED[kind].by_name.replace("thing", ID)
    site.on(LISTED[kind].by_id, Reply(404, {}))
    site.on(by_name, {f"{kind}s": [{"id": OTHER, "name": ID}]})
    assert references.find(kind, ID) == Reference(OTHER, ID, OTHER)
    assert site.history == [LISTED[kind].by_id, by_name]


@KINDS
def test_two_of_a_name(site: Site, references: References, kind: str) -> None:
    site.on(LISTED[kind].by_name, LISTED[kind].several([OTHER, ID]))
    with pytest.raises(AmbiguousName) as caught:
        references.resolve("option", kind, "thing")
    assert caught.value.message == (
        f"2 {kind}s are named 'thing': give an id instead, one of {ID}, {OTHER}"
    )
    assert caught.value.details == {"ids": [ID, OTHER]}


@KINDS
def test_each_is_looked_up_once(site: Site, references: References, kind: str) -> None:
    site.on(LISTED[kind].by_name, LISTED[kind].several([]))
    assert [references.find(kind, "thing") for asking in range(3)] == [None] * 3
    assert len(site.history) == 1


def test_flavors_are_known_by_name(site: Site, references: References) -> None:
    """One that is made anew has another id."""
    site.on(FLAVORS, {"flavors": [{"id": "7", "name": "gpu.small"}]})
    expected = Reference("7", "gpu.small", "gpu.small")
    assert references.find("flavor", "gpu.small") == expected
    assert references.find("flavor", "7") == expected


def test_keypairs_are_known_by_name(site: Site, references: References) -> None:
    site.on("GET /v2.1/os-keypairs/ops", {"keypair": {"name": "ops"}})
    assert references.find("keypair", "ops") == Reference("ops", "ops", "ops")


@pytest.mark.parametrize("ident", ["a100", ID])
def test_templates_are_known_by_id(
    site: Site, references: References, ident: str
) -> None:
    template = {"uuid": ID, "name": "a100", "project_id": PROJECT, "public": False}
    site.on(TEMPLATES, templates(template))
    assert references.find("template", ident) == Reference(ID, "a100", ID)


ALL_OF_THEM: dict[str, t.Callable[[str], Raw]] = {
    FLAVORS: lambda name: {"flavors": [{"id": "7", "name": name}]},
    TEMPLATES: lambda name: templates(
        {"uuid": ID, "name": name, "project_id": PROJECT, "public": False}
    ),
    "GET /v2.1/os-keypairs": lambda name: {"keypairs": [{"keypair": {"name": name}}]},
    "GET /v2/images": lambda name: {"images": [{"name": name}]},
    "GET /v2.0/networks": lambda name: {"networks": [{"name": name}]},
    "GET /v2.0/subnets": lambda name: {"subnets": [{"name": name}]},
}


def others(site: Site, name: str) -> None:
    """Everything that there is has this name."""
    for request, listed in ALL_OF_THEM.items():
        site.on(request, listed(name))


NOTHING: dict[str, tuple[str, t.Any, type[CloudError]]] = {
    "flavor": (FLAVORS, {"flavors": []}, HardwareNotFound),
    "template": (TEMPLATES, templates(), TemplateNotFound),
    "keypair": ("GET /v2.1/os-keypairs/thing", Reply(404), InvalidInput),
    "image": ("GET /v2/images?name=thing", {"images": []}, InvalidInput),
    "network": ("GET /v2.0/networks?name=thing", {"networks": []}, InvalidInput),
    "subnet": ("GET /v2.0/subnets?name=thing", {"subnets": []}, InvalidInput),
}


REMEDY = {"keypair": ". Keypairs belong to users; name one of your own"}


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_missing_is_an_error_with_a_type(
    site: Site, references: References, kind: str
) -> None:
    request, answer, error = NOTHING[kind]
    others(site, "unlike")
    site.on(request, answer)
    with pytest.raises(CloudError) as caught:
        references.resolve("my_option", kind, "thing")
    assert caught.type is error
    assert caught.value.message == (
        f"my_option: there is no {kind} named 'thing' in this project"
        + REMEDY.get(kind, "")
    )


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("kind", NOTHING)
def test_a_message_suggests_what_is_close(
    site: Site, kind: str, check_mode: bool
) -> None:
    request, answer, error = NOTHING[kind]
    others(site, "things")
    if kind not in ("flavor", "template"):  # of these, all are listed to find one
        site.on(request, answer)
    references = References(site.cloud(), check_mode=check_mode)
    said = f"there is no {kind} named 'thing' in this project (did you mean 'things'?)"
    if check_mode:
        references.resolve("my_option", kind, "thing")
        assert said in site.warnings[0]
    else:
        with pytest.raises(error) as caught:
            references.resolve("my_option", kind, "thing")
        assert said in caught.value.message


@pytest.mark.parametrize("kind", NOTHING)
def test_a_failure_to_list_names_is_not_told(site: Site, kind: str) -> None:
    request, answer, error = NOTHING[kind]
    for listing in ALL_OF_THEM:
        site.on(listing, Reply(403, {"message": "not for you"}))
    site.on(request, answer)
    with pytest.raises(
        error, match=r"there is no .* in this project(\. Keypairs .*)?$"
    ):
        References(site.cloud(), False).resolve("my_option", kind, "thing")


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_missing_in_check_mode_is_known_after_apply(
    site: Site, kind: str
) -> None:
    request, answer, _error = NOTHING[kind]
    others(site, "unlike")
    site.on(request, answer)
    reference = References(site.cloud(), check_mode=True).resolve("opt", kind, "thing")
    assert reference == Reference("known after apply", "thing", "thing")
    assert site.warnings == [
        f"opt: there is no {kind} named 'thing' in this project yet; what depends on "
        "it is known after apply"
    ]


def test_what_is_only_known_after_apply_is_not_looked_up(site: Site) -> None:
    """The id that an earlier task of the same dry run has returned."""
    references = References(site.cloud(), check_mode=True)
    reference = references.resolve("template", "template", "known after apply")
    assert reference.id == "known after apply"
    assert site.everything == []


def test_what_is_there_is_no_warning(site: Site, references: References) -> None:
    site.on("GET /v2/images?name=thing", {"images": [{"id": ID, "name": "thing"}]})
    assert references.resolve("image", "image", "thing").value == ID
    assert site.warnings == []


def test_a_name_and_its_id_are_the_same(site: Site, references: References) -> None:
    by_name = LISTED["image"].by_name
    site.on(by_name, LISTED["image"].several([ID]))
    assert references.same("image", "thing", ID)
    assert not references.same("image", "thing", OTHER)
    assert site.history == [by_name]


def test_an_id_and_its_name_are_the_same(site: Site, references: References) -> None:
    site.on(LISTED["image"].by_id, LISTED["image"].one(ID))
    assert references.same("image", ID, "thing")
    assert not references.same("image", ID, "other")


def test_what_was_asked_for_may_be_gone(site: Site, references: References) -> None:
    """Then it is the other one that can be looked up."""
    site.on(FLAVORS, {"flavors": [{"id": "7", "name": "gpu.small"}]})
    assert references.same("flavor", "gone", "gpu.small") is False
    assert references.same("flavor", "gone", "gone too") is False
