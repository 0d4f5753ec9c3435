# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns what in Kubernetes: chains of controllers, of whatever kinds."""

from __future__ import annotations

import re
import typing as t
from itertools import chain
from urllib.parse import quote

from ....module_utils._schedulers.kubernetes import (
    JSON,
    METADATA,
    Get,
    Refused,
    listed,
)
from ..._fleet.types import Record
from ..._fleet.values import shown
from ..partial import guarded, text

MOST_APIS = 50
"""APIs that are asked what they offer. A pod may name any."""

_HINT = ". To grant this right, bind a ClusterRole of your own to the user or group"

_USUAL = ("v1", "apps/v1", "batch/v1")
"""APIs that are asked first."""

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_API = re.compile(rf"(?:(?=[^/]{{1,253}}/){_LABEL}(?:\.{_LABEL})*/)?{_LABEL}")
"""`v1`, or a group and a version: names of DNS, as Kubernetes requires it."""
_KIND = re.compile(r"[A-Za-z](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_PLURAL = re.compile(_LABEL)

_CORE = ("Pod", "ReplicationController")
"""What controls pods of the API without a group, which has secrets too."""


class Owner(t.NamedTuple):
    """Who controls an object. A pod's is what the author of the pod wrote."""

    api: str
    kind: str
    name: str
    uid: str


def owner_of(metadata: Record) -> Owner | None:
    """Read the controller off an object's metadata."""
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            return Owner(
                api=text(owner["apiVersion"]),
                kind=text(owner["kind"]),
                name=text(owner["name"]),
                uid=text(owner["uid"]),
            )
    return None


class Owners:
    """Owners of owners: one list for each kind, whatever it is.

    Args:
        get: Sends the requests.
        warn: Takes warnings for the user.
    """

    def __init__(self, get: Get, warn: t.Callable[[str], None]) -> None:
        self._get = get
        self._warn = warn
        self._by_uid: dict[str, Owner | None] = {}
        self._read: set[tuple[str, str]] = set()
        self._offered: dict[str, list[t.Any]] = {}

    def learn(self, owners: t.Iterable[Owner]) -> None:
        """Read the owners of these, and theirs, to the end of the chains."""
        kinds = self._unread(owners)
        while kinds:
            above = list(chain.from_iterable(self._list(*kind) for kind in kinds))
            kinds = self._unread(above)

    def _unread(self, owners: t.Iterable[Owner]) -> list[tuple[str, str]]:
        """Return kinds that were not read yet, which will be now."""
        named = {(owner.api, owner.kind) for owner in owners} - self._read
        self._read |= named
        kinds = {
            (api, kind)
            for api, kind in named
            if _API.fullmatch(api) and _KIND.fullmatch(kind)
        }
        if kinds != named:
            api, kind = min(named - kinds)
            self._warn(
                f"kinds that can't be, as {shown(kind)} of {shown(api)}, are named as "
                "owners"
            )
        chosen = [each for each in kinds if each[0] != "v1" or each[1] in _CORE]
        return sorted(chosen, key=lambda each: (each[0] not in _USUAL, each))

    def top(self, owner: Owner | None) -> Owner | None:
        """Return the end of a chain, which is an owner that is gone where one is."""
        seen = set()
        while owner and owner.uid not in seen:
            seen.add(owner.uid)
            above = self._by_uid.get(owner.uid)
            if above is None:
                break
            owner = above
        return owner

    def _list(self, api: str, kind: str) -> list[Owner]:
        # Both are checked. Quoted nevertheless: what gets here is asked for with rights
        # that the author of a pod does not have.
        root = f"/apis/{quote(api)}" if "/" in api else f"/api/{quote(api)}"
        try:
            for resource in self._resources(root):
                name = guarded(_plural, "resource", self._warn)((kind, resource))
                if name:
                    keep = guarded(self._keep, f"{kind}", self._warn)
                    path = f"{root}/{quote(name, safe='')}"
                    return listed(self._get, path, keep, None, METADATA)
        except Refused as error:
            if error.status != 404:  # a kind that is gone
                hint = _HINT if error.status == 403 else ""
                self._warn(f"owners of kind {kind} are not known: {error}{hint}")
        return []

    def _resources(self, root: str) -> list[t.Any]:
        """Return what an API offers; nothing where it is gone."""
        if root not in self._offered:
            self._offered[root] = []
            if len(self._offered) == MOST_APIS + 1:
                self._warn(f"owners in more than {MOST_APIS} APIs are not known")
            if len(self._offered) > MOST_APIS:
                return []
            try:
                resources = self._get(root, {}, JSON).get("resources")
            except Refused as error:
                if error.status != 404:
                    raise
                resources = None
            if isinstance(resources, list):
                self._offered[root] = resources
        return self._offered[root]

    def _keep(self, raw: Record) -> Owner | None:
        metadata = raw["metadata"]
        owner = owner_of(metadata)
        self._by_uid[text(metadata["uid"])] = owner
        return owner


def _plural(offered: tuple[str, Record]) -> str | None:
    """Name of a resource in paths, where it is of a kind and no part of another."""
    kind, resource = offered
    same = resource["kind"] == kind and "/" not in resource["name"]
    name = text(resource["name"]) if same else ""
    if name and not _PLURAL.fullmatch(name):
        raise ValueError(f"{shown(name)} is no name of a resource")
    return name or None
