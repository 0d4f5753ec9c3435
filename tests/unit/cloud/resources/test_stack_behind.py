# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Heat stack that has ended ends a wait, where Magnum never says so.

Magnum 22 does not where a server with a floating IP could not be created, where the
stack is suspended, and where the cluster's creator is gone from Keystone.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.node_group import (
    NodeGroupResource,
)
from unit.cloud.fakes import PROJECT, FakeTime, Raw, Reply, Site
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    CREATE,
    DELETE,
    GROUPS,
    ID,
    MASTERS,
    MISSING,
    RESIZE,
    STACK_ID,
    cluster,
    there,
    with_template,
    workers,
)

ACCEPTED = Reply(202, {"uuid": ID})
RESOURCES = [
    {"resource_name": "kube_minions", "resource_status": "CREATE_FAILED"},
    {
        "resource_name": "kube-minion",
        "parent_resource": "kube_minions",
        "resource_status": "CREATE_FAILED",
        "resource_status_reason": "No valid host was found",
    },
    {"resource_name": "network", "resource_status": "CREATE_COMPLETE"},
]


def stack(status: str, updated: str = "x", ident: str = STACK_ID) -> Raw:
    return {
        "stack": {
            "id": ident,
            "stack_name": "train-x",
            "stack_status": status,
            "stack_status_reason": "Resource CREATE failed",
            "updated_time": updated,
        }
    }


def on_stack(site: Site, *answers: t.Any) -> None:
    site.on(f"GET /v1.0/stacks/{STACK_ID}", *answers)
    site.on(
        f"GET /v1.0/stacks/train-x/{STACK_ID}/resources?nested_depth=5",
        {"resources": RESOURCES},
    )


def with_groups(site: Site, status: str, *more: Raw) -> None:
    """Magnum's list of node groups, with a status of the default ones."""
    own = [{**group, "status": status} for group in (MASTERS, workers())]
    site.on(GROUPS, {"nodegroups": [*own, *more]})


def creates(site: Site, **options: t.Any) -> t.Any:
    with_template(site)
    site.on(BY_NAME, MISSING)
    site.on(CREATE, ACCEPTED)
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2, **options}
    return site.run(GpuClusterResource, **asked)


FAILED = stack("CREATE_FAILED")
ENDS: dict[str, tuple[str, list[t.Any], str]] = {
    "it fails": (
        "CREATE_IN_PROGRESS",
        [stack("CREATE_IN_PROGRESS"), FAILED],
        "stack train-x is CREATE_FAILED: No valid host was found. Magnum does not "
        "report this, and its status is CREATE_IN_PROGRESS. Remove the cause",
    ),
    "an update fails": (
        "UPDATE_IN_PROGRESS",
        [stack("UPDATE_IN_PROGRESS"), stack("UPDATE_FAILED")],
        "stack train-x is UPDATE_FAILED: No valid host was found",
    ),
    "someone deletes it": (
        "CREATE_IN_PROGRESS",
        [stack("DELETE_IN_PROGRESS"), MISSING],
        "its Heat stack is gone. Magnum does not report this",
    ),
    "someone deletes it, and it can be read": (
        "UPDATE_IN_PROGRESS",
        [stack("UPDATE_IN_PROGRESS"), stack("DELETE_COMPLETE")],
        "its Heat stack is gone. Magnum does not report this",
    ),
    "someone suspends it": (
        "UPDATE_IN_PROGRESS",
        [stack("SUSPEND_IN_PROGRESS"), stack("SUSPEND_COMPLETE")],
        "stack train-x is SUSPEND_COMPLETE. Magnum does not report this, and its "
        "status is UPDATE_IN_PROGRESS. Resume it (openstack stack resume)",
    ),
}


def waits(site: Site, status: str, **options: t.Any) -> t.Any:
    """Create a cluster, or resize one; Magnum's status is always this one."""
    site.on(BY_ID, cluster(status))
    if status.startswith("CREATE"):
        with_groups(site, status)
        return creates(site, **options)
    with_template(site)
    there(site)
    with_groups(site, status)
    site.on(RESIZE, ACCEPTED)
    return site.run(GpuClusterResource, name="train", node_count=3, **options)


@pytest.mark.parametrize(("status", "stacks", "told"), ENDS.values(), ids=ENDS)
def test_an_end_that_magnum_does_not_notice(
    site: Site, time: FakeTime, status: str, stacks: list[t.Any], told: str
) -> None:
    on_stack(site, *stacks)
    began = time.now
    with pytest.raises(ResourceError) as raised:
        waits(site, status)
    assert told in raised.value.message
    assert raised.value.details["stack_id"] == STACK_ID
    # It may just have ended at the first look; Magnum had 20 s to say so.
    assert 60 <= time.now - began <= 62


FORBIDDEN = Reply(403, {"error": {"message": "not for you"}})


@pytest.mark.parametrize(
    "stacks",
    [
        [stack("CREATE_IN_PROGRESS")],
        [stack("CREATE_COMPLETE")],
        [FORBIDDEN],
        [MISSING, stack("CREATE_COMPLETE")],
        [stack("UPDATE_FAILED", str(number)) for number in range(30)],
    ],
    ids=[
        "in progress",
        "complete",
        "not to be seen",
        "missing for a moment",
        "failed anew each time",
    ],
)
def test_what_is_no_end(site: Site, stacks: list[t.Any]) -> None:
    on_stack(site, *stacks)
    with pytest.raises(Timeout):
        waits(site, "CREATE_IN_PROGRESS", timeout=200)


def test_a_stack_of_another_project_is_not_gone(site: Site) -> None:
    """Heat shows it to an administrator of another project no more than that."""
    raw = cluster("CREATE_IN_PROGRESS", project_id="another")
    site.on(f"GET /v1/clusters/{ID}", raw)
    with_template(site)
    with_groups(site, "CREATE_IN_PROGRESS")
    on_stack(site, MISSING)
    with pytest.raises(Timeout):
        site.run(GpuClusterResource, name=ID, node_count=2, timeout=200)


@pytest.mark.parametrize(
    ("stacks", "told"),
    [
        ([FAILED], "; its Heat stack train-x is CREATE_FAILED: No valid host was fo"),
        ([MISSING], "; its Heat stack is gone; it goes on in the cloud"),
        ([stack("CREATE_IN_PROGRESS")], "CREATE_IN_PROGRESS; it goes on in the cloud"),
        ([FORBIDDEN], "CREATE_IN_PROGRESS; it goes on in the cloud"),
    ],
)
def test_a_timeout_tells_how_the_stack_ended(
    site: Site, stacks: list[t.Any], told: str
) -> None:
    on_stack(site, *stacks)
    with pytest.raises(Timeout) as raised:
        waits(site, "CREATE_IN_PROGRESS", timeout=15)
    assert told in raised.value.message


def test_an_earlier_failure_is_none_of_a_resize(site: Site) -> None:
    """Its stack stays failed until the conductor gets the message."""
    with_template(site)
    there(site, cluster("UPDATE_FAILED"))
    site.on(BY_ID, cluster("UPDATE_FAILED"))
    site.on(RESIZE, ACCEPTED)
    on_stack(site, stack("UPDATE_FAILED"))
    with pytest.raises(Timeout):
        site.run(GpuClusterResource, name="train", node_count=3, timeout=120)


# Deletion ----------------------------------------------------------------------------

BUSY = "DELETE_IN_PROGRESS"
DELETED = Reply(204)


def deletes(site: Site, *clusters: t.Any, **options: t.Any) -> t.Any:
    """Delete the cluster; what Magnum says of it afterwards."""
    with_template(site)
    there(site, cluster(options.pop("status", "CREATE_COMPLETE")))
    site.on(BY_ID, *clusters)
    site.on(DELETE, DELETED)
    return site.run(GpuClusterResource, "absent", name="train", **options)


@pytest.mark.parametrize(
    ("status", "sent"), [("CREATE_COMPLETE", 2), ("CREATE_FAILED", 2), (BUSY, 1)]
)
def test_a_deletion_that_magnum_lost_is_asked_for_once_more(
    site: Site, time: FakeTime, status: str, sent: int
) -> None:
    on_stack(site, stack(BUSY), MISSING)
    began = time.now
    # Polled for 60 s: the stack is gone at the second and third look.
    outcome = deletes(site, *[cluster(BUSY)] * 14, MISSING, status=status)
    assert (outcome.action, outcome.changed) == ("delete", True)
    assert site.writes == [DELETE] * sent
    assert 60 <= time.now - began <= 62


def test_a_deletion_that_magnum_loses_again_is_an_error(site: Site) -> None:
    on_stack(site, MISSING)
    with pytest.raises(ResourceError, match=r"Heat stack is gone\..*status is DELETE"):
        deletes(site, cluster(BUSY))
    assert site.writes == [DELETE] * 2


def test_a_deletion_that_fails_unnoticed(site: Site) -> None:
    on_stack(site, stack("DELETE_FAILED"))
    with pytest.raises(ResourceError, match="train-x is DELETE_FAILED: No valid host"):
        deletes(site, cluster(BUSY))
    assert site.writes == [DELETE]


@pytest.mark.parametrize(
    ("status", "stacks"),
    [
        ("CREATE_IN_PROGRESS", [FAILED]),
        ("UPDATE_IN_PROGRESS", [MISSING]),
        (BUSY, [FAILED]),
    ],
)
def test_what_was_before_ends_no_deletion(
    site: Site, status: str, stacks: list[t.Any]
) -> None:
    """Magnum may take long to begin."""
    on_stack(site, *stacks)
    with pytest.raises(Timeout):
        deletes(site, cluster(status), timeout=200)
    assert site.writes == [DELETE]


# Node groups have stacks of their own ------------------------------------------------

OWN_STACK = "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7d"
CREATING = stack("CREATE_IN_PROGRESS", ident=OWN_STACK)
OWN_FAILED = stack("CREATE_FAILED", ident=OWN_STACK)
BIG, ADD = f"{GROUPS}/g", f"POST /v1/clusters/{ID}/nodegroups"
REMOVE = f"DELETE /v1/clusters/{ID}/nodegroups/g"


def big(status: str) -> Raw:
    own = {"uuid": "g", "name": "big", "is_default": False, "project_id": PROJECT}
    return {**workers(), **own, "status": status, "stack_id": OWN_STACK}


def alone(site: Site, status: str, *stacks: t.Any) -> None:
    """The cluster is at rest, or changes with its group."""
    with_template(site)
    there(site)
    site.on(BY_ID, cluster("CREATE_COMPLETE"))
    site.on(f"{GROUPS}/big", big(status))
    site.on(BIG, big(status))
    site.on(ADD, Reply(202, {"uuid": "g"}))
    site.on(REMOVE, DELETED)
    site.on(f"GET /v1.0/stacks/{OWN_STACK}", *stacks)
    listed = {"resources": RESOURCES}
    site.on(f"GET /v1.0/stacks/train-x/{OWN_STACK}/resources?nested_depth=5", listed)


def test_the_stack_of_a_node_group(site: Site) -> None:
    alone(site, "CREATE_IN_PROGRESS", OWN_FAILED)
    site.on(f"{GROUPS}/big", MISSING)
    with pytest.raises(ResourceError, match="node group 'big': its Heat stack train-x"):
        site.run(NodeGroupResource, name="big", cluster="train", node_count=2)


def test_the_deletion_of_a_node_group_that_magnum_lost(site: Site) -> None:
    alone(site, "CREATE_COMPLETE", MISSING)
    site.on(BIG, *[big(BUSY)] * 12, MISSING)
    outcome = site.run(NodeGroupResource, "absent", name="big", cluster="train")
    assert (outcome.action, site.writes) == ("delete", [REMOVE] * 2)


UPDATING = cluster("UPDATE_IN_PROGRESS")


@pytest.mark.parametrize(
    ("default", "group", "own", "others", "told"),
    [
        ("CREATE_COMPLETE", "CREATE_IN_PROGRESS", "UPDATE_FAILED", OWN_FAILED, "'big'"),
        ("UPDATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_FAILED", MISSING, "'train':"),
        ("CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "CREATE_COMPLETE", MISSING, "'big'"),
        ("CREATE_COMPLETE", BUSY, "CREATE_COMPLETE", MISSING, "'big'"),
        ("CREATE_COMPLETE", "CREATE_IN_PROGRESS", "UPDATE_FAILED", CREATING, ""),
        ("UPDATE_IN_PROGRESS", "CREATE_FAILED", "UPDATE_IN_PROGRESS", OWN_FAILED, ""),
    ],
    ids=[
        "the stack of a group fails",
        "the cluster's own stack fails",
        "the stack of a group goes",
        "the stack of a group goes, as was asked for",
        "an earlier failure of the cluster's own",
        "an earlier failure of a group",
    ],
)
@pytest.mark.parametrize("began", ["earlier", "now"])
def test_the_stacks_of_all_groups_that_change(
    site: Site,
    began: str,
    default: str,
    group: str,
    own: str,
    others: t.Any,
    told: str,
) -> None:
    """Magnum's status of a cluster is that of the group that takes longest."""
    with_template(site)
    if began == "earlier":
        there(site, UPDATING)
        site.on(BY_ID, UPDATING)
    else:
        there(site)
        site.on(BY_ID, cluster(), UPDATING)
        site.on(RESIZE, ACCEPTED)
    with_groups(site, default, {**big(group), "max_node_count": None})
    on_stack(site, stack(own))
    site.on(f"GET /v1.0/stacks/{OWN_STACK}", others)
    listed = {"resources": RESOURCES}
    site.on(f"GET /v1.0/stacks/train-x/{OWN_STACK}/resources?nested_depth=5", listed)
    error = ResourceError if told else Timeout
    size = 2 if began == "earlier" else 3
    with pytest.raises(error, match=told or "it goes on"):
        site.run(GpuClusterResource, name="train", node_count=size, timeout=200)
    assert site.writes == ([] if began == "earlier" else [RESIZE])
