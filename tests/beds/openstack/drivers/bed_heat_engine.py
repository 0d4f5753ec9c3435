# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts heat-engine with its YAQL parser behind a lock.

Since 27.0 the engine runs in threads, all of which share one parser that is not made
for it. Two stacks that are built side by side meet in it now and then: one gets "Bad
expression Parse error", its message is lost, and the stack stays in progress until
its time is up.
"""

from __future__ import annotations

import threading
from typing import Any

# First of all: it chooses how services run, which must come before other imports.
from heat.cmd import engine

from heat.engine.hot import functions  # isort: skip

_lock = threading.RLock()
_parse = functions.Yaql._parse


def _parse_alone(self: functions.Yaql, expression: Any) -> Any:
    with _lock:
        return _parse(self, expression)


if __name__ == "__main__":
    functions.Yaql._parse = _parse_alone
    engine.main()
