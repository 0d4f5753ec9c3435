# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where clusters stand, read off the tags of the locations' stacks: pure functions."""

from __future__ import annotations

import typing as t

from ..engine.errors import AmbiguousName
from ..engine.status import Raw
from .exact import not_found

MARK = "gpufleet-location"
"""The tag of all locations. Further tags hold what Heat shall find them by, and what is
needed to place a cluster with one request."""


class Place(t.NamedTuple):
    """What a location says about where its clusters stand."""

    id: str
    name: str
    network: str | None
    subnet: str | None
    availability_zone: str | None

    @classmethod
    def of(cls, stack: Raw) -> Place:
        """Read it off the tags of a location's stack."""
        return cls(
            stack["id"],
            name_of(stack),
            tagged(stack, "network"),
            tagged(stack, "subnet"),
            tagged(stack, "zone"),
        )

    def holds(self, cluster: Raw) -> bool:
        """Whether a cluster stands here: in its network, and not in another zone."""
        if not self.network or cluster.get("fixed_network") != self.network:
            return False
        zone = (cluster.get("labels") or {}).get("availability_zone")
        return not zone or not self.availability_zone or zone == self.availability_zone


def pick(stacks: t.Sequence[Raw], ident: str) -> Raw | None:
    """Return the location with this name or id, None where there is none.

    Raises:
        AmbiguousName: Several have this name.
    """
    matches = [s for s in stacks if ident in (s["id"], tagged(s, "name"))]
    if len(matches) > 1:
        ids = [stack["id"] for stack in matches]
        raise AmbiguousName.of("locations", ident, ids)
    return matches[0] if matches else None


def neighbors(stacks: t.Sequence[Raw], ident: str) -> list[Raw]:
    """Return the locations that one is joined with, whichever of the two says so.

    Args:
        stacks: All locations.
        ident: Id of the one.
    """
    tags = {stack["id"]: stack.get("tags") or [] for stack in stacks}
    return [
        stack
        for stack in stacks
        if f"peer={stack['id']}" in tags.get(ident, [])
        or f"peer={ident}" in tags[stack["id"]]
    ]


def hint_of(stacks: t.Sequence[Raw], ident: str) -> str:
    """Return what a message adds that says there is no such location."""
    return not_found(map(name_of, stacks), ident)


def name_of(stack: Raw) -> str:
    """Return the name of a location; its id where no tag has a name."""
    return tagged(stack, "name") or str(stack["id"])


def tagged(stack: Raw, key: str) -> str | None:
    """Return the value that a stack's tags give to a key."""
    for tag in stack.get("tags") or []:
        name, separator, value = tag.partition("=")
        if separator and name == key:
            return str(value)
    return None
