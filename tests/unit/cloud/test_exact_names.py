# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that databases take for one name are two: for every kind, and everywhere.

The services answer here as those do whose database ignores case, accents, trailing
blanks and width: asked for one name, they give the other.
"""

from __future__ import annotations

import typing as t
from urllib.parse import quote, quote_plus

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    LocationNotFound,
    NotFound,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.module import (
    look_up,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.cluster_template import (
    ClusterTemplateResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.hardware import (
    HardwareResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.heat_stack import (
    HeatStackResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.kubeconfig import (
    KubeconfigResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.location import (
    LocationResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.references import (
    References,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.resource import (
    CloudResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    credentials,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.exact import (
    ExactNames,
    nearly,
    same_id,
)
from ansible_collections.gpufleet.openstack.plugins.modules import gpu_cluster
from unit.cloud.fakes import AUTH, PROJECT, TEMPLATES, Raw, Reply, Site, templates
from unit.cloud.resources.clusters import (
    BY_NAME,
    CREATE,
    FLAVORS,
    GROUPS,
    ID,
    cluster,
    there,
    with_template,
    workers,
)
from unit.module_args import patch_module_args

LOCATIONS = "GET /v1.0/stacks?tags=gpufleet-location"
ALL_CLUSTERS = "GET /v1/clusters/detail"

PAIRS = {
    "case": ("train", "Train"),
    "accent": ("trän", "tran"),
    "an accent of its own": ("tra\N{COMBINING DIAERESIS}n", "trän"),
    "trailing blank": ("train ", "train"),
    "full width": ("ｔｒａｉｎ", "train"),
    "dotless i": ("traın", "train"),
    "dotted I": ("TRAİN", "train"),
    "ligature": ("pro\N{LATIN SMALL LIGATURE FI}le", "profile"),
    "sharp s": ("straße", "strasse"),
}
"""A name that is asked for, and the one that is there."""
CASES = pytest.mark.parametrize(("asked", "real"), PAIRS.values(), ids=PAIRS)
SAID = "names are compared exactly"


class Kind(t.NamedTuple):
    """A kind of resource, and what services answer for a name of it."""

    resource: type[CloudResource]
    answer: t.Callable[[Site, str, str], None]
    options: Raw
    clashes: bool = False


def _cluster(site: Site, asked: str, real: str) -> None:
    with_template(site)
    site.on(f"GET /v1/clusters/{quote(asked)}", cluster(name=real))


def _node_group(site: Site, asked: str, real: str) -> None:
    site.on(BY_NAME, cluster())
    site.on(f"{GROUPS}/{quote(asked)}", {**workers(), "uuid": "g", "name": real})


def _stack(site: Site, asked: str, real: str) -> None:
    stack = {"id": ID, "stack_name": real, "stack_status": "CREATE_COMPLETE"}
    site.on(f"GET /v1.0/stacks/{quote(asked)}", {"stack": stack})


def _hardware(site: Site, asked: str, real: str) -> None:
    site.on(FLAVORS, {"flavors": [{"id": "7", "name": real}]})


def _template(site: Site, asked: str, real: str) -> None:
    raw = {"uuid": ID, "name": real, "project_id": PROJECT, "public": False}
    site.on(TEMPLATES, templates(raw))


def _location(site: Site, asked: str, real: str) -> None:
    tags = ["gpufleet-location", f"name={real}"]
    stack = {"id": ID, "stack_name": "gpufleet-location-Train", "tags": tags}
    site.on(LOCATIONS, {"stacks": [stack]})


SIZE = {"vcpus": 4, "ram_mib": 1024, "disk_gib": 10}
KINDS: dict[str, Kind] = {
    "cluster": Kind(GpuClusterResource, _cluster, {"template": "gpu-a100"}),
    "node group": Kind(NodeGroupResource, _node_group, {"cluster": "train"}, True),
    "stack": Kind(HeatStackResource, _stack, {"template": {}}, True),
    "hardware": Kind(HardwareResource, _hardware, SIZE, True),
    "template": Kind(ClusterTemplateResource, _template, {"image": ID}),
    "location": Kind(LocationResource, _location, {"cidr": "10.0.0.0/24"}),
}
EACH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@CASES
@EACH
def test_absent_changes_nothing(site: Site, kind: Kind, asked: str, real: str) -> None:
    kind.answer(site, asked, real)
    options = {"cluster": "train"} if kind.resource is NodeGroupResource else {}
    outcome = site.run(kind.resource, "absent", name=asked, **options)
    assert (outcome.action, outcome.before) == ("none", None)
    assert site.writes == []


@CASES
@EACH
def test_a_query_does_not_find_it(
    site: Site, kind: Kind, asked: str, real: str
) -> None:
    kind.answer(site, asked, real)
    resource = kind.resource(site.cloud(), {"name": asked, "cluster": "train"})
    assert look_up(resource, required=False) == []
    with pytest.raises(NotFound) as caught:
        look_up(resource, required=True)
    assert f"(there is {real!r}: {SAID})" in caught.value.message


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("name", [name for name in KINDS if KINDS[name].clashes])
def test_what_the_service_would_refuse_is_a_conflict(
    site: Site, name: str, check_mode: bool
) -> None:
    kind = KINDS[name]
    kind.answer(site, "train", "Train")
    with pytest.raises(Conflict, match="beside 'Train'") as caught:
        site.run(kind.resource, check_mode=check_mode, name="train", **kind.options)
    assert caught.value.details == {"names": ["Train"]}
    assert site.writes == []


@pytest.mark.parametrize("name", [name for name in KINDS if not KINDS[name].clashes])
def test_what_the_service_accepts_is_created(site: Site, name: str) -> None:
    kind = KINDS[name]
    kind.answer(site, "train", "Train")
    if name == "cluster":
        kind.answer(site, "gpu-a100", "gpu-a100")
    site.on(f"GET /v2/images/{ID}", {"id": ID, "name": "coreos", "os_distro": "a"})
    outcome = site.run(kind.resource, check_mode=True, name="train", **kind.options)
    assert (outcome.action, outcome.before) == ("create", None)


def test_needed_options_are_named_with_what_there_is(site: Site) -> None:
    _cluster(site, "train", "Train")
    with pytest.raises(InvalidInput) as caught:
        site.run(GpuClusterResource, name="train", node_count=1)
    assert caught.value.message == (
        "gpu cluster 'train' (there is 'Train': names are compared exactly) does not "
        "exist, and to create it the option template is needed"
    )


def test_a_location_of_nearly_the_same_name_has_a_stack_of_its_own(site: Site) -> None:
    _location(site, "train", "Train")
    made = Reply(201, {"stack": {"id": "new", "links": []}})
    site.on("POST /v1.0/stacks", made)
    site.on("GET /v1.0/stacks/gpufleet-location-train-2/new", Reply(403, {}))
    with pytest.raises(CloudError):
        site.run(LocationResource, name="train", cidr="10.0.0.0/24")
    [body] = site.sent("POST /v1.0/stacks")
    assert body["stack_name"] == "gpufleet-location-train-2"


def test_tags_are_compared_exactly_too(site: Site) -> None:
    stack = {"id": ID, "stack_name": "x", "tags": ["GPUfleet-Location", "name=east"]}
    site.on(LOCATIONS, {"stacks": [stack]})
    outcome = site.run(LocationResource, "absent", name="east")
    assert outcome.action == "none"


# Clusters: Magnum may know both names -----------------------------------------

BOTH = Reply(409, {"errors": [{"detail": "Multiple clusters exist with same name."}]})


def test_of_two_names_the_exact_one_is_found(site: Site) -> None:
    site.on(BY_NAME, BOTH)
    other = cluster(name="Train", uuid="other")
    site.on(ALL_CLUSTERS, {"clusters": [other, cluster()]})
    found = site.cloud().magnum.find_cluster("train", PROJECT)
    assert found
    assert found["uuid"] == ID


def test_of_two_other_names_none_is_found(site: Site) -> None:
    site.on(BY_NAME, BOTH)
    listed = [cluster(name=name, uuid=name) for name in ("Train", "TRAIN")]
    site.on(ALL_CLUSTERS, {"clusters": listed})
    with pytest.raises(ClusterNotFound) as caught:
        credentials.find_cluster(site.cloud(), "train")
    assert caught.value.message == (
        "name: there is no gpu cluster 'train' (there are 'TRAIN' and 'Train': names "
        "are compared exactly)"
    )


def test_two_of_exactly_one_name_are_ambiguous(site: Site) -> None:
    site.on(BY_NAME, BOTH)
    listed = [cluster(uuid="a"), cluster(uuid="b"), cluster(name="Train", uuid="c")]
    site.on(ALL_CLUSTERS, {"clusters": listed})
    with pytest.raises(AmbiguousName) as caught:
        site.cloud().magnum.find_cluster("train", PROJECT)
    assert caught.value.details == {"ids": ["a", "b"]}


def test_ids_have_no_case(site: Site) -> None:
    site.on(f"GET /v1/clusters/{ID.upper()}", cluster())
    found = site.cloud().magnum.find_cluster(ID.upper(), PROJECT)
    assert found == cluster()


# What options refer to ----------------------------------------------------------

REFERRED: dict[str, tuple[str, t.Callable[[str], Raw]]] = {
    "flavor": (FLAVORS, lambda real: {"flavors": [{"id": "7", "name": real}]}),
    "image": (
        "GET /v2/images?name={query}",
        lambda real: {"images": [{"id": ID, "name": real}]},
    ),
    "keypair": (
        "GET /v2.1/os-keypairs/{path}",
        lambda real: {"keypair": {"name": real}},
    ),
    "network": (
        "GET /v2.0/networks?name={query}",
        lambda real: {"networks": [{"id": ID, "name": real}]},
    ),
    "subnet": (
        "GET /v2.0/subnets?name={query}",
        lambda real: {"subnets": [{"id": ID, "name": real}]},
    ),
    "template": (
        TEMPLATES,
        lambda real: templates(
            {"uuid": ID, "name": real, "project_id": PROJECT, "public": False}
        ),
    ),
}


def refer(site: Site, kind: str, asked: str, real: str) -> None:
    """The service of this kind answers with the real name for the one asked for."""
    request, body = REFERRED[kind]
    where = request.format(query=quote_plus(asked), path=quote(asked))
    site.on(where, body(real))


@CASES
@pytest.mark.parametrize("kind", REFERRED)
@pytest.mark.parametrize("expected", [False, True])
def test_options_refer_to_exact_names(
    site: Site, kind: str, asked: str, real: str, expected: bool
) -> None:
    refer(site, kind, asked, real)
    names = [(kind, asked)] if expected else []
    references = References(site.cloud(), check_mode=False, expected=names)
    assert references.find(kind, asked) is None
    with pytest.raises(CloudError) as caught:
        references.resolve("option", kind, asked)
    assert caught.value.message == (
        f"option: there is no {kind} named {asked!r} in this project (there is "
        f"{real!r}: {SAID})"
    )


@pytest.mark.parametrize("kind", REFERRED)
def test_what_has_the_exact_name_is_found(site: Site, kind: str) -> None:
    refer(site, kind, "train", "train")
    found = References(site.cloud(), check_mode=False).find(kind, "train")
    assert found
    assert found.name == "train"


def test_of_two_images_the_exact_one_is_taken(site: Site) -> None:
    images = [{"id": "1", "name": "Train"}, {"id": "2", "name": "train"}]
    site.on("GET /v2/images?name=train", {"images": images})
    found = References(site.cloud(), check_mode=False).find("image", "train")
    assert found
    assert found.id == "2"


@CASES
def test_projects(site: Site, asked: str, real: str) -> None:
    """Keystone takes an id in other case too: of a project whose id is a word."""
    by_id, by_name = f"/projects/{quote(asked)}", f"/projects?name={quote_plus(asked)}"
    keystone = "http://keystone.test/v3"
    project = {"id": real, "name": "other"}
    site.mocker.get(keystone + by_id, json={"project": project})
    listed = [{"id": "2", "name": real}]
    site.mocker.get(keystone + by_name, json={"projects": listed})
    references = References(site.cloud(), check_mode=False)
    assert references.find("project", asked) is None
    assert references.hint("project", asked) == f" (there is {real!r}: {SAID})"


# What else looks up a name --------------------------------------------------------


@CASES
def test_the_cluster_of_a_node_group(site: Site, asked: str, real: str) -> None:
    site.on(f"GET /v1/clusters/{quote(asked)}", cluster(name=real))
    options = {"cluster": asked, "name": "big"}
    absent = NodeGroupResource(site.cloud(), {**options, "state": "absent"})
    assert absent.find() is None
    [warning] = site.warnings
    assert f"(there is {real!r}: {SAID})" in warning
    with pytest.raises(ClusterNotFound, match=SAID):
        site.run(NodeGroupResource, **options)
    assert site.writes == []


@CASES
def test_the_cluster_of_credentials(site: Site, asked: str, real: str) -> None:
    """Those of kubeconfig, and of the reports."""
    site.on(f"GET /v1/clusters/{quote(asked)}", cluster(name=real))
    with pytest.raises(ClusterNotFound, match=SAID):
        credentials.find_cluster(site.cloud(), asked)


@CASES
def test_the_location_of_a_cluster(site: Site, asked: str, real: str) -> None:
    with_template(site)
    _location(site, asked, real)
    with pytest.raises(LocationNotFound, match=SAID):
        site.run(GpuClusterResource, name="train", template="gpu-a100", location=asked)
    assert site.writes == []


@CASES
def test_the_peer_of_a_location(site: Site, asked: str, real: str) -> None:
    _location(site, asked, real)
    with pytest.raises(LocationNotFound, match=SAID):
        site.run(LocationResource, name="new", cidr="10.0.0.0/24", connect_to=[asked])
    assert site.writes == []


# Check mode: what is not there may come, and what nearly is there is named ----------


@CASES
@pytest.mark.parametrize("kind", REFERRED)
def test_references_in_check_mode(site: Site, kind: str, asked: str, real: str) -> None:
    refer(site, kind, asked, real)
    References(site.cloud(), check_mode=True).resolve("option", kind, asked)
    assert site.warnings == [
        f"option: there is no {kind} named {asked!r} in this project (there is "
        f"{real!r}: {SAID}) yet; what depends on it is known after apply"
    ]


def _plans_node_group(site: Site, asked: str) -> None:
    options = {"cluster": asked, "name": "big", "node_count": 1}
    site.run(NodeGroupResource, check_mode=True, **options)


def _plans_credentials(site: Site, asked: str) -> None:
    site.run(KubeconfigResource, check_mode=True, name=asked, path="/tmp/never.config")


def _plans_placed_cluster(site: Site, asked: str) -> None:
    options = {"name": "other", "template": "gpu-a100", "location": asked}
    site.on("GET /v1/clusters/other", Reply(404, {"errors": []}))
    site.run(GpuClusterResource, check_mode=True, **options)


def _plans_joined_location(site: Site, asked: str) -> None:
    options = {"name": "new", "cidr": "10.0.0.0/24", "connect_to": [asked]}
    site.run(LocationResource, check_mode=True, **options)


PLANS = {
    "node group": (_cluster, _plans_node_group),
    "credentials": (_cluster, _plans_credentials),
    "placed cluster": (_location, _plans_placed_cluster),
    "joined location": (_location, _plans_joined_location),
}


@pytest.mark.parametrize(("answer", "plan"), PLANS.values(), ids=PLANS)
def test_plans_name_what_nearly_is_there(
    site: Site,
    answer: t.Callable[[Site, str, str], None],
    plan: t.Callable[[Site, str], None],
) -> None:
    with_template(site)
    answer(site, "train", "Train")
    plan(site, "train")
    assert any(f"(there is 'Train': {SAID}) yet" in text for text in site.warnings)
    assert site.writes == []


# Node groups that are declared with their cluster ---------------------------------


@CASES
def test_a_declared_group_beside_one(site: Site, asked: str, real: str) -> None:
    with_template(site)
    there(site)
    group = {**workers(), "uuid": "g", "name": real, "is_default": False}
    site.on(GROUPS, {"nodegroups": [workers(), group]})
    with pytest.raises(Conflict, match="beside"):
        site.run(GpuClusterResource, name="train", node_groups=[{"name": asked}])
    assert site.writes == []


@CASES
def test_declared_groups_of_nearly_one_name(site: Site, asked: str, real: str) -> None:
    groups = [{"name": asked}, {"name": real}]
    with pytest.raises(InvalidInput, match="for one name"):
        site.run(GpuClusterResource, name="train", node_groups=groups)


def test_a_declared_group_of_nearly_a_default_name(site: Site) -> None:
    groups = [{"name": "Default-Worker"}]
    with pytest.raises(InvalidInput, match="comes with the cluster"):
        site.run(GpuClusterResource, name="train", node_groups=groups)


# The module, and the rule itself ----------------------------------------------------


def test_the_module_warns(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    _cluster(site, "train", "Train")
    arguments = {"auth": AUTH, "name": "train", "state": "absent"}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        gpu_cluster.main()
    printed = capsys.readouterr().out
    assert '"changed": false' in printed
    assert f"gpu cluster 'train' was not there (there is 'Train': {SAID})" in printed
    assert site.writes == []


@CASES
def test_nearly(asked: str, real: str) -> None:
    assert nearly([real, "other"], asked) == [real]
    assert nearly([asked, "other"], real) == [asked]
    assert nearly([asked], asked) == []


def test_names_that_only_look_alike() -> None:
    """A leading blank, another letter and punctuation count."""
    assert nearly([" train", "trаin", "train-", "tr ain"], "train") == []


def test_exact_names_forget_a_miss_once_it_is_there() -> None:
    exact = ExactNames()
    assert exact.pick("stack", "a", [{"name": "A", "id": "1"}]) == []
    assert exact.near("stack", "a") == ["A"]
    assert exact.pick("stack", "a", [{"name": "a", "id": "2"}])
    assert exact.hint("stack", "a") == ""


@pytest.mark.parametrize(
    ("ident", "other", "same"),
    [
        (ID, ID, True),
        (ID, ID.upper(), True),
        (ID, ID.replace("-", ""), True),
        (ID, ID[:-1] + "2", False),
        ("a", "A", False),
        (7, "7", False),
        (None, "train", False),
    ],
)
def test_ids(ident: t.Any, other: str, same: bool) -> None:
    assert same_id(ident, other) is same


def test_a_creation_sends_the_name_as_it_was_given(site: Site) -> None:
    _cluster(site, "train", "Train")
    site.on(CREATE, Reply(400, {"errors": [{"detail": "no"}]}))
    with pytest.raises(InvalidInput):
        site.run(GpuClusterResource, name="train", template="gpu-a100", precheck=False)
    assert [body["name"] for body in site.sent(CREATE)] == ["train"]
