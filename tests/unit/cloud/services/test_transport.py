# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session of keystoneauth whose answers are held to limits, with a real server."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from keystoneauth1 import exceptions as ka
from keystoneauth1.identity import generic, v3
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session
from requests_mock import ANY, Mocker

from ansible_collections.gpufleet.openstack.plugins.module_utils import _http
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.transport import (
    Unusable,
    limit,
    sign_in_surely,
)

DOMAINS = {"user_domain_name": "Default", "project_domain_name": "Default"}


class Server(ThreadingHTTPServer):
    """Answers by path.

    Attributes:
        connections: How many it has accepted.
        over: Set when it is closed.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.over = Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        host = self.headers["Host"]
        away = host.replace("127.0.0.1", "localhost")
        body = b'{"id": "x"}'
        status, length, location = 200, len(body), ""
        if self.path == "/half":
            length = 100
        elif self.path == "/large":
            body = b'"' + b"a" * 2**20
            length = len(body)
        elif self.path == "/deep":
            body = b"[" * 65 + b"]" * 65
            length = len(body)
        elif self.path == "/silent":
            self.server.over.wait(10)
        elif self.path.startswith("/to"):
            targets = {
                "/to-path": "/there",
                "/to-same": f"http://{host}/there",
                "/to-name": f"http://me:secret@{away}/there",
                "/to-https": f"https://{host}/there",
                "/to-nothing": "http://[",
            }
            status, location = 302, targets[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.path == "/half"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.over.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(_http, "MOST_BYTES", 2**20)
    made = Session(NoAuth(), timeout=20)
    limit(made, lambda seconds: seconds)
    return made


def test_connections_are_kept(server: Server, session: Session) -> None:
    for path in ("/a", "/b", "/to-path", "/to-same"):
        assert session.get(server.url + path).json() == {"id": "x"}
    assert server.connections == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/large", "a body that is larger than 1 MiB"),
        ("/to-name", "to http://localhost:[0-9]+/there, which is another server"),
        ("/to-https", "to https://127.0.0.1:[0-9]+/there, which is another server"),
        ("/to-nothing", "which is another server"),
    ],
)
def test_answers_of_no_use(
    server: Server, session: Session, path: str, text: str
) -> None:
    with pytest.raises(Unusable, match=text):
        session.get(server.url + path)
    assert server.connections == 1


def test_deep_json(server: Server, session: Session) -> None:
    with pytest.raises(Unusable, match="nested more than 64 levels"):
        session.get(f"{server.url}/deep").json()


def test_a_connection_that_breaks(server: Server, session: Session) -> None:
    with pytest.raises(ka.ConnectionError, match="IncompleteRead"):
        session.get(f"{server.url}/half")


def test_one_that_hangs(server: Server) -> None:
    session = Session(NoAuth(), timeout=20)
    limit(session, lambda seconds: seconds - 19)
    with pytest.raises(ka.ConnectTimeout):
        session.get(f"{server.url}/silent")


@pytest.fixture
def keystone(requests_mock: Mocker) -> Mocker:
    """Each sign-in gets another token."""
    access = {"token": {"expires_at": "2100-01-01T00:00:00Z", "methods": ["password"]}}
    tokens = [{"json": access, "headers": {"X-Subject-Token": str(n)}} for n in "123"]
    requests_mock.post("http://keystone/v3/auth/tokens", tokens)
    return requests_mock


def test_keystone_that_asks_for_a_token_first(requests_mock: Mocker) -> None:
    requests_mock.register_uri(ANY, ANY, status_code=401)
    auth = generic.Password("http://keystone/v3", "user", password="p", **DOMAINS)
    sign_in_surely(auth)
    with pytest.raises(ka.Unauthorized):
        Session(auth).get_token()


def test_token_that_another_request_has_dropped(keystone: Mocker) -> None:
    auth = v3.Password("http://keystone/v3", username="user", password="p", **DOMAINS)
    sign_in_surely(auth)

    def answer(request: Any, context: Any) -> str:
        if request.headers["X-Auth-Token"] == "1":
            auth.auth_ref = None  # as another request does that got the same answer
            context.status_code = 401
        return "found"

    keystone.get("http://nova/servers", text=answer)
    assert Session(auth).get("http://nova/servers").text == "found"


def test_token_that_is_never_good(keystone: Mocker) -> None:
    auth = v3.Password("http://keystone/v3", username="user", password="p", **DOMAINS)
    sign_in_surely(auth)
    asked = keystone.get("http://nova/servers", status_code=401)
    with pytest.raises(ka.Unauthorized):
        Session(auth).get("http://nova/servers")
    assert asked.call_count == 2
