# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of an answer, and what is not; tests/attacks tries it with servers."""

from __future__ import annotations

import gzip
import io
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _http
from ansible_collections.gpufleet.openstack.plugins.module_utils._http import (
    Late,
    NoAnswer,
    NotJson,
    TooMuch,
)


def read(content: bytes, encoding: str | None = None) -> bytes:
    return _http.read(io.BytesIO(content), encoding, time.monotonic() + 60)


@pytest.mark.parametrize("encoding", [None, "", "identity"])
def test_as_it_is(encoding: str | None) -> None:
    assert read(b"a" * 100_000, encoding) == b"a" * 100_000


def test_gzip() -> None:
    content = json.dumps(list(range(50_000))).encode()
    assert read(gzip.compress(content), "gzip") == content


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (b"", "br", "in the encoding 'br', which was not requested"),
        (b"no", "gzip", "no valid gzip"),
        (gzip.compress(b"{}", mtime=0) + b"more", "gzip", "longer than the gzip in it"),
    ],
)
def test_what_is_no_such_encoding(content: bytes, encoding: str, text: str) -> None:
    with pytest.raises(NotJson, match=text):
        read(content, encoding)


@pytest.mark.parametrize("encoding", [None, "gzip"])
@pytest.mark.parametrize(("size", "fits"), [(2**20, True), (2**20 + 1, False)])
def test_size(
    monkeypatch: pytest.MonkeyPatch, encoding: str | None, size: int, fits: bool
) -> None:
    monkeypatch.setattr(_http, "MOST_BYTES", 2**20)
    content = gzip.compress(bytes(size)) if encoding else bytes(size)
    if fits:
        assert len(read(content, encoding)) == size
    else:
        with pytest.raises(TooMuch, match="larger than 1 MiB"):
            read(content, encoding)


def test_a_deadline_that_has_passed() -> None:
    with pytest.raises(Late):
        _http.read(io.BytesIO(b"{}"), None, time.monotonic() - 1)
    with pytest.raises(Late):
        _http.within(time.monotonic() - 1, lambda: pytest.fail("it began"))


def nested(depth: int) -> bytes:
    """An object with so many levels."""
    return b'{"a": ' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize("content", [b"{}", b'{"a": "[[["}', nested(64)])
def test_objects(content: bytes) -> None:
    assert _http.parse(content) == json.loads(content)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "no JSON object"),
        (nested(65), "nested more than 64 levels"),
        (b"[" * 10**6, "nested more than 64 levels"),
        (b'{"a": [0' + b",0" * 10**7 + b"]}", "larger than 10000000 values"),
    ],
)
def test_what_is_no_object(content: bytes, text: str) -> None:
    with pytest.raises(NotJson, match=text):
        _http.parse(content)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "url is no valid address"),
        ("http://", "url is no valid address"),
        ("http://me:pa/ss@host", "url is no valid address"),
        ("http://[::1", "url is no valid address"),
        ("file://localhost/etc/passwd", "unknown url type"),
        ("ftp://localhost/etc/passwd", "unknown url type"),
        ("http://127.0.0.1:1/", "refused"),
    ],
)
def test_addresses_of_no_use(url: str, text: str) -> None:
    with pytest.raises(NoAnswer, match=text) as caught:
        _http.request(url, {}, time.monotonic() + 60)
    assert "pa" not in str(caught.value).replace("path", "")


class Handler(BaseHTTPRequestHandler):
    """Answers with the headers that it was sent."""

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        content = gzip.compress(json.dumps(dict(self.headers)).encode())
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(content)


@pytest.mark.parametrize(
    ("in_url", "options", "authorization"),
    [
        ("", {}, None),
        ("me:p%40ss@", {}, "Basic bWU6cEBzcw=="),
        ("me:p%40ss@", {"user": "a", "password": "b"}, "Basic YTpi"),
        ("", {"user": "a"}, "Basic YTo="),
    ],
)
def test_users(in_url: str, options: dict[str, Any], authorization: str | None) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://{in_url}127.0.0.1:{server.server_address[1]}/"
    try:
        headers = _http.request(url, {}, time.monotonic() + 60, **options)
    finally:
        server.shutdown()
        server.server_close()
    assert headers.get("Authorization") == authorization
    assert headers["Accept-Encoding"] == "gzip"
