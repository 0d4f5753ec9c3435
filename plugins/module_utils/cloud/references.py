# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names that users give to the resources that they mean."""

from __future__ import annotations

import typing as t
from uuid import UUID

from .api import Api
from .errors import (
    AmbiguousName,
    HardwareNotFound,
    InvalidInput,
    NotFound,
    TemplateNotFound,
)
from .fields import KNOWN_AFTER_APPLY
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
    """

    def __init__(self, cloud: Cloud, check_mode: bool) -> None:
        """Look nothing up yet."""
        self.cloud = cloud
        self.check_mode = check_mode
        self._found: dict[tuple[str, str], Reference | None] = {}

    def find(self, kind: str, ident: str) -> Reference | None:
        """What C(ident) names, None where there is no such thing.

        Args:
            kind: C(flavor), C(image), C(network), C(subnet), C(keypair) or
                C(template).
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

    # ------------------------------------------------------------------------

    def _find_flavor(self, ident: str) -> Reference | None:
        found = self.cloud.nova.find_flavor(ident)
        return Reference(found["id"], found["name"], found["name"]) if found else None

    def _find_keypair(self, ident: str) -> Reference | None:
        found = self.cloud.nova.find_keypair(ident)
        return Reference(ident, ident, ident) if found else None

    def _find_template(self, ident: str) -> Reference | None:
        found = self.cloud.magnum.find_template(ident, self.cloud.project_id)
        if not found:
            return None
        return Reference(found["uuid"], found["name"], found["uuid"])

    def _find_image(self, ident: str) -> Reference | None:
        return _find_listed(self.cloud.glance, "images", ident)

    def _find_network(self, ident: str) -> Reference | None:
        return _find_listed(self.cloud.neutron, "networks", ident)

    def _find_subnet(self, ident: str) -> Reference | None:
        return _find_listed(self.cloud.neutron, "subnets", ident)


def _find_listed(api: Api, kind: str, ident: str) -> Reference | None:
    """One of a list that can be filtered by name, or by id where it looks like one."""
    found: list[Raw] = []
    if _is_uuid(ident):
        answer = api.find(f"/{kind}/{ident}")
        # Glance answers the image itself, Neutron wraps it.
        found = [answer.get(kind[:-1], answer)] if answer else []
    found = found or api.list(f"/{kind}", kind, {"name": ident})
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


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
