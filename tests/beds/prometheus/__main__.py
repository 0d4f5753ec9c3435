# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Debian's Prometheus, where it is missing: python -m beds.prometheus."""

from __future__ import annotations

import shutil
import sys

from beds.openstack.install import install_for_tests

PACKAGES = ("prometheus", "prometheus-node-exporter")

if __name__ == "__main__":
    missing = [name for name in PACKAGES if not shutil.which(name)]
    sys.exit(install_for_tests(missing, [f"{name}.service" for name in PACKAGES]))
