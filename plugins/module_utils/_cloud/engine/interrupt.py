# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that ask a module to end, as an error: what it has opened is closed."""

from __future__ import annotations

import contextlib
import signal
import typing as t

from .errors import Interrupted

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What Ansible, a service manager and a connection that breaks send."""


class Stop(BaseException):
    """A signal has come. No library takes this for an error that it may repeat.

    Attributes:
        changed: Whether the run that it ended has written, or may have.
    """

    changed = False


@contextlib.contextmanager
def interruptible() -> t.Iterator[None]:
    """Raise where a signal asks the process to end, rather than die at once.

    A signal that is ignored already stays so (`nohup`).

    Raises:
        Interrupted: There was such a signal.
    """
    numbers = [n for n in _SIGNALS if signal.getsignal(n) is signal.SIG_DFL]

    def stop(number: int, _frame: object) -> t.NoReturn:
        # A second signal must not end what the first one makes the module do.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stop(signal.Signals(number).name)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    except Stop as stopped:
        error = Interrupted(
            f"{stopped} ended the task. Anything that it has started in the cloud "
            "continues there: run the task again to wait for it"
        )
        error.changed = stopped.changed
        raise error from None
    finally:
        for number in numbers:
            if signal.getsignal(number) is stop:
                signal.signal(number, signal.SIG_DFL)
