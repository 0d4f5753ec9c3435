# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS of a client with a certificate of its own, whose key is on no disk."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
import typing as t

from .errors import SchedulerError
from .kubeconfig import Access

_DESCRIPTORS = "/proc/self/fd"


def context(access: Access) -> ssl.SSLContext:
    """Return the settings of TLS for an API server.

    Raises:
        SchedulerError: A certificate or the key is none.
    """
    # Not ssl.create_default_context, which since Python 3.13 refuses certificates that
    # Magnum's CA signs, as they do not name the key of the CA.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if not access.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    try:
        if access.ca:
            made.load_verify_locations(cadata=access.ca)
        else:
            made.load_default_certs()
    except (ssl.SSLError, ValueError) as error:
        raise SchedulerError(f"the certificate of the CA is none: {error}") from error
    if access.certificate:
        pem = f"{access.certificate}\n{access.key or ''}"
        try:
            with _path_of(pem.encode()) as path:
                # With a password, or else OpenSSL asks for one on the terminal.
                made.load_cert_chain(path, password="")
        except ssl.SSLError as error:
            raise SchedulerError(
                "the client's certificate and key are of no use, or the key is "
                f"encrypted: {error}"
            ) from error
    return made


@contextlib.contextmanager
def _path_of(content: bytes) -> t.Iterator[str]:
    """Give a content a path for a moment: OpenSSL reads keys from files only."""
    if os.path.isdir(_DESCRIPTORS) and hasattr(os, "memfd_create"):
        # In memory, so that it is gone when the process is, however that ends.
        descriptor = os.memfd_create("gpufleet")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            yield f"{_DESCRIPTORS}/{descriptor}"
        return
    # Not Linux: in a folder that nobody else may read, for as long as it is loaded.
    with tempfile.TemporaryDirectory(prefix="gpufleet-") as folder:
        path = os.path.join(folder, "key")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield path
