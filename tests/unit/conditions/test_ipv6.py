# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that have an IPv6 address only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils import _proxies
from fakes.http_proxy import Proxy
from unit.conditions.services import TYPES, Relay, Services


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    yield made
    made.close()


@pytest.fixture
def services(
    tmp_path: Path, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    made = Services(tmp_path, f"[::1]:{relay.port}")
    yield made
    made.close()


@pytest.mark.parametrize("kind", TYPES)
def test_sources(services: Services, relay: Relay, kind: str) -> None:
    relay.target = services.ports[kind]
    services.read(kind, f"http://[::1]:{relay.port}")


@pytest.mark.parametrize("exceptions", ["::1", "example.org, ::1"])
@pytest.mark.parametrize("kind", TYPES)
def test_no_proxy(
    services: Services,
    relay: Relay,
    kind: str,
    exceptions: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = Proxy({})
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    relay.target = services.ports[kind]
    services.read(kind, f"http://[::1]:{relay.port}")
    proxy.close()
    assert proxy.seen == []


PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "exceptions", "expected"),
    [
        ("http://[fd00::5]:9090", "", PROXY),
        ("http://[fd00::5]:9090", "fd00::5", None),
        ("http://[fd00::5]:9090", "[fd00::5]", None),
        ("http://[fd00::5]:9090", "fd00::/8", None),
        ("http://[fd00::5]:9090", "fd00::6, 10.0.0.0/8", PROXY),
        ("http://10.1.2.3", "10.0.0.0/8", None),
        ("http://10.1.2.3", "10.1.2.3/32,example.org", None),
        ("http://11.1.2.3", "10.0.0.0/8", PROXY),
        ("http://user:word@10.1.2.3:80", "10.1.2.3", None),
        ("http://metrics.example.org", ".example.org", None),
        ("http://metrics.example.org", "example.org", None),
        ("http://metrics.example.org", "10.0.0.0/8", PROXY),
        ("https://metrics.example.org", "", None),
    ],
)
def test_proxies_of_the_environment(
    url: str, exceptions: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert _proxies.of_environment(url) == expected
