# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an API server: TLS with a real server, and proxies."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _proxies
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    kubernetes,
    tls,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.kubeconfig import (
    Access,
)
from attacks.authority import Authority
from fakes.recorded.kube import TOKEN, Kube

CA = Authority()
CERTIFICATE, KEY = CA.pair("reader")
OTHER_KEY = CA.pair("other")[1]
BEARER = f"Bearer {TOKEN}"


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Kube]:
    server = Kube(CA.server(tmp_path, client=True))
    yield server
    server.close()


def access(kube: Kube, **more: object) -> Access:
    usual = Access(kube.url, CA.pem, CERTIFICATE, KEY, BEARER)
    return usual._replace(**more)  # type: ignore[arg-type]


def nodes(access: Access) -> int:
    get = kubernetes.client(access, 20)
    return len(get("/api/v1/nodes", {}, kubernetes.JSON)["items"])


@pytest.mark.parametrize(
    "more", [{}, {"server_name": "server.test"}, {"ca": None, "verify": False}]
)
@pytest.mark.parametrize("memory", [True, False])
def test_what_connects(
    kube: Kube,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, object],
    memory: bool,
) -> None:
    """With a file in memory, and where there is none, as on macOS."""
    if not memory:
        monkeypatch.setattr(tls, "_DESCRIPTORS", "/none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    before = os.listdir("/proc/self/fd")
    assert nodes(access(kube, **more)) == len(kube.items("nodes"))
    tls.context(access(kube, **more))
    assert list((tmp_path / "temporary").iterdir()) == []
    # One more is that of a connection, which is kept.
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 2


def test_a_folder_stands_in_for_memory_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_DESCRIPTORS", "/none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with contextlib.suppress(KeyError), tls._path_of(b"key") as path:
        assert Path(path).read_bytes() == b"key"
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.stat(Path(path).parent).st_mode & 0o777 == 0o700
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"certificate": None, "key": None}, "the API server did not answer: .*"),
        ({"ca": Authority().pem}, "certificate verify failed"),
        ({"ca": None}, "certificate verify failed"),
        ({"server_name": "other.test"}, "not valid for 'other.test'"),
        ({"ca": "none"}, "the certificate of the CA is none"),
        ({"key": OTHER_KEY}, "certificate and key are of no use"),
        ({"key": None}, "certificate and key are of no use"),
        ({"certificate": "none"}, "certificate and key are of no use"),
        ({"proxy": "proxy.test"}, "address of the proxy must be a URL"),
        ({"proxy": "ftp://u:PRIVATE@proxy.test"}, "address of the proxy must be"),
        ({"proxy": "http://[PRIVATE"}, "address of the proxy must be a URL"),
        ({"proxy": "socks9://u:PRIVATE@proxy.test"}, "address of the proxy must be"),
    ],
)
def test_what_does_not_connect(
    kube: Kube, more: dict[str, object], message: str
) -> None:
    with pytest.raises(SchedulerError, match=message) as caught:
        nodes(access(kube, **more))
    assert "PRIVATE" not in str(caught.value)


def test_a_proxy_of_the_kubeconfig() -> None:
    proxy, headers = Kube(), []

    def instead(request: BaseHTTPRequestHandler) -> bool:
        headers.append(request.headers["Proxy-Authorization"])
        request.path = request.path.removeprefix("http://kube.test")
        return False

    proxy.instead = instead
    address = proxy.url.replace("//", "//user:pass%20word@")
    try:
        found = nodes(Access("http://kube.test", proxy=address, authorization=BEARER))
    finally:
        proxy.close()
    assert found == len(proxy.items("nodes"))
    assert headers == [f"Basic {base64.b64encode(b'user:pass word').decode()}"]


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        ("https://192.0.2.7:6443", "", True),
        ("https://192.0.2.7:6443", "192.0.2.8, example.com", True),
        ("https://192.0.2.7:6443", "192.0.2.7", False),
        ("https://192.0.2.7:6443", "example.com, 192.0.2.0/24", False),
        ("https://192.0.2.7:6443", "192.0.3.0/24", True),
        ("https://192.0.2.7:6443", "*", False),
        ("https://[2001:db8::7]:6443", "2001:db8::/32", False),
        ("https://[2001:db8::7]:6443", "2001:db9::/32", True),
        ("https://kube.example.com", "example.com", False),
        ("https://kube.example.com", "192.0.2.0/24", True),
        ("http://kube.example.com", "", False),
    ],
)
def test_a_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, server: str, no_proxy: str, proxied: bool
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    expected = "http://proxy.test:3128" if proxied else None
    assert _proxies.of_environment(server) == expected
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    assert _proxies.of_environment(server) == expected
