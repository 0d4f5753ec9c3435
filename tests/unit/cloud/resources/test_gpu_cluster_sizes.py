# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of clusters: asked for, bounded, and the autoscaler's."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import FakeTime, Raw, Reply, Site
from unit.cloud.resources.clusters import (
    BOUNDS,
    BY_ID,
    BY_NAME,
    GROUPS,
    ID,
    MASTERS,
    MORE_ROOM,
    NEW,
    OLD,
    RESIZE,
    VIEW,
    WORKERS,
    changing,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")


# resize ----------------------------------------------------------------------


def test_resize(site: Site) -> None:
    there(site, cluster(), workers(2), workers(3))
    late = cluster(
        "UPDATE_COMPLETE", updated_at=NEW, node_count=3, node_addresses=["a", "b"]
    )
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, *changing(node_count=3)[:2], late, changing(node_count=3)[2])
    outcome = site.run(GpuClusterResource, name="train", node_count=3)
    assert outcome.action == "update"
    assert (outcome.diff_before["node_count"], outcome.diff_after["node_count"]) == (
        2,
        3,
    )
    # The old COMPLETE is not believed, nor is the new one before all addresses.
    assert site.history == [
        BY_NAME,
        *VIEW,
        *MORE_ROOM,
        RESIZE,
        BY_ID,
        BY_ID,
        *[BY_ID, WORKERS] * 2,
        GROUPS,
        WORKERS,
    ]
    assert site.sent(RESIZE) == [{"node_count": 3, "nodegroup": "w"}]


def test_a_resize_is_not_done_before_the_group_has_its_size(site: Site) -> None:
    there(site, cluster(), workers(2), workers(2), workers(0))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, *changing(node_count=0))
    assert site.run(GpuClusterResource, name="train", node_count=0).action == "update"
    assert site.history.count(BY_ID) == 4


def test_a_resize_survives_a_failed_read(site: Site) -> None:
    there(site, cluster(), workers(2))
    site.on(WORKERS, workers(2), Reply(500, {}), workers(3))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, *changing(node_count=3))
    assert site.run(GpuClusterResource, name="train", node_count=3).action == "update"


def test_a_resize_that_fails_tells_what_nova_said(site: Site) -> None:
    there(site)
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    faults = {"default-worker": "No valid host was found."}
    failed = cluster("UPDATE_FAILED", updated_at=NEW, faults=faults)
    site.on(BY_ID, cluster(), cluster("UPDATE_IN_PROGRESS"), failed)
    with pytest.raises(
        ResourceError, match=r"UPDATE_FAILED: .*No valid host"
    ) as caught:
        site.run(GpuClusterResource, name="train", node_count=9)
    assert caught.value.changed is True


def test_a_resize_without_wait(site: Site, time: FakeTime) -> None:
    there(site)
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("UPDATE_IN_PROGRESS"))
    outcome = site.run(GpuClusterResource, name="train", node_count=3, wait=False)
    assert outcome.after is not None
    assert outcome.after["status"] == "UPDATE_IN_PROGRESS"
    assert time.sleeps == []


def test_a_failed_update_is_asked_for_again(site: Site) -> None:
    there(site, cluster("UPDATE_FAILED"))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("UPDATE_FAILED"), *changing()[1:])
    assert site.run(GpuClusterResource, name="train", node_count=2).action == "update"
    assert site.sent(RESIZE) == [{"node_count": 2, "nodegroup": "w"}]


def test_a_failed_update_is_repaired_by_its_size_where_bounds_differ(
    site: Site,
) -> None:
    there(site, cluster("UPDATE_FAILED"))
    site.on(RESIZE, Reply(202, {"uuid": ID}))
    site.on(BOUNDS, Reply(202, {}))
    site.on(BY_ID, cluster("UPDATE_FAILED"), *changing()[1:], *changing())
    groups(site, workers(2), workers(2), workers(2, 0, 5))
    site.run(GpuClusterResource, name="train", max_node_count=5)
    assert site.sent(RESIZE) == [{"node_count": 2, "nodegroup": "w"}]
    assert site.writes == [RESIZE, BOUNDS]


@pytest.mark.parametrize("check_mode", [True, False])
def test_zero_nodes_need_1_10(
    site: Site, monkeypatch: pytest.MonkeyPatch, check_mode: bool
) -> None:
    monkeypatch.setenv("MAGNUM_API_VERSION", "1.9")
    asked = {"name": "train", "template": "gpu-a100", "node_count": 0}
    with pytest.raises(ApiError, match=r"needs Magnum API version 1\.10"):
        site.run(GpuClusterResource, **asked, check_mode=check_mode)
    assert site.writes == []


# bounds ----------------------------------------------------------------------


class Bounded(t.NamedTuple):
    """Size and bounds as they are, what is asked for, and the writes in order."""

    now: tuple[int, int | None, int | None]
    asked: Raw
    writes: list[tuple[str, t.Any]]


BOUNDED = {
    "raise the maximum, then grow": Bounded(
        (2, 1, 3),
        {"node_count": 5, "max_node_count": 6},
        [("bounds", {"max_node_count": 6}), ("size", 5)],
    ),
    "lower the minimum, then shrink": Bounded(
        (5, 4, 8),
        {"node_count": 2, "min_node_count": 1},
        [("bounds", {"min_node_count": 1}), ("size", 2)],
    ),
    "grow, then raise the minimum": Bounded(
        (2, 1, 9),
        {"node_count": 5, "min_node_count": 4},
        [("size", 5), ("bounds", {"min_node_count": 4})],
    ),
    "shrink, then lower the maximum": Bounded(
        (5, 1, 8),
        {"node_count": 2, "max_node_count": 3},
        [("size", 2), ("bounds", {"max_node_count": 3})],
    ),
    "widen, grow, narrow": Bounded(
        (2, 1, 3),
        {"node_count": 6, "min_node_count": 5, "max_node_count": 8},
        [
            ("bounds", {"max_node_count": 8}),
            ("size", 6),
            ("bounds", {"min_node_count": 5}),
        ],
    ),
    "widen, shrink, narrow": Bounded(
        (6, 5, 8),
        {"node_count": 2, "min_node_count": 1, "max_node_count": 3},
        [
            ("bounds", {"min_node_count": 1}),
            ("size", 2),
            ("bounds", {"max_node_count": 3}),
        ],
    ),
    "bounds alone": Bounded(
        (2, None, None),
        {"min_node_count": 1, "max_node_count": 4},
        [("bounds", {"min_node_count": 1, "max_node_count": 4})],
    ),
    "the first maximum": Bounded(
        (5, 0, None),
        {"node_count": 2, "max_node_count": 3},
        [("size", 2), ("bounds", {"max_node_count": 3})],
    ),
}


@pytest.mark.parametrize("case", BOUNDED.values(), ids=BOUNDED.keys())
def test_sizes_move_in_the_order_that_magnum_accepts(site: Site, case: Bounded) -> None:
    """The fake refuses what Magnum refuses: a size outside of the bounds."""
    size, low, high = case.now
    group = workers(size, low, high)
    writes: list[tuple[str, t.Any]] = []
    updates = iter(f"2026-01-02T10:00:0{n}+00:00" for n in range(9))
    updated = [OLD]

    def check() -> None:
        top = group["max_node_count"]
        assert (group["min_node_count"] or 0) <= group["node_count"], writes
        assert top is None or group["node_count"] <= top, writes
        updated[0] = next(updates)

    def resize(request: t.Any, _context: t.Any) -> Raw:
        group["node_count"] = request.json()["node_count"]
        writes.append(("size", group["node_count"]))
        check()
        return {"uuid": ID}

    def bound(request: t.Any, _context: t.Any) -> Raw:
        changed = {op["path"][1:]: op["value"] for op in request.json()}
        group.update(changed)
        writes.append(("bounds", changed))
        check()
        return group

    def show(_request: t.Any, _context: t.Any) -> Raw:
        return cluster(node_count=group["node_count"], updated_at=updated[0])

    base = "http://magnum.test/v1/clusters"
    for ident in ("train", ID):
        site.mocker.get(f"{base}/{ident}", json=show)
    site.mocker.get(f"{base}/{ID}/nodegroups", json={"nodegroups": [MASTERS, group]})
    site.mocker.get(f"{base}/{ID}/nodegroups/w", json=lambda _r, _c: dict(group))
    site.mocker.post(f"{base}/{ID}/actions/resize", json=resize)
    site.mocker.patch(f"{base}/{ID}/nodegroups/w", json=bound)

    assert site.run(GpuClusterResource, name="train", **case.asked).action == "update"
    assert writes == case.writes
    assert {key: group[key] for key in case.asked} == case.asked
    assert site.run(GpuClusterResource, name="train", **case.asked).action == "none"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"node_count": 9}, "node_count: 9 is not within .* 1 to 5"),
        ({"node_count": 0}, "node_count: 0 is not within .* 1 to 5"),
        ({"min_node_count": 3}, "node_count: 2 is not within .* 3 to 5"),
        ({"min_node_count": 6}, "min_node_count: 6 is above max_node_count, 5"),
    ],
)
def test_sizes_have_to_fit_the_bounds_that_there_are(
    site: Site, asked: Raw, said: str
) -> None:
    there(site, cluster(), workers(2, 1, 5))
    for check_mode in (False, True):
        with pytest.raises(InvalidInput, match=said):
            site.run(GpuClusterResource, name="train", **asked, check_mode=check_mode)
    assert site.writes == []


# autoscaling -----------------------------------------------------------------


AUTO = {"gpu_enabled": "true", "auto_scaling_enabled": "true"}


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_the_autoscaler_s_size_is_left_alone(site: Site, size: int) -> None:
    there(site, cluster(node_count=size, labels=AUTO), workers(size, 1, 5))
    outcome = site.run(
        GpuClusterResource,
        name="train",
        node_count=2,
        min_node_count=1,
        max_node_count=5,
    )
    assert outcome.action == "none"


@pytest.mark.parametrize(("size", "bounds", "wanted"), [(2, (3, 5), 3), (6, (1, 4), 4)])
def test_the_autoscaler_s_size_is_kept_within_the_bounds(
    site: Site, size: int, bounds: tuple[int, int], wanted: int
) -> None:
    there(site, cluster(node_count=size, labels=AUTO), workers(size, 1, 9))
    low, high = bounds
    outcome = site.run(
        GpuClusterResource,
        name="train",
        node_count=low,
        min_node_count=low,
        max_node_count=high,
        check_mode=True,
    )
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["node_count"] == wanted


@pytest.mark.parametrize(
    ("labels", "bounds"),
    [({"gpu_enabled": "true"}, (1, 5)), (AUTO, (1, None))],
    ids=["no autoscaler", "no maximum"],
)
def test_without_an_autoscaler_and_bounds_the_size_counts(
    site: Site, labels: Raw, bounds: tuple[int, int | None]
) -> None:
    there(site, cluster(labels=labels), workers(2, *bounds))
    outcome = site.run(GpuClusterResource, name="train", node_count=3, check_mode=True)
    assert outcome.action == "update"
