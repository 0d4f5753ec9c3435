# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the resources that users name."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ..._near import did_you_mean
from ..engine.errors import (
    AmbiguousName,
    CloudError,
    HardwareNotFound,
    InvalidInput,
    NotFound,
    TemplateNotFound,
)
from ..engine.fields import KNOWN_AFTER_APPLY
from ..engine.status import Raw
from ..services.api import Api
from ..services.exact import is_uuid, nearly, same_id
from ..services.session import Cloud
from . import template_revisions


class Reference(t.NamedTuple):
    """A resource that an option names.

    Attributes:
        id: Its id.
        name: Its name.
        value: What other services take: the name of a flavor or keypair (a flavor made
            anew has another id), the id of all else.
    """

    id: str
    name: str
    value: str


_ERRORS: dict[str, type[NotFound]] = {
    "flavor": HardwareNotFound,
    "template": TemplateNotFound,
}


class References:
    """Finds what options name, and looks each thing up once in a run.

    Args:
        cloud: Where to look.
        check_mode: What is missing is a warning and "known after apply": an earlier
            task of the same play would have made it.
        expected: Kind and name or id of what may be looked up, so that one request
            looks up several of a kind.
    """

    def __init__(
        self,
        cloud: Cloud,
        check_mode: bool,
        expected: t.Iterable[tuple[str, str]] = (),
    ) -> None:
        self.cloud = cloud
        self.check_mode = check_mode
        self._expected = set(expected)
        self._known: dict[tuple[str, str], Reference | None] = {}
        self._listed: dict[str, list[Raw]] = {}
        self._raws: dict[tuple[str, str], Raw] = {}

    def find(self, kind: str, ident: str) -> Reference | None:
        """Return what `ident` names, None where there is no such thing.

        Args:
            kind: `flavor`, `image`, `network`, `subnet`, `keypair`,
                `project` or `template`.
            ident: Name or id.

        Raises:
            AmbiguousName: Several have this name.
        """
        key = (kind, ident)
        if key not in self._known:
            look_up = getattr(self, f"_find_{kind}")
            self._known[key] = look_up(ident)
        return self._known[key]

    def raw(self, kind: str, ident: str) -> Raw | None:
        """Return what `ident` names as its service gives it, None if it is not there.

        Args:
            kind: `flavor`, `image`, `network`, `subnet` or `project`.
            ident: Name or id.
        """
        known = None if ident == KNOWN_AFTER_APPLY else self.find(kind, ident)
        return self._raws[kind, known.id] if known else None

    def flavors(self) -> list[Raw]:
        """Return all flavors that may be seen."""
        if "flavor" not in self._listed:
            self._listed["flavor"] = self.cloud.nova.flavors()
        return self._listed["flavor"]

    def resolve(self, option: str, kind: str, ident: str) -> Reference:
        """Return what the value of an option names.

        Raises:
            NotFound: There is no such thing (not in check mode).
        """
        known = None if ident == KNOWN_AFTER_APPLY else self.find(kind, ident)
        if known:
            return known
        hint = self.hint(kind, ident) or self._suggestion(kind, ident)
        text = f"{option}: there is no {kind} named {ident!r} in this project{hint}"
        if not self.check_mode:
            if kind == "keypair" and not hint:
                text += ". Keypairs belong to users; name one of your own"
            error = _ERRORS.get(kind)
            if error is None:
                raise InvalidInput(text)
            raise error(text)
        self.cloud.warn(f"{text} yet; what depends on it is {KNOWN_AFTER_APPLY}")
        return Reference(KNOWN_AFTER_APPLY, ident, ident)

    def hint(self, kind: str, ident: str) -> str:
        """Return which names there are that are nearly this one, for messages."""
        services: dict[str, Api] = {
            "flavor": self.cloud.nova,
            "image": self.cloud.glance,
            "keypair": self.cloud.nova,
            "network": self.cloud.neutron,
            "project": self.cloud.keystone,
            "subnet": self.cloud.neutron,
            "template": self.cloud.magnum,
        }
        return services[kind].exact.hint(kind, ident)

    def _suggestion(self, kind: str, ident: str) -> str:
        """Return which names are close to one that is not there, for messages."""
        if ident == KNOWN_AFTER_APPLY or is_uuid(ident):
            return ""
        try:
            return did_you_mean(ident, self._names(kind))
        except CloudError:
            return ""  # the message itself is of more use than this failure

    def _names(self, kind: str) -> list[str]:
        """Return all names of a kind that may be seen."""
        if kind == "template":
            project = self.cloud.project_id
            return template_revisions.names(self.templates(), project, public=True)
        if kind == "keypair":
            return self.cloud.nova.keypairs()
        if kind == "image":
            listed = self.cloud.glance.list("/images", "images")
        elif kind == "project":
            listed = self.cloud.keystone.list("/projects", "projects")
        elif kind == "flavor":
            listed = self._listed[kind]
        else:
            path, query = f"/{kind}s", {"fields": "name"}
            listed = self.cloud.neutron.list(path, f"{kind}s", query)
        return [str(raw["name"]) for raw in listed]

    def same(self, kind: str, one: str, other: str) -> bool:
        """Whether a name and an id, in any order, mean the same."""
        for ident, against in ((one, other), (other, one)):
            known = self.find(kind, ident)
            if known:
                return against in (known.id, known.name)
        return False

    def templates(self) -> list[Raw]:
        """Return all cluster templates that may be seen."""
        if "template" not in self._listed:
            self._listed["template"] = self.cloud.magnum.templates()
        return self._listed["template"]

    def template_revisions(self, ident: str) -> list[Raw]:
        """Return what the name or id of a cluster template means, the newest last."""
        project = self.cloud.project_id
        listed = self.templates()
        revisions = template_revisions.matching(listed, ident, project, public=True)
        if revisions or not is_uuid(ident):
            return revisions
        raw = self.cloud.magnum.template(ident)  # lists leave hidden ones out
        return [raw] if raw else []

    # ------------------------------------------------------------------------

    def _find_flavor(self, ident: str) -> Reference | None:
        flavor = self.cloud.nova.flavor_of(self.flavors(), ident)
        if flavor is None:
            return None
        self._raws["flavor", flavor["id"]] = flavor
        return Reference(flavor["id"], flavor["name"], flavor["name"])

    def _find_keypair(self, ident: str) -> Reference | None:
        keypair = self.cloud.nova.find_keypair(ident)
        return Reference(ident, ident, ident) if keypair else None

    def _find_template(self, ident: str) -> Reference | None:
        revisions = self.template_revisions(ident)
        if not revisions:
            project = self.cloud.project_id
            names = template_revisions.names(self.templates(), project, public=True)
            self.cloud.magnum.exact.missed("template", ident, names)
            return None
        newest = revisions[-1]
        return Reference(newest["uuid"], newest["name"], newest["uuid"])

    def _find_image(self, ident: str) -> Reference | None:
        glance = self.cloud.glance
        image = glance.find(f"/images/{ident}") if is_uuid(ident) else None
        if image and same_id(image["id"], ident):
            return self._by_id("image", image)
        listed = glance.list("/images", "images", {"name": ident})
        return self._only(glance, "image", ident, listed)

    def _find_project(self, ident: str) -> Reference | None:
        keystone = self.cloud.keystone
        answer = keystone.find(f"/projects/{quote(ident, safe='')}")
        if answer and same_id(answer["project"]["id"], ident):
            return self._by_id("project", answer["project"])
        listed = keystone.list("/projects", "projects", {"name": ident})
        return self._only(keystone, "project", ident, listed)

    def _find_network(self, ident: str) -> Reference | None:
        return self._find_in_neutron("network", ident)

    def _find_subnet(self, ident: str) -> Reference | None:
        return self._find_in_neutron("subnet", ident)

    def _find_in_neutron(self, kind: str, ident: str) -> Reference | None:
        neutron, plural = self.cloud.neutron, f"{kind}s"
        answer = neutron.find(f"/{plural}/{ident}") if is_uuid(ident) else None
        if answer and same_id(answer[kind]["id"], ident):
            return self._by_id(kind, answer[kind])
        if (kind, ident) not in self._expected:
            listed = neutron.list(f"/{plural}", plural, {"name": ident})
        else:
            if kind not in self._listed:
                names = sorted(name for other, name in self._expected if other == kind)
                self._listed[kind] = neutron.list(f"/{plural}", plural, {"name": names})
            names = [raw["name"] for raw in self._listed[kind]]
            near = [ident, *nearly(names, ident)]
            listed = [raw for raw in self._listed[kind] if raw["name"] in near]
        return self._only(neutron, kind, ident, listed)

    def _by_id(self, kind: str, raw: Raw) -> Reference:
        """Return a reference to what other services know by its id."""
        self._raws[kind, raw["id"]] = raw
        return Reference(raw["id"], raw["name"], raw["id"])

    def _only(
        self, service: Api, kind: str, ident: str, listed: list[Raw]
    ) -> Reference | None:
        """Return the only one with exactly this name or id, None if it is missing."""
        matches = service.exact.pick(kind, ident, listed)
        if len(matches) > 1:
            raise AmbiguousName.of(f"{kind}s", ident, [raw["id"] for raw in matches])
        return self._by_id(kind, matches[0]) if matches else None
