# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of each type of source, all of them reached in ways that a test chooses."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import table
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from fakes.recorded.kube import Kube
from fakes.recorded.server import Cloud

TYPES = ("kubernetes", "openstack", "prometheus", "slurm")

_ANSWERS = {
    "/api/v1/label/__name__/values": {"status": "success", "data": []},
    "/openapi/v3": {"paths": {"/slurm/v0.0.41/nodes/": {}}},
    "/slurm/v0.0.41/nodes": {"nodes": []},
    "/slurm/v0.0.41/jobs": {"jobs": []},
}


class _Json(BaseHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        content = json.dumps(_ANSWERS[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _NamedCloud(Cloud):
    """A recorded cloud whose endpoints have another address than it listens on."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__(servers=2, clusters=1)

    @property
    def address(self) -> str:
        return self._address

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._http.server_address[1])


class Services:
    """A server of each type of source, on 127.0.0.1.

    Args:
        folder: For clouds.yaml and kubeconfigs.
        cloud: Address of the cloud, `HOST:PORT`, that its catalog names.

    Attributes:
        ports: Port on 127.0.0.1 by the type of the source.
    """

    def __init__(self, folder: Path, cloud: str) -> None:
        self._folder = folder
        self._cloud = _NamedCloud(cloud)
        self._kube = Kube()
        self._json = ThreadingHTTPServer(("127.0.0.1", 0), _Json)
        threading.Thread(
            target=self._json.serve_forever, args=(0.02,), daemon=True
        ).start()
        server = self._kubeconfig()["clusters"][0]["cluster"]["server"]
        self.ports = {
            "kubernetes": int(server.rpartition(":")[2]),
            "openstack": self._cloud.port,
            "prometheus": int(self._json.server_address[1]),
            "slurm": int(self._json.server_address[1]),
        }

    def close(self) -> None:
        """Stop to listen."""
        self._cloud.close()
        self._kube.close()
        self._json.shutdown()
        self._json.server_close()

    def read(self, kind: str, url: str, **options: Any) -> None:
        """Read a source at an address.

        Raises:
            SourceError: It could not be read.
        """
        place = {"url": url}
        if kind == "openstack":
            config = self._cloud.config
            config["auth"]["auth_url"] = f"{url}/keystone/v3"
            config["api_timeout"] = 20
            clouds = self._folder / "clouds.yaml"
            clouds.write_text(yaml.safe_dump({"clouds": {"it": config}}))
            place = {"cloud": "it"}
        elif kind == "kubernetes":
            config = self._kubeconfig()
            config["clusters"][0]["cluster"].update(server=url, **options)
            path = self._folder / "kubeconfig"
            path.write_text(yaml.safe_dump(config))
            place = {"kubeconfig": str(path)}
        source = table.SOURCES[kind]
        assert source.read
        source.read({**place, "timeout": 20}, 20)

    def failure(self, kind: str, url: str) -> str:
        """Return why a source can't be read at an address."""
        try:
            self.read(kind, url)
        except SourceError as error:
            return str(error)
        raise AssertionError(f"{kind} answered at {url}")

    def _kubeconfig(self) -> dict[str, Any]:
        path = self._kube.kubeconfig(self._folder / "recorded-config")
        config: dict[str, Any] = yaml.safe_load(Path(path).read_text())
        return config


class Relay:
    """Listens on ::1 only, for servers on 127.0.0.1.

    Attributes:
        port: Where it listens.
        target: The port on 127.0.0.1.
    """

    def __init__(self) -> None:
        self.target = 0
        self._listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop to listen."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _address = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self.target))
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=_copy, args=pair, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
