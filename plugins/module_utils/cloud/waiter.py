# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a change: until it is done, has failed, or time is up."""

from __future__ import annotations

import typing as t

from .clock import Clock, growing
from .errors import ApiError, CloudError, Timeout

DONE = "done"
BUSY = "busy"
FAILED = "failed"

Raw = t.Dict[str, t.Any]
"""A resource as its API gives it."""


class Status(t.NamedTuple):
    """What a resource says of itself.

    Attributes:
        text: The API's own word ("UPDATE_IN_PROGRESS").
        phase: C(done), C(busy) or C(failed).
        operation: What it is about: C(create), C(update), C(delete) or empty.
        reason: Why, as far as the API tells.
    """

    text: str
    phase: str
    operation: str = ""
    reason: str = ""


def wait_until(
    poll: t.Callable[[], Raw | None],
    judge: t.Callable[[Raw | None], bool],
    describe: t.Callable[[Raw | None], str],
    clock: Clock,
) -> Raw | None:
    """Poll until the judge says yes.

    A failed read does not end a wait of an hour: it goes on until the deadline.

    Args:
        poll: Reads the resource, None where it is not there.
        judge: True when done; raises where it has failed.
        describe: The state last seen, for the message when time is up.
        clock: The deadline.

    Raises:
        Timeout: The deadline has passed.
    """
    raw: Raw | None = None
    trouble: CloudError | None = None
    for pause in growing(1, 1.3, 10):
        try:
            raw = poll()
            trouble = None
            if judge(raw):  # it may read too (a node group, say)
                return raw
        except ApiError as error:
            trouble = error
        if not clock.pause(pause):
            last = f"; the last read failed: {trouble.message}" if trouble else ""
            raise Timeout(
                f"{describe(raw)} after {clock.timeout:g} s{last}",
                status=trouble.status if trouble else None,
                request_id=trouble.request_id if trouble else None,
            )
    raise AssertionError("unreachable")


class Proof:
    """Judges whether a change is done, and that it is this change.

    After a write the old status stands for seconds, with the new values already. So
    a final status counts only once the resource was seen busy, or its status is another
    one, or its time of update has moved on.

    Args:
        status: Reads the status off the resource.
        failure: Makes the error for a failed resource.
        reached: The condition asked for (the number of addresses, say).
        before: The resource before the write, None for a new one.
    """

    def __init__(
        self,
        status: t.Callable[[Raw], Status],
        failure: t.Callable[[Raw], CloudError],
        reached: t.Callable[[Raw], bool],
        before: Raw | None = None,
    ) -> None:
        """Nothing has been seen yet."""
        self._status = status
        self._failure = failure
        self._reached = reached
        self._before = before
        self._moved = before is None

    def __call__(self, raw: Raw | None) -> bool:
        """Whether the change is done."""
        if raw is None:
            return False
        text, phase = self._status(raw)[:2]
        if not text:
            return self._reached(raw)  # a kind without a status is never busy
        if phase == BUSY:
            self._moved = True
            return False
        if self._before and (
            text != self._status(self._before).text
            or raw.get("updated_at") != self._before.get("updated_at")
        ):
            self._moved = True
        if not self._moved:
            return False
        if phase == FAILED:
            raise self._failure(raw)
        return self._reached(raw)
