# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-doc shows of this collection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COLLECTION = "gpufleet.openstack"
KINDS = ("callback", "inventory", "lookup", "module", "role")


@cache
def documented() -> dict[str, dict[str, Any]]:
    """Return the documentation of plugins and roles, by type and full name."""
    process = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-doc",
            *("--metadata-dump", COLLECTION),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build")},
    )
    return dict(json.loads(process.stdout)["all"])
