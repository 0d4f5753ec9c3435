# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from urllib.parse import quote

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    ResourceError,
    TemplateNotFound,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.gpu_cluster import (  # noqa: E501 -- a name has no place to break
    GpuClusterResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.reconcile import (  # noqa: E501 -- a name has no place to break
    reconcile,
)
from unit.cloud.fakes import (
    PROJECT,
    TEMPLATES,
    USER,
    FakeTime,
    Raw,
    Reply,
    Site,
    templates,
)

ID = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0001"
TEMPLATE = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d1"
OTHER_TEMPLATE = "5d1e8a6a-5d5c-4f0c-8a69-6b1bb0a4c7d2"

BY_NAME = "GET /v1/clusters/train"
BY_ID = f"GET /v1/clusters/{ID}"
GROUPS = f"{BY_ID}/nodegroups"
WORKERS = f"{GROUPS}/w"
TEMPLATE_BY_ID = f"GET /v1/clustertemplates/{TEMPLATE}"
CREATE = "POST /v1/clusters"
RESIZE = f"POST /v1/clusters/{ID}/actions/resize"
BOUNDS = f"PATCH /v1/clusters/{ID}/nodegroups/w"
DELETE = f"DELETE /v1/clusters/{ID}"
VIEW = [GROUPS, WORKERS, TEMPLATES]
"""What it takes to show a cluster."""

FLAVORS = "GET /v2.1/flavors/detail?is_public=None"
LIMITS = "GET /v2.1/limits"
CANDIDATES = "GET /v0.1/allocation_candidates?resources=CUSTOM_GPU_A100%3A4"
ROOM = [TEMPLATE_BY_ID, FLAVORS, LIMITS, CANDIDATES]
"""What it takes to look if there is room for a new one."""
REFUSED = Reply(403, {"errors": [{"detail": "not for you"}]})
A100 = {
    "id": "7",
    "name": "gpu.a100.4",
    "vcpus": 48,
    "ram": 524288,
    "extra_specs": {"resources:CUSTOM_GPU_A100": "4"},
}
MASTER = {"id": "8", "name": "m1.master", "vcpus": 2, "ram": 4096, "extra_specs": {}}

MISSING = Reply(404, {"errors": [{"detail": "not found"}]})
OLD, NEW = "2026-01-01T10:00:00+00:00", "2026-01-01T11:00:00+00:00"


def cluster(status: str = "CREATE_COMPLETE", **values: t.Any) -> Raw:
    """What Magnum says of the cluster; two workers, unless they are given."""
    count = values.setdefault("node_count", 2)
    return {
        "uuid": ID,
        "name": "train",
        "status": status,
        "status_reason": None,
        "health_status": "HEALTHY",
        "faults": {},
        "cluster_template_id": TEMPLATE,
        "keypair": "ops",
        "master_count": 1,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
        "labels": {"gpu_enabled": "true", "kube_tag": "v1.28.9"},
        "docker_volume_size": None,
        "fixed_network": None,
        "fixed_subnet": None,
        "floating_ip_enabled": False,
        "master_lb_enabled": False,
        "node_addresses": [f"10.0.0.{10 + n}" for n in range(count)],
        "master_addresses": ["10.0.0.5"],
        "stack_id": "4b1c3a7e",
        "create_timeout": 60,
        "project_id": PROJECT,
        "user_id": USER,
        "created_at": OLD,
        "updated_at": OLD,
        **values,
    }


def limits(instances: int = -1, cores: int = -1, ram: int = -1) -> Raw:
    """What Nova says of the quota; three instances, 10 cores and 8 GiB are used."""
    absolute = {
        "maxTotalInstances": instances,
        "totalInstancesUsed": 3,
        "maxTotalCores": cores,
        "totalCoresUsed": 10,
        "maxTotalRAMSize": ram,
        "totalRAMUsed": 8192,
    }
    return {"limits": {"absolute": absolute}}


def workers(count: int = 2, low: int | None = None, high: int | None = None) -> Raw:
    return {
        "uuid": "w",
        "name": "default-worker",
        "role": "worker",
        "is_default": True,
        "flavor_id": "gpu.a100.4",
        "image_id": "img",
        "node_count": count,
        "min_node_count": low,
        "max_node_count": high,
        "node_addresses": [],
        "status": "CREATE_COMPLETE",
        "status_reason": None,
    }


MASTERS = {
    **workers(1),
    "uuid": "m",
    "name": "default-master",
    "role": "master",
    "is_default": True,
}


def with_template(site: Site) -> Site:
    """A cloud with a template, and no cluster."""
    template = {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
        "flavor_id": "gpu.a100.4",
        "master_flavor_id": "m1.master",
    }
    site.on(FLAVORS, {"flavors": [A100, MASTER]})
    site.on(LIMITS, limits())
    site.on(CANDIDATES, REFUSED)
    site.on(TEMPLATES, templates(template))
    site.on(TEMPLATE_BY_ID, template)
    site.on(BY_NAME, MISSING)
    return site


@pytest.fixture
def site(site: Site) -> Site:
    return with_template(site)


def groups(site: Site, *answers: Raw) -> None:
    """The default workers, one answer for each time that they are read."""
    listed = [
        {**group, "min_node_count": None, "max_node_count": None}
        for group in (MASTERS, answers[0])
    ]
    site.on(GROUPS, {"nodegroups": listed})
    site.on(WORKERS, *answers)


def there(site: Site, raw: Raw | None = None, *answers: Raw) -> None:
    """There is a cluster, with these default workers."""
    site.on(BY_NAME, raw or cluster())
    groups(site, *(answers or (workers(),)))


def changing(**values: t.Any) -> tuple[Raw, Raw, Raw]:
    """The cluster after a write: the old status stands, then it works, then is done."""
    return (
        cluster(),
        cluster("UPDATE_IN_PROGRESS"),
        cluster("UPDATE_COMPLETE", updated_at=NEW, **values),
    )


# create -----------------------------------------------------------------------


def test_create(site: Site, time: FakeTime) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(
        BY_ID,
        Reply(400, {}),
        cluster("CREATE_IN_PROGRESS", node_addresses=[]),
        cluster("CREATE_COMPLETE", node_addresses=["10.0.0.10"]),
        cluster(),
    )
    groups(site, workers())
    outcome = site.run(
        GpuClusterResource,
        name="train",
        template="gpu-a100",
        node_count=2,
        labels={"gpu_enabled": True},
        create_timeout=90,
    )
    assert outcome.action == "create"
    assert outcome.after is not None
    assert outcome.after["node_addresses"] == ["10.0.0.10", "10.0.0.11"]
    # The row appears late, and the last address later than the status.
    assert site.history == [
        BY_NAME,
        TEMPLATES,
        *ROOM,
        CREATE,
        *[BY_ID] * 4,
        GROUPS,
        WORKERS,
    ]
    assert site.sent(CREATE) == [
        {
            "name": "train",
            "cluster_template_id": TEMPLATE,
            "node_count": 2,
            "labels": {"gpu_enabled": "true"},
            "merge_labels": True,
            "create_timeout": 90,
        }
    ]
    assert len(time.sleeps) == 3


def test_what_users_see(site: Site) -> None:
    there(site, cluster(), workers(2, 1, 5))
    after = site.run(GpuClusterResource, name="train").after
    assert after is not None
    shown = {
        key: after[key]
        for key in (
            "id",
            "name",
            "template",
            "template_id",
            "node_count",
            "total_node_count",
            "min_node_count",
            "max_node_count",
            "hardware",
            "labels",
            "node_addresses",
        )
    }
    assert shown == {
        "id": ID,
        "name": "train",
        "template": "gpu-a100",
        "template_id": TEMPLATE,
        "node_count": 2,
        "total_node_count": 2,
        "min_node_count": 1,
        "max_node_count": 5,
        "hardware": "gpu.a100.4",
        "labels": {"gpu_enabled": "true", "kube_tag": "v1.28.9"},
        "node_addresses": ["10.0.0.10", "10.0.0.11"],
    }
    assert [group["name"] for group in after["node_groups"]] == [
        "default-master",
        "default-worker",
    ]
    assert [group["max_node_count"] for group in after["node_groups"]] == [None, 5]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://203.0.113.7:6443", "203.0.113.7"),
        ("https://[fd00::7]:6443", "fd00::7"),
        ("https://train.example.org", "train.example.org"),
        ("", None),
        (None, None),
    ],
)
def test_the_host_is_that_of_the_api_address(
    site: Site, address: str | None, host: str | None
) -> None:
    there(site, cluster(api_address=address))
    after = site.run(GpuClusterResource, name="train").after
    assert after is not None
    assert after["hostname"] == host


def test_the_runtime_configuration(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGNUM_API_VERSION", "1.11")
    there(site, cluster(coe_version="v1.28.9", container_version="1.12.6"))
    after = site.run(GpuClusterResource, name="train").after
    assert after is not None
    assert after["runtime_config"] == {
        "coe_version": "v1.28.9",
        "container_version": "1.12.6",
        "labels": {"gpu_enabled": "true", "kube_tag": "v1.28.9"},
        "api_versions": {"magnum": "1.11", "magnum_newest": "1.12"},
    }
    assert site.history == [BY_NAME, *VIEW]


def test_a_driver_that_publishes_no_addresses_is_done_without(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster(node_addresses=None))
    groups(site, workers())
    asked = {"name": "train", "template": "gpu-a100"}
    assert site.run(GpuClusterResource, **asked).action == "create"


def test_the_size_counts_the_default_workers_only(site: Site) -> None:
    """The cluster's own node_count sums all groups."""
    there(site, cluster(node_count=5), workers(2))
    outcome = site.run(GpuClusterResource, name="train", node_count=2)
    assert outcome.action == "none"
    assert outcome.after is not None
    assert (outcome.after["node_count"], outcome.after["total_node_count"]) == (2, 5)


def test_bounds_are_set_once_it_is_there(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BOUNDS, Reply(202, {}))
    site.on(BY_ID, *changing())
    groups(site, workers(2), workers(2, 1, 5))
    outcome = site.run(
        GpuClusterResource,
        name="train",
        template="gpu-a100",
        node_count=2,
        min_node_count=1,
        max_node_count=5,
    )
    assert outcome.action == "create"
    assert "min_node_count" not in site.sent(CREATE)[0]
    assert site.sent(BOUNDS) == [
        [
            {"op": "replace", "path": "/min_node_count", "value": 1},
            {"op": "replace", "path": "/max_node_count", "value": 5},
        ]
    ]
    assert site.writes == [CREATE, BOUNDS]


def test_a_new_one_needs_a_template(site: Site) -> None:
    with pytest.raises(InvalidInput, match="the option template is needed"):
        site.run(GpuClusterResource, name="train")
    site.on(TEMPLATES, templates())
    with pytest.raises(TemplateNotFound) as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert caught.value.changed is False
    assert site.writes == []


@pytest.mark.parametrize("name", ["1train", "tr ain", "train/1", "t" * 243, "train\n"])
def test_a_new_one_needs_a_name_that_magnum_takes(site: Site, name: str) -> None:
    site.on(f"GET /v1/clusters/{quote(name, safe='')}", MISSING)
    with pytest.raises(InvalidInput, match="must begin with a letter"):
        site.run(GpuClusterResource, name=name, template="gpu-a100")
    assert site.writes == []


def test_a_quota_is_a_resource_error(site: Site) -> None:
    detail = (
        "Resource limit exceeded: You have reached the maximum clusters per project"
    )
    site.on(CREATE, Reply(403, {"errors": [{"detail": detail}]}))
    with pytest.raises(ResourceError, match="maximum clusters per project") as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert caught.value.status == 403


def test_a_create_that_fails_tells_what_nova_said(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    faults = {
        "default-worker": "No valid host was found.",
        "default-master": "No valid host was found.",
        "": None,
    }
    site.on(BY_ID, cluster("CREATE_FAILED", faults=faults, status_reason="failed"))
    groups(site, workers())
    with pytest.raises(ResourceError) as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert caught.value.message.count("No valid host was found.") == 1
    assert caught.value.message.startswith("gpu cluster 'train' is CREATE_FAILED: ")
    assert caught.value.details == {
        "id": ID,
        "status": "CREATE_FAILED",
        "faults": faults,
    }
    assert caught.value.changed is True


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"status_reason": "Stack timed out"}, "Stack timed out"),
        ({"faults": None}, "Magnum gives no reason"),
    ],
)
def test_a_failure_without_faults(site: Site, raw: Raw, said: str) -> None:
    there(site, cluster("CREATE_FAILED", **raw))
    with pytest.raises(ResourceError) as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert caught.value.message == (
        f"gpu cluster 'train' is CREATE_FAILED: {said}. Set recreate_failed: true to "
        "replace it"
    )


def test_a_failed_one_is_replaced_on_request(site: Site) -> None:
    there(site, cluster("CREATE_FAILED"))
    site.on(DELETE, Reply(204))
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("DELETE_IN_PROGRESS"), MISSING, cluster())
    outcome = site.run(
        GpuClusterResource, name="train", template="gpu-a100", recreate_failed=True
    )
    assert outcome.action == "recreate"
    assert site.writes == [DELETE, CREATE]


def test_an_unclear_create_is_picked_up(site: Site) -> None:
    site.on(BY_NAME, MISSING, MISSING, cluster("CREATE_IN_PROGRESS"))
    site.on(CREATE, Reply(504, "Gateway Time-out"))
    site.on(BY_ID, cluster())
    groups(site, workers())
    outcome = site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert outcome.action == "create"
    assert site.writes == [CREATE]


def test_a_create_that_is_too_slow(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"))
    with pytest.raises(Timeout, match="still CREATE_IN_PROGRESS; it goes on"):
        site.run(GpuClusterResource, name="train", template="gpu-a100", timeout=60)


def test_a_create_without_wait(site: Site, time: FakeTime) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"))
    groups(site, workers())
    outcome = site.run(
        GpuClusterResource,
        name="train",
        template="gpu-a100",
        max_node_count=5,
        wait=False,
    )
    assert outcome.after is not None
    assert outcome.after["status"] == "CREATE_IN_PROGRESS"
    assert site.writes == [CREATE]
    assert time.sleeps == []


def test_no_workers_need_1_10(site: Site) -> None:
    site.magnum_version("1.9")
    with pytest.raises(ApiError, match=r"needs Magnum API version 1\.10"):
        site.run(GpuClusterResource, name="train", template="gpu-a100", node_count=0)
    assert site.writes == []


# no change --------------------------------------------------------------------

EVERYTHING: Raw = {
    "name": "train",
    "template": "gpu-a100",
    "keypair": "ops",
    "master_count": 1,
    "node_count": 2,
    "hardware": "gpu.a100.4",
    "master_hardware": "m1.master",
    "labels": {"gpu_enabled": True},
    "floating_ip_enabled": False,
    "master_lb_enabled": False,
    "discovery_url": "https://discovery.test/1",
    "create_timeout": 90,
}


def test_a_second_run_is_four_requests(site: Site) -> None:
    there(site)
    outcome = site.run(GpuClusterResource, **EVERYTHING)
    assert (outcome.action, outcome.changed) == ("none", False)
    assert site.history == [BY_NAME, *VIEW]


def test_a_second_run_with_ids_is_four_requests_too(site: Site) -> None:
    site.on(BY_ID, cluster())
    groups(site, workers())
    asked = {**EVERYTHING, "name": ID, "template": TEMPLATE}
    assert site.run(GpuClusterResource, **asked).action == "none"
    assert site.history == [BY_ID, *VIEW]


def test_names_and_ids_mean_the_same(site: Site) -> None:
    flavors = {"flavors": [{"id": "7", "name": "gpu.a100.4"}]}
    site.on("GET /v2.1/flavors/detail?is_public=None", flavors)
    there(site)
    asked = {**EVERYTHING, "hardware": "7"}
    assert site.run(GpuClusterResource, **asked).action == "none"


def test_another_template_of_the_same_name_is_another_one(site: Site) -> None:
    there(site)
    site.on(
        f"GET /v1/clustertemplates/{OTHER_TEMPLATE}",
        {
            "uuid": OTHER_TEMPLATE,
            "name": "gpu-a100",
            "project_id": PROJECT,
            "public": False,
        },
    )
    with pytest.raises(Conflict, match="template is 'gpu-a100' and can't be changed"):
        site.run(GpuClusterResource, name="train", template=OTHER_TEMPLATE)


def test_what_is_being_created_is_waited_for(site: Site) -> None:
    there(site, cluster("CREATE_IN_PROGRESS"))
    site.on(BY_ID, cluster("CREATE_IN_PROGRESS"), cluster())
    assert site.run(GpuClusterResource, **EVERYTHING).action == "none"
    assert site.history == [BY_NAME, BY_ID, BY_ID, *VIEW]


# resize -----------------------------------------------------------------------


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
        *ROOM[1:],
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


# bounds -----------------------------------------------------------------------


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


# autoscaling --------------------------------------------------------------------

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


# frozen ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("master_count", 3),
        ("labels", {"gpu_enabled": "false"}),
        ("docker_volume_size", 20),
        ("master_lb_enabled", True),
        ("floating_ip_enabled", True),
    ],
)
def test_what_magnum_can_not_change_is_a_conflict(
    site: Site, field: str, asked: t.Any
) -> None:
    there(site)
    for check_mode in (False, True):
        with pytest.raises(Conflict) as caught:
            site.run(
                GpuClusterResource,
                name="train",
                **{field: asked},
                check_mode=check_mode,
            )
        assert caught.value.details["fields"][0]["field"] == field
        assert "create a cluster of another name" in caught.value.message
    assert site.writes == []


def test_labels_that_are_not_named_are_left_alone(site: Site) -> None:
    there(site)
    asked = {"name": "train", "labels": {"gpu_enabled": True}}
    assert site.run(GpuClusterResource, **asked).action == "none"


def test_labels_that_replace_are_compared_as_a_whole(site: Site) -> None:
    there(site)
    asked = {"name": "train", "merge_labels": False}
    whole = {"gpu_enabled": True, "kube_tag": "v1.28.9"}
    assert site.run(GpuClusterResource, **asked, labels=whole).action == "none"
    with pytest.raises(Conflict, match="labels is"):
        site.run(GpuClusterResource, **asked, labels={"gpu_enabled": True})


def test_labels_that_replace_are_sent_so(site: Site) -> None:
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster())
    groups(site, workers())
    site.run(
        GpuClusterResource,
        name="train",
        template="gpu-a100",
        labels={"gpu_enabled": True, "kube_tag": "v1.28.9"},
        merge_labels=False,
    )
    sent = site.sent(CREATE)[0]
    assert sent["merge_labels"] is False
    assert sent["labels"] == {"gpu_enabled": "true", "kube_tag": "v1.28.9"}


# absent ---------------------------------------------------------------------------


def test_delete(site: Site) -> None:
    there(site)
    site.on(DELETE, Reply(204))
    site.on(BY_ID, cluster(), cluster("DELETE_IN_PROGRESS"), MISSING)
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert (outcome.action, outcome.after) == ("delete", None)
    assert site.history == [BY_NAME, *VIEW, DELETE, *[BY_ID] * 3]


def test_what_someone_else_deletes_is_waited_for_and_not_asked_again(
    site: Site,
) -> None:
    site.on(BY_NAME, cluster("DELETE_IN_PROGRESS"))
    site.on(BY_ID, cluster("DELETE_IN_PROGRESS"), MISSING)
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.history == [BY_NAME, BY_ID, BY_ID]


def test_deleting_what_is_not_there(site: Site) -> None:
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.history == [BY_NAME]


def test_a_deletion_that_fails(site: Site) -> None:
    there(site)
    site.on(DELETE, Reply(204))
    failed = cluster("DELETE_FAILED", updated_at=NEW, status_reason="a port is in use")
    site.on(BY_ID, cluster("DELETE_IN_PROGRESS"), failed)
    with pytest.raises(ResourceError, match="DELETE_FAILED: a port is in use"):
        site.run(GpuClusterResource, "absent", name="train")


def test_another_project_s_cluster_of_the_name_is_not_touched(site: Site) -> None:
    foreign = cluster(project_id="another")
    site.on(BY_NAME, foreign)
    site.on("GET /v1/clusters/detail", {"clusters": [foreign]})
    outcome = site.run(GpuClusterResource, "absent", name="train")
    assert outcome.changed is False
    assert site.writes == []


# check mode -----------------------------------------------------------------------


MINIMUM: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}


def test_check_mode_of_a_create(site: Site) -> None:
    outcome = site.run(GpuClusterResource, **MINIMUM, check_mode=True)
    assert outcome.action == "create"
    assert outcome.after is not None
    assert outcome.after["id"] == "known after apply"
    assert outcome.after["node_count"] == 2
    assert site.history == [BY_NAME, TEMPLATES, *ROOM]


def test_check_mode_on_an_empty_cloud(site: Site) -> None:
    site.on(TEMPLATES, templates())
    site.on("GET /v1/clustertemplates/gpu-a100", MISSING)
    outcome = site.run(GpuClusterResource, **MINIMUM, check_mode=True)
    assert outcome.action == "create"
    assert site.warnings == [
        "template: there is no template named 'gpu-a100' in this project yet; what "
        "depends on it is known after apply"
    ]


def test_check_mode_of_a_resize_and_a_delete(site: Site) -> None:
    there(site)
    resized = site.run(GpuClusterResource, name="train", node_count=3, check_mode=True)
    assert (resized.action, resized.diff_after["node_count"]) == ("update", 3)
    deleted = site.run(GpuClusterResource, "absent", name="train", check_mode=True)
    assert deleted.action == "delete"
    assert site.writes == []


# input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"master_count": 0}, "master_count: 0 is below 1"),
        ({"node_count": -1}, "node_count: -1 is below 0"),
        ({"max_node_count": 0}, "max_node_count: 0 is below 1"),
        ({"create_timeout": 0}, "create_timeout: 0 is below 1"),
        (
            {"min_node_count": 4, "max_node_count": 3},
            "min_node_count: 4 is above max_node_count, 3",
        ),
        (
            {"node_count": 9, "max_node_count": 3},
            "node_count: 9 is not within min_node_count and max_node_count, 0 to 3",
        ),
        (
            {"node_count": 1, "min_node_count": 3},
            "node_count: 1 is not within min_node_count and max_node_count, 3 and more",
        ),
    ],
)
def test_bad_input_is_named_before_anything_is_sent(
    site: Site, wrong: Raw, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.run(GpuClusterResource, name="train", template="gpu-a100", **wrong)
    assert caught.value.message == said
    assert site.everything == []


# room -------------------------------------------------------------------------------


def free(*hosts: tuple[int, int]) -> Raw:
    """What Placement says of hosts, each with its capacity and what is used of it."""
    summaries = {
        f"host-{number}": {
            "resources": {"CUSTOM_GPU_A100": {"capacity": capacity, "used": used}}
        }
        for number, (capacity, used) in enumerate(hosts)
    }
    return {"allocation_requests": [], "provider_summaries": summaries}


def test_what_fits_is_told(site: Site) -> None:
    site.on(LIMITS, limits(instances=20))
    site.on(CANDIDATES, free((8, 0), (8, 3)))
    resource = planned(site, node_count=3)
    assert resource.report["precheck"] == {
        "needed": {
            "instances": 4,
            "cores": 3 * 48 + 2,
            "ram_mib": 3 * 524288 + 4096,
            "CUSTOM_GPU_A100": 12,
        },
        # Of the five that are left on the second host one can't be used.
        "free": {"instances": 17, "CUSTOM_GPU_A100": 12},
        "skipped": [],
    }
    assert site.warnings == []


def planned(site: Site, **options: t.Any) -> GpuClusterResource:
    """A resource that has looked for room in check mode."""
    cloud = site.cloud()
    spec = {**GpuClusterResource.argument_spec()}
    params = {**dict.fromkeys(spec), "precheck": True, "merge_labels": True}
    params.update({"name": "train", "template": "gpu-a100", **options})
    resource = GpuClusterResource(cloud, params, check_mode=True)
    reconcile(resource, "present", clock=cloud.clock, check_mode=True)
    return resource


def test_what_does_not_fit_is_refused_before_any_write(site: Site) -> None:
    site.on(LIMITS, limits(instances=5, cores=100, ram=10**9))
    site.on(CANDIDATES, free((8, 4)))
    asked: Raw = {"name": "train", "template": "gpu-a100", "node_count": 2}
    with pytest.raises(ResourceError) as caught:
        site.run(GpuClusterResource, **asked)
    assert caught.value.message == (
        "gpu cluster 'train' does not fit, and nothing was written: instances: 3 "
        "needed, 2 free; cores: 98 needed, 90 free; CUSTOM_GPU_A100: 8 needed, 4 free. "
        "With precheck: false it is tried all the same"
    )
    assert caught.value.details["free"]["CUSTOM_GPU_A100"] == 4
    assert caught.value.changed is False
    assert site.writes == []
    # Until a plan is carried out there may be room.
    resource = planned(site, node_count=2)
    assert "does not fit" in site.warnings[0]
    assert resource.report["precheck"]["needed"]["CUSTOM_GPU_A100"] == 8
    site.on(CREATE, Reply(202, {"uuid": ID}))
    site.on(BY_ID, cluster())
    groups(site, workers())
    assert site.run(GpuClusterResource, **asked, precheck=False).action == "create"


def test_what_can_not_be_asked_is_said(site: Site) -> None:
    site.on(FLAVORS, {"flavors": [A100]})
    report = planned(site, node_count=1).report["precheck"]
    assert "CUSTOM_GPU_A100" not in report["free"]
    assert report["skipped"] == [
        "m1.master: this flavor can't be seen with these credentials",
        "accelerators: Placement answered 403 to GET /allocation_candidates: not for "
        "you",
    ]


def test_growing_needs_room_for_what_is_added_only(site: Site) -> None:
    there(site)
    groups(site, workers(2))
    site.on(LIMITS, limits(instances=4))
    with pytest.raises(ResourceError, match="instances: 2 needed, 1 free"):
        site.run(GpuClusterResource, name="train", node_count=4)
    assert site.writes == []
    site.forget()
    site.run(GpuClusterResource, name="train", node_count=1, check_mode=True)
    assert LIMITS not in site.history


# revisions of the template --------------------------------------------------------


def test_a_cluster_may_have_any_revision_and_tells_of_drift(site: Site) -> None:
    there(site)
    first = {
        "uuid": TEMPLATE,
        "name": "gpu-a100",
        "project_id": PROJECT,
        "public": False,
    }
    tags = "gpufleet-template=gpu-a100,gpufleet-revision=2"
    second = {**first, "uuid": OTHER_TEMPLATE, "name": "gpu-a100-r2", "tags": tags}
    site.on(TEMPLATES, templates(first, second))
    outcome = site.run(GpuClusterResource, name="train", template="gpu-a100")
    assert outcome.action == "none"
    assert outcome.after is not None
    assert outcome.after["template"] == "gpu-a100"
    assert outcome.after["template_revision"] == 1
    drift = {"template_id": OTHER_TEMPLATE, "revision": 2}
    assert outcome.after["template_drift"] == drift
    assert site.warnings == [
        "cluster 'train' has revision 1 of template 'gpu-a100', the newest is 2"
    ]
    assert site.history == [BY_NAME, *VIEW]

    site.warnings.clear()
    there(site, cluster(cluster_template_id=OTHER_TEMPLATE))
    after = site.run(GpuClusterResource, name="train", template="gpu-a100").after
    assert after is not None
    shown = [after[f"template{key}"] for key in ("", "_revision", "_drift")]
    assert shown == ["gpu-a100", 2, None]
    assert site.warnings == []
    with pytest.raises(Conflict, match="can't be changed"):
        site.run(GpuClusterResource, name="train", template=TEMPLATE)
