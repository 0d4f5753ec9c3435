# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locations: named places for clusters, each a Heat stack."""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

from .errors import AmbiguousName, Conflict, InvalidInput, LocationNotFound
from .fields import KNOWN_AFTER_APPLY, Field
from .heat_stack import StackResource, outputs
from .location_template import TEXTS, Peer, build
from .reconcile import Step
from .waiter import Raw

MARK = "gpufleet-location"
"""The tag of all locations. Further tags hold what Heat shall find them by, and what is
needed to place a cluster with one request."""

_WAY_OUT = (
    "clusters stand in its network; create a location of another name, or delete this "
    "one and create it again"
)


def _frozen(name: str, ref: str = "") -> Field:
    return Field(name, ref=ref, change="frozen", way_out=_WAY_OUT)


class LocationResource(StackResource):
    """A location, found by the tags of its stack."""

    kind = "location"
    not_found = LocationNotFound
    fields = (
        Field("provider"),
        Field("region"),
        Field("availability_zone"),
        Field("datacenter"),
        Field("zone"),
        Field("building"),
        Field("address"),
        _frozen("cidr"),
        Field("dns_nameservers", "list", spec={"elements": "str"}),
        Field("external_network", ref="network"),
        _frozen("network", "network"),
        _frozen("subnet", "subnet"),
        Field("connect_to", "list", spec={"elements": "str"}),
        Field("metadata", "dict"),
        # Not an option: follows from the others.
        Field("tags", "list"),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "new_name": {"type": "str"},
        "recreate_failed": {"type": "bool", "default": False},
    }

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self._listed: list[Raw] | None = None

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, t.Any]]:
        """The options; tags are none."""
        spec = super().argument_spec()
        del spec["tags"]
        return spec

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
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
            try:
                ipaddress.ip_network(params["cidr"])
            except ValueError as error:
                raise InvalidInput(f"cidr: {error}") from error
        for address in params["dns_nameservers"] or []:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise InvalidInput(f"dns_nameservers: {error}") from error

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given, and the tags that follow from them."""
        asked = super().desired(have)
        name = self.params.get("new_name") or (have["name"] if have else self.name)
        if have is None:
            asked.setdefault("region", self.cloud.region)
        elif "connect_to" in asked:
            wanted = {self._peer_id(peer) for peer in asked["connect_to"]}
            if wanted == {self._peer_id(peer) for peer in have["connect_to"]}:
                asked["connect_to"] = have["connect_to"]
        asked["tags"] = self._tags(name, {**(have or {}), **asked})
        return asked

    def _tags(self, name: str, view: t.Mapping[str, t.Any]) -> list[str]:
        found = [
            ("network", view.get("network_id")),
            ("subnet", view.get("subnet_id")),
            ("zone", view.get("availability_zone")),
        ]
        found += [
            ("peer", self._peer_id(peer)) for peer in view.get("connect_to") or []
        ]
        return sorted(
            [MARK, f"name={name}", *(f"{key}={value}" for key, value in found if value)]
        )

    # Find -------------------------------------------------------------------

    def find(self) -> Raw | None:
        """A location by name or id; where it is renamed, under its new name too."""
        self._listed = None
        found = self._find(self.name)
        new = self.params.get("new_name")
        if not new:
            return found
        renamed = self._find(new)
        if found and renamed and found["id"] != renamed["id"]:
            raise Conflict(
                f"{self} can't be renamed: there is a location {new!r} already",
                details={"id": found["id"], "other": renamed["id"]},
            )
        return found or renamed

    def _find(self, ident: str) -> Raw | None:
        found = pick(self._locations(), ident)
        return self.cloud.heat.reread(found) if found else None

    def _locations(self) -> list[Raw]:
        if self._listed is None:
            self._listed = self.cloud.heat.stacks([MARK])
        return self._listed

    def all(self) -> list[Raw]:
        """All locations of the project."""
        read = (self.cloud.heat.reread(item) for item in self._locations())
        return [raw for raw in read if raw]

    # View -------------------------------------------------------------------

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        kept = raw.get("parameters") or {}
        made = outputs(raw)
        return {
            "id": raw.get("id"),
            "name": tagged(raw, "name") or raw.get("name"),
            "stack_name": raw.get("stack_name"),
            "status": raw.get("stack_status"),
            "status_reason": raw.get("stack_status_reason"),
            **{name: kept.get(name) or None for name in TEXTS},
            "dns_nameservers": _list(kept.get("dns_nameservers")),
            "connect_to": [self._peer_name(i) for i in _list(kept.get("connect_to"))],
            "metadata": json.loads(kept.get("metadata") or "{}"),
            "network_id": made.get("network") or None,
            "subnet_id": made.get("subnet") or None,
            "router_id": made.get("router") or None,
            "tags": sorted(raw.get("tags") or []),
            "resource_changes": None,
            "created_at": raw.get("creation_time"),
            "updated_at": raw.get("updated_time"),
        }

    def _peer_name(self, ident: str) -> str:
        found = pick(self._locations(), ident)
        return (tagged(found, "name") if found else None) or ident

    def _peer_id(self, ident: str) -> str:
        """Id of a location by its name; what is not there stands for itself."""
        found = pick(self._locations(), ident)
        return str(found["id"]) if found else ident

    # Check ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check what needs the cloud, and resolve references."""
        if raw is None and not (values.get("cidr") or values.get("network")):
            raise InvalidInput(
                f"{self} does not exist, and to create it cidr is needed, for a "
                "network of its own, or network, for one that exists"
            )
        self._check_region(values)
        self._check_zone(values)
        have = self.view(raw) if raw else {}
        if raw and have["network"]:
            own = [o for o in ("dns_nameservers", "external_network") if values.get(o)]
            if own or values.get("connect_to"):
                raise Conflict(
                    f"{self} stands on a network that exists, so that "
                    f"{', '.join(own or ['connect_to'])} can't be set"
                )
        values = super().prepare(values, raw)
        if "connect_to" in values:
            peers = self._peers(values["connect_to"])
            _refuse_overlap(self, {**have, **values}["cidr"], peers)
            values["connect_to"] = [peer.id for peer in peers]
        return values

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
        found = []
        for ident in dict.fromkeys(idents):
            raw = self._find(ident)
            if raw is None:
                text = f"connect_to: there is no location {ident!r}"
                if not self.references.check_mode:
                    raise LocationNotFound(text)
                self.cloud.warn(f"{text} yet; the join is {KNOWN_AFTER_APPLY}")
                continue
            peer = self.view(raw)
            if peer["name"] == self.name or peer["id"] == self.name:
                raise InvalidInput(f"connect_to: {ident!r} is the location itself")
            if not peer["router_id"]:
                raise InvalidInput(
                    f"connect_to: {ident!r} has no network of its own; only such can "
                    "be joined"
                )
            found.append(
                Peer(
                    peer["id"],
                    peer["name"],
                    peer["cidr"],
                    peer["network_id"],
                    peer["subnet_id"],
                    peer["router_id"],
                )
            )
        return found

    # Write ------------------------------------------------------------------

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the stack."""
        name = self.params.get("new_name") or self.name
        body = {"stack_name": self._stack_name(name), **self._body(values)}
        return self.cloud.heat.create_stack(body)

    def _stack_name(self, name: str) -> str:
        """The stack's name, with a number where a renamed location holds it."""
        plain = f"{MARK}-{re.sub('[^a-zA-Z0-9_.-]', '-', name)}"
        taken = {stack["stack_name"] for stack in self._locations()}
        numbered = (f"{plain}-{number}" for number in range(2, len(taken) + 3))
        return next(free for free in (plain, *numbered) if free not in taken)

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """What Heat says that the update would do to the stack's resources."""
        body = self._body({**self._kept(raw), **values})
        return {"resource_changes": self.cloud.heat.preview_update(raw, body)}

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """One update for all; without values it is the repair of a failed one."""
        heat, body = self.cloud.heat, self._body({**self._kept(raw), **values})
        return [Step(lambda: heat.update_stack(raw, body), lambda now: True)]

    def _kept(self, raw: Raw) -> dict[str, t.Any]:
        have = self.view(raw)
        kept = {field.name: have[field.name] for field in self.fields}
        return {**kept, "connect_to": _list(raw["parameters"].get("connect_to"))}

    def _body(self, values: t.Mapping[str, t.Any]) -> Raw:
        peers = self._peers(values.get("connect_to") or [])
        routed = bool(values.get("external_network"))
        parameters = {name: values.get(name) or "" for name in TEXTS}
        parameters["dns_nameservers"] = ",".join(values.get("dns_nameservers") or [])
        parameters["connect_to"] = ",".join(peer.id for peer in peers)
        parameters["metadata"] = values.get("metadata") or {}
        return {
            "template": build(bool(values.get("cidr")), routed, peers),
            "parameters": parameters,
            "tags": ",".join(values["tags"]),
        }

    def check_delete(self, raw: Raw) -> None:
        """Refuse while clusters stand in it, or other locations are joined with it."""
        peers = [
            tagged(stack, "name") or stack["id"]
            for stack in self._locations()
            if f"peer={raw['id']}" in stack["tags"]
        ]
        if peers:
            raise Conflict(
                f"{self} can't be deleted while locations are joined with it: "
                f"{', '.join(sorted(peers))}. Take it out of their connect_to first",
                details={"locations": sorted(peers)},
            )
        place = Placement.of(raw)
        users = [
            {"id": cluster["uuid"], "name": cluster["name"]}
            for cluster in self.cloud.magnum.clusters()
            if place.holds(cluster)
        ]
        if users:
            names = ", ".join(sorted(user["name"] for user in users))
            raise Conflict(
                f"{self} can't be deleted while clusters use it: {names}",
                details={"clusters": users},
            )


class Placement(t.NamedTuple):
    """What a location says about where its clusters stand."""

    id: str
    name: str
    network: str | None
    subnet: str | None
    availability_zone: str | None

    @classmethod
    def of(cls, stack: Raw) -> Placement:
        """Read it off the tags of a location's stack."""
        return cls(
            stack["id"],
            tagged(stack, "name") or stack["id"],
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
    """The location with this name or id."""
    found = [s for s in stacks if ident in (s["id"], tagged(s, "name"))]
    if len(found) > 1:
        ids = sorted(stack["id"] for stack in found)
        raise AmbiguousName(
            f"{len(found)} locations are named {ident!r}: give an id instead, one of "
            f"{', '.join(ids)}",
            details={"ids": ids},
        )
    return found[0] if found else None


def tagged(stack: Raw, key: str) -> str | None:
    """The value that a tag gives to a key."""
    for tag in stack.get("tags") or []:
        name, mark, value = tag.partition("=")
        if mark and name == key:
            return str(value)
    return None


def _list(text: str | None) -> list[str]:
    return [item for item in (text or "").split(",") if item]


def _refuse_overlap(what: object, cidr: str, peers: t.Sequence[Peer]) -> None:
    """Raise where two of the networks to be joined share addresses."""
    named = [(str(what), cidr), *((f"location {p.name!r}", p.cidr) for p in peers)]
    for number, (one, its) in enumerate(named):
        for other, theirs in named[number + 1 :]:
            if ipaddress.ip_network(its).overlaps(ipaddress.ip_network(theirs)):
                raise InvalidInput(
                    f"connect_to: {one} ({its}) and {other} ({theirs}) overlap, so "
                    "that they can't be joined"
                )
