# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, in one place: a deadline, and pauses that grow."""

from __future__ import annotations

import time
import typing as t


class Clock:
    """The time that one task may take.

    Args:
        timeout: Seconds from now until the deadline.
        monotonic: Source of time, in seconds; it never goes back.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        timeout: float,
        monotonic: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout = timeout
        self._monotonic = monotonic
        self._sleep = sleep
        self._start = monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return self._monotonic() - self._start

    def remaining(self) -> float:
        """Return the seconds until the deadline, 0 when it has passed."""
        return max(0.0, self.timeout - self.elapsed())

    def pause(self, seconds: float) -> bool:
        """Wait, at most until the deadline.

        Returns:
            False, without waiting, where the deadline has passed already.
        """
        remaining = self.remaining()
        if remaining <= 0:
            return False
        self._sleep(min(seconds, remaining))
        return True


def growing(first: float, factor: float, most: float) -> t.Iterator[float]:
    """Yield pauses in seconds: `first`, then longer by `factor`, up to `most`."""
    pause = first
    while True:
        yield pause
        pause = min(pause * factor, most)
