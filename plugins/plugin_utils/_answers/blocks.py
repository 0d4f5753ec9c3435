# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole devices that are free side by side on a node."""

from __future__ import annotations

from collections import Counter

from .._fleet.types import Node, Record
from .naming import model


def report(nodes: list[Node]) -> Record:
    """Return the largest block of free devices, and how many there are of each size."""
    sizes = [(node, node.free) for node in nodes if node.free is not None]
    blocks = Counter((model(node), free) for node, free in sizes if free)
    listed = sorted(blocks, key=lambda key: (key[0] is None, key[0] or "", -key[1]))
    return {
        "largestIdleBlock": max((free for _node, free in sizes), default=None),
        "freeBlocks": [
            {"model": name, "devices": free, "nodes": blocks[name, free]}
            for name, free in listed
        ],
    }
