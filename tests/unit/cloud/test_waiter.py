# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.errors import (
    ApiError,
    AuthError,
    CloudError,
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.magnum import (
    status_of,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils.cloud.waiter import (
    DONE,
    Proof,
    Raw,
    Status,
    wait_until,
)
from unit.cloud.fakes import FakeTime

OLD = "2026-01-01T10:00:00+00:00"
NEW = "2026-01-01T10:00:07+00:00"


def cluster(status: str, updated_at: str | None = OLD, **more: t.Any) -> Raw:
    return {"status": status, "updated_at": updated_at, **more}


def proof(before: Raw | None, reached: t.Callable[[Raw], bool] | None = None) -> Proof:
    return Proof(
        status=status_of,
        failure=lambda raw: ResourceError(f"it is {raw['status']}"),
        reached=reached or (lambda raw: True),
        before=before,
    )


def verdicts(judge: Proof, *seen: Raw | None) -> list[bool]:
    return [judge(raw) for raw in seen]


# Proof ----------------------------------------------------------------------


def test_the_old_complete_is_not_believed() -> None:
    judge = proof(cluster("UPDATE_COMPLETE"))
    stands = cluster("UPDATE_COMPLETE", node_count=5)
    assert verdicts(judge, stands, stands, stands) == [False, False, False]


def test_complete_counts_once_it_was_seen_busy() -> None:
    judge = proof(cluster("UPDATE_COMPLETE"))
    assert verdicts(
        judge,
        cluster("UPDATE_COMPLETE"),
        cluster("UPDATE_IN_PROGRESS"),
        cluster("UPDATE_COMPLETE"),
    ) == [False, False, True]


def test_complete_counts_once_its_time_of_update_moved() -> None:
    judge = proof(cluster("CREATE_COMPLETE", None))
    assert verdicts(
        judge, cluster("CREATE_COMPLETE", None), cluster("UPDATE_COMPLETE", NEW)
    ) == [False, True]


def test_complete_counts_once_it_is_another_one() -> None:
    """All within one second, and nobody saw it busy."""
    judge = proof(cluster("CREATE_COMPLETE"))
    assert verdicts(judge, cluster("CREATE_COMPLETE"), cluster("UPDATE_COMPLETE")) == [
        False,
        True,
    ]


def test_the_old_failure_is_not_believed_and_the_new_one_raises() -> None:
    judge = proof(cluster("UPDATE_FAILED"))
    assert verdicts(judge, cluster("UPDATE_FAILED"), cluster("UPDATE_IN_PROGRESS")) == [
        False,
        False,
    ]
    with pytest.raises(ResourceError, match="it is UPDATE_FAILED"):
        judge(cluster("UPDATE_FAILED", NEW))


def test_the_condition_asked_for_has_to_hold_too() -> None:
    judge = proof(None, lambda raw: len(raw["addresses"]) == 2)
    assert verdicts(
        judge,
        cluster("CREATE_COMPLETE", addresses=["a"]),
        cluster("CREATE_COMPLETE", addresses=["a", "b"]),
    ) == [False, True]


def test_a_new_one_needs_no_proof() -> None:
    assert verdicts(
        proof(None), None, cluster("CREATE_IN_PROGRESS"), cluster("CREATE_COMPLETE")
    ) == [False, False, True]
    with pytest.raises(ResourceError, match="CREATE_FAILED"):
        proof(None)(cluster("CREATE_FAILED"))


def test_a_status_that_is_not_known_is_waited_for() -> None:
    assert verdicts(proof(None), cluster("REPAINT_IN_PROGRESS")) == [False]


def test_a_kind_without_status_is_done_when_the_condition_holds() -> None:
    judge = Proof(
        status=lambda raw: Status("", DONE),
        failure=lambda raw: ResourceError("never"),
        reached=lambda raw: raw["size"] == 2,
        before={"size": 1},
    )
    assert verdicts(judge, {"size": 1}, {"size": 2}) == [False, True]


# wait_until -----------------------------------------------------------------


class Poll:
    """Answers one after the other, the last one from then on."""

    def __init__(self, *answers: Raw | Exception | None) -> None:
        self.answers = list(answers)
        self.count = 0

    def __call__(self) -> Raw | None:
        answer = self.answers[min(self.count, len(self.answers) - 1)]
        self.count += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def describe(raw: Raw | None) -> str:
    return f"cluster 'a' was still {raw['status'] if raw else 'not there'}"


def until_complete(poll: Poll, time: FakeTime, timeout: float = 3600) -> Raw | None:
    def judge(raw: Raw | None) -> bool:
        return raw is not None and raw["status"].endswith("COMPLETE")

    return wait_until(poll, judge, describe, time.clock(timeout))


def test_returns_what_it_saw_when_done(time: FakeTime) -> None:
    busy, done = cluster("CREATE_IN_PROGRESS"), cluster("CREATE_COMPLETE", NEW)
    assert until_complete(Poll(None, busy, done), time) is done


def test_asks_no_second_time_where_it_is_done_already(time: FakeTime) -> None:
    until_complete(Poll(cluster("CREATE_COMPLETE")), time)
    assert time.sleeps == []


def test_pauses_grow_from_one_second_to_ten(time: FakeTime) -> None:
    busy = [cluster("CREATE_IN_PROGRESS")] * 12
    until_complete(Poll(*busy, cluster("CREATE_COMPLETE")), time)
    assert time.sleeps[:3] == pytest.approx([1, 1.3, 1.69])
    assert time.sleeps == sorted(time.sleeps)
    assert time.sleeps[-1] == 10


def test_a_failed_read_is_no_end(time: FakeTime) -> None:
    poll = Poll(
        cluster("CREATE_IN_PROGRESS"),
        ApiError("Magnum answered 503"),
        ApiError("Magnum answered 503"),
        cluster("CREATE_COMPLETE"),
    )
    assert until_complete(poll, time) == cluster("CREATE_COMPLETE")
    assert poll.count == 4


def test_what_was_seen_before_a_failed_read_is_not_judged_again(
    time: FakeTime,
) -> None:
    judged: list[t.Any] = []
    poll = Poll({"n": 1}, ApiError("gone for a moment"), {"n": 2})

    def judge(raw: Raw | None) -> bool:
        judged.append(raw)
        return raw == {"n": 2}

    wait_until(poll, judge, describe, time.clock())
    assert judged == [{"n": 1}, {"n": 2}]


def test_a_read_that_fails_while_judging_is_no_end(time: FakeTime) -> None:
    reads = iter([ApiError("Magnum answered 500"), None])

    def judge(_raw: Raw | None) -> bool:
        trouble = next(reads)
        if trouble:
            raise trouble
        return True

    assert wait_until(Poll({"n": 1}), judge, describe, time.clock()) == {"n": 1}
    assert time.sleeps == [1]


@pytest.mark.parametrize("error", [AuthError("expired"), ResourceError("quota")])
def test_an_error_that_time_does_not_heal_ends_it(
    time: FakeTime, error: CloudError
) -> None:
    with pytest.raises(type(error)):
        until_complete(Poll(cluster("CREATE_IN_PROGRESS"), error), time)


def test_ends_at_the_deadline_with_the_state_last_seen(time: FakeTime) -> None:
    with pytest.raises(Timeout) as caught:
        until_complete(Poll(cluster("CREATE_IN_PROGRESS")), time, timeout=60)
    assert caught.value.message == (
        "cluster 'a' was still CREATE_IN_PROGRESS after 60 s"
    )
    assert sum(time.sleeps) == pytest.approx(60)


def test_ends_at_the_deadline_with_why_the_last_read_failed(time: FakeTime) -> None:
    down = ApiError("Magnum answered 503", status=503, request_id="req-9")
    with pytest.raises(Timeout) as caught:
        until_complete(Poll(cluster("CREATE_IN_PROGRESS"), down), time, timeout=7.5)
    assert caught.value.message == (
        "cluster 'a' was still CREATE_IN_PROGRESS after 7.5 s; the last read failed: "
        "Magnum answered 503"
    )
    assert (caught.value.status, caught.value.request_id) == (503, "req-9")


def test_looks_once_even_with_no_time_at_all(time: FakeTime) -> None:
    done = cluster("CREATE_COMPLETE")
    assert until_complete(Poll(done), time, timeout=0) is done
