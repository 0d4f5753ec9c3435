# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded cloud with a Magnum that signs, and answers that can be held back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fakes.recorded.server import Cloud, Record

DAY = timedelta(days=1)


class Authority:
    """A CA that signs as Magnum's does, dated a day back."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "magnum")])
        self.pem = self._signed(self._name, self._key.public_key())

    def sign(self, request: str) -> str:
        """Return the certificate for a request."""
        csr = x509.load_pem_x509_csr(request.encode())
        return self._signed(csr.subject, csr.public_key())

    def _signed(self, subject: x509.Name, key: Any) -> str:
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .not_valid_before(now - DAY)
            .not_valid_after(now + 1825 * DAY)
            .serial_number(x509.random_serial_number())
            .public_key(key)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()


class SigningCloud(Cloud):
    """The recorded cloud, whose first cluster has credentials.

    Attributes:
        held: Says of a request whether its answer is held back until `release`.
    """

    def __init__(self, servers: int = 3, clusters: int = 1, **options: Any) -> None:
        self.authority = Authority()
        self.held: Callable[[str], bool] = lambda request: False
        self._reached = threading.Event()
        self._released = threading.Event()
        super().__init__(servers, clusters, **options)

    def release(self) -> None:
        """Answer everything, now and from now on."""
        self._released.set()

    def reached(self, seconds: float = 60) -> bool:
        """Wait until an answer is held back."""
        return self._reached.wait(seconds)

    def close(self) -> None:
        """Stop to listen."""
        self.release()
        super().close()

    def answer(
        self,
        method: str,
        target: str,
        version: str,
        token: str | None,
        content: bytes = b"",
    ) -> tuple[int, Record, dict[str, str]]:
        """Status, body and headers of an answer."""
        status, body, headers = super().answer(method, target, version, token, content)
        if self.held(f"{method} {target}"):
            self._reached.set()
            self._released.wait(300)
        if status != 404:
            return status, body, headers
        if target.startswith("/magnum/v1/clusters/"):
            name = unquote(target.rpartition("/")[2])
            for cluster in self.lists["clusters"]:
                if name in (cluster["uuid"], cluster["name"]):
                    return 200, cluster, headers
        if method == "GET" and target.startswith("/magnum/v1/certificates/"):
            return 200, {"pem": self.authority.pem}, headers
        if method == "POST" and target == "/magnum/v1/certificates":
            request = json.loads(content)["csr"]
            return 201, {"pem": self.authority.sign(request)}, headers
        return status, body, headers
