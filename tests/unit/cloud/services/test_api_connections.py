# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks below HTTP, with real sockets: was the request sent, or was it not?"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import typing as t

import pytest
import requests
import requests_mock as rm
from keystoneauth1.adapter import Adapter
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    OutcomeUnknown,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.api import (
    Api,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.failures import (
    never_sent,
)
from unit.cloud.fakes import FakeTime, Site

HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
GOOD = HEAD + b"Content-Length: 11\r\nConnection: close\r\n\r\n" + b'{"id": "x"}'
BREAKS: dict[str, bytes | None] = {
    "closed without an answer": b"",
    "half a status line": b"HTTP/1.1 20",
    "half the headers": HEAD,
    "half a body": HEAD + b'Content-Length: 100\r\n\r\n{"id": ',
    "half a chunk": HEAD + b'Transfer-Encoding: chunked\r\n\r\n40\r\n{"id": ',
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "reset": None,
}


class Server:
    """Answers its connections in turn with these bytes; None resets the connection.

    With `silent` it never answers.
    """

    def __init__(self, *answers: bytes | None, silent: bool = False) -> None:
        self.requests: list[str] = []
        self._answers = list(answers)
        self._silent = silent
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            connection.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._socket.accept()
                self.requests.append(_read(connection))
                if self._silent:
                    self._open.append(connection)
                    continue
                answer = self._answers.pop(0)
                if answer is None:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                else:
                    connection.sendall(answer)
                connection.close()


def _read(connection: socket.socket) -> str:
    """Read a request whole, so that closing does not reset. Returns its line."""
    data = connection.recv(65536)
    if data.startswith(b"\x16"):
        return "TLS"
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _end, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.decode().splitlines():
        name, _colon, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return " ".join(head.decode().split()[:2])


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return t.cast(int, server.getsockname()[1])


def api_at(url: str, time: FakeTime, limit: float = 5) -> Api:
    adapter = Adapter(Session(auth=NoAuth(), timeout=limit), endpoint_override=url)
    return Api("Magnum", lambda: adapter, time.clock())


def api_of(server: Server, time: FakeTime, limit: float = 5) -> Api:
    return api_at(f"http://127.0.0.1:{server.port}", time, limit)


# Sent, and then --------------------------------------------------------------


@pytest.mark.parametrize("answer", BREAKS.values(), ids=BREAKS.keys())
def test_a_create_that_was_sent_is_not_sent_again(
    time: FakeTime, answer: bytes | None
) -> None:
    with Server(answer, GOOD) as server:
        with pytest.raises(OutcomeUnknown, match="POST /clusters"):
            api_of(server, time).create("/clusters", {"name": "gpu"})
        assert server.requests == ["POST /clusters"]
    assert time.sleeps == []


@pytest.mark.parametrize("answer", BREAKS.values(), ids=BREAKS.keys())
def test_a_read_is_sent_again(time: FakeTime, answer: bytes | None) -> None:
    with Server(answer, GOOD) as server:
        assert api_of(server, time).get("/clusters/x") == {"id": "x"}
        assert server.requests == ["GET /clusters/x"] * 2
    assert time.sleeps == [0.5]


def test_a_create_that_is_never_answered_is_unknown(time: FakeTime) -> None:
    with Server(silent=True) as server:
        with pytest.raises(OutcomeUnknown):
            api_of(server, time, limit=0.2).create("/clusters", {"name": "gpu"})
        assert server.requests == ["POST /clusters"]


def test_a_read_that_is_never_answered_is_sent_again(time: FakeTime) -> None:
    with Server(silent=True) as server:
        with pytest.raises(ApiError, match="did not answer GET /clusters"):
            api_of(server, time, limit=0.1).get("/clusters")
        assert server.requests == ["GET /clusters"] * 7


# Never sent ------------------------------------------------------------------


def test_a_create_that_was_refused_is_sent_again(
    time: FakeTime, closed_port: int
) -> None:
    """The service is started again while we wait."""
    sleep = time.sleep
    server = Server(GOOD)
    api = api_at(f"http://127.0.0.1:{closed_port}", time)

    def started(seconds: float) -> None:
        sleep(seconds)
        if len(time.sleeps) == 2:
            adapter = api._adapter
            adapter.endpoint_override = f"http://127.0.0.1:{server.port}"

    api.clock._sleep = started
    with server:
        assert api.create("/clusters", {"name": "gpu"}) == {"id": "x"}
        assert server.requests == ["POST /clusters"]
    assert time.sleeps == [0.5, 1]


def test_a_create_that_was_always_refused_is_no_unknown(
    time: FakeTime, closed_port: int
) -> None:
    with pytest.raises(ApiError, match="did not answer POST /clusters") as caught:
        api_at(f"http://127.0.0.1:{closed_port}", time).create("/clusters", {})
    assert caught.value.type == "ApiError"
    assert time.sleeps == [0.5, 1, 2, 4, 8, 8]


def test_a_name_without_an_address_was_never_sent_to(
    time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_args: object) -> t.NoReturn:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ApiError) as caught:
        api_at("http://magnum.invalid", time).create("/clusters", {})
    assert caught.value.type == "ApiError"


def test_a_certificate_that_is_not_trusted_is_no_reason_to_try_again(
    time: FakeTime,
) -> None:
    # A server that speaks no TLS looks the same from here.
    with Server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        with pytest.raises(ApiError, match="validate_certs") as caught:
            api_at(f"https://127.0.0.1:{server.port}", time).create("/clusters", {})
        assert caught.value.type == "ApiError"
    assert time.sleeps == []


def test_refused_and_broken_are_told_apart(closed_port: int) -> None:
    with pytest.raises(requests.exceptions.ConnectionError) as refused:
        requests.get(f"http://127.0.0.1:{closed_port}", timeout=5)
    assert never_sent(refused.value)
    with (
        Server(b"") as server,
        pytest.raises(requests.exceptions.ConnectionError) as broken,
    ):
        requests.get(f"http://127.0.0.1:{server.port}", timeout=5)
    assert not never_sent(broken.value)


# Through the SDK -------------------------------------------------------------


@pytest.fixture
def wire(site: Site) -> Site:
    """Keystone is a fake, this machine's ports are real."""
    site.mocker.register_uri(
        rm.ANY, rm.ANY, real_http=True, additional_matcher=_is_here
    )
    return site


def _is_here(request: t.Any) -> bool:
    return bool(request.hostname == "127.0.0.1")


def test_keystone_refused_is_no_unknown(
    wire: Site, time: FakeTime, closed_port: int
) -> None:
    auth = {
        "auth_url": f"http://127.0.0.1:{closed_port}/v3",
        "username": "ops",
        "password": "x",
        "project_name": "gpu",
    }
    with pytest.raises(ApiError) as caught:
        wire.cloud(auth=auth).magnum.create("/clusters", {})
    assert caught.value.type == "ApiError"
    assert len(time.sleeps) == 6


def test_magnum_refused_is_tried_again(
    wire: Site, time: FakeTime, closed_port: int
) -> None:
    """Also while the SDK asks it for its versions, before the first request."""
    wire.keystone({"container-infra": f"http://127.0.0.1:{closed_port}/v1"})
    with pytest.raises(ApiError, match="Magnum") as caught:
        wire.cloud().magnum.create("/clusters", {"name": "gpu"})
    assert caught.value.type == "ApiError"
    assert len(time.sleeps) == 6


def test_a_service_that_never_answers_does_not_hang_a_task(
    wire: Site, time: FakeTime
) -> None:
    with Server(silent=True) as server:
        wire.keystone({"container-infra": f"http://127.0.0.1:{server.port}/v1"})
        cloud = wire.cloud(timeout=0, api_timeout=0.2)
        with pytest.raises(ApiError, match="did not answer"):
            cloud.magnum.get("/clusters")
    assert time.sleeps == []
