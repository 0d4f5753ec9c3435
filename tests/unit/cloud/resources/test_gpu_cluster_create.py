# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that are made."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    InvalidInput,
    ResourceError,
    TemplateNotFound,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.gpu_cluster import (
    GpuClusterResource,
)
from unit.cloud.fakes import TEMPLATES, FakeTime, Raw, Reply, Site, templates
from unit.cloud.resources.clusters import (
    BOUNDS,
    BY_ID,
    BY_NAME,
    CREATE,
    DELETE,
    GROUPS,
    ID,
    MISSING,
    ROOM,
    STACK_ID,
    TEMPLATE,
    VIEW,
    WORKERS,
    changing,
    cluster,
    groups,
    there,
    workers,
)

pytestmark = pytest.mark.usefixtures("gpu_template")


# create ----------------------------------------------------------------------


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
    groups(site, workers())
    busy = {"id": STACK_ID, "stack_status": "CREATE_IN_PROGRESS"}
    site.on(f"GET /v1.0/stacks/{STACK_ID}", {"stack": {"stack_name": "x", **busy}})
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
