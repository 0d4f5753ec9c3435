# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals as errors."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Interrupted,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.interrupt import (
    Stop,
    interruptible,
)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _wait(number: signal.Signals) -> None:
    with interruptible():
        _kill(number)


def _write(number: signal.Signals) -> None:
    with interruptible():
        try:
            _kill(number)
        except Stop as stop:
            stop.changed = True
            raise


def _kill(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_error(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=f"^{number.name} ended the task") as caught:
        _wait(number)
    assert not caught.value.changed
    # A second one does not disturb what the first has begun.
    os.kill(os.getpid(), number)


def test_it_says_whether_something_was_written() -> None:
    with pytest.raises(Interrupted) as caught:
        _write(signal.SIGTERM)
    assert caught.value.changed


def test_one_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_afterwards_signals_are_as_before() -> None:
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
