# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: find, compare, create or change or delete, wait.

It knows neither Ansible nor the SDK, nor that a resource lives in an API. All that it
knows of a resource is the class `Resource`.
"""

from __future__ import annotations

import dataclasses
import typing as t
from functools import partial

from .clock import Clock
from .errors import CloudError, Forgotten, OutcomeUnknown, Stalled
from .fields import (
    KNOWN_AFTER_APPLY,
    Change,
    differences,
    refuse_frozen,
    refuse_incomplete,
)
from .interrupt import Stop
from .plan import Loaded, Outcome, Plan, View
from .resource import Resource
from .status import BUSY, DONE, Raw, Status
from .waiter import Turn, in_turn
from .waits import Waits, id_of

T = t.TypeVar("T")


def reconcile(
    resource: Resource,
    state: str,
    *,
    clock: Clock,
    check_mode: bool = False,
    wait: bool = True,
) -> Outcome:
    """Bring a resource to the state asked for.

    Args:
        resource: The resource.
        state: `present` or `absent`.
        clock: The deadline of it all.
        check_mode: Find out what would be done, and write nothing.
        wait: Whether to wait for the last write. What another run has begun is
            waited for in any case before something is written.

    Raises:
        CloudError: With `changed` saying whether something was written.
    """
    run = _Run(resource, clock, check_mode, wait)
    try:
        return run.absent() if state == "absent" else run.present()
    except (CloudError, Stop) as error:
        error.changed = run.wrote
        raise


class _Run:
    """One run of the engine."""

    def __init__(
        self, resource: Resource, clock: Clock, check_mode: bool, wait: bool
    ) -> None:
        self.resource = resource
        self.waits = Waits(resource, clock)
        self.check_mode = check_mode
        self.wait = wait
        self.wrote = False
        self._desired: set[str] = set()

    # present ----------------------------------------------------------------

    def present(self) -> Outcome:
        resource = self.resource
        raw = resource.find()
        status = resource.status(raw) if raw else None
        stalled = None
        if raw and status and status.phase == BUSY:
            if not self.wait and status.operation != "delete":
                current = self._load(raw)
                if not self._changes(current) and not resource.unfinished(current.raw):
                    return self._outcome("none", current.view, current.view)
            found = raw
            settle = partial(self.waits.until_settled, found)
            try:
                deletion = status.operation == "delete"
                raw = self._ended(settle, found) if deletion else settle()
            except Stalled as error:
                if status.operation == "create" and resource.recreate_failed:
                    return self._make(self._creation(self._load(found)))
                if status.operation != "update":
                    raise
                # Another change, to fewer nodes for one, may repair it.
                stalled, raw = error, resource.refresh(found)
            status = resource.status(raw) if raw else None
        if raw is None or status is None:
            return self._make(self._creation())
        if status.lost:
            self._refuse_lost(raw, status)
            return self._make(self._creation(self._load(raw)))
        return self._change(self._load(raw), stalled)

    def _change(self, current: Loaded, stalled: Stalled | None) -> Outcome:
        """Bring one that is there to what is asked for."""
        resource = self.resource
        changes = self._changes(current)
        if stalled and not changes:
            raise stalled
        if not changes and not resource.unfinished(current.raw):
            if self.wait and not self.check_mode and resource.arriving(current.raw):
                # What an earlier run asked for and did not wait for to its end.
                current = self._load(self.waits.until_arrived(current.raw))
            return self._outcome("none", current.view, current.view)
        if any(change.field.change == "frozen" for change in changes):
            if not resource.recreate:
                refuse_frozen(str(resource), changes, resource.way_out)
            resource.check_recreate(current.raw)
            return self._make(self._replacement(current, changes))
        revision = resource.revision(current.raw, changes)
        if revision is None:
            return self._update(current, changes)
        plan = dataclasses.replace(
            self._replacement(current, changes),
            action="new_revision",
            create=revision.create,
            replaces=False,
            own=revision.own,
        )
        return self._make(plan)

    def _load(self, raw: Raw) -> Loaded:
        loaded = self.resource.load(raw)
        return Loaded(loaded, self.resource.view(loaded))

    def _changes(self, current: Loaded, values: View | None = None) -> list[Change]:
        """Return what differs from these values; without them, from the options."""
        resource, have = self.resource, current.view
        desired = resource.desired(have) if values is None else values
        self._desired.update(desired)
        return differences(resource.fields, desired, have, resource.same)

    def _refuse_lost(self, raw: Raw, status: Status) -> None:
        """Raise unless one that failed for good is to be replaced."""
        if self.resource.recreate_failed:
            return
        failure = self.resource.failure(raw)
        failure.message += (
            ". Remove it (state: absent)"
            if status.operation == "delete"
            else ". Set recreate_failed: true to replace it"
        )
        raise failure

    # make -------------------------------------------------------------------

    def _creation(self, lost: Loaded | None = None) -> Plan:
        """Plan a new one by the options, in the place of a lost one if there is one."""
        resource = self.resource
        values = resource.desired(None)
        action = "recreate" if lost else "create"
        return Plan(action, values, resource.create, lost, replaces=lost is not None)

    def _replacement(self, current: Loaded, changes: t.Sequence[Change]) -> Plan:
        """Plan another one that differs in these changes and else is the same."""
        resource, have = self.resource, current.view
        values = {field.name: have.get(field.name) for field in resource.fields}
        values.update({change.field.name: change.after for change in changes})
        values = {name: value for name, value in values.items() if value is not None}
        return Plan(
            "recreate", values, resource.create, current, replaces=True, whole=True
        )

    def _make(self, plan: Plan) -> Outcome:
        """Carry out a plan."""
        resource = self.resource
        before = plan.before.view if plan.before else None
        self._desired.update(plan.values)
        what = f"{resource}{resource.hint()}"
        refuse_incomplete(what, resource.fields, plan.values)
        values = resource.prepare(plan.values, None)
        if not plan.replaces:
            resource.check_room(values, None)
        if self.check_mode:
            planned = {**resource.blank(), **plan.values, **plan.own}
            planned["id"] = KNOWN_AFTER_APPLY
            return self._outcome(plan.action, before, planned)
        if plan.before and plan.replaces:
            self._delete(plan.before.raw)
        raw = self.waits.until_appeared(self._create(plan, values), complete=self.wait)
        current = self._load(raw)
        if resource.status(raw).phase == DONE:
            # What the API can't take at creation is set now.
            changes = self._changes(current, plan.values if plan.whole else None)
            later = [change for change in changes if change.field.change == "update"]
            if later:
                current = self._apply(current, later, check_room=plan.replaces)
        return self._outcome(plan.action, before, current.view)

    def _create(self, plan: Plan, values: View) -> Raw:
        """Send the request. Returns what it made, as far as refresh needs it."""
        try:
            turn = self.resource.turn()
            return self._write(lambda: plan.create(values), turn)
        except OutcomeUnknown as error:
            other = plan.before if plan.before and not plan.replaces else None
            return self.waits.until_found(error, id_of(other.raw) if other else None)

    def _write(self, send: t.Callable[[], T], turn: Turn | None) -> T:
        """Send a write: what is refused changes nothing, what breaks off may have."""
        try:
            answer = in_turn(send, turn, self.waits.clock) if turn else send()
        except CloudError as error:
            self.wrote = self.wrote or error.unclear
            raise
        self.wrote = True
        return answer

    # update -----------------------------------------------------------------

    def _update(self, current: Loaded, changes: list[Change]) -> Outcome:
        before = current.view
        if not self.check_mode:
            return self._outcome("update", before, self._apply(current, changes).view)
        resource = self.resource
        changed = {change.field.name: change.after for change in changes}
        values = resource.prepare(changed, current.raw)
        resource.check_room(values, current.raw)
        more = resource.planned(current.raw, values)
        return self._outcome("update", before, {**before, **changed, **more})

    def _apply(
        self, current: Loaded, changes: list[Change], check_room: bool = True
    ) -> Loaded:
        """Make the changes. Returns the resource as it then is."""
        resource, raw = self.resource, current.raw
        changed = {change.field.name: change.after for change in changes}
        values = resource.prepare(changed, raw)
        if check_room:
            resource.check_room(values, raw)
        steps = resource.steps(raw, values)
        for number, step in enumerate(steps, 1):
            for write in step.writes:
                self._write(write, step.turn)
            if number < len(steps) or self.wait:
                raw = self.waits.until_changed(raw, step)
        after = raw if self.wait else resource.refresh(raw)
        if after is None or after is current.raw:
            return current
        return self._load(after)

    # absent -----------------------------------------------------------------

    def absent(self) -> Outcome:
        resource = self.resource
        raw = resource.find()
        if raw is None:
            return self._outcome("none", None, None)
        status = resource.status(raw)
        if status.operation == "delete" and status.phase == BUSY:
            # Someone else's deletion: this run changes nothing, unless it was lost.
            if self.wait and not self.check_mode:
                self._ended(partial(self.waits.until_gone, raw), raw)
            return self._outcome("delete" if self.wrote else "none", None, None)
        resource.check_delete(raw)
        current = self._load(raw)
        if not self.check_mode:
            self._delete(current.raw)
        return self._outcome("delete", current.view, None)

    def _delete(self, raw: Raw) -> None:
        turn = self.resource.turn()
        for delete in self.resource.deletions(raw):
            self._write(delete, turn)
        if self.wait or self.resource.recreate_failed:
            self._ended(partial(self.waits.until_gone, raw), raw)

    def _ended(self, wait: t.Callable[[], Raw | None], raw: Raw) -> Raw | None:
        """Wait; a deletion that its service has lost is asked for once more.

        Args:
            wait: Waits for the end of what is under way.
            raw: The resource.
        """
        try:
            return wait()
        except Forgotten:
            if self.check_mode:
                return None  # asked for once more, it is gone
            self._write(partial(self.resource.delete, raw), None)
            return wait()

    # result -----------------------------------------------------------------

    def _outcome(self, action: str, before: View | None, after: View | None) -> Outcome:
        hidden = self.resource.implied - self._desired
        names = ["id"]
        names += [f.name for f in self.resource.fields if f.change != "create"]

        def declared(view: View | None) -> View:
            shown = [name for name in names if name not in hidden]
            return {name: view[name] for name in shown if name in view} if view else {}

        return Outcome(action, before, after, declared(before), declared(after))
