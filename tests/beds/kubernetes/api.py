# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to an API server, with an administrator's certificate."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from beds.openstack.layout import write_private

MERGE = "application/merge-patch+json"
# Seconds: a request that takes longer has failed.
TIMEOUT = 30


class Api:
    """A client of an API server.

    Args:
        kubeconfig: A file that `certificates.write_kubeconfig` wrote.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._url = cluster["server"]
        self._http = requests.Session()
        # REQUESTS_CA_BUNDLE would win over our authority.
        self._http.trust_env = False
        files = {}
        for name, content in {**cluster, **user}.items():
            if name.endswith("-data"):
                files[name] = kubeconfig.with_name(f"{kubeconfig.stem}.{name}")
                write_private(files[name], base64.b64decode(content).decode())
        self._http.verify = str(files["certificate-authority-data"])
        self._http.cert = (
            str(files["client-certificate-data"]),
            str(files["client-key-data"]),
        )

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = ""
    ) -> Any:
        """Send a request.

        Args:
            method: The HTTP method.
            path: What follows the server's address.
            body: What to send, as JSON.
            content_type: Its type, `MERGE` for a patch when not given.

        Returns:
            The decoded answer.

        Raises:
            requests.HTTPError: The server refused; the text has its reason.
        """
        usual = MERGE if method == "PATCH" else "application/json"
        answer = self._http.request(
            method,
            self._url + path,
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type or usual},
            timeout=TIMEOUT,
        )
        if not answer.ok:
            text = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
            raise requests.HTTPError(text, response=answer)
        return answer.json()

    def get(self, path: str) -> Any:
        """Return an object or a list, or None if there is none.

        Args:
            path: What follows the server's address.
        """
        try:
            return self.request("GET", path)
        except requests.HTTPError as problem:
            if problem.response.status_code == 404:
                return None
            raise

    def create(self, path: str, body: Any) -> None:
        """Create an object unless one of its name is there.

        Args:
            path: The collection's path.
            body: The object.
        """
        try:
            self.request("POST", path, body)
        except requests.HTTPError as problem:
            if problem.response.status_code != 409:
                raise

    def watch(self, path: str, seconds: int = 300) -> Iterator[dict[str, Any]]:
        """Tell what there is, and then what changes.

        Args:
            path: A collection's path.
            seconds: How long to stay connected.

        Yields:
            Events: ``type`` (ADDED, MODIFIED, DELETED) and ``object``. Each
            connection begins with an ADDED for everything there is.
        """
        with self._http.get(
            self._url + path,
            params={"watch": "1", "timeoutSeconds": str(seconds)},
            stream=True,
            timeout=(TIMEOUT, seconds + TIMEOUT),
        ) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if line:
                    yield json.loads(line)
