# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's records, in the shapes of its releases. What asks for them runs elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import (
    gres,
    slurm,
)


def node(**more: Any) -> dict[str, Any]:
    usual = {
        "name": "gpu1",
        "gres": "gpu:mi300x:8(S:0-1)",
        "gres_used": "gpu:mi300x:3(IDX:0,4-5)",
        "state": "mixed",
        "state_flags": [],
        "reason": "",
        "reason_set_by_user": None,
    }
    return {**usual, **more}


def job(**more: Any) -> dict[str, Any]:
    usual = {
        "job_id": 7,
        "array_job_id": 0,
        "name": "train",
        "partition": "amd",
        "user_name": "alice",
        "account": "ml",
        "job_state": "RUNNING",
        "gres_detail": ["gpu:mi300x:2(IDX:0-1)"],
        "job_resources": {"allocated_nodes": [{"nodename": "gpu1"}]},
    }
    return {**usual, **more}


def offer(**more: Any) -> Any:
    [scheduled] = slurm.schedule([node(**more)], []).nodes
    return scheduled.offer


@pytest.mark.parametrize(
    ("gres_text", "used", "expected"),
    [
        ("gpu:mi300x:8", "gpu:mi300x:3(IDX:0,4-5)", (8, 3, (0, 4, 5))),
        ("gpu:8", "gpu:0(IDX:N/A)", (8, 0, ())),
        ("gpu:8", "gpu:2", (8, 2, None)),
        ("gpu:a100:4(S:0),gpu:t4:2(S:1)", "gpu:a100:1(IDX:3),gpu:t4:0", (6, 1, (3,))),
        ("shard:16,gpu:h100:2", "gpu:h100:1(IDX:1),shard:4", (2, 1, (1,))),
        ("gres/gpu=8", "gres/gpu=8", (8, 8, None)),
    ],
)
def test_counts(gres_text: str, used: str, expected: tuple[Any, ...]) -> None:
    offered = offer(gres=gres_text, gres_used=used)
    assert (offered.capacity, offered.allocated, offered.devices) == expected


def test_nodes_without_gpus_are_left_out() -> None:
    for other in ("", None, "craynetwork:1", "mygpu:4"):
        assert slurm.schedule([node(gres=other)], []).nodes == []


@pytest.mark.parametrize(
    ("state", "more", "maintenance", "fault"),
    [
        ("idle", {}, False, False),
        ("idle", {"state_flags": ["DRAIN"], "reason_set_by_user": "bob"}, True, False),
        (["IDLE", "DRAIN"], {"reason_set_by_user": "bob"}, True, False),
        (
            "idle",
            {"state_flags": ["DRAIN"], "reason_set_by_user": "slurm"},
            False,
            True,
        ),
        ("down", {"reason_set_by_user": "root"}, False, True),
        ("idle", {"state_flags": ["NOT_RESPONDING"]}, False, True),
        (["IDLE", "MAINTENANCE"], {}, True, False),
    ],
)
def test_states(
    state: Any, more: dict[str, Any], maintenance: bool, fault: bool
) -> None:
    offered = offer(state=state, reason="new disks", **more)
    assert bool(offered.maintenance) is maintenance
    assert [rule for rule, _evidence in offered.faults] == ["slurm_state"] * fault
    for text in (
        offered.maintenance,
        *(evidence for _rule, evidence in offered.faults),
    ):
        assert not text or "new disks" in text


def test_a_job_of_two_nodes() -> None:
    resources = {"allocated_nodes": [{"nodename": "gpu1"}, {"nodename": "gpu2"}]}
    details = ["gpu:mi300x:2(IDX:0-1)", "gpu:mi300x:1(IDX:7)"]
    [row] = slurm.schedule(
        [node()], [job(gres_detail=details, job_resources=resources)], "frankfurt"
    ).consumers
    assert row["devices"] == [("gpu1", 0), ("gpu1", 1), ("gpu2", 7)]
    assert (row["uid"], row["user"], row["account"]) == ("7", "alice", "ml")
    assert row["stat"]["gpuRequest"] == 3
    assert row["cluster"] == "frankfurt"


def test_the_shape_of_newer_releases() -> None:
    newer = job(
        job_id=7,
        array_job_id={"set": True, "infinite": False, "number": 5},
        job_state=["RUNNING"],
        job_resources={"nodes": {"count": 1, "allocation": [{"name": "gpu1"}]}},
    )
    [row] = slurm.schedule([node(state=["MIXED"])], [newer]).consumers
    assert (row["uid"], row["devices"]) == ("5", [("gpu1", 0), ("gpu1", 1)])


def test_tasks_of_an_array_are_one_consumer() -> None:
    tasks = [
        job(job_id=11 + n, array_job_id=6, gres_detail=[f"gpu:mi300x:1(IDX:{n})"])
        for n in range(3)
    ]
    [row] = slurm.schedule([node()], tasks).consumers
    assert (row["uid"], row["stat"]["gpuEquivalent"]) == ("6", 3.0)
    assert [pod["job"] for pod in row["pods"]] == [11, 12, 13]


@pytest.mark.parametrize(
    ("requested", "pending"),
    [
        ({"tres_per_node": "gres:gpu:8", "node_count": 4}, 32),
        ({"tres_per_job": "gres:gpu:4"}, 4),
        ({"tres_per_task": "gres:gpu:1", "tasks": 4}, 4),
        ({"tres_req_str": "cpu=4,gres/gpu=6,gres/gpu:h100=6"}, 6),
        ({"tres_per_node": "gres:gpu:1", "array_task_string": "2-3,7%2"}, 3),
        ({"tres_per_node": "gres:gpu:1", "state_reason": "JobHeldUser"}, 0),
        ({}, 0),
    ],
)
def test_pending(requested: dict[str, Any], pending: int) -> None:
    waiting = job(job_state="PENDING", gres_detail=[], job_resources=None, **requested)
    known = slurm.schedule([node()], [waiting])
    assert (known.pending, known.consumers) == (pending, [])


def test_jobs_that_have_ended_or_have_no_gpus() -> None:
    jobs = [job(job_state="FAILED"), job(gres_detail=[])]
    assert slurm.schedule([node()], jobs).consumers == []


@pytest.mark.parametrize(
    ("text", "indexes", "length"),
    [
        ("0-3,5", [0, 1, 2, 3, 5], 5),
        ("7", [7], 1),
        ("N/A", [], 0),
        ("", None, 0),
        ("0-", None, 0),
        ("3-1", [], 0),
        ("0-255", list(range(256)), 256),
        ("0-256", None, 257),
        ("0-999999999", None, 10**9),
        ("0-9999999999", None, 0),
        (",".join(["0-99999"] * 1000), None, 10**8),
    ],
)
def test_indexes(text: str, indexes: list[int] | None, length: int) -> None:
    assert gres.indexes(text) == indexes
    assert gres.length(text) == length


def test_a_count_of_more_digits_than_a_number_has() -> None:
    assert gres.count("gpu:" + "9" * 10_000) == 0
