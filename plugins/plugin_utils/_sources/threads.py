# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that read sources, and that no process waits for when it ends.

Python joins the threads of `concurrent.futures` before a process ends, so that a server
which never answers would hold a run that has been interrupted, or that has its report.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import typing as t
from concurrent.futures import Future, wait

_T = t.TypeVar("_T")
_Item = t.TypeVar("_Item")


_LOOK = 0.5
"""Seconds after which a thread that waits looks whether its process is interrupted."""


class Result(Future[_T]):
    """What a function that runs will return."""

    def result(self, timeout: float | None = None) -> _T:
        """Return it, or raise what the function raised.

        A signal that comes right before a thread begins to wait does not wake it: with
        one long wait, the first Ctrl-C could be lost.
        """
        while timeout is None and not self.done():
            wait([self], _LOOK)
        return super().result(timeout)


class Pool:
    """Runs functions side by side.

    Args:
        most: Number of functions that run at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = 0
        self._waiting: queue.SimpleQueue[t.Callable[[], None] | None] = (
            queue.SimpleQueue()
        )

    def __enter__(self) -> t.Self:
        """Return the pool."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let the threads end. What has begun goes on, and what waits is dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        for _thread in range(self._threads):
            self._waiting.put(None)

    def submit(self, function: t.Callable[..., _T], *args: t.Any) -> Result[_T]:
        """Run a function as soon as fewer than `most` run."""
        future: Result[_T] = Result()

        def run() -> None:
            try:
                future.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001 -- raised by result()
                future.set_exception(error)

        self._waiting.put(run)
        if self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()
        return future

    def map(
        self, function: t.Callable[[_Item], _T], items: t.Iterable[_Item]
    ) -> list[_T]:
        """Return what a function makes of each item, in the order of the items."""
        futures = [self.submit(function, item) for item in items]
        return [future.result() for future in futures]

    def _work(self) -> None:
        while run := self._waiting.get():
            run()
