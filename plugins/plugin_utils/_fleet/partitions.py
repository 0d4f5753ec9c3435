# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How devices are divided: data about models."""

from __future__ import annotations


def slices(model: str | None) -> int:
    """Return how many slices NVIDIA's MIG divides a device into.

    Args:
        model: The device's model as its driver, an exporter or NVIDIA's feature
            discovery names it; None if it is unknown.
    """
    return 4 if "A30" in (model or "") else 7
