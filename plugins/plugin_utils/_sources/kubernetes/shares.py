# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a device one unit of a resource is: sharing, and NVIDIA's MIG."""

from __future__ import annotations

import math
import re

from ..._fleet.partitions import slices
from ..._fleet.types import Record

_WHOLE = ("nvidia.com/gpu", "nvidia.com/gpu.shared")
_MIG = re.compile(r"nvidia\.com/mig-([1-9])g\..*")


def shares(capacity: dict[str, int], labels: Record) -> dict[str, float]:
    """Return the fraction of a device that one unit of each resource of a node is.

    Args:
        capacity: Units by name of the resource.
        labels: Labels of the node, as NVIDIA's feature discovery writes them:
            `gpu.replicas`, `gpu.product`, and where parts have names of their own
            `gpu.count`, which counts the devices.
    """
    fractions = dict.fromkeys(capacity, 1.0)
    product = str(labels.get("nvidia.com/gpu.product"))
    per_device = slices(product)
    replicas = _integer(labels, "nvidia.com/gpu.replicas") or 1
    single = re.search(r"-MIG-([1-9])g", product)
    parts = max(1, per_device // int(single.group(1))) if single else 1
    whole = 0.0
    for name in _WHOLE:
        if name in capacity:
            fractions[name] = 1 / (replicas * parts)
            whole += capacity[name] * fractions[name]
    sizes = {name: size for name in capacity for size in [_mig(name)] if size}
    total = sum(size * capacity[name] for name, size in sizes.items())
    if total:
        # Parts need not fill a device. When all are given out, the devices are.
        devices = _integer(labels, "nvidia.com/gpu.count")
        divided = devices - whole if devices else math.ceil(total / per_device)
        for name, size in sizes.items():
            fractions[name] = size * max(1.0, divided) / total
    return fractions


def anywhere(resource: str) -> float:
    """Return the fraction that one unit of a resource is on a node not known."""
    return (_mig(resource) or 7) / 7


def _mig(resource: str) -> int | None:
    """Slices of a part that has a name of its own; None for a whole device."""
    match = _MIG.fullmatch(resource)
    return int(match.group(1)) if match else None


def _integer(labels: Record, name: str) -> int | None:
    text = str(labels.get(name))
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None
