# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for the Kubernetes API of a cluster, which Magnum's CA signs."""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import re
import typing as t
from urllib.parse import urlsplit

from ..engine.errors import ApiError, AuthError, ClusterNotFound, ResourceError
from ..engine.status import Raw
from . import certificates
from .session import Cloud

EXTENSION = "gpufleet.openstack"
"""Marks a kubeconfig of ours, and holds the id of the cluster."""

_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.I
)


class Credential(t.NamedTuple):
    """What a kubeconfig holds.

    Attributes:
        cluster: Name of the cluster.
        cluster_id: Its id in Magnum.
        server: Address of its API.
        user: Common name of the certificate's subject.
        ca: Certificate of the CA, as PEM.
        certificate: The user's certificate, as PEM.
        key: The private key, as PEM.
    """

    cluster: str
    cluster_id: str
    server: str
    user: str
    ca: str
    certificate: str
    key: str

    def __repr__(self) -> str:
        """Return what may be shown: no secret."""
        return f"Credential({self.user!r} of {self.cluster!r})"


def find_cluster(cloud: Cloud, name: str) -> Raw:
    """Return a cluster by name or id, with an API that speaks TLS.

    Raises:
        ClusterNotFound: There is none.
        ResourceError: It has no API yet, one without TLS, or one whose address is none.
    """
    cluster = cloud.magnum.find_cluster(name, cloud.project_id)
    if cluster is None:
        hint = cloud.magnum.other_clusters(name, cloud.project_id)
        raise ClusterNotFound(f"name: there is no gpu cluster {name!r}{hint}")
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
    if not _is_server(address):
        raise ResourceError(
            f"gpu cluster {name!r} has its API at {address!r:.300}, which is not an "
            "address of the form https://HOST:PORT"
        )
    return cluster


def _is_server(address: str) -> bool:
    """Return whether an address is `https://HOST` or `https://HOST:PORT`, no more."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        if parts.netloc.startswith("["):
            ipaddress.IPv6Address(host)
            place = f"[{host}]"
        else:
            place = host if _HOST_NAME.fullmatch(host) else ""
    except ValueError:
        return False
    if port is not None:
        place = f"{place}:{port}"
    # No user, path, query, blank or control character, which urlsplit may drop.
    return bool(host) and address.lower().rstrip("/") == f"https://{place}"


@contextlib.contextmanager
def _creator_only(cluster: Raw) -> t.Iterator[None]:
    """Say what a policy of Magnum means that forbids the use of a cluster's CA.

    Raises:
        AuthError: It does.
    """
    try:
        yield
    except AuthError as error:
        if error.status != 403:
            raise
        raise AuthError(
            f"gpu cluster {cluster['name']!r}: {error.message.rstrip('.')}. By "
            "Magnum's default policy, only the user who created a cluster may have "
            "certificates signed by its CA. Use the credentials of that user, whose ID "
            f"is {cluster.get('user_id')}, or those of an administrator",
            status=error.status,
            request_id=error.request_id,
            details={"user_id": cluster.get("user_id")},
        ) from error


def issuer(cloud: Cloud, cluster: Raw) -> certificates.Certificate:
    """Return Magnum's CA for a cluster.

    Raises:
        ApiError: It is no certificate.
        AuthError: Somebody else created the cluster.
    """
    try:
        with _creator_only(cluster):
            return certificates.read(cloud.magnum.ca(cluster["uuid"]))
    except ValueError as error:
        raise ApiError(f"Magnum's CA is no certificate: {error}") from error


def issue(cloud: Cloud, cluster: Raw, user: str, groups: t.Sequence[str]) -> Credential:
    """Return a new key, whose certificate Magnum signs.

    Args:
        cloud: Where the cluster lives.
        cluster: What `find_cluster` gave.
        user: Whom the certificate is for.
        groups: Groups of that user, in Kubernetes.

    Raises:
        ApiError: Magnum signed something else.
        AuthError: Somebody else created the cluster.
    """
    key, request = certificates.new_request(user, groups)
    with _creator_only(cluster):
        ca = cloud.magnum.ca(cluster["uuid"])
        certificate = cloud.magnum.sign(cluster["uuid"], request)
    certificates.check_signed(certificate, key)
    return Credential(
        cluster=cluster["name"],
        cluster_id=cluster["uuid"],
        server=cluster["api_address"],
        user=user,
        ca=ca,
        certificate=certificate,
        key=key,
    )


def render(credential: Credential) -> str:
    """Return the text of a kubeconfig. It has no `exec`, and nothing else that runs."""
    import yaml

    cluster, user = credential.cluster, f"{credential.user}@{credential.cluster}"
    mark = {"name": EXTENSION, "extension": {"cluster_id": credential.cluster_id}}
    server = {
        "server": credential.server,
        "certificate-authority-data": _encode(credential.ca),
        "extensions": [mark],
    }
    secret = {
        "client-certificate-data": _encode(credential.certificate),
        "client-key-data": _encode(credential.key),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [{"name": cluster, "cluster": server}],
        "users": [{"name": user, "user": secret}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
    }
    return str(yaml.safe_dump(config, sort_keys=False))


def parse(text: str) -> Raw | None:
    """Read a kubeconfig.

    Returns:
        `cluster`, `cluster_id`, `server`, and as PEM `ca` and `certificate`; None where
        `render` did not write it.
    """
    import yaml

    try:
        config = yaml.safe_load(text)
        [context] = config["clusters"]
        [user] = config["users"]
        cluster = context["cluster"]
        [mark] = [e for e in cluster["extensions"] if e["name"] == EXTENSION]
        raw = {
            "cluster": context["name"],
            "cluster_id": mark["extension"]["cluster_id"],
            "server": cluster["server"],
            "ca": _decode(cluster["certificate-authority-data"]),
            "certificate": _decode(user["user"]["client-certificate-data"]),
        }
        for certificate in (raw["ca"], raw["certificate"]):
            certificates.read(certificate)
        return raw
    except RecursionError:
        return None
    except (yaml.YAMLError, KeyError, TypeError, ValueError, binascii.Error):
        return None


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
