# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus that scrapes pages of this process.

The pages are those of exporters on nodes that nobody has here; each is a target, with
the labels that a site would have it carry.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from beds.openstack.layout import free_ports


@dataclass
class Target:
    """An exporter.

    Attributes:
        instance: The address that it would have.
        page: What it tells; to be changed at will.
        labels: Further labels that the site gives it.
        honor_labels: Whether labels of the page win over these.
    """

    instance: str
    page: str
    labels: dict[str, str] = field(default_factory=dict)
    honor_labels: bool = True


class Prometheus:
    """A server and what it scrapes.

    Args:
        folder: An empty folder for its data.
        targets: The exporters.
        interval: Seconds between scrapes.
    """

    def __init__(self, folder: Path, targets: list[Target], interval: int = 1) -> None:
        self._interval = f"{interval}s"
        self.folder = folder
        self.targets = targets
        self._http: ThreadingHTTPServer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        [self._port] = free_ports(1)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it has scraped all targets."""
        pages = self.targets

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                content = pages[int(self.path.rpartition("/")[2])].page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps(self._config()))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 120
        while self.count("up == 1") < len(self.targets):
            said = (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"not all targets are up: {said}"
            assert self._process.poll() is None, said
            time.sleep(0.3)

    def stop(self) -> None:
        """End both, by pid."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._http:
            self._http.shutdown()
            self._http.server_close()

    def count(self, query: str) -> int:
        """How many series a query has; 0 while it does not answer."""
        with contextlib.suppress(OSError):
            asked = urlencode({"query": query})
            with urlopen(f"{self.url}/api/v1/query?{asked}", timeout=10) as answer:
                return len(json.load(answer)["data"]["result"])
        return 0

    def _config(self) -> dict[str, Any]:
        """Its configuration; YAML has JSON in it."""
        assert self._http
        address = f"127.0.0.1:{self._http.server_address[1]}"
        return {
            "global": {
                "scrape_interval": self._interval,
                "scrape_timeout": self._interval,
            },
            "scrape_configs": [
                {
                    "job_name": f"job-{number}",
                    "honor_labels": target.honor_labels,
                    "metrics_path": f"/{number}",
                    "static_configs": [
                        {
                            "targets": [address],
                            "labels": {**target.labels, "instance": target.instance},
                        }
                    ],
                }
                for number, target in enumerate(self.targets)
            ],
        }
