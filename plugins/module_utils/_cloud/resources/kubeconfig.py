# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files: credentials for a cluster, signed by Magnum's CA.

The resource is a file. What its owner asked for is read off the file itself: the
certificate has user, groups and dates in it, an extension of the file has the cluster's
id, by which it is known as ours.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import stat
import typing as t
from functools import cached_property

from ... import _files
from ..engine.errors import ClusterNotFound, Conflict, InvalidInput, NotFound
from ..engine.fields import KNOWN_AFTER_APPLY, Field
from ..engine.resource import Step
from ..engine.status import Raw
from ..services import ca_rotation, certificates, credentials
from ..services.drivers import driver_of, infrastructure_id, refuse
from .files import check_folder, try_out, typed, write_private
from .resource import CloudResource

_DAY = datetime.timedelta(days=1)


class KubeconfigResource(CloudResource):
    """A kubeconfig file for a cluster."""

    kind = "kubeconfig"
    not_found = NotFound
    fields = (
        Field("user", spec={"default": "admin"}),
        Field(
            "groups", "list", spec={"elements": "str", "default": ["system:masters"]}
        ),
        # What the cluster says, and what is due.
        Field("cluster_id", option=False),
        Field("server", option=False),
        Field("ca_fingerprint", option=False),
        Field("mode", option=False),
        Field("renewal_due", "bool", option=False),
        Field("ca_rotation_due", "bool", option=False),
    )
    options = (
        Field("path", "path", spec={"required": True}),
        Field("renew_before", "int", least=0, spec={"default": 30}),
        Field("rotate_ca_after", "int", least=1),
        Field("return_content", "bool", spec={"default": False}),
        Field("force", "bool", spec={"default": False}),
    )

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        names = [("user", params["user"])]
        names += [("groups", group) for group in params["groups"]]
        for option, name in names:
            complaint = certificates.complaint(name)
            if complaint:
                raise InvalidInput(f"{option}: {complaint}")
        check_folder(params["path"])

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.path: str = self.params["path"]

    def __str__(self) -> str:
        """Return how messages call it."""
        return f"kubeconfig {self.path}"

    # Look -------------------------------------------------------------------

    @classmethod
    def reveals(cls, params: t.Mapping[str, t.Any]) -> str:
        """Return the option that shows the private key."""
        return "return_content" if params["return_content"] else ""

    def find(self) -> Raw | None:
        """Return the file, None where there is none.

        Raises:
            Conflict: It is not one that this module wrote, and `force` is not set.
        """
        try:
            with open(_files.native(self.path), encoding="utf-8") as file:
                text = file.read()
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"path: {self.path} can't be read: {error}. Make it readable, or give "
                "another path"
            ) from error
        raw = credentials.parse(text)
        if raw is None:
            if self.params.get("force"):
                return {"foreign": True, "mode": mode}
            raise Conflict(
                f"path: {self.path} is not a kubeconfig that this module wrote, and is "
                "left as it is. Give another path, or set force: true to replace it"
            )
        return {**raw, "mode": mode, "text": text}

    def refresh(self, raw: Raw) -> Raw | None:
        """Return the file again."""
        return self.find()

    def find_visible(self) -> Raw | None:
        """Return the file, where it is for the cluster that is asked about."""
        raw = self.find()
        if raw and self.name in (raw["cluster_id"], raw["cluster"]):
            return raw
        return None

    def all(self) -> list[Raw]:
        """Return the file."""
        raw = self.find()
        return [raw] if raw else []

    def names(self) -> list[str]:
        """Return the name of the cluster that the file is for."""
        return [raw["cluster"] for raw in self.all()]

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see: no key, unless asked for."""
        shown = {name: raw.get(name) for name in ("cluster", "cluster_id", "server")}
        mode = raw.get("mode")
        view: dict[str, t.Any] = {
            "id": raw.get("cluster_id"),
            "path": self.path,
            **shown,
            "user": None,
            "groups": [],
            "not_after": None,
            "ca_fingerprint": None,
            "ca_not_after": None,
            "mode": None if mode is None else f"{mode:04o}",
            "renewal_due": None,
            "ca_rotation_due": None,
            "content": raw.get("text") if self.params.get("return_content") else None,
        }
        if raw.get("certificate"):
            own = certificates.read(raw["certificate"])
            issuer = certificates.read(raw["ca"])
            view.update(
                user=own.user,
                groups=own.groups,
                not_after=_text(own.not_after),
                ca_fingerprint=issuer.fingerprint,
                ca_not_after=_text(issuer.not_after),
                renewal_due=self._renewal_due(own),
                ca_rotation_due=self._rotation_due(issuer),
            )
        return view

    def blank(self) -> dict[str, t.Any]:
        """Return the view of one that has its name and nothing else yet."""
        return self.view({"cluster": self.name})

    def _renewal_due(self, own: certificates.Certificate) -> bool | None:
        """Return whether it ends within renew_before, or half of a shorter life."""
        days = self.params.get("renew_before")
        if days is None:
            return None
        soon = days * _DAY
        life = own.not_after - own.not_before
        return own.not_after - _now() < min(soon, life / 2)

    def _rotation_due(self, issuer: certificates.Certificate) -> bool | None:
        """Return whether the CA is older than allowed. Magnum dates it a day back."""
        if self.params["renew_before"] is None:  # a query
            return None
        after = self.params["rotate_ca_after"]
        return bool(after) and _now() - issuer.not_before - _DAY > after * _DAY

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return what the cluster and its CA say now, and whom the file is for."""
        values = {
            "user": self.params["user"],
            "groups": sorted(set(self.params["groups"])),
            "mode": "0600",
            "renewal_due": False,
            "ca_rotation_due": False,
        }
        try:
            cluster = self._cluster
        except ClusterNotFound as error:
            if not self.references.check_mode:
                raise
            # An earlier task would have made it.
            self.cloud.warn(f"{error} yet; its credentials are {KNOWN_AFTER_APPLY}")
            later = ("cluster_id", "server", "ca_fingerprint")
            return {**values, **dict.fromkeys(later, KNOWN_AFTER_APPLY)}
        # A young CA too: else the same task would fail some day.
        after = {"rotate_ca_after": self.params["rotate_ca_after"]}
        driver = driver_of(None, infrastructure_id(cluster))
        refuse(driver, f"cluster {cluster['name']!r}", after)
        # Magnum's CA counts: the file may hold another, or not be there.
        issuer = credentials.issuer(self.cloud, cluster)
        rotates = self._rotation_due(issuer)
        return {
            **values,
            "cluster_id": cluster["uuid"],
            "server": cluster["api_address"],
            "ca_fingerprint": KNOWN_AFTER_APPLY if rotates else issuer.fingerprint,
        }

    @cached_property
    def _cluster(self) -> Raw:
        """The cluster, with an API that speaks TLS."""
        return credentials.find_cluster(self.cloud, self.name)

    # Write ------------------------------------------------------------------

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Get a credential signed and write the file."""
        for write in self._writes(values, self._write):
            write()
        return {"id": self.path}

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Rotate the CA where that is due, then write a new file."""
        write = self._protect if set(values) == {"mode"} else self._write
        return [Step(self._writes(values, write), lambda now: True)]

    def _writes(
        self, values: t.Mapping[str, t.Any], write: t.Callable[[], None]
    ) -> list[t.Callable[[], None]]:
        """Return the write of the file; before it that of a new CA where one is due.

        A new CA ends all credentials, so the file must be sure to come after it.
        """
        rotates = values.get("ca_fingerprint") == KNOWN_AFTER_APPLY
        return [self._try_out, self._rotate_ca, write] if rotates else [write]

    def _protect(self) -> None:
        with typed(self.path):
            os.chmod(_files.native(self.path), 0o600)

    def _rotate_ca(self) -> None:
        ca_rotation.rotate(self.cloud, self._cluster)

    def _try_out(self) -> None:
        with typed(self.path):
            try_out(self.path)

    def _write(self) -> None:
        groups = sorted(set(self.params["groups"]))
        cluster = self._cluster
        issued = credentials.issue(self.cloud, cluster, self.params["user"], groups)
        with typed(self.path):
            write_private(self.path, credentials.render(issued))

    def delete(self, raw: Raw) -> None:
        """Remove the file. Magnum has no list of what it signed: it stays valid."""
        with typed(self.path), contextlib.suppress(FileNotFoundError):
            os.unlink(_files.native(self.path))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _text(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
