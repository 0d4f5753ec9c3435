# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes are grouped by, and numbers as reports show them."""

from __future__ import annotations

from .._fleet.types import Node


def model(node: Node) -> str | None:
    """Return the models of a node's devices, as measured or else declared."""
    names = {device["model"] for device in node.devices or ()} - {None, ""}
    if not names:
        accelerators = node.server["hardware"]["accelerators"]
        names = {accelerator["model"] for accelerator in accelerators}
    return " + ".join(sorted(name for name in names if name)) or None


def location(node: Node) -> str | None:
    """Return the name of a node's location."""
    return node.server["location"]


def cluster(node: Node) -> str | None:
    """Return the name of a node's cluster."""
    its = node.server["cluster"]
    return its["name"] if its else None


def whole(number: float | None) -> float | None:
    """Return a count of devices, as an integer if it is one."""
    if number is None:
        return None
    rounded = round(number, 3)
    return int(rounded) if rounded == int(rounded) else rounded
