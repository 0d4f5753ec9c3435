# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Gaudi's hl-smi: it prints the columns that it is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PROGRAM = """\
#!{python} -I
import json, sys

asked = sys.argv[sys.argv.index("-Q") + 1].split(",")
for device in json.loads({devices!r}):
    print(", ".join(device.get(name, "N/A") for name in asked))
"""


def write(folder: Path, devices: Sequence[Mapping[str, str]]) -> None:
    """Write the program into a folder.

    Args:
        folder: Where.
        devices: What it tells of each device, by the names of its columns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "hl-smi"
    text = _PROGRAM.format(python=sys.executable, devices=json.dumps(devices))
    program.write_text(text)
    program.chmod(0o755)
