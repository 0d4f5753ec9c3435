# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of nodes that look like devices, and that nobody has named as such."""

from __future__ import annotations

from ..._fleet.types import Record
from ..lookalikes import names_devices
from .resources import IsDevice


def unknown(node: Record, is_device: IsDevice) -> set[str]:
    """Return names of a node's resources that are devices in all likelihood.

    Args:
        node: A node, as the API has it.
        is_device: Recognizes the resources that count as devices.
    """
    capacity = (node.get("status") or {}).get("capacity") or {}
    return {
        name
        for name, quantity in capacity.items()
        if "/" in name and str(quantity) != "0" and not is_device(name)
        if _is_like_one(name)
    }


def _is_like_one(resource: str) -> bool:
    domain, _slash, name = resource.partition("/")
    return names_devices(name, domain)
