# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The waits of a run: what each one is for, and what it says when time is up."""

from __future__ import annotations

import dataclasses
import typing as t
from functools import partial

from .clock import Clock
from .errors import CloudError, Conflict, Timeout
from .resource import Resource, Step
from .status import BUSY, DONE, Raw, Status
from .waiter import Lasting, Proof, wait_until


@dataclasses.dataclass(frozen=True)
class Waits:
    """Waits for a resource.

    Attributes:
        resource: The resource.
        clock: The deadline of them all.
    """

    resource: Resource
    clock: Clock

    def until_settled(self, raw: Raw) -> Raw | None:
        """Return the resource once nothing is under way; None where it went."""
        resource = self.resource
        return wait_until(
            poll=partial(resource.refresh, raw),
            judge=lambda now: now is None or resource.status(now).phase != BUSY,
            describe=self._describe,
            clock=self.clock,
            look=resource.watch(),
        )

    def until_appeared(self, made: Raw, complete: bool) -> Raw:
        """Return a new one once it is there.

        A next run that does not find it would make a second one.

        Args:
            made: What its creation gave.
            complete: Whether to wait until it is done.
        """
        resource, ident = self.resource, id_of(made)

        def describe(raw: Raw | None) -> str:
            if raw is not None:
                return self._describe(raw)
            return (
                f"{resource} was accepted as {ident} and is not there yet: what makes "
                "it may be down. See that it appears before you run again, or there "
                "will be a second one. Last looked"
            )

        look = resource.watch()
        proof = Proof(resource.status, resource.failure, resource.complete)
        try:
            raw = wait_until(
                poll=partial(resource.refresh, made),
                judge=proof if complete else lambda now: now is not None,
                describe=describe,
                clock=self.clock,
                look=look,
            )
        except Timeout as error:
            error.details = {"id": ident}
            raise
        return t.cast(Raw, raw)

    def until_found(self, unclear: CloudError, known: t.Any) -> Raw:
        """Return what a create without a usable answer has made after all.

        Args:
            unclear: What came in the place of an answer.
            known: Id of another one of the name.
        """
        try:
            raw = wait_until(
                poll=self.resource.find,
                judge=lambda now: now is not None and id_of(now) != known,
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
        return t.cast(Raw, raw)

    def until_arrived(self, raw: Raw) -> Raw:
        """Return one that nothing is missing of any more."""
        resource = self.resource
        arrived = wait_until(
            poll=partial(resource.refresh, raw),
            judge=lambda now: now is not None and not resource.arriving(now),
            describe=self._describe,
            clock=self.clock,
            look=resource.watch(),
        )
        return t.cast(Raw, arrived)

    def until_changed(self, before: Raw, step: Step) -> Raw:
        """Return the resource once a step has taken effect."""
        resource = self.resource

        def gone() -> CloudError:
            return Conflict(
                f"{resource} was deleted by someone while it changed; run again to "
                "create it anew"
            )

        lasting = Lasting(step.lasts, self.clock) if step.lasts else None
        status, failure = resource.status, resource.failure
        proof = Proof(status, failure, step.reached, before, gone, lasting)
        raw = wait_until(
            poll=partial(resource.refresh, before),
            judge=proof,
            describe=self._describe,
            clock=self.clock,
            look=step.look or resource.watch(),
        )
        return t.cast(Raw, raw)

    def until_gone(self, before: Raw) -> None:
        """Wait until a resource is deleted, and what is behind it."""
        resource = self.resource

        def deletion(raw: Raw) -> Status:
            # What a create or update under way comes to is of no interest.
            status = resource.status(raw)
            return status if status.operation == "delete" else Status(status.text, DONE)

        watched = resource.watch()

        def look(raw: Raw) -> None:
            if watched and resource.status(raw).operation == "delete":
                watched(raw)

        proof = Proof(deletion, resource.failure, lambda raw: False, before)
        wait_until(
            poll=partial(resource.refresh, before),
            judge=lambda raw: proof(raw) if raw else resource.emptied(before),
            describe=self._describe,
            clock=self.clock,
            look=look,
        )

    def _describe(self, raw: Raw | None) -> str:
        """Return the state last seen, for the message when time is up."""
        resource = self.resource
        if raw is None:
            return f"{resource} was not there"
        status = resource.status(raw)
        reason = f" ({status.reason})" if status.reason else ""
        obstacles = resource.obstacles(raw)
        return (
            f"{resource} was still {status.text or 'there'}{reason}; "
            + (f"{obstacles}; " if obstacles else "")
            + "it goes on in the cloud: run again, with a longer timeout, to wait for "
            "it. Last seen"
        )


def id_of(raw: Raw) -> t.Any:
    """Return the id of a resource, under whichever key its API has it."""
    return raw.get("uuid") or raw.get("id")
