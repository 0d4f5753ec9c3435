# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a module and the bed that writes down, and may refuse, requests.

The modules reach it through the environment variable HTTP_PROXY, as they would reach a
company's proxy; nothing of theirs is replaced.
"""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding"}


class Recorder:
    """Forwards requests and keeps C("METHOD /path") of each, in order.

    Attributes:
        requests: What was sent, tokens and version discovery included.
        refuse_writes: Answer 418 to what would change something, in place of
            forwarding it.
    """

    def __init__(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self.requests: list[str] = []
        self.refuse_writes = False
        recorder = self

        class Handler(_Handler):
            def note(self, method: str, path: str) -> bool:
                recorder.requests.append(f"{method} {path}")
                return recorder.refuse_writes and is_write(method, path)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Address for HTTP_PROXY."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def writes(self) -> list[str]:
        """Requests that change something."""
        return [line for line in self.requests if is_write(*line.split(" ", 1))]

    @property
    def counted(self) -> list[str]:
        """Requests after authentication, without version discovery."""
        return [
            line
            for line in self.requests
            if "/auth/tokens" not in line and not is_discovery(line.split(" ", 1)[1])
        ]

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()


def is_write(method: str, path: str) -> bool:
    """Whether a request changes something.

    Signing in does not, and neither does Heat's preview of an update.
    """
    if method in ("GET", "HEAD"):
        return False
    path = path.split("?")[0]
    return not (path.endswith("/auth/tokens") or path.endswith("/preview"))


def is_discovery(path: str) -> bool:
    """Whether a path is a service's root, where it tells its versions."""
    parts = [part for part in path.split("?")[0].split("/") if part]
    return len(parts) <= 1 and (not parts or parts[0].startswith("v"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def note(self, method: str, path: str) -> bool:
        """Write a request down. Returns whether it is refused."""
        raise NotImplementedError

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _forward(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = url.path + (f"?{url.query}" if url.query else "")
        if self.note(self.command, path):
            refusal = {"error": {"message": f"the guard refuses {self.command} {path}"}}
            self._answer(418, {}, json.dumps(refusal).encode())
            return
        headers = {
            key: value
            for key, value in self.headers.items()
            if key.lower() not in _HOP_BY_HOP
        }
        there = http.client.HTTPConnection(url.netloc, timeout=120)
        try:
            there.request(self.command, path, body or None, headers)
            answer = there.getresponse()
            content = answer.read()
        except OSError as error:
            # The service is down: to the client the connection breaks, as it would
            # without a proxy.
            self.close_connection = True
            self.log_message("%s", error)
            return
        finally:
            there.close()
        self._answer(answer.status, dict(answer.getheaders()), content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            if key.lower() not in _HOP_BY_HOP | {"content-length", "date", "server"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- names that http.server calls
