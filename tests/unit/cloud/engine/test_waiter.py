# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    AuthError,
    Busy,
    CloudError,
    Conflict,
    InvalidInput,
    NotFound,
    ResourceError,
    Stalled,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.status import (
    DONE,
    Raw,
    Status,
    status_of,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.waiter import (
    Lasting,
    NotYet,
    Proof,
    Turn,
    in_turn,
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


def test_one_that_is_gone_is_an_error_where_that_is_said() -> None:
    judge = Proof(
        status_of, lambda raw: ResourceError("no"), lambda raw: True, {}, KeyError
    )
    with pytest.raises(KeyError):
        judge(None)
    assert proof(None)(None) is False


# Turns ----------------------------------------------------------------------


class Desk:
    """Takes one write at a time, and is in these states when it is looked at."""

    def __init__(self, *states: str | None) -> None:
        self.states = list(states)
        self.refusals: list[CloudError] = []
        self.log: list[str] = []

    def look(self) -> Raw | None:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        self.log.append("look")
        return cluster(state) if state else None

    def write(self) -> str:
        self.log.append("write")
        if self.refusals:
            raise self.refusals.pop(0)
        return "written"

    def turn(self) -> Turn:
        return Turn(self.look, lambda raw: f"it was {raw and raw['status']}")


def test_a_write_waits_until_nothing_is_under_way(time: FakeTime) -> None:
    desk = Desk(None, "UPDATE_IN_PROGRESS", "UPDATE_FAILED")
    assert in_turn(desk.write, desk.turn(), time.clock()) == "written"
    assert desk.log == ["look", "look", "look", "write"]


def test_a_write_that_another_one_came_before_is_sent_again(time: FakeTime) -> None:
    desk = Desk("CREATE_COMPLETE")
    desk.refusals = [Busy("in progress"), Busy("in progress")]
    assert in_turn(desk.write, desk.turn(), time.clock()) == "written"
    assert desk.log == ["look", "write"] * 3
    assert time.sleeps == [2, 2]


def test_other_refusals_of_a_write_are_not_repeated(time: FakeTime) -> None:
    desk = Desk("CREATE_COMPLETE")
    desk.refusals = [Conflict("never")]
    with pytest.raises(Conflict, match="never"):
        in_turn(desk.write, desk.turn(), time.clock())
    assert desk.log == ["look", "write"]


def test_a_turn_that_never_comes_is_a_timeout(time: FakeTime) -> None:
    desk = Desk("UPDATE_IN_PROGRESS")
    with pytest.raises(Timeout, match="it was UPDATE_IN_PROGRESS after 30 s"):
        in_turn(desk.write, desk.turn(), time.clock(30))
    assert "write" not in desk.log


def test_a_write_that_is_refused_until_time_is_up_is_a_conflict(
    time: FakeTime,
) -> None:
    desk = Desk("CREATE_COMPLETE")
    desk.refusals = [Busy("in progress") for _number in range(99)]
    with pytest.raises(Busy) as caught:
        in_turn(desk.write, desk.turn(), time.clock(30))
    assert caught.value.type == "Conflict"
    assert sum(time.sleeps) == pytest.approx(30)


# Cluster API --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "done_at"),
    [
        # Seconds at which it is polled, and what it then is.
        ([(0, "B"), (1, "C"), (11, "C"), (25, "C"), (26, "C")], 26),
        ([(0, "B"), (1, "C"), (11, "B"), (12, "C"), (30, "C"), (37, "C")], 37),
        ([(0, "C"), (30, "B"), (31, "C"), (41, "C")], None),
    ],
)
def test_a_final_status_that_has_to_last(
    time: FakeTime, statuses: list[tuple[int, str]], done_at: int | None
) -> None:
    words = {"B": "UPDATE_IN_PROGRESS", "C": "UPDATE_COMPLETE"}
    clock, asked = time.clock(), []

    def reached(raw: Raw) -> bool:
        asked.append(raw)
        return True

    judge = Proof(
        status_of,
        lambda raw: ResourceError("failed"),
        reached,
        cluster("CREATE_COMPLETE"),
        lasting=Lasting(25, clock),
    )
    seen = None
    for second, word in statuses:
        time.now = 1000.0 + second
        if judge(cluster(words[word])):
            seen = second
    assert seen == done_at
    assert len(asked) == (done_at is not None)


def test_what_is_missing_is_told(time: FakeTime) -> None:
    def judge(raw: Raw | None) -> bool:
        raise NotYet("2 of 3 are there")

    with pytest.raises(Timeout, match=r"^it waits after 30 s: 2 of 3 are there$"):
        wait_until(lambda: None, judge, lambda raw: "it waits", time.clock(30))


@pytest.mark.parametrize("says", [False, NotYet("one is missing")])
def test_what_is_behind_is_looked_at_every_20_seconds(
    time: FakeTime, says: t.Any
) -> None:
    looks: list[float] = []

    def judge(raw: Raw | None) -> bool:
        if says:
            raise says
        return False

    def look(raw: Raw) -> None:
        looks.append(time.now - 1000)
        if len(looks) == 3:
            raise Stalled("a server failed")

    clock = time.clock()
    with pytest.raises(ResourceError, match="a server failed"):
        wait_until(dict, judge, lambda raw: "", clock, look)
    assert looks == pytest.approx([20, 40, 60])


@pytest.mark.parametrize("error", [ApiError, AuthError, NotFound, InvalidInput])
def test_what_can_not_be_seen_behind_ends_no_wait(
    time: FakeTime, error: type[CloudError]
) -> None:
    def look(raw: Raw) -> None:
        raise error("not for you")

    with pytest.raises(Timeout):
        wait_until(dict, lambda raw: False, lambda raw: "", time.clock(60), look)


def test_a_look_that_takes_long_is_not_repeated_at_once(time: FakeTime) -> None:
    looks: list[float] = []

    def look(raw: Raw) -> None:
        looks.append(time.now)
        time.now += 50

    with pytest.raises(Timeout):
        wait_until(dict, lambda raw: False, lambda raw: "", time.clock(200), look)
    assert len(looks) == 4


def test_nothing_is_behind_what_is_not_there(time: FakeTime) -> None:
    def look(raw: Raw) -> None:
        raise AssertionError

    with pytest.raises(Timeout):
        wait_until(
            lambda: None, lambda raw: False, lambda raw: "", time.clock(100), look
        )
