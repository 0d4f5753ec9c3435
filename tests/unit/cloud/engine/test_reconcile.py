# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine, on a resource that lives in memory and keeps a log."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    CloudError,
    Conflict,
    Forgotten,
    InvalidInput,
    OutcomeUnknown,
    ResourceError,
    Timeout,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.fields import (
    Change,
    Field,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.plan import (
    Outcome,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.reconcile import (
    reconcile,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.resource import (
    Resource,
    Revision,
    Step,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.status import (
    Status,
    status_of,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.waiter import (
    Turn,
)
from unit.cloud.fakes import FakeTime, Raw


class Box:
    """A service that keeps one thing, and works on it for some polls."""

    def __init__(self) -> None:
        self.raw: Raw | None = None
        self.log: list[str] = []
        self.coming: list[Raw | None] = []
        self.writes = 0

    def put(self, status: str = "CREATE_COMPLETE", **values: t.Any) -> None:
        """There is one."""
        base = {"id": "7", "size": 1, "marks": {}, "model": "A100"}
        self.raw = {**base, "status": status, "updated_at": 0, **values}

    def then(self, *states: str | Raw | None) -> None:
        """What the next polls will see: a status, changed values, or nothing."""
        for state in states:
            now = self.coming[-1] if self.coming else self.raw
            values = {"status": state} if isinstance(state, str) else state
            self.coming.append(None if values is None else {**(now or {}), **values})

    def poll(self) -> Raw | None:
        if self.coming:
            self.raw = self.coming.pop(0)
        return self.raw


class Thing(Resource):
    """Size and marks can change, each by a write of its own; the model can't."""

    kind = "test_thing"
    name = "a"
    fields = (
        Field("size", "int"),
        Field("marks", "dict", merge=True),
        Field("model", change="frozen", way_out="buy another one"),
        Field("seed", change="create"),
    )

    def __init__(self, box: Box, **asked: t.Any) -> None:
        self.box = box
        self.asked = asked
        self.missing: list[str] = []
        self.unclear: CloudError | None = None
        self.refused: CloudError | None = None
        self.keeps: str | None = None

    def find(self) -> Raw | None:
        self.box.log.append("find")
        return self.box.poll()

    def refresh(self, raw: Raw) -> Raw | None:
        assert raw["id"] == "7"
        self.box.log.append("refresh")
        return self.box.poll()

    def view(self, raw: Raw) -> Raw:
        return {key: value for key, value in raw.items() if key != "updated_at"}

    def blank(self) -> Raw:
        return {"name": self.name, "status": None}

    def desired(self, have: t.Mapping[str, t.Any] | None) -> Raw:
        return dict(self.asked)

    def prepare(self, values: Raw, raw: Raw | None) -> Raw:
        self.box.log.append("prepare")
        if self.missing:
            raise InvalidInput(f"there is no {self.missing[0]}")
        return values

    def create(self, values: Raw) -> Raw:
        self.box.log.append(f"create {values}")
        self.box.writes += 1
        if self.refused:
            raise self.refused
        taken = {k: v for k, v in values.items() if k not in ("marks", "seed")}
        if not self.box.coming:
            self.box.put("CREATE_IN_PROGRESS", **taken)
            self.box.then("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
        if self.unclear:
            raise self.unclear
        return {"id": "7"}

    def steps(self, raw: Raw, values: Raw) -> list[Step]:
        if not values:
            return [self._step("again", {})]
        return [self._step(key, {key: value}) for key, value in values.items()]

    def _step(self, name: str, values: Raw) -> Step:
        def apply() -> None:
            self.box.log.append(f"set {name}")
            self.box.writes += 1
            if self.refused:
                raise self.refused
            if not self.box.coming:
                number = self.box.writes
                self.box.then({}, "UPDATE_IN_PROGRESS")
                self.box.then(
                    {**values, "status": "UPDATE_COMPLETE", "updated_at": number}
                )

        return Step([apply], lambda now: all(now[k] == v for k, v in values.items()))

    def delete(self, raw: Raw) -> None:
        self.box.log.append("delete")
        self.box.writes += 1
        if not self.box.coming:
            self.box.then({}, "DELETE_IN_PROGRESS", None)

    def check_delete(self, raw: Raw) -> None:
        if self.keeps:
            raise Conflict(self.keeps)

    def status(self, raw: Raw) -> Status:
        return status_of(raw)


@pytest.fixture
def box() -> Box:
    return Box()


class Run(t.Protocol):
    """Runs the engine."""

    def __call__(
        self, thing: Thing, state: str = "present", timeout: float = 600, **how: bool
    ) -> Outcome: ...


@pytest.fixture
def run(time: FakeTime) -> Run:
    def engine(
        thing: Thing, state: str = "present", timeout: float = 600, **how: bool
    ) -> Outcome:
        return reconcile(thing, state, clock=time.clock(timeout), **how)

    return engine


def failing(run: Run, *args: t.Any, **how: t.Any) -> CloudError:
    with pytest.raises(CloudError) as caught:
        run(*args, **how)
    return caught.value


# present: create -------------------------------------------------------------


def test_creates_and_waits(run: Run, box: Box) -> None:
    outcome = run(Thing(box, size=2, model="H200", seed="x"))
    assert (outcome.action, outcome.changed) == ("create", True)
    assert outcome.before is None
    assert outcome.after is not None
    assert outcome.after["status"] == "CREATE_COMPLETE"
    assert box.log == [
        "find",
        "prepare",
        "create {'size': 2, 'model': 'H200', 'seed': 'x'}",
        "refresh",
        "refresh",
    ]


def test_a_second_run_changes_nothing(run: Run, box: Box) -> None:
    asked = {"size": 2, "model": "H200", "seed": "x", "marks": {"a": "1"}}
    run(Thing(box, **asked))
    box.log.clear()
    outcome = run(Thing(box, **asked))
    assert (outcome.action, outcome.changed) == ("none", False)
    assert outcome.before == outcome.after
    assert outcome.diff_before == outcome.diff_after
    assert box.log == ["find"]


def test_the_row_may_appear_late(run: Run, box: Box) -> None:
    new = {"id": "7", "size": 1, "marks": {}, "model": "A100", "updated_at": 0}
    box.then(None, None, None, {**new, "status": None})
    box.then("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert run(Thing(box, size=1)).action == "create"
    assert box.log.count("refresh") == 5


def test_what_create_can_not_take_is_set_afterwards(run: Run, box: Box) -> None:
    outcome = run(Thing(box, size=2, marks={"a": "1"}))
    assert outcome.action == "create"
    assert outcome.after is not None
    assert outcome.after["marks"] == {"a": "1"}
    assert box.log[2:] == [
        "create {'size': 2, 'marks': {'a': '1'}}",
        "refresh",
        "refresh",
        "prepare",
        "set marks",
        "refresh",
        "refresh",
        "refresh",
    ]


def test_references_are_resolved_before_the_first_write(run: Run, box: Box) -> None:
    thing = Thing(box, size=2)
    thing.missing = ["network"]
    error = failing(run, thing)
    assert error.message == "there is no network"
    assert error.changed is False
    assert box.writes == 0


@pytest.mark.parametrize("unclear", [False, True])
def test_a_create_that_is_refused_changed_nothing(
    run: Run, box: Box, unclear: bool
) -> None:
    """One that broke half-way may have."""
    thing = Thing(box, size=2)
    thing.refused = ResourceError("quota")
    thing.refused.unclear = unclear
    error = failing(run, thing)
    assert (error.type, error.message, error.changed) == (
        "ResourceError",
        "quota",
        unclear,
    )


def test_a_create_that_fails_tells_why(run: Run, box: Box) -> None:
    box.then(None, {"id": "7", "status": "CREATE_IN_PROGRESS"})
    box.then({"status": "CREATE_FAILED", "status_reason": "No valid host"})
    error = failing(run, Thing(box, size=2))
    assert isinstance(error, ResourceError)
    assert error.message == "test thing 'a' is CREATE_FAILED: No valid host"
    assert error.changed is True


def test_without_wait_the_row_is_waited_for(run: Run, box: Box) -> None:
    new = {"id": "7", "size": 2, "marks": {}, "model": "A100"}
    box.then(None, None, None, {**new, "status": "CREATE_IN_PROGRESS"})
    outcome = run(Thing(box, size=2, marks={"a": "1"}), wait=False)
    assert outcome.action == "create"
    assert outcome.after == {**new, "status": "CREATE_IN_PROGRESS"}
    assert box.writes == 1


def test_a_create_that_takes_too_long(run: Run, box: Box) -> None:
    box.then(None, {"id": "7", "status": "CREATE_IN_PROGRESS"})
    error = failing(run, Thing(box), timeout=30)
    assert isinstance(error, Timeout)
    assert error.message == (
        "test thing 'a' was still CREATE_IN_PROGRESS; it goes on in the cloud: run "
        "again, with a longer timeout, to wait for it. Last seen after 30 s"
    )
    assert error.changed is True


# present: an unclear create --------------------------------------------------


def test_an_unclear_create_is_looked_for_by_name(run: Run, box: Box) -> None:
    thing = Thing(box, size=2)
    thing.unclear = OutcomeUnknown("Magnum did not answer", status=502)
    assert run(thing).action == "create"
    assert box.writes == 1
    assert box.log == ["find", "prepare", "create {'size': 2}", "find", "refresh"]


def test_an_unclear_create_that_does_not_appear(
    run: Run, box: Box, time: FakeTime
) -> None:
    thing = Thing(box, size=2)
    thing.unclear = OutcomeUnknown(
        "Magnum answered 504", status=504, request_id="req-1"
    )
    box.then(None, None)
    error = failing(run, thing, timeout=100)
    assert isinstance(error, Timeout)
    assert error.message == (
        "test thing 'a': outcome unknown, run again. The request to create it was sent "
        "and not answered (Magnum answered 504), and it did not appear within 100 s"
    )
    assert (error.status, error.request_id, error.changed) == (504, "req-1", True)
    assert sum(time.sleeps) == pytest.approx(100)
    assert box.writes == 1


# present: update -------------------------------------------------------------


def test_updates_step_by_step(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Thing(box, size=2, marks={"a": "1"}))
    assert (outcome.action, outcome.changed) == ("update", True)
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before["size"], outcome.after["size"]) == (1, 2)
    assert outcome.after["marks"] == {"a": "1"}
    # Each step is seen through before the next.
    assert box.log == [
        "find",
        "prepare",
        "set size",
        *["refresh"] * 3,
        "set marks",
        *["refresh"] * 3,
    ]


def test_without_wait_only_the_last_step_is_left_alone(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Thing(box, size=2, marks={"a": "1"}), wait=False)
    assert outcome.action == "update"
    assert box.log == [
        "find",
        "prepare",
        "set size",
        *["refresh"] * 3,
        "set marks",
        "refresh",
    ]


def test_merged_marks_keep_those_of_others(run: Run, box: Box) -> None:
    box.put(marks={"b": "2"})
    outcome = run(Thing(box, marks={"a": "1"}))
    assert outcome.after is not None
    assert outcome.after["marks"] == {"a": "1", "b": "2"}


def test_frozen_fields_are_a_conflict(run: Run, box: Box) -> None:
    box.put()
    error = failing(run, Thing(box, size=2, model="H200"))
    assert isinstance(error, Conflict)
    assert error.message == (
        "test thing 'a': model is 'A100' and can't be changed to 'H200' (buy another "
        "one)"
    )
    assert error.changed is False
    assert box.writes == 0


def test_an_update_that_fails_tells_why_and_that_it_wrote(run: Run, box: Box) -> None:
    box.put()
    thing = Thing(box, size=2)
    box.then({})  # as found
    box.then("UPDATE_IN_PROGRESS")
    box.then({"status": "UPDATE_FAILED", "status_reason": "No valid host"})
    error = failing(run, thing)
    assert isinstance(error, ResourceError)
    assert error.message == "test thing 'a' is UPDATE_FAILED: No valid host"
    assert error.changed is True


def test_an_update_that_is_refused_stops_there(run: Run, box: Box) -> None:
    box.put()
    thing = Thing(box, size=2, marks={"a": "1"})
    thing.refused = Conflict("busy")
    assert failing(run, thing).changed is False
    assert box.writes == 1


def test_what_goes_while_it_changes_is_a_conflict(run: Run, box: Box) -> None:
    box.put()
    box.then({}, "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", None)
    error = failing(run, Thing(box, size=2))
    assert isinstance(error, Conflict)
    assert error.message == (
        "test thing 'a' was deleted by someone while it changed; run again to create it "
        "anew"
    )


# present: something is under way ----------------------------------------------


def test_what_is_under_way_is_waited_for_and_then_compared(run: Run, box: Box) -> None:
    box.put("CREATE_IN_PROGRESS", size=1)
    box.then({}, "CREATE_IN_PROGRESS", {"status": "CREATE_COMPLETE", "size": 2})
    outcome = run(Thing(box, size=2))
    assert outcome.action == "none"
    assert box.log == ["find", "refresh", "refresh"]


def test_what_differs_after_that_is_changed(run: Run, box: Box) -> None:
    box.put("UPDATE_IN_PROGRESS", size=1)
    box.then({}, "UPDATE_COMPLETE")
    outcome = run(Thing(box, size=2))
    assert outcome.action == "update"
    assert box.log[:4] == ["find", "refresh", "prepare", "set size"]


def test_without_wait_and_difference_nothing_is_waited_for(
    run: Run, box: Box, time: FakeTime
) -> None:
    box.put("CREATE_IN_PROGRESS", size=2)
    assert run(Thing(box, size=2), wait=False).action == "none"
    assert box.log == ["find"]
    assert time.sleeps == []


def test_without_wait_but_with_a_difference_it_is(run: Run, box: Box) -> None:
    box.put("CREATE_IN_PROGRESS", size=1)
    box.then({}, "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert run(Thing(box, size=2), wait=False).action == "update"
    assert box.log == ["find", "refresh", "refresh", "prepare", "set size", "refresh"]


def test_what_is_under_way_for_too_long(run: Run, box: Box) -> None:
    box.put("UPDATE_IN_PROGRESS", status_reason="Stack is slow")
    error = failing(run, Thing(box, size=2), timeout=30)
    assert isinstance(error, Timeout)
    assert "was still UPDATE_IN_PROGRESS (Stack is slow)" in error.message
    assert error.changed is False


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_being_deleted_is_made_anew_when_it_is_gone(
    run: Run, box: Box, wait: bool
) -> None:
    box.put("DELETE_IN_PROGRESS", size=2)
    box.then({}, "DELETE_IN_PROGRESS", None)
    outcome = run(Thing(box, size=2), wait=wait)
    assert outcome.action == "create"
    assert outcome.before is None
    assert box.log[:5] == [
        "find",
        "refresh",
        "refresh",
        "prepare",
        "create {'size': 2}",
    ]


# present: something failed ----------------------------------------------------


def test_one_that_failed_to_be_created_is_an_error(run: Run, box: Box) -> None:
    box.put("CREATE_FAILED", status_reason="No valid host")
    error = failing(run, Thing(box, size=1))
    assert isinstance(error, ResourceError)
    assert error.message == (
        "test thing 'a' is CREATE_FAILED: No valid host. Set recreate_failed: true to "
        "replace it"
    )
    assert error.changed is False
    assert box.writes == 0


def test_one_whose_deletion_failed_is_an_error(run: Run, box: Box) -> None:
    box.put("DELETE_FAILED", status_reason="port in use")
    error = failing(run, Thing(box, size=1))
    assert error.message == (
        "test thing 'a' is DELETE_FAILED: port in use. Remove it (state: absent)"
    )


@pytest.mark.parametrize("status", ["CREATE_FAILED", "DELETE_FAILED"])
@pytest.mark.parametrize("wait", [True, False])
def test_a_failed_one_is_replaced_on_request(
    run: Run, box: Box, status: str, wait: bool
) -> None:
    box.put(status, size=1)
    thing = Thing(box, size=2)
    thing.recreate_failed = True
    outcome = run(thing, wait=wait)
    assert (outcome.action, outcome.changed) == ("recreate", True)
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before["size"], outcome.after["size"]) == (1, 2)
    # It is gone before the new one is made, or there would be two of a name.
    assert box.log[:7] == [
        "find",
        "prepare",
        "delete",
        *["refresh"] * 3,
        "create {'size': 2}",
    ]


def test_a_sound_one_is_never_replaced(run: Run, box: Box) -> None:
    box.put("UPDATE_COMPLETE", size=2)
    thing = Thing(box, size=2)
    thing.recreate_failed = True
    assert run(thing).action == "none"
    assert box.writes == 0


def test_a_failed_update_is_asked_for_again(run: Run, box: Box) -> None:
    box.put("UPDATE_FAILED", size=2)
    outcome = run(Thing(box, size=2))
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["status"] == "UPDATE_COMPLETE"
    assert box.log == ["find", "prepare", "set again", *["refresh"] * 3]


def test_a_failed_update_with_differences_is_changed_to_them(
    run: Run, box: Box
) -> None:
    box.put("UPDATE_FAILED", size=1)
    run(Thing(box, size=2))
    assert box.log[:3] == ["find", "prepare", "set size"]


# absent -----------------------------------------------------------------------


def test_deletes_and_waits_until_it_is_gone(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Thing(box), "absent")
    assert (outcome.action, outcome.changed, outcome.after) == ("delete", True, None)
    assert outcome.before is not None
    assert outcome.before["id"] == "7"
    assert box.log == ["find", "delete", *["refresh"] * 3]


def test_what_is_gone_is_gone(run: Run, box: Box) -> None:
    box.put()
    run(Thing(box), "absent")
    box.log.clear()
    outcome = run(Thing(box), "absent")
    assert (outcome.action, outcome.changed) == ("none", False)
    assert (outcome.before, outcome.after) == (None, None)
    assert box.log == ["find"]


def test_without_wait_the_deletion_is_only_asked_for(run: Run, box: Box) -> None:
    box.put()
    assert run(Thing(box), "absent", wait=False).action == "delete"
    assert box.log == ["find", "delete"]


def test_what_someone_else_deletes_is_waited_for(run: Run, box: Box) -> None:
    box.put("DELETE_IN_PROGRESS")
    box.then({}, "DELETE_IN_PROGRESS", None)
    outcome = run(Thing(box), "absent")
    assert (outcome.action, outcome.changed) == ("none", False)
    assert box.log == ["find", "refresh", "refresh"]


def test_what_someone_else_deletes_is_left_to_him_without_wait(
    run: Run, box: Box
) -> None:
    box.put("DELETE_IN_PROGRESS")
    assert run(Thing(box), "absent", wait=False).action == "none"
    assert box.log == ["find"]


@pytest.mark.parametrize(
    "status", ["CREATE_IN_PROGRESS", "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"]
)
def test_whatever_it_is_in_it_can_be_deleted(run: Run, box: Box, status: str) -> None:
    box.put(status)
    assert run(Thing(box), "absent").action == "delete"
    assert box.log == ["find", "delete", *["refresh"] * 3]


def test_what_an_update_comes_to_is_no_matter_for_a_deletion(
    run: Run, box: Box
) -> None:
    box.put("UPDATE_IN_PROGRESS")
    box.then({}, {"status": "UPDATE_FAILED", "updated_at": 5}, "DELETE_IN_PROGRESS")
    box.then(None)
    assert run(Thing(box), "absent").action == "delete"


def test_a_deletion_that_fails_tells_why(run: Run, box: Box) -> None:
    box.put()
    box.then({}, {}, "DELETE_IN_PROGRESS")
    box.then({"status": "DELETE_FAILED", "status_reason": "port in use"})
    error = failing(run, Thing(box), "absent")
    assert isinstance(error, ResourceError)
    assert error.message == "test thing 'a' is DELETE_FAILED: port in use"
    assert error.changed is True


def test_a_deletion_that_fails_at_once_tells_why(run: Run, box: Box) -> None:
    """Nobody saw it in progress, within the same second."""
    box.put("CREATE_COMPLETE")
    box.then({}, {"status": "DELETE_FAILED", "status_reason": "locked"})
    error = failing(run, Thing(box), "absent", timeout=60)
    assert error.message == "test thing 'a' is DELETE_FAILED: locked"


def test_a_deletion_that_failed_before_is_asked_for_again(run: Run, box: Box) -> None:
    box.put("DELETE_FAILED")
    box.then({}, {}, {}, "DELETE_IN_PROGRESS", None)
    assert run(Thing(box), "absent").action == "delete"
    assert box.writes == 1


def test_what_must_stay_stays(run: Run, box: Box) -> None:
    box.put()
    thing = Thing(box)
    thing.keeps = "clusters use it"
    error = failing(run, thing, "absent")
    assert (error.type, error.changed, box.writes) == ("Conflict", False, 0)


def test_a_deletion_that_takes_too_long(run: Run, box: Box) -> None:
    box.put()
    box.then({}, {}, "DELETE_IN_PROGRESS")
    error = failing(run, Thing(box), "absent", timeout=30)
    assert isinstance(error, Timeout)
    assert error.message.startswith("test thing 'a' was still DELETE_IN_PROGRESS; it")


class Losing(Thing):
    """Its service loses sight of deletions until it is asked a number of times."""

    def __init__(self, box: Box, asks: int) -> None:
        super().__init__(box, size=1)
        self.asks = asks

    @property
    def deletions_sent(self) -> int:
        return self.box.log.count("delete")

    def delete(self, raw: Raw) -> None:
        super().delete(raw)
        self.box.coming = []
        self.box.then("DELETE_IN_PROGRESS")
        if self.deletions_sent >= self.asks:
            self.box.then(None)

    def watch(self) -> t.Callable[[Raw], None]:
        def look(raw: Raw) -> None:
            assert raw["status"] == "DELETE_IN_PROGRESS"
            raise Forgotten(f"{self}: what is behind it is gone")

        return look


@pytest.mark.parametrize(
    ("status", "state", "how", "asks", "action", "sent"),
    [
        ("CREATE_COMPLETE", "absent", {}, 2, "delete", 2),
        ("DELETE_IN_PROGRESS", "absent", {}, 1, "delete", 1),
        ("DELETE_IN_PROGRESS", "absent", {"wait": False}, 1, "none", 0),
        ("DELETE_IN_PROGRESS", "absent", {"check_mode": True}, 1, "none", 0),
        ("DELETE_IN_PROGRESS", "present", {}, 1, "create", 1),
        ("DELETE_IN_PROGRESS", "present", {"check_mode": True}, 1, "create", 0),
    ],
)
def test_a_deletion_that_was_lost_is_asked_for_once_more(
    run: Run,
    box: Box,
    status: str,
    state: str,
    how: dict[str, bool],
    asks: int,
    action: str,
    sent: int,
) -> None:
    box.put(status)
    thing = Losing(box, asks)
    outcome = run(thing, state, **how)
    assert (outcome.action, thing.deletions_sent) == (action, sent)
    assert outcome.changed is (action != "none")


@pytest.mark.parametrize(
    ("status", "state", "sent"),
    [
        ("CREATE_COMPLETE", "absent", 2),
        ("DELETE_IN_PROGRESS", "absent", 1),
        ("DELETE_IN_PROGRESS", "present", 1),
    ],
)
def test_a_deletion_that_stays_lost_is_an_error(
    run: Run, box: Box, status: str, state: str, sent: int
) -> None:
    box.put(status)
    thing = Losing(box, asks=9)
    error = failing(run, thing, state, timeout=3600)
    assert (error.type, error.changed) == ("ResourceError", True)
    assert error.message == "test thing 'a': what is behind it is gone"
    assert thing.deletions_sent == sent


# what is loaded and shown -----------------------------------------------------


class Loading(Thing):
    """Its view needs a request, which goes into the log."""

    def load(self, raw: Raw) -> Raw:
        assert "price" not in raw
        self.box.log.append("load")
        return {**raw, "price": raw["size"] * 10}

    def view(self, raw: Raw) -> Raw:
        self.box.log.append("view")
        assert raw["price"] == raw["size"] * 10
        return super().view(raw)

    def prepare(self, values: Raw, raw: Raw | None) -> Raw:
        assert raw is None or "price" in raw
        return super().prepare(values, raw)

    def steps(self, raw: Raw, values: Raw) -> list[Step]:
        assert "price" in raw
        return super().steps(raw, values)


SHOWN = ["load", "view"]


def test_no_change_is_loaded_and_shown_once(run: Run, box: Box) -> None:
    box.put(size=2)
    outcome = run(Loading(box, size=2))
    assert outcome.before == outcome.after
    assert outcome.after is not None
    assert outcome.after["price"] == 20
    assert box.log == ["find", *SHOWN]
    assert box.raw is not None
    assert "price" not in box.raw


def test_an_update_loads_what_was_and_what_is_and_no_poll(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Loading(box, size=2))
    assert outcome.before is not None
    assert outcome.after is not None
    assert (outcome.before["price"], outcome.after["price"]) == (10, 20)
    assert box.log == ["find", *SHOWN, "prepare", "set size", *["refresh"] * 3, *SHOWN]


def test_a_creation_loads_what_was_made(run: Run, box: Box) -> None:
    run(Loading(box, size=2))
    creation = ["prepare", "create {'size': 2}", "refresh", "refresh"]
    assert box.log == ["find", *creation, *SHOWN]


def test_a_plan_and_a_deletion_load_what_is_there(run: Run, box: Box) -> None:
    box.put()
    run(Loading(box, size=2), check_mode=True)
    assert box.log == ["find", *SHOWN, "prepare"]
    box.log.clear()
    run(Loading(box), "absent")
    assert box.log == ["find", *SHOWN, "delete", *["refresh"] * 3]


def test_an_implied_field_is_in_the_diff_where_it_is_desired(
    run: Run, box: Box
) -> None:
    box.put()
    for asked in ({}, {"marks": {"a": "1"}}):
        thing = Thing(box, size=2, **asked)
        thing.implied = frozenset(["marks"])
        outcome = run(thing, check_mode=True)
        assert ("marks" in outcome.diff_before) is ("marks" in asked)
        assert ("marks" in outcome.diff_after) is ("marks" in asked)


# several writes, revisions, room, turns ---------------------------------------


def test_writes_that_follow_a_first_one_may_leave_it_done(run: Run, box: Box) -> None:
    class Twice(Thing):
        def steps(self, raw: Raw, values: Raw) -> list[Step]:
            return [Step([self._first, self._second], lambda now: True)]

        def _first(self) -> None:
            self.box.log.append("first")

        def _second(self) -> None:
            raise Conflict("no")

    box.put()
    error = failing(run, Twice(box, size=2))
    assert (error.message, error.changed) == ("no", True)
    assert box.log == ["find", "prepare", "first"]


def test_deletions_that_follow_a_first_one_may_leave_it_done(
    run: Run, box: Box
) -> None:
    class Pair(Thing):
        def deletions(self, raw: Raw) -> list[t.Callable[[], None]]:
            return [lambda: self.delete(raw), self._refuse]

        def _refuse(self) -> None:
            raise Conflict("in use")

    box.put()
    error = failing(run, Pair(box), "absent")
    assert (error.message, error.changed) == ("in use", True)


class Revised(Thing):
    """Another size is another thing."""

    def revision(self, raw: Raw, changes: t.Sequence[Change]) -> Revision | None:
        if not any(change.field.name == "size" for change in changes):
            return None
        return Revision({"number": 2}, self.create)


def test_a_revision_stands_beside_the_one_that_is(run: Run, box: Box) -> None:
    box.put(marks={"b": "2"})
    outcome = run(Revised(box, size=2), check_mode=True)
    assert (outcome.action, box.writes) == ("new_revision", 0)
    assert outcome.after is not None
    assert (outcome.after["id"], outcome.after["number"]) == ("known after apply", 2)
    outcome = run(Revised(box, size=2))
    assert (outcome.action, outcome.changed) == ("new_revision", True)
    assert "delete" not in box.log
    # What does not change is taken over.
    taken = {"size": 2, "marks": {"b": "2"}, "model": "A100"}
    assert f"create {taken}" in box.log


def test_other_changes_of_it_are_an_update(run: Run, box: Box) -> None:
    box.put()
    assert run(Revised(box, marks={"a": "1"})).action == "update"


class Roomless(Thing):
    """There is no room for more than one."""

    def check_room(self, values: Raw, raw: Raw | None) -> None:
        if values.get("size", 1) > 1:
            raise ResourceError("no room")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("there", [True, False])
def test_room_is_looked_for_before_the_first_write(
    run: Run, box: Box, there: bool, check_mode: bool
) -> None:
    if there:
        box.put()
    error = failing(run, Roomless(box, size=2), check_mode=check_mode)
    assert (error.message, error.changed, box.writes) == ("no room", False, 0)


def test_one_that_takes_the_place_of_another_needs_no_room(run: Run, box: Box) -> None:
    box.put("CREATE_FAILED")
    thing = Roomless(box, size=2)
    thing.recreate_failed = True
    assert run(thing).action == "recreate"


def test_what_is_unfinished_is_asked_again(run: Run, box: Box) -> None:
    class Unfinished(Thing):
        def unfinished(self, raw: Raw) -> bool:
            return True

    box.put(size=2)
    outcome = run(Unfinished(box, size=2))
    assert (outcome.action, outcome.diff_before["size"]) == ("update", 2)
    assert "set again" in box.log
    # It is waited for first where something is under way, without wait too.
    box.put("UPDATE_IN_PROGRESS", size=2)
    box.then({}, "UPDATE_COMPLETE")
    assert run(Unfinished(box, size=2), wait=False).action == "update"


class Queued(Thing):
    """Its writes wait for something else to be at rest."""

    states: t.ClassVar[list[str]] = []

    def turn(self) -> Turn:
        def poll() -> Raw:
            self.box.log.append("look")
            return {"status": self.states.pop(0)}

        return Turn(poll, lambda raw: "it was busy")


def test_a_write_waits_for_its_turn(
    run: Run, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_COMPLETE"]
    monkeypatch.setattr(Queued, "states", states)
    assert run(Queued(box, size=2)).action == "create"
    assert box.log[1:5] == ["prepare", "look", "look", "create {'size': 2}"]
    box.log.clear()
    assert run(Queued(box), "absent").action == "delete"
    assert box.log[:3] == ["find", "look", "delete"]
    assert states == []


# check mode -------------------------------------------------------------------


def test_check_mode_tells_of_a_create(run: Run, box: Box) -> None:
    outcome = run(Thing(box, size=2, seed="x"), check_mode=True)
    assert (outcome.action, outcome.changed) == ("create", True)
    assert outcome.before is None
    assert outcome.after == {
        "id": "known after apply",
        "name": "a",
        "status": None,
        "size": 2,
        "seed": "x",
    }
    assert box.log == ["find", "prepare"]
    assert box.writes == 0


def test_check_mode_tells_of_an_update(run: Run, box: Box) -> None:
    box.put(marks={"b": "2"})
    outcome = run(Thing(box, size=2, marks={"a": "1"}), check_mode=True)
    assert outcome.action == "update"
    assert outcome.before is not None
    assert outcome.after == {
        **outcome.before,
        "size": 2,
        "marks": {"a": "1", "b": "2"},
    }
    assert box.log == ["find", "prepare"]
    assert box.writes == 0


def test_check_mode_tells_of_a_deletion(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Thing(box), "absent", check_mode=True)
    assert (outcome.action, outcome.changed, outcome.after) == ("delete", True, None)
    assert box.log == ["find"]


def test_check_mode_tells_of_a_replacement(run: Run, box: Box) -> None:
    box.put("CREATE_FAILED")
    thing = Thing(box, size=2)
    thing.recreate_failed = True
    outcome = run(thing, check_mode=True)
    assert outcome.action == "recreate"
    assert box.writes == 0


def test_check_mode_tells_of_an_update_that_is_asked_for_again(
    run: Run, box: Box
) -> None:
    box.put("UPDATE_FAILED", size=2)
    assert run(Thing(box, size=2), check_mode=True).action == "update"
    assert box.writes == 0


def test_check_mode_tells_of_no_change(run: Run, box: Box) -> None:
    box.put(size=2)
    assert run(Thing(box, size=2), check_mode=True).changed is False


@pytest.mark.parametrize(
    ("status", "asked", "state"),
    [
        ("CREATE_COMPLETE", {"model": "H200"}, "present"),
        ("CREATE_FAILED", {}, "present"),
        ("CREATE_COMPLETE", {"missing": True, "size": 2}, "present"),
        ("CREATE_COMPLETE", {"keeps": True}, "absent"),
    ],
    ids=["frozen", "failed", "a reference", "in use"],
)
def test_check_mode_fails_where_the_real_run_would(
    run: Run, box: Box, status: str, asked: Raw, state: str
) -> None:
    box.put(status)
    thing = Thing(box, **{k: v for k, v in asked.items() if k in ("size", "model")})
    thing.missing = ["image"] if "missing" in asked else []
    thing.keeps = "in use" if "keeps" in asked else None
    error = failing(run, thing, state, check_mode=True)
    assert error.changed is False
    assert box.writes == 0


def test_check_mode_does_not_wait_for_a_deletion(
    run: Run, box: Box, time: FakeTime
) -> None:
    box.put("DELETE_IN_PROGRESS")
    assert run(Thing(box), "absent", check_mode=True).action == "none"
    assert time.sleeps == []


# The diff -----------------------------------------------------------------------


def test_the_diff_of_a_create(run: Run, box: Box) -> None:
    outcome = run(Thing(box, size=2, seed="x"))
    assert outcome.diff_before == {}
    # What counts at creation only is no property, and status is none of ours.
    assert outcome.diff_after == {"id": "7", "size": 2, "marks": {}, "model": "A100"}


def test_the_diff_of_an_update_is_the_same_in_check_mode(run: Run, box: Box) -> None:
    box.put()
    planned = run(Thing(box, size=2), check_mode=True)
    done = run(Thing(box, size=2))
    before = {"id": "7", "size": 1, "marks": {}, "model": "A100"}
    assert planned.diff_before == done.diff_before == before
    assert planned.diff_after == done.diff_after == {**before, "size": 2}


def test_the_diff_of_a_deletion(run: Run, box: Box) -> None:
    box.put()
    outcome = run(Thing(box), "absent")
    assert outcome.diff_before["size"] == 1
    assert outcome.diff_after == {}


def test_the_diff_of_no_change_shows_none(run: Run, box: Box) -> None:
    box.put("DELETE_IN_PROGRESS")
    outcome = run(Thing(box), "absent", wait=False)
    assert outcome.changed is False
    assert outcome.diff_before == outcome.diff_after


# Errors -------------------------------------------------------------------------


def test_errors_before_a_write_say_that_nothing_changed(run: Run, box: Box) -> None:
    class Broken(Thing):
        def find(self) -> Raw | None:
            raise ApiError("Magnum answered 500", status=500)

    error = failing(run, Broken(box))
    assert (error.message, error.changed) == ("Magnum answered 500", False)


def test_messages_call_a_resource_by_its_kind_and_name(box: Box) -> None:
    assert str(Thing(box)) == "test thing 'a'"


def test_a_kind_without_status_is_ready_when_it_is_there(
    run: Run, box: Box, time: FakeTime
) -> None:
    class Plain(Thing):
        def status(self, raw: Raw) -> Status:
            return Resource.status(self, raw)

    assert run(Plain(box, size=2)).action == "create"
    assert time.sleeps == []
