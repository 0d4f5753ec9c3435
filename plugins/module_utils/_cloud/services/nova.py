# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's API: flavors, servers, keypairs, quota."""

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import quote

from ..engine.clock import Clock
from ..engine.errors import AmbiguousName, Conflict, NotFound
from ..engine.status import Raw
from .api import Api
from .exact import same_id

MICROVERSION = "2.61"
"""Lists flavors with their extra specs (Rocky and newer)."""


class Nova(Api):
    """Requests to Nova."""

    def __init__(self, connect: t.Callable[[], t.Any], clock: Clock) -> None:
        super().__init__("Nova", connect, clock, f"compute {MICROVERSION}")

    def flavors(self) -> list[Raw]:
        """Return all flavors that may be seen, private ones too, with extra specs."""
        return self.list("/flavors/detail", "flavors", {"is_public": "None"})

    def find_flavor(self, ident: str) -> Raw | None:
        """Return a flavor by name or id."""
        return self.flavor_of(self.flavors(), ident)

    def flavor_of(self, listed: list[Raw], ident: str) -> Raw | None:
        """Return the flavor with this name or id, of those that `flavors` gave."""
        flavor = pick_flavor(listed, ident)
        if flavor is None:
            self.exact.missed("flavor", ident, [raw["name"] for raw in listed])
        return flavor

    def flavor(self, ident: str) -> Raw | None:
        """Return a flavor by id."""
        answer = self.find(f"/flavors/{quote(ident, safe='')}")
        if answer is None or not same_id(answer["flavor"]["id"], ident):
            return None
        return t.cast(Raw, answer["flavor"])

    def create_flavor(self, body: Raw) -> Raw:
        """Make a flavor (its extra specs are set apart)."""
        return t.cast(Raw, self.create("/flavors", {"flavor": body})["flavor"])

    def set_flavor_description(self, ident: str, description: str | None) -> None:
        """Change a flavor's description."""
        self.put(f"/flavors/{ident}", {"flavor": {"description": description}})

    def set_extra_specs(self, ident: str, specs: dict[str, str]) -> None:
        """Set these extra specs and leave the others."""
        self.post(f"/flavors/{ident}/os-extra_specs", {"extra_specs": specs})

    def remove_extra_spec(self, ident: str, key: str) -> None:
        """Remove one extra spec."""
        self.delete(f"/flavors/{ident}/os-extra_specs/{quote(key, safe='')}")

    def flavor_access(self, ident: str) -> list[str]:
        """Return the ids of the projects that may use a private flavor."""
        path = f"/flavors/{quote(ident, safe='')}/os-flavor-access"
        listed = self.list(path, "flavor_access")
        return sorted(access["tenant_id"] for access in listed)

    def grant_flavor(self, ident: str, project: str) -> None:
        """Let a project use a private flavor."""
        with contextlib.suppress(Conflict):  # it may already
            self._flavor_action(ident, {"addTenantAccess": {"tenant": project}})

    def revoke_flavor(self, ident: str, project: str) -> None:
        """Let a project use a private flavor no more."""
        with contextlib.suppress(NotFound):  # it may not already
            self._flavor_action(ident, {"removeTenantAccess": {"tenant": project}})

    def _flavor_action(self, ident: str, body: Raw) -> None:
        self.post(f"/flavors/{quote(ident, safe='')}/action", body)

    def servers_of(self, flavor: str) -> list[Raw]:
        """Return the servers of all projects that were made of a flavor."""
        filters = {"all_tenants": "1", "flavor": flavor}
        return self.list("/servers", "servers", filters)

    def servers(self) -> list[Raw]:
        """Return the servers of the project, with their addresses."""
        return self.list("/servers/detail", "servers")

    def server_pages(self, filters: Raw) -> t.Iterator[t.Sequence[Raw]]:
        """Yield the servers of the project that Nova finds by filters, by pages."""
        return self.pages("/servers/detail", "servers", filters)

    def delete_flavor(self, ident: str) -> None:
        """Delete a flavor."""
        self.delete(f"/flavors/{ident}")

    def limits(self) -> dict[str, int]:
        """Return the quota of the project and what is used of it, -1 for no limit."""
        return t.cast("dict[str, int]", self.get("/limits")["limits"]["absolute"])

    def availability_zones(self) -> list[str]:
        """Return the names of the zones that servers may be asked to stand in."""
        listed = self.list("/os-availability-zone", "availabilityZoneInfo")
        return [zone["zoneName"] for zone in listed]

    def keypairs(self) -> list[str]:
        """Return the names of the user's keypairs."""
        listed = self.list("/os-keypairs", "keypairs")
        return [str(each["keypair"]["name"]) for each in listed]

    def find_keypair(self, name: str) -> Raw | None:
        """Return the user's keypair of this name."""
        answer = self.find(f"/os-keypairs/{quote(name, safe='')}")
        if answer is None:
            return None
        keypairs = [answer["keypair"]]
        matches = self.exact.pick("keypair", name, keypairs, key="name")
        return matches[0] if matches else None


def pick_flavor(flavors: list[Raw], ident: str) -> Raw | None:
    """Return the flavor with this name or id."""
    matches = [f for f in flavors if ident in (f["id"], f["name"])]
    if len(matches) > 1:
        raise AmbiguousName(
            f"{ident!r} is the name of one flavor and the id of another; "
            "rename one of them, or give an id that is not a name",
            details={"ids": sorted(flavor["id"] for flavor in matches)},
        )
    return matches[0] if matches else None
