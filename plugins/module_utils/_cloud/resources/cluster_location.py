# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster stands: network and zone come from a location."""

from __future__ import annotations

import dataclasses
import typing as t
from functools import cached_property

from ..engine.errors import ApiError, Conflict, LocationNotFound, NoEndpoint
from ..engine.fields import KNOWN_AFTER_APPLY
from ..engine.status import Raw
from ..services.places import MARK, Place, hint_of, pick
from ..services.session import Cloud


@dataclasses.dataclass
class ClusterLocation:
    """The location of a cluster.

    Attributes:
        cloud: Where the cluster and its location live.
        ident: Name or id of the location, None for none.
        check_mode: A location that is not there yet is a warning.
    """

    cloud: Cloud
    ident: str | None
    check_mode: bool

    def placed(self, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return a cluster's values with the location's network and zone.

        Raises:
            LocationNotFound: There is no such location (not in check mode).
            Conflict: It has no network yet.
        """
        if not self.ident:
            return values
        stack = pick(self._stacks, self.ident)
        if stack is None:
            hint = hint_of(self._stacks, self.ident)
            text = (
                f"location: there is no location {self.ident!r} in this project{hint}"
            )
            if not self.check_mode:
                raise LocationNotFound(text)
            self.cloud.warn(f"{text} yet; network and zone are {KNOWN_AFTER_APPLY}")
            return values
        place = Place.of(stack)
        if not place.network:
            raise Conflict(
                f"location: {self.ident!r} has no network yet "
                f"({stack['stack_status']}); run the task that declares it again"
            )
        placed = {**values, "fixed_network": place.network}
        if place.subnet:
            placed["fixed_subnet"] = place.subnet
        if place.availability_zone:
            zone = {"availability_zone": place.availability_zone}
            placed["labels"] = {**zone, **values.get("labels", {})}
        return placed

    def name_of(self, cluster: Raw) -> str | None:
        """Return the name of the location that a cluster stands in."""
        if not cluster.get("fixed_network"):
            return None
        places = map(Place.of, self._stacks)
        return next((place.name for place in places if place.holds(cluster)), None)

    @cached_property
    def _stacks(self) -> list[Raw]:
        try:
            return self.cloud.heat.stacks([MARK])
        except NoEndpoint as error:
            raise ApiError(
                f"location: {error.message} Without Heat, leave location out and set "
                "fixed_network and fixed_subnet, and the label availability_zone"
            ) from error
