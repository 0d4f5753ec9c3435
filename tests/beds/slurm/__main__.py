# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's Slurm, where it is missing: python -m beds.slurm."""

from __future__ import annotations

import sys

from beds.openstack.install import install_for_tests

from . import slurm

if __name__ == "__main__":
    sys.exit(install_for_tests(slurm.missing(), slurm.UNITS))
