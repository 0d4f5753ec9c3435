# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    AmbiguousName,
    Conflict,
    InvalidInput,
    NodeNotFound,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import Raw, Reply, Site
from unit.cloud.resources.clusters import (
    BY_ID,
    BY_NAME,
    ID,
    MISSING,
    RESIZE,
    STACK_ID,
    changing,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")

STACK = f"GET /v1.0/stacks/{STACK_ID}"
RESOURCES = (
    f"GET /v1.0/stacks/train-x/{STACK_ID}/resources"
    "?nested_depth=5&type=OS%3A%3ANova%3A%3AServer"
)
SERVERS = "GET /v2.1/servers/detail"


def heat(*numbers: int) -> Raw:
    """What Heat says of the servers: a master, and workers with these numbers."""
    minions = [
        {"resource_name": "kube-minion", "physical_resource_id": f"id-{number}"}
        for number in numbers
    ]
    master = {"resource_name": "kube-master", "physical_resource_id": "id-m"}
    return {"resources": [master, *minions]}


def nova(*numbers: int) -> Raw:
    """What Nova says of them, and of a server that is not the cluster's."""
    port = {"OS-EXT-IPS:type": "fixed"}
    return {
        "servers": [
            {
                "id": f"id-{number}",
                "name": f"train-node-{number}",
                "addresses": {"net": [{**port, "addr": f"10.0.0.1{number}"}]},
            }
            for number in (*numbers, "m", 9)
        ]
    }


@pytest.fixture(autouse=True)
def _two_workers(site: Site, gpu_template: None) -> None:
    there(site)
    stack = {"id": STACK_ID, "stack_name": "train-x"}
    site.on(STACK, {"stack": {**stack, "stack_status": "CREATE_COMPLETE"}})
    site.on(RESOURCES, heat(0, 1))
    site.on(SERVERS, nova(0, 1))


def run(site: Site, *idents: str, **more: t.Any) -> t.Any:
    return site.run(
        GpuClusterResource, name="train", nodes_to_remove=list(idents), **more
    )


def removing(site: Site, left: int) -> None:
    """One is removed, after a look that still shows both."""
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, *changing(node_count=1))
    groups(site, workers(2), workers(1))
    site.on(RESOURCES, heat(0, 1), heat(0, 1), heat(left))
    site.on(SERVERS, nova(0, 1), nova(0, 1), nova(left))


@pytest.mark.parametrize("ident", ["id-1", "train-node-1", "10.0.0.11"])
def test_a_node_is_named_in_three_ways(site: Site, ident: str) -> None:
    removing(site, left=0)
    outcome = run(site, ident)
    assert outcome.action == "update"
    assert outcome.diff_before["nodes_to_remove"] == ["train-node-1"]
    assert outcome.diff_after["nodes_to_remove"] == []
    assert outcome.after["node_count"] == 1
    assert site.sent(RESIZE) == [
        {"node_count": 1, "nodegroup": "w", "nodes_to_remove": ["id-1"]}
    ]


def test_another_node_went(site: Site) -> None:
    removing(site, left=1)
    with pytest.raises(ResourceError, match="removed train-node-0, which") as caught:
        run(site, "train-node-1")
    assert caught.value.details == {"removed": ["train-node-0"]}
    assert caught.value.changed is True


def test_what_is_gone_is_gone(site: Site) -> None:
    assert run(site, "train-node-7").action == "none"
    assert site.warnings == [
        "nodes_to_remove: gpu cluster 'train' has no node train-node-7"
    ]
    assert site.writes == []


def test_a_plan(site: Site) -> None:
    outcome = run(site, "train-node-1", check_mode=True)
    assert outcome.diff_after["node_count"] == 1
    assert outcome.diff_after["nodes_to_remove"] == []
    assert site.writes == []


def test_some_there_and_some_not_is_a_slip(site: Site) -> None:
    with pytest.raises(NodeNotFound, match=r"no-such.*train-node-0, train-node-1"):
        run(site, "train-node-1", "no-such")


@pytest.mark.parametrize("check_mode", [False, True])
def test_nearly_a_name_is_a_slip(site: Site, check_mode: bool) -> None:
    near = r"workers \(there is 'train-node-1': names are compared exactly\), which are"
    with pytest.raises(NodeNotFound, match=near):
        run(site, "Train-Node-1", check_mode=check_mode)
    assert site.writes == []


@pytest.mark.parametrize("ident", ["train-node-9", "id-m"])
def test_neither_masters_nor_other_servers(site: Site, ident: str) -> None:
    with pytest.raises(NodeNotFound, match=f"{ident} is not among the default workers"):
        run(site, ident, "id-0")
    assert site.writes == []


def test_the_size_follows(site: Site) -> None:
    with pytest.raises(InvalidInput, match="which leaves 1 of 2; leave node_count out"):
        run(site, "id-1", node_count=2)
    removing(site, left=0)
    assert run(site, "id-1", node_count=1).action == "update"


def test_the_bounds_hold(site: Site) -> None:
    groups(site, workers(2, low=2))
    with pytest.raises(InvalidInput, match="node_count: 1 is not within"):
        run(site, "id-1")
    assert site.writes == []


def test_two_of_a_name(site: Site) -> None:
    twins = nova(0, 1)
    twins["servers"][0]["name"] = twins["servers"][1]["name"]
    site.on(SERVERS, twins)
    with pytest.raises(AmbiguousName, match="means 2 nodes"):
        run(site, "train-node-1")


NO_STACK = {
    "deleted by hand": (
        {"stack_id": STACK_ID},
        f"its stack {STACK_ID} is gone, so its nodes are not known. Delete the cluster",
    ),
    "another driver": ({"stack_id": None}, "would choose the nodes itself. Lower node"),
}


@pytest.mark.parametrize(("more", "said"), NO_STACK.values(), ids=NO_STACK)
def test_without_a_heat_stack_no_node_is_chosen(
    site: Site, more: Raw, said: str
) -> None:
    site.on(STACK, MISSING)
    site.on(BY_NAME, {**cluster(), **more})
    with pytest.raises(Conflict) as caught:
        run(site, "id-1")
    assert said in caught.value.message
    assert "Cluster API" not in caught.value.message
    assert site.writes == []
