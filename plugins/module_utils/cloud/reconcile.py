# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: find, compare, create or change or delete, wait.

It knows neither Ansible nor the SDK, nor that a resource lives in an API. All that it
knows of a resource is the class L(Resource) below.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .clock import Clock
from .errors import CloudError, Conflict, OutcomeUnknown, ResourceError, Timeout
from .fields import KNOWN_AFTER_APPLY, Change, Field, differences, refuse_frozen
from .waiter import BUSY, DONE, FAILED, Proof, Raw, Status, wait_until

T = t.TypeVar("T")


class Step(t.NamedTuple):
    """One change of an update, and how to see that it took effect.

    Attributes:
        apply: Sends the write.
        reached: Whether it took effect.
        several: C(apply) sends several writes, and may fail when some are done.
    """

    apply: t.Callable[[], None]
    reached: t.Callable[[Raw], bool]
    several: bool = False


class Resource:
    """What the engine needs to know of a kind of resource.

    Attributes:
        kind: Name of the kind, and key of the resource in a module's result.
        name: Name or id asked for.
        fields: Its options that are properties.
        recreate_failed: Whether one that failed to be created is replaced.
        recreate: Whether one is replaced that can't be changed as asked.
    """

    kind = ""
    name = ""
    fields: tuple[Field, ...] = ()
    recreate_failed = False
    recreate = False

    def find(self) -> Raw | None:
        """Look it up by name or id; None where it is not there."""
        raise NotImplementedError

    def refresh(self, raw: Raw) -> Raw | None:
        """Read the same one again; None where it is gone (or not there yet)."""
        raise NotImplementedError

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The one shape that users see."""
        raise NotImplementedError

    def blank(self) -> dict[str, t.Any]:
        """The view of one that has its name and nothing else yet."""
        raise NotImplementedError

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Values asked for, by field name; what was not asked for is left out.

        Args:
            have: The view of the resource as it is, None for a new one.
        """
        raise NotImplementedError

    def same(self, field: Field, asked: t.Any, there: t.Any) -> bool:
        """Whether two unequal values mean the same (a name and its id)."""
        return False

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check values and resolve references, before the first write.

        Args:
            values: What will be set, by field name.
            raw: The resource as it is, None for a new one.

        Returns:
            The values as the API wants them, by field name.
        """
        return values

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """What else of the view a dry run of an update can tell."""
        return {}

    def supersedes(self, raw: Raw, changes: t.Sequence[Change]) -> bool:
        """Whether these changes make a new revision, beside the one that is."""
        return False

    def revision(self, raw: Raw) -> dict[str, t.Any]:
        """What of the view is the next revision's own."""
        raise NotImplementedError

    def revise(self, raw: Raw, values: dict[str, t.Any]) -> Raw:
        """As C(create), for the revision that follows this one."""
        raise NotImplementedError

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make it, with one request that is sent once. Returns what refresh needs."""
        raise NotImplementedError

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """The writes that set these values; none given: ask again for what is."""
        raise NotImplementedError

    def delete(self, raw: Raw) -> None:
        """Ask for its deletion."""
        raise NotImplementedError

    def check_delete(self, raw: Raw) -> None:
        """Raise where it must not be deleted."""

    def check_recreate(self, raw: Raw) -> None:
        """Raise where it must not be replaced by a new one."""

    def status(self, raw: Raw) -> Status:
        """What it says of itself; most kinds have no status: they are, or are not."""
        return Status("", DONE)

    def complete(self, raw: Raw) -> bool:
        """Whether a new one is all there."""
        return True

    def failure(self, raw: Raw) -> CloudError:
        """The error for a failed one, with the reason behind it."""
        status = self.status(raw)
        return ResourceError(f"{self} is {status.text}: {status.reason}")

    def __str__(self) -> str:
        """How messages call it."""
        return f"{self.kind.replace('_', ' ')} {self.name!r}"


@dataclasses.dataclass
class Outcome:
    """What a run did, or in check mode would do.

    Attributes:
        action: C(none), C(create), C(update), C(recreate), C(new_revision) or
            C(delete).
        before: View before, None where it was not there.
        after: View after, None where it is gone.
        diff_before: The declared fields before.
        diff_after: The declared fields after.
    """

    action: str
    before: dict[str, t.Any] | None
    after: dict[str, t.Any] | None
    diff_before: dict[str, t.Any] = dataclasses.field(default_factory=dict)
    diff_after: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.action != "none"


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
        state: C(present) or C(absent).
        clock: The deadline of it all.
        check_mode: Find out what would be done, and write nothing.
        wait: Whether to wait for the last write. What another run has begun is
            waited for in any case before something is written.

    Raises:
        CloudError: With C(changed) saying whether something was written.
    """
    run = _Run(resource, clock, check_mode, wait)
    try:
        return run.absent() if state == "absent" else run.present()
    except CloudError as error:
        error.changed = run.wrote
        raise


class _Run:
    """One run of the engine."""

    def __init__(
        self, resource: Resource, clock: Clock, check_mode: bool, wait: bool
    ) -> None:
        self.resource = resource
        self.clock = clock
        self.check_mode = check_mode
        self.wait = wait
        self.wrote = False

    # present ----------------------------------------------------------------

    def present(self) -> Outcome:
        resource = self.resource
        raw = resource.find()
        if raw is not None:
            raw = self._settled(raw)
        if raw is None:
            return self._create(None)
        status = resource.status(raw)
        if status.phase == FAILED and status.operation in ("create", "delete"):
            if not resource.recreate_failed:
                failure = resource.failure(raw)
                failure.message += (
                    ". Remove it (state: absent)"
                    if status.operation == "delete"
                    else ". Set recreate_failed: true to replace it"
                )
                raise failure
            return self._create(raw)
        changes = self._changes(raw)
        if resource.recreate and any(c.field.change == "frozen" for c in changes):
            resource.check_recreate(raw)
            return self._create(raw, changes)
        refuse_frozen(str(resource), changes)
        if not changes and status.phase != FAILED:
            return self._outcome("none", resource.view(raw), resource.view(raw))
        if resource.supersedes(raw, changes):
            return self._create(raw, changes, keep=True)
        return self._update(raw, changes)

    def _changes(self, raw: Raw) -> list[Change]:
        resource = self.resource
        have = resource.view(raw)
        want = resource.desired(have)
        return differences(resource.fields, want, have, resource.same)

    def _settled(self, raw: Raw) -> Raw | None:
        """The resource once nothing is under way any more; None where it went."""
        resource = self.resource
        status = resource.status(raw)
        if status.phase != BUSY:
            return raw
        leaving = status.operation == "delete"
        if not self.wait and not leaving and not self._changes(raw):
            return raw
        return wait_until(
            poll=lambda: resource.refresh(raw),
            judge=lambda now: now is None or resource.status(now).phase != BUSY,
            describe=self._describe,
            clock=self.clock,
        )

    def _create(
        self,
        old: Raw | None,
        changes: t.Sequence[Change] | None = None,
        keep: bool = False,
    ) -> Outcome:
        """Make it, in the place of a failed or outdated one where there is one.

        Args:
            old: The one to be replaced.
            changes: What shall differ from it; the rest is taken over. Without them
                nothing of a failed one is.
            keep: The old one stays, and this is a new revision of it.
        """
        resource = self.resource
        before = resource.view(old) if old else None
        asked = resource.desired(None)
        if before and changes is not None:
            kept = {field.name: before[field.name] for field in resource.fields}
            kept.update({change.field.name: change.after for change in changes})
            asked = {name: value for name, value in kept.items() if value is not None}
        values = resource.prepare(asked, None)
        action = "new_revision" if keep else "recreate" if old else "create"
        if self.check_mode:
            own = resource.revision(old) if old and keep else {}
            planned = {**resource.blank(), **asked, **own, "id": KNOWN_AFTER_APPLY}
            return self._outcome(action, before, planned)
        if old and not keep:
            self._delete(old)
        try:
            made = self._write(
                lambda: (
                    resource.revise(old, values)
                    if old and keep
                    else resource.create(values)
                )
            )
        except OutcomeUnknown as error:
            made = self._look_for(error, old if keep else None)
        proof = Proof(resource.status, resource.failure, resource.complete)
        # Without wait it must be there at least: a next run that does not find it
        # would make a second one.
        ident = _id(made)

        def describe(raw: Raw | None) -> str:
            if raw is not None:
                return self._describe(raw)
            return (
                f"{resource} was accepted as {ident} and is not there yet: what makes "
                "it may be down. See that it appears before you run again, or there "
                "will be a second one. Last looked"
            )

        try:
            raw = wait_until(
                poll=lambda: resource.refresh(made),
                judge=proof if self.wait else lambda now: now is not None,
                describe=describe,
                clock=self.clock,
            )
        except Timeout as error:
            error.details = {"id": ident}
            raise
        made = t.cast(Raw, raw)
        if resource.status(made).phase == DONE:
            # What the API can't take at creation is set now.
            have = resource.view(made)
            found = differences(
                resource.fields,
                resource.desired(have) if changes is None else asked,
                have,
                resource.same,
            )
            later = [change for change in found if change.field.change == "update"]
            made = self._apply(made, later) if later else made
        return self._outcome(action, before, resource.view(made))

    def _write(self, send: t.Callable[[], T], several: bool = False) -> T:
        """Send a write: what is refused changes nothing, what breaks off may have."""
        try:
            answer = send()
        except CloudError as error:
            self.wrote = self.wrote or error.unclear or several
            raise
        self.wrote = True
        return answer

    def _look_for(self, unclear: CloudError, old: Raw | None) -> Raw:
        """Find what a create without a usable answer may have made, beside the old."""
        known = _id(old) if old else None
        try:
            found = wait_until(
                poll=self.resource.find,
                judge=lambda raw: raw is not None and _id(raw) != known,
                describe=self._describe,
                clock=self.clock,
            )
        except Timeout as error:
            raise Timeout(
                f"{self.resource}: outcome unknown, run again. The request to create "
                f"it was sent and not answered ({unclear.message}), and it did not "
                f"appear within {self.clock.timeout:g} s",
                status=unclear.status,
                request_id=unclear.request_id,
            ) from error
        return t.cast(Raw, found)

    def _update(self, raw: Raw, changes: list[Change]) -> Outcome:
        resource = self.resource
        before = resource.view(raw)
        if self.check_mode:
            asked = {change.field.name: change.after for change in changes}
            more = resource.planned(raw, resource.prepare(asked, raw))
            return self._outcome("update", before, {**before, **asked, **more})
        current = self._apply(raw, changes)
        return self._outcome("update", before, resource.view(current))

    def _apply(self, raw: Raw, changes: list[Change]) -> Raw:
        """Make the changes. Returns the resource as it then is."""
        resource = self.resource
        asked = {change.field.name: change.after for change in changes}
        steps = resource.steps(raw, resource.prepare(asked, raw))
        for number, step in enumerate(steps, 1):
            self._write(step.apply, step.several)
            if number < len(steps) or self.wait:
                raw = self._until_changed(raw, step.reached)
        return raw if self.wait else resource.refresh(raw) or raw

    def _until_changed(self, before: Raw, reached: t.Callable[[Raw], bool]) -> Raw:
        resource = self.resource
        proof = Proof(resource.status, resource.failure, reached, before)

        def judge(raw: Raw | None) -> bool:
            if raw is None:
                raise Conflict(f"{resource} was deleted by someone while it changed")
            return proof(raw)

        raw = wait_until(
            poll=lambda: resource.refresh(before),
            judge=judge,
            describe=self._describe,
            clock=self.clock,
        )
        return t.cast(Raw, raw)

    # absent -----------------------------------------------------------------

    def absent(self) -> Outcome:
        resource = self.resource
        raw = resource.find()
        if raw is None:
            return self._outcome("none", None, None)
        status = resource.status(raw)
        if status.operation == "delete" and status.phase == BUSY:
            # Someone else's deletion: this run changes nothing.
            if self.wait and not self.check_mode:
                self._until_gone(raw)
            return self._outcome("none", None, None)
        resource.check_delete(raw)
        before = resource.view(raw)
        if not self.check_mode:
            self._delete(raw)
        return self._outcome("delete", before, None)

    def _delete(self, raw: Raw) -> None:
        self._write(lambda: self.resource.delete(raw))
        if self.wait or self.resource.recreate_failed:
            self._until_gone(raw)

    def _until_gone(self, before: Raw) -> None:
        resource = self.resource

        def of_delete(raw: Raw) -> Status:
            # What a create or update under way comes to is of no interest.
            status = resource.status(raw)
            return status if status.operation == "delete" else Status(status.text, DONE)

        proof = Proof(of_delete, resource.failure, lambda raw: False, before)
        wait_until(
            poll=lambda: resource.refresh(before),
            judge=lambda raw: raw is None or proof(raw),
            describe=self._describe,
            clock=self.clock,
        )

    # result -----------------------------------------------------------------

    def _describe(self, raw: Raw | None) -> str:
        """The state last seen, for the message when time is up."""
        resource = self.resource
        if raw is None:
            return f"{resource} was not there"
        status = resource.status(raw)
        reason = f" ({status.reason})" if status.reason else ""
        return (
            f"{resource} was still {status.text or 'there'}{reason}; it goes on in the "
            "cloud: run again, with a longer timeout, to wait for it. Last seen"
        )

    def _outcome(
        self,
        action: str,
        before: dict[str, t.Any] | None,
        after: dict[str, t.Any] | None,
    ) -> Outcome:
        shown = [f.name for f in self.resource.fields if f.change != "create"]
        names = ["id", *shown]

        def declared(view: dict[str, t.Any] | None) -> dict[str, t.Any]:
            return {n: view[n] for n in names if n in view} if view else {}

        return Outcome(action, before, after, declared(before), declared(after))


def _id(raw: Raw) -> t.Any:
    return raw.get("uuid") or raw.get("id")
