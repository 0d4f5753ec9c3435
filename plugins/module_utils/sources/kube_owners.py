# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns what in Kubernetes: chains of controllers, of whatever kinds."""

from __future__ import annotations

import typing as t
from itertools import chain

from ..fleet.model import Record
from . import kube_api


class Owner(t.NamedTuple):
    """Who controls an object."""

    api: str
    kind: str
    name: str
    uid: str


def owner_of(metadata: Record) -> Owner | None:
    """Read the controller off an object's metadata."""
    for one in metadata.get("ownerReferences") or []:
        if one.get("controller"):
            return Owner(one["apiVersion"], one["kind"], one["name"], one["uid"])
    return None


class Owners:
    """Owners of owners: one list for each kind, whatever it is.

    Args:
        get: Asks the API server.
        warn: Takes a warning for the user.
    """

    def __init__(self, get: kube_api.Get, warn: t.Callable[[str], None]) -> None:
        """Know nothing yet."""
        self._get = get
        self._warn = warn
        self._of: dict[str, Owner | None] = {}
        self._read: set[tuple[str, str]] = set()

    def learn(self, owners: t.Iterable[Owner]) -> None:
        """Read the owners of these, and theirs, to the end of the chains."""
        kinds = {(owner.api, owner.kind) for owner in owners} - self._read
        while kinds:
            self._read |= kinds
            found = list(
                chain.from_iterable(self._list(*kind) for kind in sorted(kinds))
            )
            kinds = {(owner.api, owner.kind) for owner in found} - self._read

    def top(self, owner: Owner | None) -> Owner | None:
        """The end of a chain; an owner that is gone keeps the name it was told by."""
        seen = set()
        while owner and owner.uid not in seen:
            seen.add(owner.uid)
            above = self._of.get(owner.uid)
            if above is None:
                break
            owner = above
        return owner

    def _list(self, api: str, kind: str) -> list[Owner]:
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        try:
            offered = self._get(root, {}, kube_api.JSON).get("resources") or []
            for one in offered:
                if one["kind"] == kind and "/" not in one["name"]:
                    path = f"{root}/{one['name']}"
                    return kube_api.listed(
                        self._get, path, self._keep, None, kube_api.METADATA
                    )
        except kube_api.Refused as error:
            if error.status != 404:  # a kind that is gone
                self._warn(f"owners of kind {kind} are not known: {error}")
        return []

    def _keep(self, raw: Record) -> Owner | None:
        metadata = raw["metadata"]
        owner = owner_of(metadata)
        self._of[metadata["uid"]] = owner
        return owner
