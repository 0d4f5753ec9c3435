# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The read side of a Kubernetes API server, over what a real one (1.36) answered.

kubernetes.json holds recorded lists by path, without managedFields and most of the
pods. Paging, selectors of fields, discovery and errors are those of the recording.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

FILE = Path(__file__).parent / "kubernetes.json"
TOKEN = "reader-token"
EXPIRED = "The provided continue parameter is too old to display a consistent list."

Record = dict[str, Any]
Answer = tuple[int, Record]


class Kube:
    """An API server.

    Attributes:
        lists: Recorded lists by path; to be changed at will.
        url: Its address.
        requests: Paths with queries of all that was asked, in order.
        forbidden: Names of resources that may not be listed.
        expired: How many pages more shall have expired when they are asked for.
        page: The most objects of a page, whatever limit is asked for.
        instead: Answers a request itself, and returns whether it has.

    Args:
        tls: Settings of TLS; without them it speaks none.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.lists: dict[str, Record] = json.loads(FILE.read_text())
        self.requests: list[str] = []
        self.forbidden: set[str] = set()
        self.expired = 0
        self.page = 10**9
        self.instead: Callable[[BaseHTTPRequestHandler], bool] = lambda _request: False

        class Handler(_Handler):
            kube = self

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        if tls:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._http.server_port}"
        threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        ).start()

    def close(self) -> None:
        """Stop to listen."""
        self._http.shutdown()
        self._http.server_close()

    def kubeconfig(self, path: Path, token: str = TOKEN) -> str:
        """Write a kubeconfig for it. Returns its path."""
        return kubeconfig(self._http.server_port, path, token)

    def items(self, resource: str) -> list[Record]:
        """The objects of a resource, `pods` for one."""
        [found] = (one for path, one in self.lists.items() if path.endswith(resource))
        return list(found["items"])

    def answer(self, target: str, token: str, accept: str) -> Answer:
        """Status and body of an answer."""
        self.requests.append(target)
        url = urlsplit(target)
        if token != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized", "Unauthorized")
        resource = url.path.rpartition("/")[2]
        if resource in self.forbidden:
            text = f'{resource} is forbidden: User "reader" cannot list resource'
            return _status(403, "Forbidden", text)
        if url.path in self.lists:
            return self._list(url.path, parse_qs(url.query), "Partial" in accept)
        offered = [
            {"name": path.rpartition("/")[2], "kind": one["kind"].removesuffix("List")}
            for path, one in self.lists.items()
            if path.rpartition("/")[0] == url.path
        ]
        if offered:
            return 200, {"kind": "APIResourceList", "resources": offered}
        text = "the server could not find the requested resource"
        return _status(404, "NotFound", text)

    def _list(self, path: str, query: dict[str, list[str]], partial: bool) -> Answer:
        listed = self.lists[path]
        selector = query.get("fieldSelector", [""])[0]
        items = [item for item in listed["items"] if _selected(item, selector)]
        start = 0
        if "continue" in query:
            if self.expired:
                self.expired -= 1
                return _status(410, "Expired", EXPIRED)
            start = json.loads(base64.b64decode(query["continue"][0]))["start"]
        limit = min(self.page, int(query.get("limit", [self.page])[0]))
        metadata: Record = {"resourceVersion": "1"}
        if start + limit < len(items):
            mark = json.dumps({"start": start + limit}).encode()
            metadata["continue"] = base64.b64encode(mark).decode()
        page = items[start : start + limit]
        if partial:
            page = [{"metadata": item["metadata"]} for item in page]
        kind = "PartialObjectMetadataList" if partial else listed["kind"]
        return 200, {"kind": kind, "metadata": metadata, "items": page}


def kubeconfig(port: int, path: Path, token: str = TOKEN) -> str:
    """Write a kubeconfig for a server on a port of 127.0.0.1. Returns its path."""
    server = f"http://127.0.0.1:{port}"
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": server}}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path.write_text(yaml.safe_dump(told))
    return str(path)


def _selected(item: Record, selector: str) -> bool:
    """Whether an object is of a field selector of `=` and `!=`."""
    for term in filter(None, selector.split(",")):
        key, different, value = re.split(r"(!=|==?)", term, maxsplit=1)
        found: Any = item
        for part in key.split("."):
            found = (found or {}).get(part)
        if (str(found) == value) == (different == "!="):
            return False
    return True


def _status(code: int, reason: str, message: str) -> Answer:
    return code, {
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two packets, of which the second would wait for 40 ms.
    disable_nagle_algorithm = True

    kube: Kube

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.kube.instead(self):
            self.kube.requests.append(self.path)
            return
        token = self.headers.get("Authorization", "")
        accept = self.headers.get("Accept", "")
        status, body = self.kube.answer(self.path, token, accept)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
