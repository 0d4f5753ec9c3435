# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's Chromium, where it is missing: python -m beds.browser."""

from __future__ import annotations

import shutil
import sys

from beds.browser import PROGRAMS
from beds.openstack.install import install_for_tests

if __name__ == "__main__":
    sys.exit(
        install_for_tests(
            [name for name, each in PROGRAMS.items() if not shutil.which(each)]
        )
    )
