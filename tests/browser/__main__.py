# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's Chromium, where it is missing: python -m browser."""

from __future__ import annotations

import shutil
import sys

from bed.install import install_packages
from bed.layout import BedError
from browser import PROGRAMS


def main() -> int:
    """Install what is missing.

    Returns:
        The exit status.
    """
    missing = [name for name, program in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        print(f"installing {', '.join(missing)}", flush=True)
    try:
        install_packages(missing, ())
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
