# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement's API: which accelerators are free."""

from __future__ import annotations

import typing as t

from ..engine.clock import Clock
from .api import Api

MICROVERSION = "1.10"
"""Has allocation candidates (Pike and newer)."""


class PlacementApi(Api):
    """Requests to Placement; by default only administrators may ask it."""

    def __init__(self, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        super().__init__("Placement", connect, clock, f"placement {MICROVERSION}")

    def usable(self, resource_class: str, each: int) -> int:
        """Return how many devices can be had, `each` of them on one host at a time."""
        query = {"resources": f"{resource_class}:{each}"}
        providers = self.get("/allocation_candidates", query)["provider_summaries"]
        total = 0
        for provider in providers.values():
            devices = provider["resources"].get(resource_class)
            if devices:
                total += (devices["capacity"] - devices["used"]) // each * each
        return total
