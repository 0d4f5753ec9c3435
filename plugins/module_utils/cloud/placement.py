# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement's API: which accelerators are free."""

from __future__ import annotations

import typing as t

from .api import Api
from .clock import Clock

MICROVERSION = "1.10"
"""Has allocation candidates (Pike and newer)."""


class Placement(Api):
    """Requests to Placement; by default only administrators may ask it."""

    def __init__(self, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        """Send nothing yet."""
        super().__init__("Placement", connect, clock)

    def headers(self) -> dict[str, str]:
        """The microversion."""
        version = f"placement {MICROVERSION}"
        return {**super().headers(), "OpenStack-API-Version": version}

    def usable(self, resource_class: str, each: int) -> int:
        """How many devices can be had, C(each) of them on one host at a time."""
        asked = {"resources": f"{resource_class}:{each}"}
        found = self.get("/allocation_candidates", asked)["provider_summaries"]
        total = 0
        for provider in found.values():
            here = provider["resources"].get(resource_class)
            if here:
                total += (here["capacity"] - here["used"]) // each * each
        return total
