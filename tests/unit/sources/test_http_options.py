# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers and client certificates of sources with a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from attacks.authority import Authority
from unit.sources.exported import Prometheus, prometheus

SECRET = "s3cret-of-the-tenant"
KINDS = ("prometheus", "slurm")


def warnings(kind: str, url: str, folder: Path, **options: Any) -> str:
    """What a report on a source warns of."""
    source = {"type": kind, "url": url, **options}
    [report] = _reports.compute(["overview"], {"sources": [source]}, {}, str(folder))
    return "\n".join(report["warnings"])


def slurm(server: Prometheus) -> None:
    """Let a server answer as slurmrestd does, in all that matters here."""
    paths = {"/slurm/v0.0.40/nodes": {}}
    answer = {"status": "success", "data": [], "paths": paths, "nodes": [], "jobs": []}
    server.answer = lambda form: answer  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", KINDS)
def test_headers_are_sent_along(kind: str, tmp_path: Path) -> None:
    headers = {"X-Scope-OrgID": 7, "THANOS-TENANT": "team a", "X-Api-Key": SECRET}
    with prometheus({}) as server:
        if kind == "slurm":
            slurm(server)
        text = warnings(kind, server.url, tmp_path, headers=headers, token="t0ken")
        assert server.headers
        for sent in server.headers:
            known = {name.lower(): value for name, value in sent.items()}
            for name, value in headers.items():
                assert known[name.lower()] == str(value)
    assert "did not answer" not in text
    assert SECRET not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"headers": {"X A": SECRET}}, "headers: 'X A' can't be the name of a header"),
        (
            {"headers": {"X-A": f"{SECRET}\r\nB: c"}},
            "headers: the value of X-A must be",
        ),
        ({"headers": {"X-A": f"{SECRET}\u20ac"}}, "headers: the value of X-A must be"),
        ({"headers": {"X-A": SECRET * 999}}, "headers: the value of X-A must be"),
        ({"headers": {"Host": SECRET}}, "headers: Host is set by the request itself"),
        ({"headers": {"Content-Length": "1"}}, "headers: Content-Length is set by"),
        (
            {"headers": {"Authorization": SECRET}, "token": "t"},
            "headers: Authorization can't stand beside token or user",
        ),
        ({"client_key": "/key"}, "client_key: requires client_cert"),
    ],
)
def test_headers_that_can_not_be(
    kind: str, options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    with pytest.raises(_reports.BadRequest) as caught:
        warnings(kind, "http://127.0.0.1:1", tmp_path, **options)
    assert f"sources[0].{text}" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_header_s_secret_that_a_server_repeats(tmp_path: Path) -> None:
    with prometheus({}) as server:
        server.answer = lambda form: {"status": "error", "error": f"no {SECRET}"}  # type: ignore[method-assign]
        text = warnings(
            "prometheus", server.url, tmp_path, headers={"X-Api-Key": SECRET}
        )
    assert "Prometheus says: no" in text
    assert SECRET not in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [True, False])
def test_a_server_that_requires_a_certificate(
    kind: str, together: bool, tmp_path: Path
) -> None:
    authority = Authority()
    certificate, key = authority.pair("reports")
    files = {"ca_cert": authority.pem, "client_cert": certificate, "client_key": key}
    if together:
        files["client_cert"] += files.pop("client_key")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    options = {name: str(tmp_path / name) for name in files}
    settings = authority.server(tmp_path, client=True)
    with prometheus({}, settings) as server:
        if kind == "slurm":
            slurm(server)
        assert "did not answer" not in warnings(kind, server.url, tmp_path, **options)
        alone = {"ca_cert": options["ca_cert"]}
        assert "did not answer" in warnings(kind, server.url, tmp_path, **alone)
        missing = {**options, "client_cert": str(tmp_path / "none")}
        text = warnings(kind, server.url, tmp_path, **missing)
        assert f"client_cert: {tmp_path}/none" in text
