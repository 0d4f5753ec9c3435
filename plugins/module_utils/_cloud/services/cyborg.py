# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cyborg's API: which devices a device profile stands for."""

from __future__ import annotations

import typing as t
from functools import cached_property

from ..engine.clock import Clock
from ..engine.errors import NoEndpoint
from .api import Api


class Cyborg(Api):
    """Requests to Cyborg, which few clouds have; readers of a project may ask it."""

    def __init__(self, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        super().__init__("Cyborg", connect, clock)

    @cached_property
    def device_profiles(self) -> dict[str, list[dict[str, str]]] | None:
        """The groups of each device profile by its name; None without a Cyborg.

        A group has keys such as `resources:PGPU` and `trait:CUSTOM_NVIDIA_1EB8`.

        Raises:
            CloudError: It did not answer.
        """
        try:
            profiles = self.list("/device_profiles", "device_profiles")
        except NoEndpoint:
            return None
        return {
            str(profile.get("name")): _groups(profile.get("groups"))
            for profile in profiles
            if isinstance(profile, dict)
        }


def _groups(groups: object) -> list[dict[str, str]]:
    """Return the groups of a profile as texts; what is of another shape is none."""
    return [
        {str(key): str(value) for key, value in group.items()}
        for group in (groups if isinstance(groups, list) else ())
        if isinstance(group, dict)
    ]
