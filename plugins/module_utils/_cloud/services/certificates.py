# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and X.509 certificates, by the library cryptography."""

from __future__ import annotations

import datetime
import typing as t

from ... import _libraries
from ..engine.errors import ApiError, InvalidInput


class Certificate(t.NamedTuple):
    """What is read off a certificate.

    Attributes:
        user: Common name of its subject.
        groups: Organizations of its subject, sorted.
        not_before: Begin of its validity, UTC.
        not_after: End of its validity, UTC.
        fingerprint: SHA-256 of it, hexadecimal.
    """

    user: str
    groups: list[str]
    not_before: datetime.datetime
    not_after: datetime.datetime
    fingerprint: str


def complaint(name: str) -> str | None:
    """Return what is wrong with the name of a user or group; None if nothing is."""
    # X.509 gives names in a subject 64 characters.
    if not 1 <= len(name) <= 64:
        return f"{name!r} must hold 1 to 64 characters"
    if not name.isprintable() or name != name.strip():
        return (
            f"{name!r} must be of printable characters, and have no blank at its begin "
            "or end"
        )
    return None


def new_request(user: str, groups: t.Sequence[str]) -> tuple[str, str]:
    """Make a private key and a request to sign it.

    Args:
        user: Becomes the common name.
        groups: Become the organizations.

    Returns:
        The key (PKCS 8) and the certificate signing request, as PEM.
    """
    _need_library()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(names))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), request.public_bytes(pem).decode()


def read(pem: str) -> Certificate:
    """Read a certificate.

    Raises:
        ValueError: The text is not a certificate.
    """
    _need_library()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    certificate = x509.load_pem_x509_certificate(pem.encode())
    users = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return Certificate(
        str(users[0].value) if users else "",
        sorted(str(group.value) for group in groups),
        _utc(certificate, "not_valid_before"),
        _utc(certificate, "not_valid_after"),
        certificate.fingerprint(hashes.SHA256()).hex(),
    )


def check_signed(pem: str, key: str) -> None:
    """Raise where a certificate is not for this private key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    private = load_pem_private_key(key.encode(), None)
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise ApiError(f"Magnum signed with something else: {error}") from error
    if certificate.public_key() != private.public_key():
        raise ApiError("Magnum signed another key than the one it was sent")


def _utc(certificate: t.Any, name: str) -> datetime.datetime:
    # The names that end in _utc came with cryptography 42.
    moment = getattr(certificate, f"{name}_utc", None)
    if moment is None:
        moment = getattr(certificate, name).replace(tzinfo=datetime.timezone.utc)
    return t.cast(datetime.datetime, moment)


def _need_library() -> None:
    try:
        import cryptography  # noqa: F401 -- only whether it is there
    except ImportError as error:
        raise InvalidInput(_libraries.missing("cryptography", error)) from error
