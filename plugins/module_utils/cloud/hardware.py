# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardware: a kind of node, kept as a Nova flavor and its extra specs."""

from __future__ import annotations

import math
import re
import typing as t
from functools import partial

from .catalogue import declared, power
from .errors import Conflict, HardwareNotFound, InvalidInput
from .extra_specs import SCOPE, Hardware, decode, encode, normalize, plan
from .fields import Field
from .reconcile import Step
from .resource import CloudResource
from .waiter import Raw

_WAY_OUT = (
    "Nova can't change it; set recreate: true to replace the flavor, or give the new "
    "one another name"
)


def _frozen(name: str, type_: str, key: str, **spec: t.Any) -> Field:
    return Field(name, type_, key, change="frozen", way_out=_WAY_OUT, spec=spec)


class HardwareResource(CloudResource):
    """A Nova flavor that says which accelerators its servers get."""

    kind = "hardware"
    not_found = HardwareNotFound
    fields = (
        _frozen("vcpus", "int", "vcpus"),
        _frozen("ram_mib", "int", "ram", aliases=["ram"]),
        _frozen("disk_gib", "int", "disk", aliases=["disk"]),
        _frozen("ephemeral_gib", "int", "OS-FLV-EXT-DATA:ephemeral"),
        _frozen("swap_mib", "int", "swap"),
        _frozen("public", "bool", "os-flavor-access:is_public", aliases=["is_public"]),
        Field("projects", "list", spec={"elements": "str"}),
        Field("description"),
        Field(
            "accelerators",
            "list",
            spec={
                "elements": "dict",
                "options": {
                    "kind": {"type": "str", "choices": ["gpu", "npu"]},
                    "vendor": {"type": "str"},
                    "model": {"type": "str", "required": True},
                    "count": {"type": "int", "default": 1},
                    "memory_gib": {"type": "int"},
                    "resource_class": {"type": "str"},
                    "pci_alias": {"type": "str"},
                },
            },
        ),
        Field("power_watts", "float"),
        Field("hourly_cost", "float"),
        Field("extra_specs", "dict", merge=True),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "gpu_type": {"type": "str"},
        "gpu_count": {"type": "int"},
        "npu_type": {"type": "str"},
        "npu_count": {"type": "int"},
        "recreate": {"type": "bool", "default": False},
    }

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self.recreate = bool(self.params.get("recreate"))

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        for name, least in (("vcpus", 1), ("ram_mib", 1), ("disk_gib", 0)):
            if params[name] is not None and params[name] < least:
                raise InvalidInput(f"{name}: {params[name]} is below {least}")
        for name in ("power_watts", "hourly_cost", "ephemeral_gib", "swap_mib"):
            if params[name] is not None and not 0 <= params[name] < math.inf:
                raise InvalidInput(f"{name}: {params[name]} is no number from 0 on")
        ours = encode(
            Hardware(
                normalize(declared(params) or []),
                params["power_watts"],
                params["hourly_cost"],
                {},
            )
        )
        for key in params["extra_specs"] or {}:
            if not re.match(r"^[\w:. -]{1,255}$", str(key)):
                raise InvalidInput(f"extra_specs: {key!r} is no key that Nova takes")
            if str(key).startswith(SCOPE) or key in ours:
                raise InvalidInput(
                    f"extra_specs: {key} is set from accelerators, power_watts and "
                    "hourly_cost; leave it out"
                )

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given."""
        asked = super().desired(have)
        accelerators = declared(self.params)
        if accelerators is not None:
            asked["accelerators"] = normalize(accelerators)
            other = not have or have["accelerators"] != asked["accelerators"]
            watts = power(asked["accelerators"])
            if other and watts:
                asked.setdefault("power_watts", watts)
        if "extra_specs" in asked:
            asked["extra_specs"] = {
                str(key): str(value).lower() if isinstance(value, bool) else str(value)
                for key, value in asked["extra_specs"].items()
            }
        return asked

    def find(self) -> Raw | None:
        """A flavor by name or id."""
        return self.cloud.nova.find_flavor(self.name)

    def all(self) -> list[Raw]:
        """All flavors that may be seen."""
        return self.cloud.nova.flavors()

    def refresh(self, raw: Raw) -> Raw | None:
        """The same flavor again."""
        return self.cloud.nova.flavor(raw["id"])

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see, with projects where they are needed."""
        needed = self.recreate or self.params.get("projects") is not None
        if needed and "id" in raw and "projects" not in raw:
            private = raw.get("os-flavor-access:is_public") is False
            nova = self.cloud.nova
            raw["projects"] = nova.flavor_access(raw["id"]) if private else None
        return view(raw)

    def same(self, field: Field, asked: t.Any, there: t.Any) -> bool:
        """Projects are known by name or id, without order."""
        if field.name != "projects":
            return super().same(field, asked, there)
        return self._project_ids(asked) == set(there or [])

    def _project_ids(self, idents: t.Iterable[str]) -> set[str]:
        named = {ident: self.references.find("project", ident) for ident in idents}
        return {found.id if found else ident for ident, found in named.items()}

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """A new one needs its size; projects are for private ones."""
        public = values.get("public", (raw or {}).get("os-flavor-access:is_public"))
        if values.get("projects") and public is not False:
            raise InvalidInput(
                f"projects: {self} is public, so that all projects may use it; set "
                "public: false when it is created"
            )
        if "projects" in values:
            found = [
                self.references.resolve("projects", "project", ident).id
                for ident in values["projects"]
            ]
            values = {**values, "projects": sorted(set(found))}
        missing = [name for name in ("vcpus", "ram_mib", "disk_gib") if not raw]
        missing = [name for name in missing if name not in values]
        if missing:
            raise InvalidInput(
                f"{self} does not exist, and to create it these options are needed: "
                + ", ".join(missing)
            )
        return super().prepare(values, raw)

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make the flavor; the engine then sees its extra specs missing."""
        size = {f.name for f in self.fields if f.change == "frozen"} | {"description"}
        body = self.body({n: v for n, v in values.items() if n in size})
        return self.cloud.nova.create_flavor({"name": self.name, **body})

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Set what differs."""
        nova, ident = self.cloud.nova, raw["id"]
        have = raw.get("extra_specs") or {}
        now = self.view(raw)
        asked = {**now, **values}
        new, gone = plan(
            have,
            Hardware(
                asked["accelerators"],
                asked["power_watts"],
                asked["hourly_cost"],
                asked["extra_specs"],
            ),
        )

        writes: list[t.Callable[[], None]] = []
        if asked["description"] != now["description"]:
            description = asked["description"]
            writes.append(partial(nova.set_flavor_description, ident, description))
        if new:
            writes.append(partial(nova.set_extra_specs, ident, new))
        writes += [partial(nova.remove_extra_spec, ident, key) for key in gone]
        if "projects" in values:
            wanted, granted = set(values["projects"]), set(now["projects"] or [])
            for write, projects in (
                (nova.grant_flavor, wanted - granted),
                (nova.revoke_flavor, granted - wanted),
            ):
                writes += [partial(write, ident, one) for one in sorted(projects)]

        def apply() -> None:
            for write in writes:
                write()

        return [Step(apply, lambda raw: True, several=len(writes) > 1)]

    def check_recreate(self, raw: Raw) -> None:
        """Refuse while servers were made of the flavor."""
        servers = self.cloud.nova.servers_of(raw["id"])
        if servers:
            names = ", ".join(sorted(server["name"] for server in servers))
            raise Conflict(
                f"{self} can't be recreated while servers use it: {names}. Delete them "
                "first, or give the new one another name",
                details={
                    "servers": [{"id": s["id"], "name": s["name"]} for s in servers]
                },
            )

    def delete(self, raw: Raw) -> None:
        """Delete the flavor; servers that were made of it are not touched."""
        self.cloud.nova.delete_flavor(raw["id"])


def view(raw: Raw) -> dict[str, t.Any]:
    """A flavor in the shape that users see."""
    specs = decode(raw.get("extra_specs") or {})
    return {
        "id": raw.get("id"),
        "name": raw.get("name"),
        "vcpus": raw.get("vcpus"),
        "ram_mib": raw.get("ram"),
        "disk_gib": raw.get("disk"),
        "ephemeral_gib": raw.get("OS-FLV-EXT-DATA:ephemeral") or 0,
        "swap_mib": raw.get("swap") or 0,  # Nova says "" for none
        "public": raw.get("os-flavor-access:is_public"),
        "projects": raw.get("projects"),
        "description": raw.get("description"),
        "accelerators": specs.accelerators,
        "power_watts": specs.power_watts,
        "hourly_cost": specs.hourly_cost,
        "extra_specs": specs.others,
    }
