# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfig files: credentials for a cluster, signed by Magnum's CA.

The resource is a file. What its owner asked for is read off the file itself: the
certificate has user, groups and dates in it, an extension of the file has the cluster's
id, by which it is known as ours.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import os
import stat
import typing as t

from . import certificates
from .errors import (
    ApiError,
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    NotFound,
    ResourceError,
)
from .fields import KNOWN_AFTER_APPLY, Field
from .files import typed, write_private
from .magnum import status_of
from .reconcile import Step
from .resource import CloudResource
from .session import Cloud
from .waiter import BUSY, Proof, Raw, wait_until

EXTENSION = "gpufleet.openstack"
"""Marks a file that this module wrote, and holds the id of the cluster."""

_DAY = datetime.timedelta(days=1)


class KubeconfigResource(CloudResource):
    """A kubeconfig file for a cluster."""

    kind = "kubeconfig"
    not_found = NotFound
    fields = (
        Field("user"),
        Field("groups", "list", spec={"elements": "str"}),
        # No options: what the cluster says, and what is due.
        Field("cluster_id"),
        Field("server"),
        Field("ca_fingerprint"),
        Field("mode"),
        Field("renewal_due", "bool"),
        Field("ca_rotation_due", "bool"),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "path": {"type": "path", "required": True},
        "user": {"type": "str", "default": "admin"},
        "groups": {"type": "list", "elements": "str", "default": ["system:masters"]},
        "renew_before": {"type": "int", "default": 30},
        "rotate_ca_after": {"type": "int"},
        "return_content": {"type": "bool", "default": False},
        "force": {"type": "bool", "default": False},
    }

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, t.Any]]:
        """The options; most fields are none."""
        return dict(cls.options)

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        for option, least in (("renew_before", 0), ("rotate_ca_after", 1)):
            if params[option] is not None and params[option] < least:
                raise InvalidInput(f"{option}: {params[option]} is below {least}")
        # X.509 gives names in a subject 64 characters.
        named = [("user", params["user"])]
        named += [("groups", group) for group in params["groups"]]
        for option, name in named:
            if not 1 <= len(name) <= 64:
                raise InvalidInput(f"{option}: {name!r} must hold 1 to 64 characters")
        folder = os.path.dirname(os.path.abspath(params["path"]))
        if not os.path.isdir(folder):
            raise InvalidInput(f"path: there is no directory {folder}")

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self.path: str = self.params["path"]
        self._cluster: Raw | None = None
        self._rotates = False

    def __str__(self) -> str:
        """How messages call it."""
        return f"kubeconfig {self.path}"

    # Look -------------------------------------------------------------------

    @classmethod
    def reveals(cls, params: t.Mapping[str, t.Any]) -> str:
        """The content holds the private key."""
        return "return_content" if params["return_content"] else ""

    def find(self) -> Raw | None:
        """The file, None where there is none.

        Raises:
            Conflict: It is not one that this module wrote, and C(force) is not set.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                text = file.read()
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"path: {self.path} can't be read: {error}") from error
        raw = parse(text)
        if raw is None:
            if self.params.get("force"):
                return {"foreign": True, "mode": mode}
            raise Conflict(
                f"path: {self.path} is not a kubeconfig that this module wrote, and is "
                "left as it is. Give another path, or set force: true to replace it"
            )
        return {**raw, "mode": mode, "text": text}

    def refresh(self, raw: Raw) -> Raw | None:
        """The file again."""
        return self.find()

    def find_usable(self) -> Raw | None:
        """The file, where it is for the cluster that is asked about."""
        raw = self.find()
        if raw and self.name in (raw["cluster_id"], raw["cluster"]):
            return raw
        return None

    def all(self) -> list[Raw]:
        """The file."""
        raw = self.find()
        return [raw] if raw else []

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see: no key, unless asked for."""
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
        """The view of one that has its name and nothing else yet."""
        return self.view({"cluster": self.name})

    def _renewal_due(self, own: certificates.Certificate) -> bool | None:
        """Whether it ends soon: within renew_before, or half of a shorter life."""
        days = self.params.get("renew_before")
        if days is None:
            return None
        soon = days * _DAY
        life = own.not_after - own.not_before
        return own.not_after - _now() < min(soon, life / 2)

    def _rotation_due(self, issuer: certificates.Certificate) -> bool | None:
        """Whether the CA is older than allowed. Magnum dates it a day back."""
        if "rotate_ca_after" not in self.params:
            return None
        after = self.params["rotate_ca_after"]
        return bool(after) and _now() - issuer.not_before - _DAY > after * _DAY

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """What the cluster and its CA say now, and who it shall be for."""
        wanted = {
            "user": self.params["user"],
            "groups": sorted(set(self.params["groups"])),
            "mode": "0600",
            "renewal_due": False,
            "ca_rotation_due": False,
        }
        try:
            cluster = self._find_cluster()
        except ClusterNotFound as error:
            if not self.references.check_mode:
                raise
            # An earlier task would have made it.
            self.cloud.warn(f"{error} yet; its credentials are {KNOWN_AFTER_APPLY}")
            later = ("cluster_id", "server", "ca_fingerprint")
            return {**wanted, **dict.fromkeys(later, KNOWN_AFTER_APPLY)}
        issuer = self._issuer(cluster)
        # Magnum's CA counts: the file may hold another, or not be there.
        self._rotates = bool(self._rotation_due(issuer))
        return {
            **wanted,
            "cluster_id": cluster["uuid"],
            "server": cluster["api_address"],
            "ca_fingerprint": KNOWN_AFTER_APPLY
            if self._rotates
            else issuer.fingerprint,
        }

    def _issuer(self, cluster: Raw) -> certificates.Certificate:
        """Magnum's CA for the cluster."""
        try:
            return certificates.read(self.cloud.magnum.ca(cluster["uuid"]))
        except ValueError as error:
            raise ApiError(f"Magnum's CA is no certificate: {error}") from error

    def _find_cluster(self) -> Raw:
        """The cluster, with an API that speaks TLS."""
        if self._cluster is None:
            self._cluster = find_cluster(self.cloud, self.name)
        return self._cluster

    # Write ------------------------------------------------------------------

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Get a credential signed and write the file."""
        if self._rotates:
            self._rotate_ca()
        self._write()
        return {"id": self.path}

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Rotate the CA where that is due, then write a new file."""

        def apply() -> None:
            if self._rotates:
                self._rotate_ca()
            if set(values) == {"mode"}:
                with typed(self.path):
                    os.chmod(self.path, 0o600)
            else:
                self._write()

        return [Step(apply, lambda now: True, several=self._rotates)]

    def _rotate_ca(self) -> None:
        """Make Magnum rotate its CA, and wait until all nodes have it."""
        magnum, uuid = self.cloud.magnum, self._find_cluster()["uuid"]
        clock = self.cloud.clock

        def describe(cluster: Raw | None) -> str:
            status = cluster["status"] if cluster else "gone"
            return f"gpu cluster {self.name!r} was still {status}. Last seen"

        before = wait_until(
            lambda: magnum.cluster(uuid),
            lambda cluster: cluster is not None and status_of(cluster).phase != BUSY,
            describe,
            clock,
        )
        magnum.rotate_ca(uuid)
        proof = Proof(status_of, _failure, lambda cluster: True, before)
        self._cluster = wait_until(lambda: magnum.cluster(uuid), proof, describe, clock)

    def _write(self) -> None:
        groups = sorted(set(self.params["groups"]))
        text = issue(self.cloud, self._find_cluster(), self.params["user"], groups)
        with typed(self.path):
            write_private(self.path, text)

    def delete(self, raw: Raw) -> None:
        """Remove the file. Magnum has no list of what it signed: it stays valid."""
        with typed(self.path), contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def find_cluster(cloud: Cloud, name: str) -> Raw:
    """A cluster by name or id, with an API that speaks TLS.

    Raises:
        ClusterNotFound: There is none.
        ResourceError: It has no API yet, or one without TLS.
    """
    cluster = cloud.magnum.find_cluster(name, cloud.project_id)
    if cluster is None:
        raise ClusterNotFound(f"name: there is no gpu cluster {name!r}")
    address = cluster.get("api_address") or ""
    if not address:
        raise ResourceError(
            f"gpu cluster {name!r} is {cluster['status']} and has no API address yet: "
            "wait until it is complete"
        )
    if not address.startswith("https://"):
        raise ResourceError(
            f"gpu cluster {name!r} has its API at {address}, without TLS "
            "(tls_disabled), so that there are no credentials for it"
        )
    return cluster


def issue(cloud: Cloud, cluster: Raw, user: str, groups: t.Sequence[str]) -> str:
    """A kubeconfig with a new key, whose certificate Magnum signs.

    Args:
        cloud: The cluster's.
        cluster: As C(find_cluster) has it.
        user: Whom the certificate is for.
        groups: Of Kubernetes.
    """
    key, request = certificates.new_request(user, groups)
    certificate = cloud.magnum.sign(cluster["uuid"], request)
    certificates.check_signed(certificate, key)
    return render(
        cluster["name"],
        cluster["uuid"],
        cluster["api_address"],
        user,
        cloud.magnum.ca(cluster["uuid"]),
        certificate,
        key,
    )


def render(
    cluster: str,
    cluster_id: str,
    server: str,
    user: str,
    ca: str,
    certificate: str,
    key: str,
) -> str:
    """The text of a kubeconfig file."""
    import yaml

    mark = {"name": EXTENSION, "extension": {"cluster_id": cluster_id}}
    return str(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": cluster,
                "clusters": [
                    {
                        "name": cluster,
                        "cluster": {
                            "server": server,
                            "certificate-authority-data": _encode(ca),
                            "extensions": [mark],
                        },
                    }
                ],
                "users": [
                    {
                        "name": f"{user}@{cluster}",
                        "user": {
                            "client-certificate-data": _encode(certificate),
                            "client-key-data": _encode(key),
                        },
                    }
                ],
                "contexts": [
                    {
                        "name": cluster,
                        "context": {"cluster": cluster, "user": f"{user}@{cluster}"},
                    }
                ],
            },
            sort_keys=False,
        )
    )


def parse(text: str) -> Raw | None:
    """Read a kubeconfig file; None where this module did not write it."""
    import yaml

    try:
        config = yaml.safe_load(text)
        [named] = config["clusters"]
        [user] = config["users"]
        cluster = named["cluster"]
        [mark] = [e for e in cluster["extensions"] if e["name"] == EXTENSION]
        raw = {
            "cluster": named["name"],
            "cluster_id": mark["extension"]["cluster_id"],
            "server": cluster["server"],
            "ca": _decode(cluster["certificate-authority-data"]),
            "certificate": _decode(user["user"]["client-certificate-data"]),
        }
        for certificate in (raw["ca"], raw["certificate"]):
            certificates.read(certificate)
        return raw
    except (yaml.YAMLError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def _failure(cluster: Raw) -> CloudError:
    status = status_of(cluster)
    return ResourceError(
        f"The rotation of the CA of gpu cluster {cluster['name']!r} ended with "
        f"{status.text}: {status.reason}",
        details={"id": cluster["uuid"], "status": status.text},
    )


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _text(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
