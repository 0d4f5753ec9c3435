# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that answer to do harm: each first part of a path does it in its own way."""

from __future__ import annotations

import itertools
import json
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from unit.cloud.fakes import token

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
OPEN = HEAD + b"\r\n"
ZIPPED = HEAD + b"Content-Encoding: gzip\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MIB = bytes(2**20)
PAUSE = 0.2


class Request(NamedTuple):
    """What was sent: its path, and all of it."""

    path: str
    text: str


class Answer(NamedTuple):
    """What is sent.

    Attributes:
        start: The first bytes.
        more: Pieces that follow.
        pause: Seconds between these.
    """

    start: bytes
    more: Iterable[bytes] = ()
    pause: float = 0


class Server:
    """Listens on a port of this machine.

    Args:
        answers: What makes the answer to a request, by the first part of its path; it
            takes the server's URL and the request.
        tls: Its certificate.

    Attributes:
        url: Its URL.
        requests: What it was sent.
        took: Seconds from a request to the end of its connection, by that part of the
            path; of those that were ended before the answer was sent whole.
        unread: Seconds of connections on which no request came.
    """

    def __init__(
        self,
        answers: dict[str, Callable[[str, Request], Answer]],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answers = answers
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        self.requests: list[Request] = []
        self.took: dict[str, float] = {}
        self.unread: list[float] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop to listen."""
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._socket.accept()
                threading.Thread(
                    target=self._talk, args=(connection,), daemon=True
                ).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                begun = time.monotonic()
                try:
                    request = self._read(connection)
                except OSError:
                    self.unread.append(time.monotonic() - begun)
                    return
                begun = time.monotonic()
                kind = request.path.strip("/").partition("/")[0].partition("?")[0]
                answer = self._answers.get(kind, nothing)(self.url, request)
                try:
                    connection.sendall(answer.start)
                    for piece in answer.more:
                        connection.sendall(piece)
                        self._check(connection, answer.pause)
                except OSError:
                    self.took[kind] = time.monotonic() - begun

    def _check(self, connection: socket.socket, pause: float) -> None:
        """Wait; raise where the other end has closed meanwhile."""
        if pause and select.select([connection], [], [], pause)[0]:
            raise ConnectionResetError

    def _read(self, connection: socket.socket) -> Request:
        text = b""
        while b"\r\n\r\n" not in text:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError
            text += piece
        head, _end, body = text.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.partition(b":")[2]):
                    body += connection.recv(65536)
        whole = (head + b"\r\n\r\n" + body).decode(errors="replace")
        request = Request(whole.split(" ")[1], whole)
        self.requests.append(request)
        return request


def saying(body: Any, *headers: str, status: str = "200 OK") -> Answer:
    """Return an answer of JSON, whole."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status}",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return Answer("\r\n".join([*lines, "", ""]).encode() + content)


def nothing(_url: str, _request: Request) -> Answer:
    """No data, as Prometheus says it."""
    return saying({"status": "success", "data": []})


def to(address: str) -> Callable[[str, Request], Answer]:
    """Return redirects."""
    return lambda _url, _request: saying({}, f"Location: {address}", status="302 Found")


# Ways to do harm ----------------------------------------------------------------------


def bomb(_url: str, _request: Request) -> Answer:
    """1 GiB of zeros in 1 MiB of gzip."""
    zipping = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = zipping.compress(MIB) + zipping.flush(zlib.Z_SYNC_FLUSH)
    # From here on each block is the same: zeros, that follow zeros.
    again = zipping.compress(MIB) + zipping.flush(zlib.Z_SYNC_FLUSH)
    return Answer(ZIPPED + first, itertools.repeat(again, 1023))


def endless(_url: str, _request: Request) -> Answer:
    """A text that is never closed."""
    return Answer(OPEN + b'{"status": "', itertools.repeat(b"a" * 2**16))


def endless_chunks(_url: str, _request: Request) -> Answer:
    """The same in chunks."""
    return Answer(CHUNKED, itertools.repeat(b"10000\r\n" + b"a" * 2**16 + b"\r\n"))


def endless_headers(_url: str, _request: Request) -> Answer:
    """No end of headers."""
    return Answer(HEAD, (f"X-{n}: {'a' * 60000}\r\n".encode() for n in range(10**6)))


def continued(_url: str, _request: Request) -> Answer:
    """Always about to answer."""
    return Answer(b"", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100))


def drip(_url: str, _request: Request) -> Answer:
    """A byte now and then, so that no single read takes long."""
    return Answer(OPEN, itertools.repeat(b" "), PAUSE)


def drip_of_headers(_url: str, _request: Request) -> Answer:
    """The same before the answer has begun."""
    return Answer(HEAD + b"X: ", itertools.repeat(b"a"), PAUSE)


def drip_of_chunks(_url: str, _request: Request) -> Answer:
    """The same within the size of a chunk."""
    return Answer(CHUNKED, itertools.repeat(b"0"), PAUSE)


def silence(_url: str, _request: Request) -> Answer:
    """Nothing, with the connection held open."""
    return Answer(b"", itertools.repeat(b""), PAUSE)


def promise(_url: str, _request: Request) -> Answer:
    """More bytes promised than ever come."""
    head = HEAD + b"Content-Length: 99999999999\r\n\r\n{"
    return Answer(head, itertools.repeat(b""), PAUSE)


def deep(_url: str, _request: Request) -> Answer:
    """Lists in lists, more than a stack holds."""
    return saying(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def many(_url: str, _request: Request) -> Answer:
    """40 million empty lists in 120 MB."""
    return Answer(OPEN + b'{"data": [[]', itertools.repeat(b",[]" * 2**20, 39))


def unzipped(_url: str, _request: Request) -> Answer:
    """Gzip that is none."""
    return Answer(ZIPPED + b"no gzip")


# A cloud whose services do harm -------------------------------------------------------


def keystone(url: str, request: Request) -> Answer:
    """Keystone; its catalog has nothing else but a Nova."""
    if request.path.endswith("/auth/tokens"):
        # Each user has a Nova of the same name.
        identity = json.loads(request.text.partition("\r\n\r\n")[2])["auth"]["identity"]
        user = identity["password"]["user"]["name"]
        services = {"compute": f"{url}/{user}/v2.1", "identity": f"{url}/keystone/v3"}
        catalog = token(services)
        return saying(catalog, "X-Subject-Token: t0ken", status="201 Created")
    links = [{"rel": "self", "href": f"{url}/keystone/v3/"}]
    return saying({"version": {"id": "v3.14", "status": "stable", "links": links}})


def nova(
    flavors: Callable[[str, Request], Answer], elsewhere: str | None = None
) -> Callable[[str, Request], Answer]:
    """Return a Nova that lists flavors so; its versions may refer to elsewhere."""

    def answer(url: str, request: Request) -> Answer:
        root = request.path.partition("/flavors")[0].rstrip("/")
        if "/flavors" in request.path:
            return flavors(url, request)
        version = {
            "id": "v2.1",
            "status": "CURRENT",
            "version": "2.96",
            "min_version": "2.1",
            "links": [{"rel": "self", "href": f"{elsewhere or url}{root}/"}],
        }
        return saying({"version": version})

    return answer


def pages(marker: Callable[[int], str]) -> Callable[[str, Request], Answer]:
    """Return lists of flavors that always refer to another page."""
    count = itertools.count()

    def answer(url: str, request: Request) -> Answer:
        path = request.path.partition("?")[0]
        href = f"{url}{path}?marker={marker(next(count))}"
        links = [{"rel": "next", "href": href}]
        return saying({"flavors": [], "flavors_links": links})

    return answer
