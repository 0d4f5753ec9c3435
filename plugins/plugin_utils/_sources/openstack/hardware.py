# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flavors of servers declare, in the shape of the fleet."""

from __future__ import annotations

import json
import typing as t
from functools import cached_property

from ....module_utils._cloud.accelerators import extra_specs, flavors
from ....module_utils._cloud.accelerators.declared import Declared
from ....module_utils._cloud.engine.errors import CloudError
from ....module_utils._cloud.services.session import Cloud
from ..._fleet.types import Accelerator, Hardware, Record
from ..._fleet.values import shown
from ..partial import with_texts


class HardwareReader:
    """Reads the hardware of servers. Thousands share a flavor: each is read once.

    Args:
        cloud: The region. Takes warnings of what flavors say and is not understood.
        listed: All flavors as Nova lists them today.
        declared: Accelerators that the user declares, by name of flavor; they take
            precedence over what flavors say.
        warn: Takes a warning for what could not be read.
    """

    def __init__(
        self,
        cloud: Cloud,
        listed: list[Record],
        declared: Declared,
        warn: t.Callable[[str], None],
    ) -> None:
        self._cloud = cloud
        self._listed = {flavor["name"]: flavor for flavor in with_texts(listed, "name")}
        self._declared = declared
        self._warn = warn
        self._warned: set[str] = set()
        self._known: dict[str, Hardware] = {}

    def of(self, embedded: Record) -> Hardware:
        """Return a server's accelerators as it booted, and its prices of today.

        Args:
            embedded: The flavor in the record of a server.
        """
        key = json.dumps(embedded, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._read(embedded)
        return self._known[key]

    def missing(self) -> list[str]:
        """Return the flavors that the user declares and neither Nova nor a server has.

        Returns:
            None of them if Nova's flavors could not be read.
        """
        booted = {hardware["name"] for hardware in self._known.values()}
        known = booted | set(self._listed)
        return sorted(set(self._declared) - known) if self._listed else []

    def _read(self, embedded: Record) -> Hardware:
        name = embedded.get("original_name")
        specs = embedded.get("extra_specs") or {}
        current = (self._listed.get(str(name)) or {}).get("extra_specs") or {}
        booted, now = extra_specs.decode(specs), extra_specs.decode(current)
        return {
            "name": name,
            "accelerators": t.cast(
                list[Accelerator], self._accelerators(str(name), specs, current)
            ),
            "vcpus": embedded.get("vcpus"),
            "ram_mib": embedded.get("ram"),
            "power_watts": _either(now.power_watts, booted.power_watts),
            "hourly_cost": _either(now.hourly_cost, booted.hourly_cost),
        }

    def _accelerators(self, name: str, *specs: Record) -> list[Record]:
        """Return the accelerators of the first extra specs that have some."""
        if name in self._declared:
            return [dict(device) for device in self._declared[name]]
        for each in specs:
            profiles = self._profiles if flavors.DEVICE_PROFILE in each else None
            reading = flavors.read(each, profiles)
            for text in reading.warnings:
                self._warn_once(f"flavor {shown(name)}: {text}")
            if reading.accelerators:
                return reading.accelerators
        return []

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._cloud.warn(text)

    @cached_property
    def _profiles(self) -> flavors.Profiles | None:
        """Cyborg's device profiles; None if the cloud has no Cyborg, or it fails."""
        try:
            return self._cloud.cyborg.device_profiles
        except CloudError as error:
            self._warn(f"device profiles are not known: {error.message}")
            return None


def _either(now: float | None, booted: float | None) -> float | None:
    return booted if now is None else now
