# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports for RDMA, from sysfs."""

from __future__ import annotations

import os
import re

from . import files
from .files import Roots
from .record import Record


class RdmaReader:
    """Reads ports of InfiniBand and RoCE adapters.

    Args:
        roots: Where sysfs is.
    """

    def __init__(self, roots: Roots) -> None:
        self._folder = os.path.join(roots.sysfs, "class/infiniband")

    def ports(self) -> list[str]:
        """Names of the ports, `mlx5_0/1`."""
        return [
            f"{device}/{port}"
            for device in files.names(self._folder)
            for port in files.names(self._folder, device, "ports")
            if port.isascii() and port.isdigit()
        ]

    def open(self) -> Record:
        """There is nothing to open."""
        return {"count": len(self.ports())}

    def read(self, key: str) -> Record:
        """Read a port."""
        device, port = key.split("/")
        folder = os.path.join(self._folder, device, "ports", port)
        node = files.integer(self._folder, device, "device/numa_node")
        return {
            **unknown(key),
            "state": state(files.text(folder, "state")),
            "phys_state": state(files.text(folder, "phys_state")),
            "rate_gbps": rate(files.text(folder, "rate")),
            "link_layer": files.text(folder, "link_layer"),
            "numa_node": node if node is not None and node >= 0 else None,
        }


def unknown(key: str) -> Record:
    """A port of which only its name is known."""
    device, port = key.split("/")
    names = ("state", "phys_state", "rate_gbps", "link_layer", "numa_node")
    return {"device": device, "port": int(port), **dict.fromkeys(names)}


def state(text: str | None) -> str | None:
    """The name of a state, of `4: ACTIVE`."""
    return (text or "").partition(": ")[2].strip() or None


def rate(text: str | None) -> float | None:
    """The rate, of `400 Gb/sec (4X NDR)`."""
    match = re.match(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) Gb/sec", text or "")
    return float(match.group(1)) if match else None
