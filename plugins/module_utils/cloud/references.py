# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that users give to the resources that they mean."""

from __future__ import annotations

import typing as t
from urllib.parse import quote
from uuid import UUID

from . import template_revisions
from .errors import (
    AmbiguousName,
    HardwareNotFound,
    InvalidInput,
    NotFound,
    TemplateNotFound,
)
from .fields import KNOWN_AFTER_APPLY
from .nova import pick_flavor
from .session import Cloud
from .waiter import Raw


class Reference(t.NamedTuple):
    """A resource that an option names.

    Attributes:
        id: Its id.
        name: Its name.
        value: What other services are told: flavors and keypairs are known by name
            (a flavor made anew has another id), all else by id.
    """

    id: str
    name: str
    value: str


_ERRORS: dict[str, type[NotFound]] = {
    "flavor": HardwareNotFound,
    "template": TemplateNotFound,
}


class References:
    """Finds what options name, each thing once in a run.

    Args:
        cloud: Where to look.
        check_mode: What is not there is a warning and "known after apply": an
            earlier task of the same play would have made it.
        expected: Kind and name or id of what may be asked for, so that one request
            looks up several of a kind.
    """

    def __init__(
        self,
        cloud: Cloud,
        check_mode: bool,
        expected: t.Iterable[tuple[str, str]] = (),
    ) -> None:
        """Look nothing up yet."""
        self.cloud = cloud
        self.check_mode = check_mode
        self._expected = set(expected)
        self._found: dict[tuple[str, str], Reference | None] = {}
        self._listed: dict[str, list[Raw]] = {}

    def find(self, kind: str, ident: str) -> Reference | None:
        """What C(ident) names, None where there is no such thing.

        Args:
            kind: C(flavor), C(image), C(network), C(subnet), C(keypair),
                C(project) or C(template).
            ident: Name or id.

        Raises:
            AmbiguousName: Several have this name.
        """
        key = (kind, ident)
        if key not in self._found:
            look_up = getattr(self, f"_find_{kind}")
            self._found[key] = look_up(ident)
        return self._found[key]

    def resolve(self, option: str, kind: str, ident: str) -> Reference:
        """What the value of an option names.

        Raises:
            NotFound: There is no such thing (not in check mode).
        """
        found = None if ident == KNOWN_AFTER_APPLY else self.find(kind, ident)
        if found:
            return found
        text = f"{option}: there is no {kind} named {ident!r} in this project"
        if not self.check_mode:
            error = _ERRORS.get(kind)
            if error is None:
                raise InvalidInput(text)
            raise error(text)
        self.cloud.warn(f"{text} yet; what depends on it is {KNOWN_AFTER_APPLY}")
        return Reference(KNOWN_AFTER_APPLY, ident, ident)

    def same(self, kind: str, one: str, other: str) -> bool:
        """Whether a name and an id, in any order, mean the same."""
        for ident, against in ((one, other), (other, one)):
            found = self.find(kind, ident)
            if found:
                return against in (found.id, found.name)
        return False

    def templates(self) -> list[Raw]:
        """All cluster templates that may be seen."""
        if "template" not in self._listed:
            self._listed["template"] = self.cloud.magnum.templates()
        return self._listed["template"]

    def template_revisions(self, ident: str) -> list[Raw]:
        """What the name or id of a cluster template means, the newest last."""
        project = self.cloud.project_id
        found = template_revisions.named(self.templates(), ident, project, public=True)
        if found or not is_uuid(ident):
            return found
        raw = self.cloud.magnum.template(ident)  # lists leave hidden ones out
        return [raw] if raw else []

    # ------------------------------------------------------------------------

    def _find_flavor(self, ident: str) -> Reference | None:
        if "flavor" not in self._listed:
            self._listed["flavor"] = self.cloud.nova.flavors()
        found = pick_flavor(self._listed["flavor"], ident)
        return Reference(found["id"], found["name"], found["name"]) if found else None

    def _find_keypair(self, ident: str) -> Reference | None:
        found = self.cloud.nova.find_keypair(ident)
        return Reference(ident, ident, ident) if found else None

    def _find_template(self, ident: str) -> Reference | None:
        revisions = self.template_revisions(ident)
        if not revisions:
            return None
        newest = revisions[-1]
        return Reference(newest["uuid"], newest["name"], newest["uuid"])

    def _find_image(self, ident: str) -> Reference | None:
        glance = self.cloud.glance
        found = glance.find(f"/images/{ident}") if is_uuid(ident) else None
        if found:
            return Reference(found["id"], found["name"], found["id"])
        return _only("images", ident, glance.list("/images", "images", {"name": ident}))

    def _find_project(self, ident: str) -> Reference | None:
        keystone = self.cloud.keystone
        found = keystone.find(f"/projects/{quote(ident, safe='')}")
        if found:
            project = found["project"]
            return Reference(project["id"], project["name"], project["id"])
        listed = keystone.list("/projects", "projects", {"name": ident})
        return _only("projects", ident, listed)

    def _find_network(self, ident: str) -> Reference | None:
        return self._find_in_neutron("network", ident)

    def _find_subnet(self, ident: str) -> Reference | None:
        return self._find_in_neutron("subnet", ident)

    def _find_in_neutron(self, kind: str, ident: str) -> Reference | None:
        neutron, plural = self.cloud.neutron, f"{kind}s"
        found = neutron.find(f"/{plural}/{ident}") if is_uuid(ident) else None
        if found:
            return Reference(found[kind]["id"], found[kind]["name"], found[kind]["id"])
        if (kind, ident) not in self._expected:
            listed = neutron.list(f"/{plural}", plural, {"name": ident})
        else:
            if kind not in self._listed:
                names = sorted(name for of, name in self._expected if of == kind)
                self._listed[kind] = neutron.list(f"/{plural}", plural, {"name": names})
            listed = [item for item in self._listed[kind] if item["name"] == ident]
        return _only(plural, ident, listed)


def _only(kind: str, ident: str, found: list[Raw]) -> Reference | None:
    """The only one of a list, None where it is empty."""
    if len(found) > 1:
        ids = sorted(item["id"] for item in found)
        raise AmbiguousName(
            f"{len(found)} {kind} are named {ident!r}: give an id instead, one of "
            f"{', '.join(ids)}",
            details={"ids": ids},
        )
    if not found:
        return None
    return Reference(found[0]["id"], found[0]["name"], found[0]["id"])


def is_uuid(text: str) -> bool:
    """Whether this is an id and no name."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
