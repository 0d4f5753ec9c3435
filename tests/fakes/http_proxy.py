# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy that asks for a password, for names that only it can resolve."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

USER, PASSWORD = "proxy-user", "never-to-be-seen"


class Proxy:
    """A proxy on loopback.

    Args:
        places: Address of the server, `HOST:PORT`, by the name that clients ask for.

    Attributes:
        seen: Name and port of each request, in order; those without the right password
            begin with `refused `.
    """

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places
        self.seen: list[str] = []

        class Handler(_Handler):
            proxy = self

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        ).start()

    @property
    def url(self) -> str:
        """Its address, with the password."""
        port = self._server.server_address[1]
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{port}"

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _asked(self, place: str) -> bool:
        """Note a request. Returns whether it has the password."""
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        right = self.headers.get("Proxy-Authorization") == f"Basic {wanted}"
        self.proxy.seen.append(place if right else f"refused {place}")
        if not right:
            self.send_error(407)
        return right

    def do_CONNECT(self) -> None:
        """Refuse a tunnel: that it was asked for is all there is to see."""
        if self._asked(self.path):
            self.send_error(502, "no tunnel is made")

    def _forward(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self._asked(url.netloc):
            return
        headers = {
            name: value
            for name, value in self.headers.items()
            if not name.lower().startswith(("proxy-", "connection"))
        }
        there = http.client.HTTPConnection(self.proxy.places[url.netloc], timeout=20)
        path = url.path + (f"?{url.query}" if url.query else "")
        there.request(self.command, path, body or None, headers)
        answer = there.getresponse()
        content = answer.read()
        there.close()
        with contextlib.suppress(ConnectionError):
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = _forward  # noqa: N815 -- names that http.server calls
