# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates of Kubernetes, and the kubeconfig that holds them."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from beds.openstack.layout import write_private

LIFE = timedelta(days=365)
# Clocks of those who read a new certificate may be a little behind.
EARLIER = timedelta(minutes=5)

ADMINISTRATORS = "system:masters"

Signer = Callable[[x509.CertificateSigningRequest], str]
"""Makes a certificate (PEM) of a request."""


def new_key() -> rsa.RSAPrivateKey:
    """Make a private key."""
    return rsa.generate_private_key(65537, 2048)


def key_pem(key: rsa.RSAPrivateKey) -> str:
    """Return a private key as PEM.

    Args:
        key: The key.
    """
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def request(
    key: rsa.RSAPrivateKey, name: str, group: str = "", hosts: Sequence[str] = ()
) -> x509.CertificateSigningRequest:
    """Make a request for a certificate.

    Args:
        key: Whose it is.
        name: The common name, which Kubernetes takes for the user.
        group: The organization, which it takes for the group.
        hosts: Names and addresses of a server.
    """
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if hosts:
        names = [_general_name(host) for host in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@dataclass(frozen=True)
class Authority:
    """A certificate authority.

    Attributes:
        certificate: Its certificate (PEM).
        key: Its private key (PEM).
    """

    certificate: str
    key: str

    @classmethod
    def new(cls, name: str) -> Authority:
        """Make one.

        Args:
            name: What it is called.
        """
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _certificate(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        return cls(_pem(certificate), key_pem(key))

    @classmethod
    def kept(cls, folder: Path, name: str) -> Authority:
        """Read one, or make it and keep it.

        Args:
            folder: Where ``ca.crt`` and ``ca.key`` are.
            name: What a new one is called.
        """
        certificate, key = folder / "ca.crt", folder / "ca.key"
        if not key.exists():
            new = cls.new(name)
            write_private(certificate, new.certificate)
            write_private(key, new.key)
        return cls(certificate.read_text(), key.read_text())

    def sign(self, wanted: x509.CertificateSigningRequest) -> str:
        """Make a certificate, good for clients and servers.

        Args:
            wanted: The request.

        Returns:
            The certificate as PEM.
        """
        issuer = x509.load_pem_x509_certificate(self.certificate.encode()).subject
        key = serialization.load_pem_private_key(self.key.encode(), None)
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = _certificate(wanted.subject, issuer, wanted.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        for extension in wanted.extensions:
            builder = builder.add_extension(extension.value, extension.critical)
        return _pem(builder.sign(key, hashes.SHA256()))


def write_kubeconfig(
    path: Path, server: str, authority: str, sign: Signer, group: str = ADMINISTRATORS
) -> None:
    """Write a kubeconfig of a user, whose certificate is made here.

    Args:
        path: The file.
        server: The URL of the API server.
        authority: The certificate of its authority.
        sign: Signs the user's certificate.
        group: The group of the user.
    """
    key = new_key()
    certificate = sign(request(key, "user", group))
    user = {
        "client-certificate-data": _base64(certificate),
        "client-key-data": _base64(key_pem(key)),
    }
    cluster = {"server": server, "certificate-authority-data": _base64(authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
        "clusters": [{"name": "bed", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
    }
    # JSON is YAML.
    write_private(path, json.dumps(content, indent=2))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: object
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + LIFE)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
