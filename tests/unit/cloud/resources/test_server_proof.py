# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With Cluster API, a change is done when its servers show it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Conflict,
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import TEMPLATES, FakeTime, Raw, Reply, Site, templates
from unit.cloud.resources.cluster_api import (
    HELM,
    HELM_ID,
    KUBE,
    KUBE_ID,
    SERVERS,
    capi,
    failed,
    nodes,
    server,
    template,
)
from unit.cloud.resources.clusters import (
    BOUNDS,
    BY_ID,
    BY_NAME,
    CREATE,
    DELETE,
    GROUPS,
    ID,
    LIMITS,
    MASTERS,
    MISSING,
    NEW,
    OTHER_TEMPLATE,
    RESIZE,
    TEMPLATE_BY_ID,
    groups,
    limits,
    there,
    with_template,
    workers,
)

LISTED = SERVERS[HELM_ID]
UPGRADE = f"POST /v1/clusters/{ID}/actions/upgrade"
ACCEPTED = Reply(202, {"uuid": ID})
BUSY, DONE = "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"


def image(name: str, **properties: t.Any) -> Raw:
    return {"id": name, "name": name, "os_distro": "ubuntu", **properties}


@pytest.fixture
def site(site: Site) -> Site:
    """A cluster of magnum-capi-helm with a master and two workers."""
    with_template(site)
    site.magnum_version("1.14")
    site.on(TEMPLATES, templates(template(HELM)))
    site.on(TEMPLATE_BY_ID, template(HELM))
    for name, version in (("old", "1.35.4"), ("new", "v1.36.3")):
        listed = {"images": [image(name)]}
        site.on(f"GET /v2/images?name={name}", listed)
        site.on(f"GET /v2/images/{name}", image(name, kube_version=version))
    there(site, capi())
    site.on(LISTED, {"servers": nodes()})
    site.on(RESIZE, ACCEPTED)
    return site


def seen(*lists: list[Raw]) -> list[Raw]:
    """Nova's answers, one after the other."""
    return [{"servers": servers} for servers in lists]


# Creation ----------------------------------------------------------------------------


def creates(site: Site, **options: t.Any) -> t.Any:
    site.on(BY_NAME, MISSING)
    site.on(CREATE, ACCEPTED)
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2, **options}
    return site.run(GpuClusterResource, **asked)


def test_a_new_cluster_has_all_its_servers(site: Site) -> None:
    site.on(BY_ID, MISSING, capi("CREATE_IN_PROGRESS"), capi())
    site.on(LISTED, *seen(nodes(1), nodes()))
    assert creates(site).action == "create"
    assert site.history.count(LISTED) == 2


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
def test_a_server_that_fails_ends_a_creation(
    site: Site, time: FakeTime, status: str
) -> None:
    """The driver never reports it, and nothing replaces it for 40 s."""
    site.on(BY_ID, capi(status))
    site.on(LISTED, {"servers": [*nodes(1), failed()]})
    began = time.now
    with pytest.raises(ResourceError, match=r"in ERROR \(No valid host was found\)"):
        creates(site)
    assert 60 <= time.now - began <= 62


OTHER_FAILED = failed("default-worker-7x2kq-8")
REPLACING = nodes(2, status="BUILD")
LOOKS = {
    "it goes": [[*nodes(1), failed()], nodes(1)],
    "it is well again": [[*nodes(1), failed()], nodes(2)],
    "each look sees another one": [
        [*nodes(1), failed()],
        [*nodes(1), OTHER_FAILED],
        [*nodes(1), failed()],
        nodes(1),
    ],
    "another one takes its place": [[*REPLACING, failed()]],
}


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_a_server_that_is_replaced_ends_no_wait(
    site: Site, looks: list[list[Raw]]
) -> None:
    site.on(BY_ID, capi("CREATE_IN_PROGRESS"))
    site.on(LISTED, *seen(*looks))
    with pytest.raises(Timeout):
        creates(site, timeout=200)


def test_with_an_autoscaler_a_broken_server_ends_a_creation(site: Site) -> None:
    """How many there have to be is not known."""
    site.on(BY_ID, capi("CREATE_IN_PROGRESS", labels={"auto_scaling_enabled": "true"}))
    site.on(LISTED, {"servers": [*nodes(5), failed()]})
    with pytest.raises(ResourceError, match="No valid host"):
        creates(site)


def test_a_timeout_says_what_is_missing(site: Site) -> None:
    site.on(BY_ID, capi())
    site.on(LISTED, {"servers": nodes(1)})
    match = (
        r"it has 2 active servers; .* Last seen after 60 s: "
        r"node group default-worker has 1 active servers, and 2 are needed"
    )
    with pytest.raises(Timeout, match=match):
        creates(site, timeout=60)


def test_a_timeout_tells_what_magnum_says_of_the_health(site: Site) -> None:
    health = {"cluster": "Waiting on ['ControlPlaneReady']", "infrastructure": "Ready"}
    site.on(BY_ID, capi("CREATE_IN_PROGRESS", health_status_reason=health))
    site.on(LISTED, {"servers": nodes(0)})
    match = r"it has 1 active servers; cluster: Waiting on \['ControlPlaneReady'\]; it"
    with pytest.raises(Timeout, match=match):
        creates(site, timeout=60)


def test_with_an_autoscaler_only_masters_are_counted(site: Site) -> None:
    labels = {"auto_scaling_enabled": "True"}
    site.on(BY_ID, capi(labels=labels))
    site.on(LISTED, {"servers": nodes(7)})
    assert creates(site).action == "create"


def test_servers_of_another_project_prove_nothing(site: Site) -> None:
    site.on(BY_ID, capi(project_id="another"))
    assert creates(site).action == "create"
    assert LISTED not in site.history


def test_a_creation_under_way_that_is_stuck(site: Site) -> None:
    site.on(BY_NAME, capi("CREATE_IN_PROGRESS"))
    site.on(BY_ID, capi("CREATE_IN_PROGRESS"))
    site.on(LISTED, {"servers": [*nodes(1), failed()]})
    with pytest.raises(ResourceError, match="No valid host") as caught:
        site.run(GpuClusterResource, name="train", node_count=2)
    assert caught.value.details["servers"] == [
        {"id": f"id-{failed()['name']}", "name": failed()["name"]}
    ]
    assert caught.value.changed is False


def test_a_stuck_creation_is_replaced_on_demand(site: Site) -> None:
    stuck = capi("CREATE_IN_PROGRESS")
    site.on(BY_NAME, stuck)
    site.on(DELETE, Reply(204))
    site.on(CREATE, ACCEPTED)
    # Polled for 60 s, then deleted, then made anew.
    site.on(BY_ID, *[stuck] * 14, capi("DELETE_IN_PROGRESS"), MISSING, capi())
    broken = [*nodes(1), failed()]
    site.on(LISTED, *seen(*[broken] * 3, [], nodes()))
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}
    outcome = site.run(GpuClusterResource, **asked, recreate_failed=True)
    assert outcome.action == "recreate"
    assert site.writes == [DELETE, CREATE]


def test_an_update_under_way_that_is_stuck(site: Site) -> None:
    """Magnum takes a resize then, and to fewer nodes it is the repair."""
    stuck = capi(BUSY, node_count=3)
    there(site, stuck, workers(3), workers(3), workers(2))
    site.on(BY_ID, stuck)
    site.on(LISTED, {"servers": [*nodes(2), failed()]})
    asked: Raw = {"name": "train", "node_count": 3}
    with pytest.raises(ResourceError, match="No valid host") as caught:
        site.run(GpuClusterResource, **asked)
    assert caught.value.type == "ResourceError"
    assert site.writes == []

    there(site, stuck, workers(3), workers(2))
    polls = [stuck] * 15
    site.on(BY_ID, *polls, capi(BUSY), capi(DONE, updated_at=NEW))
    broken = [*nodes(2), failed()]
    site.on(LISTED, *seen(*[broken] * 5, nodes(2)))
    assert site.run(GpuClusterResource, name="train", node_count=2).action == "update"
    assert site.sent(RESIZE) == [{"node_count": 2, "nodegroup": "w"}]


# Resize ------------------------------------------------------------------------------


def test_a_resize_is_done_when_its_servers_are_there(
    site: Site, time: FakeTime
) -> None:
    """Magnum says so before the first one is asked for."""
    groups(site, workers(2), workers(3))
    done = capi(DONE, node_count=3, updated_at=NEW)
    site.on(BY_ID, capi(BUSY, node_count=3), done)
    grown = seen(nodes(2), nodes(2), nodes(2, 1), nodes(3, 1, status="BUILD"), nodes(3))
    site.on(LISTED, *grown)
    began = time.now
    assert site.run(GpuClusterResource, name="train", node_count=3).action == "update"
    assert time.now - began >= 25
    assert site.history.count(LISTED) >= 5


def test_a_final_status_between_two_busy_ones_does_not_count(
    site: Site, time: FakeTime
) -> None:
    groups(site, workers(2), workers(3))
    busy, done = capi(BUSY, node_count=3), capi(DONE, node_count=3, updated_at=NEW)
    site.on(BY_ID, busy, done, done, busy, done)
    site.on(LISTED, *seen(nodes(2), nodes(3)))
    site.run(GpuClusterResource, name="train", node_count=3)
    assert sum(time.sleeps) >= 25 + 1 + 1.3 + 1.69


def test_a_resize_beyond_the_hardware_fails(site: Site) -> None:
    groups(site, workers(2), workers(3))
    site.on(BY_ID, capi(BUSY, node_count=3), capi(DONE, node_count=3, updated_at=NEW))
    site.on(LISTED, *seen(nodes(2), [*nodes(2), failed()]))
    with pytest.raises(ResourceError, match=r"No valid host.*its status is UPDATE_COM"):
        site.run(GpuClusterResource, name="train", node_count=3)


def test_what_failed_before_does_not_end_a_repair(site: Site) -> None:
    groups(site, workers(3), workers(2))
    site.on(BY_NAME, capi(DONE, node_count=3))
    site.on(BY_ID, capi(BUSY), capi(DONE, updated_at=NEW))
    broken = [*nodes(2), failed()]
    site.on(LISTED, *seen(broken, broken, broken, nodes(2)))
    assert site.run(GpuClusterResource, name="train", node_count=2).action == "update"


def test_bounds_have_to_last(site: Site, time: FakeTime) -> None:
    groups(site, workers(2), workers(2, high=4))
    site.on(BOUNDS, ACCEPTED)
    site.on(BY_ID, capi(BUSY), capi(DONE, updated_at=NEW))
    asked: Raw = {"name": "train", "max_node_count": 4}
    assert site.run(GpuClusterResource, **asked).action == "update"
    assert sum(time.sleeps) >= 25


# Nothing to change -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        (GpuClusterResource, "train", {}),
        (NodeGroupResource, "default-worker", {"cluster": "train"}),
    ],
)
def test_a_run_without_a_change_waits_for_the_servers(
    site: Site, kind: t.Any, name: str, options: Raw
) -> None:
    """An earlier run's time was up, and Magnum says that all is done."""
    asked: Raw = {"name": name, **options, "node_count": 2}
    there(site, capi(DONE))
    site.on(BY_ID, capi(DONE))
    site.on(f"{GROUPS}/default-worker", {**workers(), "status": DONE})
    site.on(f"{GROUPS}/w", {**workers(), "status": DONE})
    coming = seen(nodes(1), [*nodes(1), *nodes(2, 1, status="BUILD")[-1:]], nodes(2))
    site.on(LISTED, *coming)
    assert site.run(kind, **asked).action == "none"
    assert site.history.count(LISTED) == 3

    site.on(LISTED, {"servers": nodes(1)})
    assert site.run(kind, **asked, check_mode=True).action == "none"
    assert site.run(kind, **asked, wait=False).action == "none"
    with pytest.raises(Timeout, match=r"it has 1 active servers|has 2 active servers"):
        site.run(kind, **asked, timeout=60)

    site.on(LISTED, {"servers": [*nodes(1), failed()]})
    with pytest.raises(ResourceError, match="No valid host"):
        site.run(kind, **asked)
    # Somebody maintains it.
    site.on(LISTED, {"servers": nodes(2, status="SHUTOFF")})
    assert site.run(kind, **asked).action == "none"


def test_an_autoscaler_decides_how_many_servers_there_are(site: Site) -> None:
    there(site, capi(DONE, labels={"auto_scaling_enabled": "true"}))
    site.on(LISTED, {"servers": nodes(0)})
    assert site.run(GpuClusterResource, name="train", node_count=2).action == "none"


# Upgrade -----------------------------------------------------------------------------

ASKED: Raw = {"name": "train", "template": "v2", "upgrade": True}
OTHER = {"uuid": OTHER_TEMPLATE, "name": "v2", "image_id": "new"}
MOVED: Raw = {"cluster_template_id": OTHER_TEMPLATE, "updated_at": NEW}


@pytest.mark.parametrize(
    ("driver", "labels", "version"),
    [(HELM, {}, "v1.36.3"), (KUBE, {"kube_tag": "v1.36.4"}, "v1.36.4")],
)
def test_an_upgrade_is_done_when_all_nodes_are_replaced(
    site: Site, driver: str, labels: Raw, version: str
) -> None:
    old, new = template(driver), template(driver, **OTHER)
    site.on(TEMPLATES, templates(old, {**new, "labels": labels}))
    site.on(UPGRADE, ACCEPTED)
    site.on(BY_ID, capi(BUSY), capi(DONE, **MOVED, coe_version="v1.35.4"))
    halfway = [*nodes(0, image={"id": "new"}), *nodes(2, 0)]
    site.on(LISTED, {"servers": halfway})
    text = r"2 of 3 nodes do not have the template's image new yet: train-lfhd.*-0, tr"
    with pytest.raises(Timeout, match=text):
        site.run(GpuClusterResource, **ASKED, timeout=60)

    done = capi(DONE, **MOVED, coe_version=version)
    site.on(LISTED, {"servers": nodes(image={"id": "new"})})
    site.on(BY_ID, capi(BUSY), done)
    outcome = site.run(GpuClusterResource, **ASKED)
    assert outcome.after is not None
    assert outcome.after["template"] == "v2"


@pytest.mark.parametrize(
    ("driver", "labels", "image"),
    [
        # The version is no property of the image.
        (KUBE, {"kube_tag": "v1.36.4"}, {"id": "new"}),
        # The template's image does not change.
        (KUBE, {"kube_tag": "v1.36.4"}, {"id": "old"}),
    ],
)
def test_the_version_is_waited_for_where_no_image_proves_it(
    site: Site, driver: str, labels: Raw, image: Raw
) -> None:
    new = template(driver, **{**OTHER, "image_id": image["id"]})
    site.on(TEMPLATES, templates(template(driver), {**new, "labels": labels}))
    site.on(UPGRADE, ACCEPTED)
    site.on(BY_ID, capi(BUSY), capi(DONE, **MOVED, coe_version="v1.35.4"))
    site.on(LISTED, {"servers": nodes(image=image)})
    text = r"\(coe_version\) is v1\.35\.4, and v1\.36\.4 is expected"
    with pytest.raises(Timeout, match=text):
        site.run(GpuClusterResource, **ASKED, timeout=60)


@pytest.mark.parametrize("image", [{"id": "new"}, ""])
def test_magnum_keeps_the_old_version_after_an_upgrade(
    site: Site, image: Raw | str
) -> None:
    """It looked before Cluster API had begun, and never looks again."""
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    site.on(UPGRADE, ACCEPTED)
    site.on(BY_ID, capi(DONE, **MOVED, coe_version="v1.35.4"))
    new = [{**each, "id": f"new-{each['id']}"} for each in nodes(image=image)]
    site.on(LISTED, *seen(nodes(image=image and {"id": "old"}), new))
    assert site.run(GpuClusterResource, **ASKED).action == "update"
    assert site.warnings == [
        "cluster train: all nodes have the image of v1.36.3, and Magnum still tells "
        "coe_version v1.35.4: it took the upgrade for done too early. The next change "
        "of the cluster corrects that"
    ]


def test_a_batch_size_has_no_effect(site: Site) -> None:
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    site.run(GpuClusterResource, **ASKED, check_mode=True)
    assert site.warnings == []
    site.run(GpuClusterResource, **ASKED, max_batch_size=2, check_mode=True)
    assert site.warnings == [
        "max_batch_size: magnum-capi-helm ignores this option, and upgrades all node "
        "groups of the cluster"
    ]


def test_an_upgrade_of_a_cluster_with_an_autoscaler(site: Site) -> None:
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    site.on(UPGRADE, ACCEPTED)
    labels: Raw = {"labels": {"auto_scaling_enabled": "true"}}
    site.on(BY_ID, capi(BUSY), capi(DONE, **MOVED, **labels, coe_version="v1.36.3"))
    old = [*nodes(0, image={"id": "new"}), *nodes(7, 0)]
    fresh = nodes(7, image={"id": "new"})
    site.on(LISTED, *seen(old, old, fresh))
    assert site.run(GpuClusterResource, **ASKED).action == "update"


def test_nodes_that_boot_from_a_volume_are_other_servers(site: Site) -> None:
    """Nova does not know their images."""
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    site.on(UPGRADE, ACCEPTED)
    site.on(BY_ID, capi(BUSY), capi(DONE, **MOVED, coe_version="v1.36.3"))
    old, new = nodes(image=""), nodes(image="")
    for each in new:
        each["id"] = f"new-{each['id']}"
    site.on(LISTED, *seen(old, old, [*new[:1], *old[1:]], new))
    assert site.run(GpuClusterResource, **ASKED).action == "update"


def test_the_same_image_replaces_no_node(site: Site) -> None:
    same = template(HELM, **{**OTHER, "image_id": "old"})
    site.on(TEMPLATES, templates(template(HELM), same))
    site.on(UPGRADE, ACCEPTED)
    site.on(BY_ID, capi(BUSY), capi(DONE, **MOVED, coe_version="v1.35.4"))
    site.on(LISTED, {"servers": nodes(image="")})
    assert site.run(GpuClusterResource, **ASKED).action == "update"


def test_a_failed_upgrade_is_repaired(site: Site) -> None:
    """Magnum has the new template already, so that only the size is asked for."""
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    moved = {"cluster_template_id": OTHER_TEMPLATE}
    there(site, capi("UPDATE_FAILED", **moved))
    done = capi(DONE, **MOVED, coe_version="v1.36.3")
    site.on(BY_ID, capi(BUSY, **moved), done)
    site.on(LISTED, *seen(nodes(), nodes(), nodes(image={"id": "new"})))
    assert site.run(GpuClusterResource, **ASKED).action == "update"
    assert site.writes == [RESIZE]
    # Of servers on volumes nobody knows whether they are new.
    there(site, capi("UPDATE_FAILED", **moved))
    site.on(BY_ID, capi(BUSY, **moved), done)
    site.on(LISTED, {"servers": nodes(image="")})
    assert site.run(GpuClusterResource, **ASKED).action == "update"


def test_a_failed_update_is_repaired_before_an_upgrade(site: Site) -> None:
    site.on(TEMPLATES, templates(template(HELM), template(HELM, **OTHER)))
    site.on(BY_NAME, capi("UPDATE_FAILED"))
    site.on(UPGRADE, ACCEPTED)
    repaired = capi(DONE, updated_at="2")
    upgraded = capi(DONE, **{**MOVED, "updated_at": "3"}, coe_version="v1.36.3")
    # The repair is polled until it has lasted: after 1, 1.3, 1.69, 2.2, 2.9 ... s.
    site.on(BY_ID, capi(BUSY), *[repaired] * 9, capi(BUSY), upgraded)
    fresh = nodes(image={"id": "new"})
    site.on(LISTED, *seen(nodes(), nodes(), nodes(), fresh))
    assert site.run(GpuClusterResource, **ASKED).action == "update"
    assert site.writes == [RESIZE, UPGRADE]
    assert site.sent(RESIZE) == [{"node_count": 2, "nodegroup": "w"}]


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("driver", "properties", "match"),
    [
        (HELM, {"kube_version": "1"}, "'new' of template 'v2' has no property os_dist"),
        (HELM, {"os_distro": "ubuntu"}, "has no property kube_version, which magnum-c"),
        (
            KUBE,
            {},
            "the template 'v2' has no label kube_tag, from which magnum-cluster",
        ),
    ],
)
def test_what_a_driver_needs_of_a_template(
    site: Site, driver: str, properties: Raw, match: str, check_mode: bool
) -> None:
    old, new = template(driver), template(driver, **OTHER)
    site.on(TEMPLATES, templates(old, new))
    site.on("GET /v2/images/new", {"id": "new", "name": "new", **properties})
    with pytest.raises(Conflict, match=match):
        site.run(GpuClusterResource, **ASKED, check_mode=check_mode)
    asked = {"name": "another", "template": "v2"}
    site.on("GET /v1/clusters/another", MISSING)
    with pytest.raises(Conflict, match=match):
        site.run(GpuClusterResource, **asked, check_mode=check_mode)
    assert site.writes == []


# Node groups -------------------------------------------------------------------------

ADD = f"POST /v1/clusters/{ID}/nodegroups"
BIG, BIG_BY_NAME = f"{GROUPS}/g", f"{GROUPS}/big"


def big(status: str = "CREATE_COMPLETE", size: int = 2, **values: t.Any) -> Raw:
    group = {**workers(size), "uuid": "g", "name": "big", "is_default": False}
    return {**group, "status": status, "updated_at": "1", **values}


def with_groups(site: Site, *more: Raw) -> None:
    site.on(GROUPS, {"nodegroups": [MASTERS, workers(), *more]})


def run(site: Site, state: str = "present", **options: t.Any) -> t.Any:
    asked = {"name": "big", "cluster": "train", **options}
    return site.run(NodeGroupResource, state, **asked)


def test_a_new_node_group_has_all_its_servers(site: Site) -> None:
    with_groups(site, big(), {**big(), "name": "big-2"})
    site.on(BY_ID, capi())
    site.on(BIG_BY_NAME, MISSING)
    site.on(ADD, Reply(202, {"uuid": "g"}))
    site.on(BIG, big("CREATE_IN_PROGRESS"), big())
    # Those of another group do not count.
    others = [*nodes(), *nodes(2, 0, "big-2")]
    lists = seen([*others, *nodes(1, 0, "big")], [*others, *nodes(2, 0, "big")])
    site.on(LISTED, *lists)
    assert run(site, node_count=2).action == "create"
    assert site.history.count(LISTED) == 2


def test_a_node_group_that_finds_no_room(site: Site) -> None:
    with_groups(site, big())
    site.on(BY_ID, capi())
    site.on(BIG_BY_NAME, MISSING)
    site.on(ADD, Reply(202, {"uuid": "g"}))
    site.on(BIG, big("CREATE_IN_PROGRESS"))
    broken = failed("big-7x2kq-3")
    site.on(LISTED, {"servers": [*nodes(), *nodes(1, 0, "big"), broken]})
    with pytest.raises(
        ResourceError, match=r"node group 'big': server .* \(No valid host"
    ):
        run(site, node_count=2)


def test_a_node_group_is_resized(site: Site, time: FakeTime) -> None:
    with_groups(site, big())
    site.on(BY_ID, capi())
    site.on(BIG_BY_NAME, big())
    grown = big(DONE, 3, updated_at="2")
    site.on(BIG, big(BUSY, 3), grown)
    before, after = nodes(2, 0, "big"), nodes(3, 0, "big")
    site.on(LISTED, *seen(before, before, before, after))
    assert run(site, node_count=3).action == "update"
    assert sum(time.sleeps) >= 25


def test_a_node_group_is_repaired_in_a_cluster_that_is_stuck(
    site: Site, time: FakeTime
) -> None:
    with_groups(site, big(BUSY, 3))
    site.on(BY_ID, capi(BUSY, node_count=5))
    site.on(BIG_BY_NAME, big(DONE, 3))
    site.on(BIG, big(BUSY), big(DONE, 2, updated_at="2"))
    broken = [*nodes(), *nodes(2, 0, "big"), failed("big-7x2kq-9")]
    site.on(LISTED, *seen(*[broken] * 4, broken[:-1]))
    assert run(site, node_count=2).action == "update"
    assert site.sent(RESIZE) == [{"node_count": 2, "nodegroup": "g"}]
    # It waits for its turn until it sees that this does not come.
    assert sum(time.sleeps[: site.history.index(RESIZE)]) >= 60


def test_a_deleted_node_group_leaves_no_server(site: Site) -> None:
    with_groups(site)
    site.on(BY_ID, capi())
    site.on(BIG_BY_NAME, big())
    site.on(f"DELETE /v1/clusters/{ID}/nodegroups/g", Reply(204))
    site.on(BIG, big("DELETE_IN_PROGRESS"), MISSING)
    left = [*nodes(), *nodes(1, 0, "big")]
    site.on(LISTED, *seen(left, nodes()))
    assert run(site, "absent").action == "delete"
    site.on(BIG, big("DELETE_IN_PROGRESS"), MISSING)
    site.on(LISTED, {"servers": left})
    with pytest.raises(Timeout, match="these servers are left: train-lfhd5anuthod-big"):
        run(site, "absent", timeout=60)


def test_a_declared_node_group_has_all_its_servers(site: Site) -> None:
    site.on(BY_ID, capi(BUSY), capi(DONE, updated_at=NEW))
    site.on(GROUPS, {"nodegroups": [MASTERS, workers()]})
    site.on(BIG_BY_NAME, MISSING, big("CREATE_IN_PROGRESS"), big())
    site.on(ADD, Reply(202, {"uuid": "g"}))
    site.on(LISTED, *seen(nodes(), nodes(), [*nodes(), *nodes(2, 0, "big")]))
    asked: Raw = {"name": "train", "node_groups": [{"name": "big", "node_count": 2}]}
    site.on(BY_ID, capi(), capi(BUSY), capi(DONE, updated_at=NEW))
    assert site.run(GpuClusterResource, **asked).action == "update"
    assert site.history.count(LISTED) >= 3


# Deletion ----------------------------------------------------------------------------


def test_a_deleted_cluster_leaves_no_server(site: Site) -> None:
    site.on(DELETE, Reply(204))
    site.on(BY_ID, capi("DELETE_IN_PROGRESS"), MISSING)
    site.on(LISTED, *seen(nodes(1, 0), []))
    assert site.run(GpuClusterResource, "absent", name="train").action == "delete"
    assert site.history.count(LISTED) == 2


def test_names_of_magnum_cluster_api(site: Site) -> None:
    there(site, capi(ident=KUBE_ID), workers(2), workers(3))
    site.on(TEMPLATES, templates(template(KUBE)))
    busy = capi(BUSY, ident=KUBE_ID, node_count=3)
    site.on(BY_ID, busy, {**busy, "status": DONE, "updated_at": NEW})
    names = ["aaaaa-bbbbb", *(f"default-worker-c1-d2-{n}" for n in range(3))]
    servers = [server(f"{KUBE_ID}-{name}") for name in names]
    site.on(SERVERS[KUBE_ID], *seen(servers[:3], servers[:3], servers))
    assert site.run(GpuClusterResource, name="train", node_count=3).action == "update"


def test_a_timeout_tells_what_the_quota_lacks(site: Site) -> None:
    """With too small a quota, no server appears at all."""
    site.on(BY_ID, capi("CREATE_IN_PROGRESS"))
    site.on(LISTED, {"servers": nodes(1)})
    site.on(LIMITS, limits(instances=3))
    match = "it has 2 active servers; too little quota or hardware: instances: 1 needed, 0 free; it goes on"
    with pytest.raises(Timeout, match=match):
        creates(site, timeout=60, precheck=False)


def test_a_timeout_of_a_node_group_tells_what_the_quota_lacks(site: Site) -> None:
    with_groups(site, big())
    site.on(BY_ID, capi())
    site.on(BIG_BY_NAME, MISSING)
    site.on(ADD, Reply(202, {"uuid": "g"}))
    site.on(BIG, big("CREATE_IN_PROGRESS"))
    site.on(LISTED, {"servers": [*nodes(), *nodes(1, 0, "big")]})
    site.on(LIMITS, limits(instances=3))
    match = "it has 1 active servers; too little quota or hardware: instances: 1 needed, 0 free; it goes on"
    with pytest.raises(Timeout, match=match):
        run(site, node_count=2, timeout=60)
