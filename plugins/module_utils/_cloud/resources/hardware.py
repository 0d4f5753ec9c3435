# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardware: a kind of node, kept as a Nova flavor and its extra specs."""

from __future__ import annotations

import math
import re
import typing as t
from functools import partial

from ..accelerators import flavors
from ..accelerators.catalogue import declared, power
from ..accelerators.extra_specs import SCOPE, Contents, decode, encode, normalize, plan
from ..engine.errors import CloudError, Conflict, HardwareNotFound, InvalidInput
from ..engine.fields import TEXT, Field, api_values
from ..engine.resource import Step
from ..engine.status import Raw
from .resource import CloudResource

_PUBLIC = "os-flavor-access:is_public"
_ACCELERATOR = {
    "kind": {"type": "str", "choices": ["gpu", "npu"]},
    "vendor": {"type": "str"},
    "model": {"type": "str", "required": True},
    "count": {"type": "int", "default": 1},
    "memory_gib": {"type": "int"},
    "resource_class": {"type": "str"},
    "pci_alias": {"type": "str"},
}


def _size(value: t.Any) -> t.Any:
    """Return a size that is optional: Nova says "" for no swap."""
    return value or 0


def _extra_specs(values: t.Mapping[t.Any, t.Any] | None) -> dict[str, str]:
    """Return extra specs as Nova keeps them: text."""
    return {
        str(key): str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in (values or {}).items()
    }


class HardwareResource(CloudResource):
    """A Nova flavor that says which accelerators its servers get."""

    kind = "hardware"
    not_found = HardwareNotFound
    way_out = (
        "Nova can't change it; set recreate: true to replace the flavor, or give the "
        "new one another name"
    )
    fields = (
        Field("vcpus", "int", change="frozen", needed=True, least=1),
        Field(
            "ram_mib",
            "int",
            key="ram",
            change="frozen",
            needed=True,
            least=1,
            spec={"aliases": ["ram"]},
        ),
        Field(
            "disk_gib",
            "int",
            key="disk",
            change="frozen",
            needed=True,
            least=0,
            spec={"aliases": ["disk"]},
        ),
        Field(
            "ephemeral_gib",
            "int",
            key="OS-FLV-EXT-DATA:ephemeral",
            change="frozen",
            least=0,
            most=math.inf,
            clean=_size,
        ),
        Field(
            "swap_mib",
            "int",
            key="swap",
            change="frozen",
            least=0,
            most=math.inf,
            clean=_size,
        ),
        Field(
            "public",
            "bool",
            key=_PUBLIC,
            change="frozen",
            spec={"aliases": ["is_public"]},
        ),
        Field("projects", "list", spec={"elements": "str"}),
        Field("description"),
        Field(
            "accelerators", "list", spec={"elements": "dict", "options": _ACCELERATOR}
        ),
        Field("power_watts", "float", least=0, most=math.inf),
        Field("hourly_cost", "float", least=0, most=math.inf),
        Field("extra_specs", "dict", merge=True, values=TEXT, clean=_extra_specs),
    )
    options = (
        Field("gpu_type"),
        Field("gpu_count", "int"),
        Field("npu_type"),
        Field("npu_count", "int"),
        Field("recreate", "bool", spec={"default": False}),
    )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.recreate = bool(self.params["recreate"])

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        own = encode(
            Contents(
                normalize(declared(params) or []),
                params["power_watts"],
                params["hourly_cost"],
                {},
            )
        )
        for key in params["extra_specs"] or {}:
            if not re.match(r"^[\w:. -]{1,255}$", str(key)):
                raise InvalidInput(
                    f"extra_specs: {key!r} is no key that Nova takes; it must hold 1 "
                    "to 255 letters, digits, blanks, ':', '.', '_' and '-'"
                )
            if str(key).startswith(SCOPE) or key in own:
                raise InvalidInput(
                    f"extra_specs: {key} is set from accelerators, power_watts and "
                    "hourly_cost; leave it out"
                )

    # Look -------------------------------------------------------------------

    def find(self) -> Raw | None:
        """Look up a flavor by name or id."""
        return self.cloud.nova.find_flavor(self.name)

    def near_misses(self) -> t.Sequence[str]:
        """Return the names that Nova takes for its own."""
        return self.cloud.nova.exact.near("flavor", self.name)

    def all(self) -> list[Raw]:
        """Return all flavors that may be seen."""
        return self.cloud.nova.flavors()

    def refresh(self, raw: Raw) -> Raw | None:
        """Read the same flavor again."""
        return self.cloud.nova.flavor(raw["id"])

    def load(self, raw: Raw) -> Raw:
        """Read which projects may use it, where they are needed."""
        if not self.recreate and self.params["projects"] is None:
            return raw
        private = raw.get(_PUBLIC) is False
        projects = self.cloud.nova.flavor_access(raw["id"]) if private else None
        return {**raw, "projects": projects}

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see."""
        contents = decode(raw.get("extra_specs") or {})
        return {
            "id": raw.get("id"),
            "name": raw.get("name"),
            **api_values(self.fields, raw),
            "accelerators": contents.accelerators,
            "power_watts": contents.power_watts,
            "hourly_cost": contents.hourly_cost,
            "extra_specs": contents.others,
        }

    def details(self, raw: Raw) -> dict[str, t.Any]:
        """Return the view, with the accelerators of a flavor that others made."""
        view = super().details(raw)
        if not view["accelerators"]:
            specs = view["extra_specs"]
            reading = flavors.read(specs, self._profiles(specs))
            for text in reading.warnings:
                self.cloud.warn(f"flavor {view['name']!r}: {text}")
            none = dict.fromkeys(("resource_class", "pci_alias"))
            view["accelerators"] = [{**each, **none} for each in reading.accelerators]
        return view

    def _profiles(self, specs: t.Mapping[str, str]) -> flavors.Profiles | None:
        """Return Cyborg's device profiles, where extra specs name one."""
        if flavors.DEVICE_PROFILE not in specs:
            return None
        try:
            return self.cloud.cyborg.device_profiles
        except CloudError as error:
            self.cloud.warn(f"device profiles are not known: {error.message}")
            return None

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give, and the power of a known model."""
        values = super().desired(have)
        accelerators = declared(self.params)
        if accelerators is not None:
            values["accelerators"] = normalize(accelerators)
            new = not have or have["accelerators"] != values["accelerators"]
            watts = power(values["accelerators"])
            if new and watts:
                values.setdefault("power_watts", watts)
        return values

    def same(self, field: Field, after: t.Any, before: t.Any) -> bool:
        """Whether both are the same projects: by name or id, in any order."""
        if field.name != "projects":
            return super().same(field, after, before)
        return self._project_ids(after) == set(before or [])

    def _project_ids(self, idents: t.Iterable[str]) -> set[str]:
        projects = {ident: self.references.find("project", ident) for ident in idents}
        return {project.id if project else ident for ident, project in projects.items()}

    # Write ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check that projects are for a private flavor, and resolve references."""
        if raw is None:
            self.refuse_near_miss("Nova")
        public = values.get("public", (raw or {}).get(_PUBLIC))
        if values.get("projects") and public is not False:
            raise InvalidInput(
                f"projects: {self} is public, so that all projects may use it; set "
                "public: false when it is created"
            )
        if "projects" in values:
            projects = {
                self.references.resolve("projects", "project", ident).id
                for ident in values["projects"]
            }
            values = {**values, "projects": sorted(projects)}
        return super().prepare(values, raw)

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make the flavor; the engine then sees its extra specs missing."""
        size = {f.name for f in self.fields if f.change == "frozen"} | {"description"}
        body = self.body({n: v for n, v in values.items() if n in size})
        return self.cloud.nova.create_flavor({"name": self.name, **body})

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Set what differs."""
        nova, ident = self.cloud.nova, raw["id"]
        have = self.view(raw)
        want = {**have, **values}
        writes: list[t.Callable[[], None]] = []
        if want["description"] != have["description"]:
            description = want["description"]
            writes.append(partial(nova.set_flavor_description, ident, description))
        contents = Contents(
            want["accelerators"],
            want["power_watts"],
            want["hourly_cost"],
            want["extra_specs"],
        )
        new, gone = plan(raw.get("extra_specs") or {}, contents)
        if new:
            writes.append(partial(nova.set_extra_specs, ident, new))
        writes += [partial(nova.remove_extra_spec, ident, key) for key in gone]
        if "projects" in values:
            wanted, granted = set(values["projects"]), set(have["projects"] or [])
            for write, projects in (
                (nova.grant_flavor, wanted - granted),
                (nova.revoke_flavor, granted - wanted),
            ):
                writes += [partial(write, ident, name) for name in sorted(projects)]
        return [Step(writes, lambda raw: True)]

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
