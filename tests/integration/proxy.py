# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a module and the bed: it writes requests down, and may disturb them.

The modules reach it through the environment variable HTTP_PROXY, as they would reach a
company's proxy; nothing of theirs is replaced.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

STATUS = {"429": 429, "500": 500, "502": 502, "503": 503, "token expired": 401}
"""Faults that are an answer in place of the bed's."""

FAULTS = (
    *STATUS,
    "502 after",  # the bed has done it, and a gateway lost the answer
    "reset before",
    "reset after",
    "delay",
    "cut",
)

_HOP_BY_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding"}


class Recorder:
    """Forwards requests and keeps `"METHOD /path"` of each, in order.

    Attributes:
        requests: What was sent, tokens and version discovery included.
        refuse_writes: Answer 418 to what would change something, in place of
            forwarding it.
        answers: `"METHOD /path STATUS"` in order, with `played` behind it where it
            was not the bed that answered. An answer of the bed that was lost counts.
        disturb: Is told method and path of each request and says which of `FAULTS`
            befalls it, None for none.
        delay: Seconds that the fault `delay` takes.
        keep: Is given `"METHOD URL VERSION"`, status and content of each answer of
            the bed.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.answers: list[str] = []
        self.refuse_writes = False
        self.disturb: Callable[[str, str], str | None] = undisturbed
        self.delay = 2.0
        self.keep: Callable[[str, int, bytes], None] = not_kept
        self._in_hand: set[int] = set()

        class Handler(_Handler):
            recorder = self

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
    def accepted(self) -> list[str]:
        """Writes that the bed has taken, whether or not its answer was lost."""
        return self._writes_answered("2")

    @property
    def refused(self) -> list[str]:
        """Writes that surely changed nothing."""
        return self._writes_answered("4")

    def _writes_answered(self, digit: str) -> list[str]:
        parts = (line.split(" ") for line in self.answers)
        return [
            f"{method} {path}"
            for method, path, status, *_played in parts
            if status.startswith(digit) and is_write(method, path)
        ]

    @property
    def counted(self) -> list[str]:
        """Requests after authentication, without version discovery."""
        return [
            line
            for line in self.requests
            if "/auth/tokens" not in line and not is_discovery(line.split(" ", 1)[1])
        ]

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Count a request as one that is not answered yet."""
        thread = threading.get_ident()
        self._in_hand.add(thread)
        try:
            yield
        finally:
            self._in_hand.discard(thread)

    def settle(self) -> None:
        """Wait until every request is answered, also those whose sender is dead.

        One that was sent just now may not have been read yet: nothing may be in hand
        for half a second.
        """
        deadline = time.monotonic() + 60
        quiet_since = time.monotonic()
        while time.monotonic() < quiet_since + 0.5:
            assert time.monotonic() < deadline, "a request was not answered"
            time.sleep(0.02)
            if self._in_hand:
                quiet_since = time.monotonic()

    def clear(self) -> None:
        """Forget what was sent."""
        self.requests.clear()
        self.answers.clear()

    def close(self) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()


def undisturbed(method: str, path: str) -> None:
    """No fault befalls any request."""


def not_kept(request: str, status: int, content: bytes) -> None:
    """No answer is kept."""


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

    recorder: Recorder

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _forward(self) -> None:
        with self.recorder.in_hand():
            self._forward_one()

    def _forward_one(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = url.path + (f"?{url.query}" if url.query else "")
        recorder = self.recorder
        recorder.requests.append(f"{self.command} {path}")
        if recorder.refuse_writes and is_write(self.command, path):
            self._say(418, f"the guard refuses {self.command} {path}")
            return
        fault = recorder.disturb(self.command, path)
        if fault in STATUS:
            recorder.answers.append(f"{self.command} {path} {STATUS[fault]} played")
            self._say(STATUS[fault], f"the proxy plays: {fault}")
            return
        if fault == "reset before":
            self._reset()
            return
        if fault == "delay":
            time.sleep(recorder.delay)
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
        recorder.answers.append(f"{self.command} {path} {answer.status}")
        version = self.headers.get("OpenStack-API-Version", "")
        recorder.keep(f"{self.command} {self.path} {version}", answer.status, content)
        if fault == "502 after":
            self._say(502, f"the proxy plays: {fault}")
        elif fault == "reset after" or (fault == "cut" and len(content) < 2):
            self._reset()
        else:
            headers = dict(answer.getheaders())
            self._answer(answer.status, headers, content, cut=fault == "cut")

    def _reset(self) -> None:
        """Break the connection: the client sees "connection reset by peer"."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # Both files hold the socket open.
        self.rfile.close()
        self.connection.close()

    def _say(self, status: int, message: str) -> None:
        """Answer in the bed's place."""
        headers = {"Retry-After": "1"} if status in (429, 503) else {}
        body = json.dumps({"error": {"message": message, "code": status}}).encode()
        self._answer(status, {"Content-Type": "application/json", **headers}, body)

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, cut: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            if key.lower() not in _HOP_BY_HOP | {"content-length", "date", "server"}:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cut:
            self.close_connection = True
            body = body[: len(body) // 2]
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815 -- names that http.server calls
