# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's records, in the shapes of its releases. What asks for them runs elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import (
    snapshot,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    source as slurm,
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
        ("shard:16,gpu:h100:2", "gpu:h100:1(IDX:1),shard:0", (2, 1, (1,))),
        ("gres/gpu=8", "gres/gpu=8", (8, 8, None)),
        ("gpu:2080ti:8(S:0-1)", "gpu:2080ti:1(IDX:0)", (8, 1, (0,))),
        ("gpu:3090:8(S:0-1)", "gpu:3090:3(IDX:0-2)", (8, 3, (0, 1, 2))),
        # Parts of MIG, which have indexes of their own: 28 are 4 devices.
        ("gpu:1g.10gb:28(S:0-1)", "gpu:1g.10gb:14(IDX:0-13)", (4, 2, None)),
        (
            "gpu:h100:2,gpu:h100_4g.40gb:2,gpu:h100_1g.10gb:6",
            "gpu:h100:1(IDX:0),gpu:h100_4g.40gb:0(IDX:N/A),gpu:h100_1g.10gb:6(IDX:4-9)",
            (4, 1.857, None),
        ),
        ("gpu:a30_1g.6gb:8", "gpu:a30_1g.6gb:2(IDX:0-1)", (2, 0.5, None)),
        # Parts that do not fill their devices.
        ("gpu:3g.40gb:4", "gpu:3g.40gb:4(IDX:0-3)", (2, 2, None)),
        # Shares, of 32 a device.
        (
            "gpu:h100:2(S:0-1),shard:64(S:0-1)",
            "gpu:h100:0(IDX:N/A),shard:40(32/32,8/32)",
            (2, 1.25, None),
        ),
        ("gpu:2,shard:8", "gpu:1(IDX:1),shard:2", (2, 1.5, None)),
    ],
)
def test_counts(gres_text: str, used: str, expected: tuple[Any, ...]) -> None:
    offered = offer(gres=gres_text, gres_used=used)
    assert (offered.capacity, offered.allocated, offered.devices) == expected


def test_nodes_without_gpus_are_left_out() -> None:
    for other in ("", None, "craynetwork:1", "mygpu:4"):
        found = slurm.schedule([node(gres=other, hostname="gpu1.example.com")], [])
        assert (found.nodes, found.others) == ([], (("gpu1", "gpu1.example.com"),))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("npu:910b:8(S:0-1)", ["npu"]),
        ("gpu:h100:8,dcu:4", ["dcu"]),
        ("gres/vgpu=4,npu:2", ["npu", "vgpu"]),
        ("npu", ["npu"]),
        ("gpu:npu:8", []),
        ("gpu:8,shard:64,mps:800", []),
        ("craynetwork:1,nic:2,bandwidth:lustre:no_consume:4G", []),
        ("gpumem:80G", []),
        (None, []),
    ],
)
def test_gres_that_look_like_devices(text: str | None, names: list[str]) -> None:
    nodes = [node(gres=text), node(name="gpu2", gres=text)]
    told = [text for text in slurm.schedule(nodes, []).warnings if "GRES" in text]
    assert told == [
        f"GRES {', '.join(names)} are not counted, only gpu, shard and mps. If they are "
        "devices, name them gpu in Slurm's configuration"
        for _once in names[:1]
    ]


def test_a_text_of_an_unknown_shape_is_unknown_and_warned_of() -> None:
    known = slurm.schedule([node(gres="gpu:a:b:c:8")], [])
    [scheduled] = known.nodes
    assert (scheduled.name, scheduled.offer.capacity) == ("gpu1", None)
    assert "is not understood" in (scheduled.offer.reason or "")
    [warning] = known.warnings
    assert "node 'gpu1' is not understood: ValueError: GRES 'gpu:a:b:c:8'" in warning


FINE, OUT, FAULT, UNKNOWN = "fine", "maintenance", "fault", "unknown"


@pytest.mark.parametrize(
    ("state", "author", "expected"),
    [
        ("idle", None, FINE),
        ("idle+drain", "bob", OUT),
        (["IDLE", "DRAIN"], "bob", OUT),
        # Programs that Slurm runs, NHC and an epilog for two, drain as root.
        (["IDLE", "DRAIN"], "root", FAULT),
        (["MIXED", "DRAIN"], "slurm", FAULT),
        (["IDLE", "DRAIN"], None, FAULT),
        (["DOWN"], "root", FAULT),
        (["DOWN"], "bob", FAULT),
        (["IDLE", "NOT_RESPONDING"], None, FAULT),
        (["IDLE", "FAIL"], "bob", FAULT),
        (["IDLE", "INVALID_REG"], "slurm", FAULT),
        (["IDLE", "INVALID_REG", "DRAIN"], "slurm", FAULT),
        (["ERROR"], None, FAULT),
        (["UNKNOWN"], None, UNKNOWN),
        (["UNKNOWN", "NOT_RESPONDING"], None, UNKNOWN),
        # Power saving is no fault, whatever else Slurm says.
        (["IDLE", "CLOUD", "POWERED_DOWN"], None, OUT),
        (["IDLE", "CLOUD", "DRAIN", "POWERING_DOWN"], None, OUT),
        (["DOWN", "POWER_DOWN", "POWERED_DOWN", "NOT_RESPONDING"], "slurm", OUT),
        (["ALLOCATED", "CLOUD", "POWERING_UP", "NOT_RESPONDING"], None, FINE),
        (["DOWN", "CLOUD", "POWERING_UP"], "slurm", FAULT),
        # What somebody has planned.
        (["IDLE", "RESERVED", "MAINTENANCE"], None, OUT),
        (["DOWN", "REBOOT_ISSUED"], "ops1", OUT),
        (["IDLE", "DRAIN", "REBOOT_REQUESTED"], "root", OUT),
        (["IDLE", "REBOOT_REQUESTED"], None, FINE),
        (["FUTURE"], None, OUT),
        (["RESERVED"], None, FINE),
        (["MIXED", "PLANNED"], None, FINE),
        (["IDLE", "COMPLETING"], None, FINE),
    ],
)
def test_states(state: Any, author: str | None, expected: str) -> None:
    offered = offer(state=state, reason="new disks", reason_set_by_user=author)
    texts = [evidence for _rule, evidence, _since in offered.faults]
    assert [rule for rule, *_more in offered.faults] in ([], ["slurm_state"])
    found = FAULT if texts else OUT if offered.maintenance else FINE
    assert (UNKNOWN if offered.allocated is None else found) == expected
    assert ("UNKNOWN" in (offered.reason or "")) is (expected == UNKNOWN)
    for text in (offered.maintenance, *texts):
        assert not text or "new disks" in text


@pytest.mark.parametrize(
    ("flags", "author", "users", "is_fault"),
    [
        (["DRAIN"], "nhc", ["root", "slurm"], False),
        (["DRAIN"], "nhc", ["nhc"], True),
        (["DRAIN"], "root", ["slurm"], False),
        (["DRAIN"], None, [], True),
    ],
)
def test_who_counts_as_a_health_check(
    flags: list[str], author: str | None, users: list[str], is_fault: bool
) -> None:
    drained = node(state_flags=flags, reason_set_by_user=author)
    [scheduled] = slurm.schedule([drained], [], health_checks=users).nodes
    assert bool(scheduled.offer.faults) is is_fault
    assert bool(scheduled.offer.maintenance) is not is_fault


@pytest.mark.parametrize(
    ("changed", "since"),
    [
        (1764000000, "2025-11-24T16:00:00+00:00"),
        (
            {"set": True, "infinite": False, "number": 1764000000},
            "2025-11-24T16:00:00+00:00",
        ),
        ({"set": True, "infinite": False, "number": 0}, None),
        ({"set": False, "infinite": False, "number": 5}, None),
        ({"set": True, "infinite": True, "number": 5}, None),
        (0, None),
        (10**30, None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_since_when_a_node_is_out(changed: Any, since: str | None) -> None:
    [fault] = offer(state="down", reason_changed_at=changed).faults
    assert fault[2] == since


def test_states_in_a_report() -> None:
    """Of twelve nodes, two are fully idle and one is partially; three are faulty."""
    states: list[tuple[list[str], str]] = [
        (["IDLE", "DRAIN"], "root"),
        (["IDLE", "DRAIN"], "slurm"),
        (["IDLE", "INVALID_REG"], "slurm"),
        (["IDLE", "CLOUD", "POWERED_DOWN"], ""),
        (["DOWN", "CLOUD", "POWER_DOWN", "POWERED_DOWN", "NOT_RESPONDING"], "slurm"),
        (["IDLE", "CLOUD", "DRAIN", "POWERING_DOWN"], ""),
        (["DOWN", "REBOOT_ISSUED"], "ops1"),
        (["IDLE", "RESERVED", "MAINTENANCE"], ""),
        (["FUTURE"], ""),
        (["RESERVED"], ""),
        (["IDLE"], ""),
        (["UNKNOWN"], ""),
    ]
    nodes = [
        node(name=f"n{n}", state=state, reason_set_by_user=author, gres_used="gpu:0")
        for n, (state, author) in enumerate(states)
    ]
    fleet = snapshot.assemble([], schedules=[slurm.schedule([*nodes, node()], [])])
    report = overview.report(fleet)
    counts = [report[f"{kind}Nodes"] for kind in ("faulty", "maintenance", "healthy")]
    assert counts == [3, 6, 4]
    assert (report["fullyIdleNodes"], report["partiallyIdleNodes"]) == (2, 1)
    assert (report["unknownNodes"], report["allocatedGpus"]) == (1, 3)
    assert report["allocationRate"] == round(3 / 24, 4)


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


@pytest.mark.parametrize(
    ("release", "more"),
    [
        (
            "21.08, API v0.0.37",
            {"job_resources": {"nodes": "gpu1", "allocated_nodes": {"0": {"cpus": 4}}}},
        ),
        (
            "22.05, API v0.0.38",
            {"job_resources": {"allocated_nodes": [{"nodename": "gpu1"}]}},
        ),
        (
            "23.02 to 24.05, data_parser v0.0.39 and v0.0.40",
            {
                "job_state": ["RUNNING"],
                "array_job_id": {"set": True, "infinite": False, "number": 5},
                "job_resources": {
                    "nodes": "gpu1",
                    "allocated_nodes": [{"nodename": "gpu1"}],
                },
            },
        ),
        (
            "24.05 to 25.05, data_parser v0.0.41 to v0.0.43",
            {
                "job_state": ["RUNNING"],
                "array_job_id": {"set": True, "infinite": False, "number": 5},
                "job_resources": {
                    "nodes": {
                        "count": 1,
                        "list": "gpu1",
                        "allocation": [{"index": 0, "name": "gpu1"}],
                    }
                },
            },
        ),
    ],
)
def test_shapes_of_releases(release: str, more: dict[str, Any]) -> None:
    known = slurm.schedule([node()], [job(**{"array_job_id": 5, **more})])
    [row] = known.consumers
    assert (row["uid"], row["devices"]) == ("5", [("gpu1", 0), ("gpu1", 1)]), release
    assert known.warnings == ()


def test_numbered_nodes_whose_names_are_not_known() -> None:
    resources = {"nodes": "gpu[1-2]", "allocated_nodes": {"0": {}, "1": {}}}
    details = ["gpu:mi300x:2(IDX:0-1)", "gpu:mi300x:1(IDX:7)"]
    [row] = slurm.schedule(
        [node()], [job(gres_detail=details, job_resources=resources)]
    ).consumers
    assert (row["devices"], row["stat"]["gpuEquivalent"]) == (None, 3)


@pytest.mark.parametrize(
    ("state", "holds"),
    [
        ("RUNNING", True),
        ("CONFIGURING", True),
        (["RUNNING", "CONFIGURING"], True),
        (["COMPLETED", "COMPLETING"], True),
        ("SUSPENDED", True),
        (["RUNNING", "STOPPED"], True),
        ("COMPLETED", False),
        ("CANCELLED", False),
        (["NODE_FAIL"], False),
        (["PENDING", "REQUEUED"], False),
    ],
)
def test_which_jobs_hold_devices(state: Any, holds: bool) -> None:
    known = slurm.schedule([node()], [job(job_state=state)])
    assert [row["stat"]["gpuRequest"] for row in known.consumers] == [2] * holds


@pytest.mark.parametrize(
    ("of_node", "of_job", "requested", "equivalent"),
    [
        ("gpu:1g.10gb:28", {"gres_detail": ["gpu:1g.10gb:7(IDX:0-6)"]}, 7, 1.0),
        ("gpu:3g.40gb:4", {"gres_detail": ["gpu:3g.40gb:1(IDX:0)"]}, 1, 0.5),
        ("gpu:2,shard:8", {"gres_detail": ["shard:2(2/4,0/4)"]}, 2, 0.5),
        (
            "gpu:2,shard:8",
            {"gres_detail": [], "tres_alloc_str": "gres/shard=2"},
            2,
            0.5,
        ),
        ("gpu:3090:8", {"gres_detail": ["gpu:3090(CNT:2)"]}, 2, 2.0),
        (
            "gpu:3090:8",
            {"gres_detail": [], "tres_alloc_str": "cpu=1,gres/gpu=3,gres/gpu:3090=3"},
            3,
            3.0,
        ),
    ],
)
def test_parts_and_shares_that_a_job_holds(
    of_node: str, of_job: dict[str, Any], requested: int, equivalent: float
) -> None:
    [row] = slurm.schedule([node(gres=of_node)], [job(**of_job)]).consumers
    stat = row["stat"]
    assert (stat["gpuRequest"], stat["gpuEquivalent"]) == (requested, equivalent)


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
        ({"tres_per_node": "gres:gpu:1", "array_task_string": "1-7:2"}, 4),
        ({"tres_per_node": "gres:gpu:1", "array_task_string": "1-20,22,...%10"}, 21),
        ({"tres_per_node": "gres/gpu:3090:2"}, 2),
        ({"tres_per_node": "gres/gpu:1g.10gb:7"}, 1),
        ({"tres_per_node": "gres/shard:4"}, 1),
        # What can start as soon as there is room.
        ({"tres_per_node": "gres:gpu:1", "state_reason": "Resources"}, 1),
        ({"tres_per_node": "gres:gpu:1", "state_reason": "Priority"}, 1),
        ({"tres_per_node": "gres:gpu:1", "state_reason": "None"}, 1),
        (
            {
                "tres_per_node": "gres:gpu:1",
                "state_reason": "ReqNodeNotAvail, UnavailableNodes:gpu1",
            },
            1,
        ),
        (
            {
                "tres_per_node": "gres:gpu:1",
                "state_reason": "Nodes_required_for_job_are_DOWN,_DRAINED",
            },
            1,
        ),
        # And what can't.
        *(
            ({"tres_per_node": "gres:gpu:1", "state_reason": reason}, 0)
            for reason in (
                "JobHeldUser",
                "JobHeldAdmin",
                "Dependency",
                "DependencyNeverSatisfied",
                "BeginTime",
                "BadConstraints",
                "JobArrayTaskLimit",
                "QOSMaxGRESPerUser",
                "AssocGrpGRES",
                "PartitionNodeLimit",
                "InvalidAccount",
                "launch_failed_requeued_held",
            )
        ),
        ({}, 0),
    ],
)
def test_pending(requested: dict[str, Any], pending: int) -> None:
    waiting = job(job_state="PENDING", gres_detail=[], job_resources=None, **requested)
    gpus = node(gres="gpu:mi300x:8(S:0-1),shard:32")
    known = slurm.schedule([gpus], [waiting])
    assert known.waiting is not None
    assert (known.waiting.pending, known.consumers) == (pending, [])
    cut = "..." in requested.get("array_task_string", "")
    assert len(known.warnings) == cut


def test_why_jobs_wait() -> None:
    reasons = [
        "Resources",
        "Resources",
        "Dependency",
        "ReqNodeNotAvail, UnavailableNodes:gpu1",
        None,
    ]
    jobs = [
        job(
            job_state="PENDING",
            gres_detail=[],
            tres_per_node="gres/gpu:2",
            state_reason=reason,
        )
        for reason in reasons
    ]
    known = slurm.schedule([node()], [*jobs, job(job_state="PENDING", gres_detail=[])])
    assert known.waiting is not None
    assert known.waiting.pending == 8
    assert known.waiting.by_reason == {
        "Resources": 4,
        "Dependency": 2,
        "ReqNodeNotAvail": 2,
        "None": 2,
    }


def test_shares_of_which_nobody_knows_how_many_make_a_device() -> None:
    waiting = job(job_state="PENDING", gres_detail=[], tres_per_node="gres/shard:4")
    known = slurm.schedule([node()], [waiting])
    assert known.waiting is None
    assert "job 'train' is not understood: ValueError: shard" in known.warnings[0]


def test_jobs_that_have_ended_or_have_no_gpus() -> None:
    jobs = [job(job_state="FAILED"), job(gres_detail=[])]
    assert slurm.schedule([node()], jobs).consumers == []
