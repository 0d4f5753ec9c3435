# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for servers and clients of TLS on 127.0.0.1."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates that end within a day.

    Attributes:
        pem: Its own certificate.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("attacks")
        self._certificate = self._sign(self._name, self._key.public_key(), ca=True)
        self.pem = self._certificate.public_bytes(_PEM).decode()

    def pair(self, name: str) -> tuple[str, str]:
        """Return a certificate for a name and 127.0.0.1, and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_named(name), key.public_key(), ca=False)
        private = key.private_bytes(
            _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(_PEM).decode(), private.decode()

    def server(self, folder: Path, *, client: bool) -> ssl.SSLContext:
        """Return the settings of a server, which may require a client's certificate.

        Args:
            folder: Where its own key is kept.
            client: Whether it requires one.
        """
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = folder / "server.pem"
        file.write_text("".join(self.pair("server.test")))
        made.load_cert_chain(file)
        made.load_verify_locations(cadata=self.pem)
        if client:
            made.verify_mode = ssl.CERT_REQUIRED
        return made

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        hour = datetime.timedelta(hours=1)
        common = name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        names: list[x509.GeneralName] = [
            x509.DNSName(str(common)),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .not_valid_before(now - hour)
            .not_valid_after(now + 12 * hour)
            .serial_number(x509.random_serial_number())
            .public_key(key)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
