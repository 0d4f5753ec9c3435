# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: for a change, or for one's turn to write."""

from __future__ import annotations

import typing as t

from .clock import Clock, growing
from .errors import ApiError, Busy, CloudError, Stalled, Timeout
from .status import BUSY, FAILED, Raw, Status, status_of

T = t.TypeVar("T")

Look = t.Callable[[Raw], None]
"""Looks at what is behind a resource in one wait; raises where that has failed."""

LOOK_EVERY = 20.0
"""Seconds between looks at what is behind a resource that is waited for."""


class NotYet(Exception):
    """A condition does not hold yet, and the text says what is missing."""


def wait_until(
    poll: t.Callable[[], Raw | None],
    judge: t.Callable[[Raw | None], bool],
    describe: t.Callable[[Raw | None], str],
    clock: Clock,
    look: Look | None = None,
) -> Raw | None:
    """Poll until the judge says yes.

    A failed read does not end a wait of an hour: it goes on until the deadline.

    Args:
        poll: Reads the resource, None where it is not there.
        judge: True when done; raises where it has failed, and `NotYet` to say what
            is missing.
        describe: The state last seen, for the message when time is up.
        clock: The deadline.
        look: Looks every 20 s at what is behind the resource.

    Raises:
        Timeout: The deadline has passed.
    """
    raw: Raw | None = None
    trouble: CloudError | None = None
    due = clock.elapsed() + LOOK_EVERY
    for pause in growing(1, 1.3, 10):
        missing = ""
        try:
            raw = poll()
            trouble = None
            if judge(raw):  # it may read too (a node group, say)
                return raw
        except ApiError as error:
            trouble = error
        except NotYet as error:
            missing = f": {error}"
        if look and clock.elapsed() > due - 0.1:
            due = clock.elapsed() + LOOK_EVERY
            if raw is not None:
                _look(look, raw)
        rest = due - clock.elapsed() if look else pause
        if not clock.pause(min(pause, max(rest, 1))):
            last = f"; the last read failed: {trouble.message}" if trouble else missing
            raise Timeout(
                f"{describe(raw)} after {clock.timeout:g} s{last}",
                status=trouble.status if trouble else None,
                request_id=trouble.request_id if trouble else None,
            )
    raise AssertionError("unreachable")


def _look(look: Look, raw: Raw) -> None:
    """Look behind a resource; what can't be seen there does not end its wait."""
    try:
        look(raw)
    except Stalled:
        raise
    except CloudError:
        pass


class Lasting(t.NamedTuple):
    """How long a final status has to last until it is believed.

    Attributes:
        seconds: That long, without another status between.
        clock: Measures it.
    """

    seconds: float
    clock: Clock


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
        gone: Makes the error for one that is not there; without it, it may come yet.
        lasting: How long the final status has to last, None if not at all.
    """

    def __init__(
        self,
        status: t.Callable[[Raw], Status],
        failure: t.Callable[[Raw], CloudError],
        reached: t.Callable[[Raw], bool],
        before: Raw | None = None,
        gone: t.Callable[[], CloudError] | None = None,
        lasting: Lasting | None = None,
    ) -> None:
        self._lasting = lasting
        self._final_since: float | None = None
        self._status = status
        self._failure = failure
        self._reached = reached
        self._gone = gone
        self._moved = before is None
        self._before = (status(before).text, before.get("updated_at")) if before else ()

    def __call__(self, raw: Raw | None) -> bool:
        """Return whether the change is done.

        Raises:
            CloudError: The resource failed, or is gone.
            NotYet: Says what is missing, where that is known.
        """
        if raw is None:
            if self._gone:
                raise self._gone()
            return False
        text, phase = self._status(raw)[:2]
        if not text:
            return self._reached(raw)  # a kind without a status is never busy
        if phase == BUSY:
            self._moved, self._final_since = True, None
            return False
        if (text, raw.get("updated_at")) != self._before:
            self._moved = True
        if not self._moved:
            return False
        if phase == FAILED:
            raise self._failure(raw)
        if self._lasting and not self._lasts(*self._lasting):
            return False
        return self._reached(raw)

    def _lasts(self, seconds: float, clock: Clock) -> bool:
        """Return whether the final status has lasted long enough."""
        now = clock.elapsed()
        if self._final_since is None:
            self._final_since = now
        return now - self._final_since >= seconds


class Turn(t.NamedTuple):
    """What a write has to wait for: its service changes one thing at a time.

    Attributes:
        poll: Reads what must be at rest, None where it is not there.
        describe: The state last seen, for the message when time is up.
        look: Raises `Stalled` where what is under way can't be completed.
    """

    poll: t.Callable[[], Raw | None]
    describe: t.Callable[[Raw | None], str]
    look: Look | None = None


def at_rest(turn: Turn, clock: Clock) -> Raw:
    """Wait until nothing is under way any more. Returns what is at rest.

    What is stalled counts as that: it never ends, and the write may repair it.

    Raises:
        Timeout: The deadline has passed.
    """
    try:
        raw = wait_until(
            poll=turn.poll,
            judge=lambda raw: raw is not None and status_of(raw).phase != BUSY,
            describe=turn.describe,
            clock=clock,
            look=turn.look,
        )
    except Stalled:
        raw = turn.poll()
    return t.cast(Raw, raw)


def in_turn(write: t.Callable[[], T], turn: Turn, clock: Clock) -> T:
    """Write once nothing is under way.

    Between the look and the write another change may begin: then it is this one's turn
    later.

    Raises:
        Timeout: The deadline has passed.
    """
    while True:
        at_rest(turn, clock)
        try:
            return write()
        except Busy:
            if not clock.pause(2):
                raise
