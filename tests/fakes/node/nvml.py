# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles the stand-in for NVIDIA's library, and writes what it shall tell."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")


def build(folder: Path) -> Path:
    """Compile the library into a folder. Returns its path."""
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(
        [
            *("cc", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
            *(f"-Wl,-soname,{library.name}", "-o", str(library), str(SOURCE)),
        ],
        check=True,
    )
    return library


def configure(file: Path, lines: Sequence[str]) -> None:
    """Write what `FAKE_NVML` names; the lines are told in nvml.c."""
    file.write_text("".join(f"{line}\n" for line in lines))
