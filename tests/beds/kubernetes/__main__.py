# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the programs, where they are missing: python -m beds.kubernetes."""

from __future__ import annotations

import sys

from beds.openstack.layout import BedError

from . import programs

if __name__ == "__main__":
    try:
        programs.build()
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
