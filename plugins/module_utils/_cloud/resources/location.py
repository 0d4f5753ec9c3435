# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations: named places for clusters, each a Heat stack."""

from __future__ import annotations

import json
import re
import typing as t

from ..engine.errors import Conflict, InvalidInput, LocationNotFound
from ..engine.fields import KNOWN_AFTER_APPLY, Field, incomplete
from ..engine.resource import Step
from ..engine.status import Raw
from ..services.exact import folded, nearly
from ..services.places import (
    MARK,
    Place,
    hint_of,
    name_of,
    neighbors,
    pick,
    tagged,
)
from . import location_addresses
from .heat_stack import StackResource, outputs
from .location_addresses import Named
from .location_template import Peer, build
from .subnets import Options, subnet_of

_OPTIONS = Options("network", "subnet")
_PEERS = "peers"
"""Where `load` keeps the names of the locations that one is joined with, by id."""


class LocationResource(StackResource):
    """A location, found by the tags of its stack."""

    kind = "location"
    not_found = LocationNotFound
    way_out = (
        "clusters stand in its network; create a location of another name, or delete "
        "this one and create it again"
    )
    fields = (
        Field("provider"),
        Field("region"),
        Field("availability_zone"),
        Field("datacenter"),
        Field("zone"),
        Field("building"),
        Field("address"),
        Field("cidr", change="frozen"),
        Field("dns_nameservers", "list", spec={"elements": "str"}),
        Field("external_network", ref="network"),
        Field("network", ref="network", change="frozen"),
        Field("subnet", ref="subnet", change="frozen"),
        Field("connect_to", "list", spec={"elements": "str"}),
        Field("metadata", "dict"),
        # Follows from the others.
        Field("tags", "list", option=False),
    )
    options = (
        Field("new_name"),
        Field("recreate_failed", "bool", spec={"default": False}),
    )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._listed: list[Raw] | None = None

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        for option in ("name", "new_name"):
            name = params[option]
            if name is not None and (not name or len(name) > 75 or "," in name):
                raise InvalidInput(
                    f"{option}: {name!r} must hold 1 to 75 characters and no comma"
                )
        own = [o for o in ("cidr", "dns_nameservers", "external_network") if params[o]]
        if params["network"] and own:
            raise InvalidInput(
                f"network: a location stands on a network that exists, or has its own; "
                f"leave out network or {', '.join(own)}"
            )
        if params["subnet"] and not params["network"]:
            raise InvalidInput("subnet: can be given together with network only")
        if params["network"] and params["connect_to"]:
            raise InvalidInput(
                "connect_to: joins networks of locations' own; leave out network"
            )
        if params["cidr"]:
            location_addresses.check_cidr(params["cidr"])
        location_addresses.check_name_servers(params["dns_nameservers"] or [])

    # Look -------------------------------------------------------------------

    def find(self) -> Raw | None:
        """Look it up by name or id; where it is renamed, by its new name too."""
        self._locations(again=True)
        current = self._find(self.name)
        new = self.params["new_name"]
        if not new:
            return current
        renamed = self._find(new)
        if current and renamed and current["id"] != renamed["id"]:
            raise Conflict(
                f"{self} can't be renamed: there is a location {new!r} already; "
                "choose another name",
                details={"id": current["id"], "other": renamed["id"]},
            )
        return current or renamed

    def _find(self, ident: str) -> Raw | None:
        stack = pick(self._locations(), ident)
        return self.cloud.heat.reread(stack) if stack else None

    def _locations(self, again: bool = False) -> list[Raw]:
        if again or self._listed is None:
            self._listed = self.cloud.heat.stacks([MARK])
        return self._listed

    def near_misses(self) -> t.Sequence[str]:
        """Return the names of other locations that are nearly its own."""
        return nearly(map(name_of, self._locations()), self.name)

    def names(self) -> list[str]:
        """Return the names of all, which a message may suggest."""
        return list(map(name_of, self._locations()))

    def all(self) -> list[Raw]:
        """Return all locations of the project."""
        stacks = (self.cloud.heat.reread(stack) for stack in self._locations())
        return [raw for raw in stacks if raw]

    def load(self, raw: Raw) -> Raw:
        """Look up the names of the locations that it is joined with."""
        peers = _list((raw.get("parameters") or {}).get("connect_to"))
        return {**raw, _PEERS: {ident: self._peer_name(ident) for ident in peers}}

    def _peer_name(self, ident: str) -> str:
        stack = pick(self._locations(), ident)
        return (tagged(stack, "name") if stack else None) or ident

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see."""
        parameters = raw.get("parameters") or {}
        made = outputs(raw)
        names = raw.get(_PEERS) or {}
        peers = _list(parameters.get("connect_to"))
        return {
            "id": raw.get("id"),
            "name": tagged(raw, "name") or raw.get("name"),
            "stack_name": raw.get("stack_name"),
            "status": raw.get("stack_status"),
            "status_reason": raw.get("stack_status_reason"),
            **{name: parameters.get(name) or None for name in self._texts()},
            "dns_nameservers": _list(parameters.get("dns_nameservers")),
            "connect_to": [names.get(ident, ident) for ident in peers],
            "metadata": json.loads(parameters.get("metadata") or "{}"),
            "network_id": made.get("network") or None,
            "subnet_id": made.get("subnet") or None,
            "router_id": made.get("router") or None,
            "tags": sorted(raw.get("tags") or []),
            "resource_changes": None,
            "created_at": raw.get("creation_time"),
            "updated_at": raw.get("updated_time"),
        }

    def blank(self) -> dict[str, t.Any]:
        """Return the view of one that is not made: a plan goes on with its network."""
        later = ("network_id", "subnet_id")
        return {**super().blank(), **dict.fromkeys(later, KNOWN_AFTER_APPLY)}

    @classmethod
    def _texts(cls) -> list[str]:
        """Return the names of the properties that are plain text."""
        return [field.name for field in cls.fields if field.type == "str"]

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give, and the tags that follow."""
        values = super().desired(have)
        name = self.params["new_name"] or (have["name"] if have else self.name)
        if have is None:
            values.setdefault("region", self.cloud.region)
        elif "connect_to" in values:
            peers = {self._peer_id(peer) for peer in values["connect_to"]}
            if peers == {self._peer_id(peer) for peer in have["connect_to"]}:
                values["connect_to"] = have["connect_to"]
        values["tags"] = self._tags(name, {**(have or {}), **values})
        return values

    def _tags(self, name: str, view: t.Mapping[str, t.Any]) -> list[str]:
        values = [
            ("network", view.get("network_id")),
            ("subnet", view.get("subnet_id")),
            ("zone", view.get("availability_zone")),
        ]
        values += [
            ("peer", self._peer_id(peer)) for peer in view.get("connect_to") or []
        ]
        tags = (f"{key}={value}" for key, value in values if value)
        return sorted([MARK, f"name={name}", *tags])

    def _peer_id(self, ident: str) -> str:
        """Return the id of a location by its name; one that is missing has its own."""
        stack = pick(self._locations(), ident)
        return str(stack["id"]) if stack else ident

    # Check ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check what needs the cloud, and resolve references."""
        if raw is None and not (values.get("cidr") or values.get("network")):
            raise incomplete(
                self,
                "cidr is needed, for a network of its own, or network, for one that "
                "exists",
            )
        if raw is None and values.get("cidr"):
            location_addresses.check_size(values["cidr"])
        self._check_region(values)
        self._check_zone(values)
        have = self.view(raw) if raw else {}
        if raw and have["network"]:
            own = [o for o in ("dns_nameservers", "external_network") if values.get(o)]
            if own or values.get("connect_to"):
                raise Conflict(
                    f"{self} stands on a network that exists, so that "
                    f"{', '.join(own or ['connect_to'])} can't be set; leave it out"
                )
        values = super().prepare(values, raw)
        if raw is None and values.get("network"):
            values["subnet"] = subnet_of(
                self.cloud.neutron, values["network"], values.get("subnet"), _OPTIONS
            )
        network = (str(self), {**have, **values}.get("cidr") or "")
        self._check_external(values.get("external_network"), network)
        if "connect_to" in values:
            peers = self._peers(values["connect_to"])
            self._check_joined(network, peers, raw["id"] if raw else None)
            values["connect_to"] = [peer.id for peer in peers]
        return values

    def _check_external(self, network: str | None, own: Named) -> None:
        if network and network != KNOWN_AFTER_APPLY:
            query = {"network_id": network}
            subnets = self.cloud.neutron.list("/subnets", "subnets", query)
            location_addresses.check_external(own, subnets)

    def _check_joined(
        self, own: Named, peers: t.Sequence[Peer], ident: str | None
    ) -> None:
        """Refuse locations that share addresses where packets pass between them.

        Args:
            own: This location's network.
            peers: The locations to be joined with.
            ident: The id of this location, None for a new one.
        """
        joined = [(f"location {peer.name!r}", peer.cidr) for peer in peers]
        location_addresses.check_joined([own, *joined])
        known = {ident, *(peer.id for peer in peers)}
        for peer in peers:
            for stack in neighbors(self._locations(), peer.id):
                if stack["id"] not in known:
                    view = self.view(self.cloud.heat.reread(stack) or stack)
                    other = (f"location {view['name']!r}", view["cidr"] or "")
                    location_addresses.check_joined([own, other], behind=peer.name)

    def _check_region(self, values: t.Mapping[str, t.Any]) -> None:
        session = self.cloud.region
        if values.get("region") and session and values["region"] != session:
            raise InvalidInput(
                f"region: {values['region']!r} is not the session's, {session!r}; set "
                "region_name, or name a cloud of that region"
            )

    def _check_zone(self, values: t.Mapping[str, t.Any]) -> None:
        zone = values.get("availability_zone")
        if zone:
            zones = self.cloud.nova.availability_zones()
            if zone not in zones:
                raise InvalidInput(
                    f"availability_zone: {zone!r} is none of {', '.join(zones)}"
                )

    def _peers(self, idents: t.Sequence[str]) -> list[Peer]:
        """Return the locations to be joined with."""
        peers = []
        for ident in dict.fromkeys(idents):
            raw = self._find(ident)
            if raw is None:
                hint = hint_of(self._locations(), ident)
                text = f"connect_to: there is no location {ident!r}{hint}"
                if not self.references.check_mode:
                    raise LocationNotFound(text)
                self.cloud.warn(f"{text} yet; the join is {KNOWN_AFTER_APPLY}")
                continue
            peers.append(self._peer(ident, self.view(raw)))
        return peers

    def _peer(self, ident: str, view: t.Mapping[str, t.Any]) -> Peer:
        if self.name in (view["name"], view["id"]):
            raise InvalidInput(
                f"connect_to: {ident!r} is the location itself; leave it out"
            )
        if not view["router_id"]:
            raise InvalidInput(
                f"connect_to: {ident!r} has no network of its own; only such can be "
                "joined"
            )
        return Peer(
            id=view["id"],
            name=view["name"],
            cidr=view["cidr"],
            network=view["network_id"],
            subnet=view["subnet_id"],
            router=view["router_id"],
        )

    # Write ------------------------------------------------------------------

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the stack."""
        name = self.params["new_name"] or self.name
        body = {"stack_name": self._stack_name(name), **self._body(values)}
        return self.cloud.heat.create_stack(body)

    def _stack_name(self, name: str) -> str:
        """Return a stack name, with a number where another location holds it.

        That is a renamed one, or one whose name Heat takes for this one.
        """
        plain = f"{MARK}-{re.sub('[^a-zA-Z0-9_.-]', '-', name)}"
        taken = {folded(stack["stack_name"]) for stack in self._locations()}
        numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
        return next(free for free in (plain, *numbered) if folded(free) not in taken)

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what Heat says the update would do to the stack's resources."""
        body = self._body({**self._kept(raw), **values})
        return {"resource_changes": self.cloud.heat.preview_update(raw, body)}

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Send one update for all; without values it repairs a failed one."""
        heat, body = self.cloud.heat, self._body({**self._kept(raw), **values})
        return [Step([lambda: heat.update_stack(raw, body)], lambda now: True)]

    def _kept(self, raw: Raw) -> dict[str, t.Any]:
        have = self.view(raw)
        kept = {field.name: have[field.name] for field in self.fields}
        return {**kept, "connect_to": _list(raw["parameters"].get("connect_to"))}

    def _body(self, values: t.Mapping[str, t.Any]) -> Raw:
        peers = self._peers(values.get("connect_to") or [])
        routed = bool(values.get("external_network"))
        texts = self._texts()
        parameters = {name: values.get(name) or "" for name in texts}
        parameters["dns_nameservers"] = ",".join(values.get("dns_nameservers") or [])
        parameters["connect_to"] = ",".join(peer.id for peer in peers)
        parameters["metadata"] = values.get("metadata") or {}
        return {
            "template": build(texts, bool(values.get("cidr")), routed, peers),
            "parameters": parameters,
            "tags": ",".join(values["tags"]),
        }

    def check_delete(self, raw: Raw) -> None:
        """Refuse while clusters stand in it, or other locations are joined with it."""
        peers = [
            name_of(stack)
            for stack in self._locations()
            if f"peer={raw['id']}" in stack["tags"]
        ]
        if peers:
            raise Conflict(
                f"{self} can't be deleted while locations are joined with it: "
                f"{', '.join(sorted(peers))}. Take it out of their connect_to first",
                details={"locations": sorted(peers)},
            )
        place = Place.of(raw)
        users = [
            {"id": cluster["uuid"], "name": cluster["name"]}
            for cluster in self.cloud.magnum.clusters()
            if place.holds(cluster)
        ]
        if users:
            names = ", ".join(sorted(user["name"] for user in users))
            raise Conflict(
                f"{self} can't be deleted while clusters use it: {names}. "
                "Delete them first",
                details={"clusters": users},
            )


def _list(text: str | None) -> list[str]:
    return [item for item in (text or "").split(",") if item]
