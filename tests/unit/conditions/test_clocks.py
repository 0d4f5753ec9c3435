# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of day is read: a clock that jumps must change nothing else.

All that waits or measures reads `time.monotonic`, which never jumps.
"""

from __future__ import annotations

import ast
from pathlib import Path

PLUGINS = Path(__file__).parents[3] / "plugins"

READ = {
    "callback/audit.py": "when a line was written, and the run has ended",
    "module_utils/_cloud/resources/kubeconfig.py": "certificates that end soon",
    "module_utils/_node/collect.py": "when facts were gathered",
    "module_utils/_node/telemetry.py": "the heartbeat",
    "plugin_utils/_fleet/snapshot.py": "how old facts are, those ahead of it too",
    "plugin_utils/_sources/cache.py": "how old an answer is, none that is ahead of it",
}
"""Files that read the time of day, and what for."""

_CALLS = {
    *("time.time", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}


def test_where_the_time_of_day_is_read() -> None:
    found = set()
    for file in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = ".".join(ast.unparse(node.func).split(".")[-2:])
                if name in _CALLS:
                    found.add(file.relative_to(PLUGINS).as_posix())
    assert found == set(READ)
