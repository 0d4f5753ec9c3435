# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies that the environment names: for all sources alike, and never shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.http_proxy import PASSWORD, Proxy
from unit.conditions.services import TYPES, Services

NAME = "service.test:8000"
"""Only the proxy knows where this is."""


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    made = Services(tmp_path, NAME)
    yield made
    made.close()


@pytest.fixture
def proxy(services: Services) -> Iterator[Proxy]:
    made = Proxy({})
    yield made
    made.close()


def _to(proxy: Proxy, services: Services, kind: str) -> None:
    proxy.places[NAME] = f"127.0.0.1:{services.ports[kind]}"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("kind", TYPES)
def test_http(
    services: Services,
    proxy: Proxy,
    kind: str,
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _to(proxy, services, kind)
    monkeypatch.setenv(variable, proxy.url)
    services.read(kind, f"http://{NAME}")
    assert set(proxy.seen) == {NAME}


@pytest.mark.parametrize("kind", TYPES)
def test_https(
    services: Services, proxy: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    failure = services.failure(kind, f"https://{NAME}")
    assert set(proxy.seen) == {NAME}
    assert PASSWORD not in failure


@pytest.mark.parametrize("kind", TYPES)
def test_a_proxy_that_is_down(
    services: Services, proxy: Proxy, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.close()
    for variable in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy.url)
    for scheme in ("http", "https"):
        assert PASSWORD not in services.failure(kind, f"{scheme}://{NAME}")


@pytest.mark.parametrize(
    "exceptions",
    ["127.0.0.1", "localhost,127.0.0.1", "other.test, 127.0.0.1", "127.0.0.0/8", "*"],
)
@pytest.mark.parametrize("kind", TYPES)
def test_no_proxy(
    services: Services,
    proxy: Proxy,
    kind: str,
    exceptions: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    if kind == "openstack":  # its catalog names the other address
        monkeypatch.setenv("NO_PROXY", f"{exceptions},service.test")
        services.failure(kind, f"http://{NAME}")
    else:
        services.read(kind, f"http://127.0.0.1:{services.ports[kind]}")
    assert proxy.seen == []


@pytest.mark.parametrize("exceptions", ["service.test", ".test", "test"])
@pytest.mark.parametrize("kind", TYPES)
def test_no_proxy_for_names(
    services: Services,
    proxy: Proxy,
    kind: str,
    exceptions: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", exceptions)
    services.failure(kind, f"http://{NAME}")
    assert proxy.seen == []


def test_proxy_of_a_kubeconfig(
    services: Services, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes precedence over the environment."""
    _to(proxy, services, "kubernetes")
    monkeypatch.setenv("NO_PROXY", "*")
    services.read("kubernetes", f"http://{NAME}", **{"proxy-url": proxy.url})
    assert set(proxy.seen) == {NAME}
