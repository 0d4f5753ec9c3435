# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every source over the network, where the other end is of no use in every way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services import (
    api,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from fakes.recorded.kube import kubeconfig
from unit.fleet import fleets

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
GARBAGE = b"<html>It works!</html>"
ANSWERS = {
    "nothing is said": b"",
    "it hangs": None,
    "no HTTP": b"\x00\x01\x02\x03 SSH-2.0\r\n\r\n",
    "no JSON": HEAD % len(GARBAGE) + GARBAGE,
    "another shape": HEAD % 2 + b"[]",
    "an empty object": HEAD % 2 + b"{}",
    "half a page": HEAD % 10000 + b'{"items": [',
    "an error": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
}


class Server:
    """Accepts connections and answers all with the same bytes."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            threading.Thread(
                target=self._reply, args=(connection,), daemon=True
            ).start()

    def _reply(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(5)
            try:
                connection.recv(65536)
                if self._answer is None:
                    time.sleep(5)
                else:
                    connection.sendall(self._answer)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=ANSWERS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    server = Server(ANSWERS[request.param])
    yield server.url
    server.close()


def source(kind: str, url: str, folder: Path) -> dict[str, Any]:
    """A source of a kind at a URL, that may take a second."""
    options: dict[str, Any] = {"type": kind, "timeout": 1}
    if kind == "kubernetes":
        port = int(url.rpartition(":")[2])
        return {**options, "kubeconfig": kubeconfig(port, folder / "kubeconfig")}
    if kind == "openstack":
        auth = {"auth_url": f"{url}/v3", "username": "a", "password": "b"}
        auth |= {"project_name": "c", "user_domain_id": "d", "project_domain_id": "d"}
        path = folder / "clouds.yaml"
        path.write_text(yaml.safe_dump({"clouds": {"it": {"auth": auth}}}))
        return {**options, "cloud": "it"}
    return {**options, "url": url, "token": "t"}


@pytest.mark.parametrize("kind", ["kubernetes", "openstack", "prometheus", "slurm"])
def test_what_cannot_be_read_is_told_and_unknown(
    kind: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PAUSES", (0.01,) * 6)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    host = fleets.host("node", 8, 4)
    hostvars = {"node": fleets.variables(host)}
    sources = [{"type": "facts"}, source(kind, url, tmp_path)]
    options = {"sources": sources, "now": fleets.NOW.isoformat()}
    begun = time.monotonic()
    [report] = _reports.compute(["overview"], options, hostvars, str(tmp_path))
    assert time.monotonic() - begun < 3
    assert any(text.startswith(f"{kind}: ") for text in report["warnings"])
    # The facts are still there; what a scheduler has given out is not known.
    scheduler = kind in ("kubernetes", "slurm")
    assert report["totalGpus"] == 8
    assert report["unknownGpus"] == (8 if scheduler else 0)
    assert report["allocationRate"] == (None if scheduler else 0.5)
    with pytest.raises(_reports.Unacceptable, match=f"{kind}: "):
        _reports.compute(
            ["overview"], {**options, "strict": True}, hostvars, str(tmp_path)
        )
