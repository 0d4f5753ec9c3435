# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's Prometheus, where it is missing: python -m prombed."""

from __future__ import annotations

import shutil
import sys

from bed.install import install_packages
from bed.layout import BedError


def main() -> int:
    """Install what is missing.

    Returns:
        The exit status.
    """
    missing = [] if shutil.which("prometheus") else ["prometheus"]
    if missing:
        print("installing prometheus", flush=True)
    try:
        install_packages(missing, ("prometheus.service",))
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
