# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud of any size that only answers: what a real one said, multiplied.

It serves cloud.json, which record.py wrote from a bed with one cluster of a master and
a node. Records are those, with other names, ids and addresses; pages end and go on as
those of Nova and Magnum. What was not recorded is answered with 404.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

FILE = Path(__file__).parent / "cloud.json"
Record = dict[str, Any]

PAGE = 1000
"""Records of a page, as Nova and Magnum have it where nothing else is configured."""


class Cloud:
    """The answers, with as many servers and clusters as one wants.

    Args:
        servers: How many, a master of each cluster among them.
        clusters: How many; equal in size, or nearly so.
        page: Records of a page.
        region: Name of the region.

    Attributes:
        requests: `"METHOD /service/path?query"` of all that was asked, in order.
        disturb: Is told each of them, and says the status to answer in place of what
            is there; None for none.
        lists: Records by the key that an answer has them under.
    """

    def __init__(
        self,
        servers: int,
        clusters: int,
        page: int = PAGE,
        region: str = "RegionOne",
    ) -> None:
        self.page = page
        self.region = region
        self.requests: list[str] = []
        self.disturb: Callable[[str], int | None] = lambda request: None
        self._token = uuid.uuid4().hex
        self._recorded: dict[str, Any] = json.loads(FILE.read_text())

        class Handler(_Handler):
            cloud = self

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._services = self._find_services()
        here = json.loads(self._here(json.dumps(self._recorded)))
        # With and without a slash at its end, a service's root is the same.
        self._recorded = {re.sub(r"/( |$)", r"\1", key): here[key] for key in here}
        self.lists = self._multiply(servers, clusters)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop to listen."""
        self._http.shutdown()
        self._http.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._http.server_address[1]}"

    @property
    def config(self) -> Record:
        """An entry of clouds.yaml; there is no password to be right or wrong."""
        return {
            "auth": {
                "auth_url": f"http://{self.address}/keystone/v3",
                "username": "anyone",
                "password": "none",
                "project_name": "recorded",
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
            "identity_api_version": "3",
        }

    def expire(self) -> None:
        """Accept the tokens that were given out no more."""
        self._token = uuid.uuid4().hex

    # What there is -------------------------------------------------------------

    def _find_services(self) -> dict[str, str]:
        """Names of services by the mark that stands for their address."""
        [token] = (v for k, v in self._recorded.items() if k.startswith("POST"))
        found = {}
        for service in token["token"]["catalog"]:
            [mark] = set(re.findall(r"@\d+@", json.dumps(service["endpoints"])))
            found[mark] = service["name"]
        return found

    def _here(self, text: str) -> str:
        for mark, service in self._services.items():
            text = text.replace(mark, f"{self.address}/{service}")
        return text.replace("RegionOne", self.region)

    def _multiply(self, servers: int, clusters: int) -> dict[str, list[Record]]:
        lists: dict[str, list[Record]] = {
            name: [] for name in ("servers", "servers 2.100", "clusters", "stacks")
        }
        old, new = (
            {one["name"].split("-")[-2]: one for one in self._one("servers", version)}
            for version in ("2.61", "2.100")
        )
        [cluster] = self._one("clusters")
        stacks = {one["id"]: one for one in self._one("stacks")}
        own = stacks.pop(cluster["stack_id"])
        lists["stacks"] += stacks.values()
        for number in range(clusters):
            name = f"cluster-{number}"
            stack = {
                **own,
                "id": self.id("stack", number),
                "stack_name": f"{name}-stack",
            }
            lists["stacks"].append(stack)
            size = servers // clusters + (number < servers % clusters)
            addresses = [
                f"10.{number}.{one // 250}.{one % 250 + 3}" for one in range(size)
            ]
            lists["clusters"].append(
                {
                    **cluster,
                    "uuid": self.id("cluster", number),
                    "name": name,
                    "stack_id": stack["id"],
                    "node_count": size - 1,
                    "master_addresses": addresses[:1],
                    "node_addresses": addresses[1:],
                }
            )
            for one, address in enumerate(addresses):
                role, index = ("node", one - 1) if one else ("master", 0)
                made = (f"{stack['stack_name']}-{role}-{index}", address)
                lists["servers"].append(self._server(old[role], *made))
                lists["servers 2.100"].append(self._server(new[role], *made))
        return lists

    def id(self, kind: str, number: object) -> str:
        """An id of the region, the same in each run."""
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.region}-{kind}-{number}"))

    def _server(self, recorded: Record, name: str, address: str) -> Record:
        [(network, [port])] = recorded["addresses"].items()
        return {
            **recorded,
            "id": self.id("server", name),
            "name": name,
            "addresses": {network: [{**port, "addr": address}]},
        }

    def _one(self, key: str, version: str = "") -> list[Record]:
        """The recorded records of this name."""
        [found] = (
            body[key]
            for request, body in self._recorded.items()
            if f"/{key}" in request and request.endswith(version) and key in body
        )
        return list(found)

    # What is answered ------------------------------------------------------------

    def answer(
        self,
        method: str,
        target: str,
        version: str,
        token: str | None,
        content: bytes = b"",
    ) -> tuple[int, Record, dict[str, str]]:
        """Status, body and headers of an answer to a request with this content."""
        self.requests.append(f"{method} {target}")
        status = self.disturb(f"{method} {target}")
        if status:
            return status, {"error": {"message": "played", "code": status}}, {}
        url = urlsplit(target)
        if method == "POST" and url.path == "/keystone/v3/auth/tokens":
            body = self._body(method, target, "")
            # The recorded one has expired long ago.
            ends = datetime.now(UTC) + timedelta(hours=1)
            body["token"] = {**body["token"], "expires_at": ends.isoformat()}
            return 201, body, {"X-Subject-Token": self._token}
        if token is not None and token != self._token:
            return 401, {"error": {"message": "expired", "code": 401}}, {}
        for path, key in (
            ("/nova/v2.1/servers/detail", "servers"),
            ("/magnum/v1/clusters/detail", "clusters"),
        ):
            if url.path == path:
                return 200, self._page(target, path, key, version), {}
        if url.path.startswith("/heat/") and url.path.endswith("/stacks"):
            return 200, {"stacks": self.lists["stacks"]}, {}
        body = self._body(method, target, version)
        headers = {}
        if url.path.startswith("/magnum"):
            headers["OpenStack-API-Maximum-Version"] = "container-infra 1.12"
        return (200, body, headers) if body else (404, {}, headers)

    def _body(self, method: str, target: str, version: str) -> Record:
        url = f"http://{self.address}{target}".rstrip("/")
        return dict(self._recorded.get(f"{method} {url} {version}".strip()) or {})

    def _page(self, target: str, path: str, key: str, version: str) -> Record:
        query = parse_qs(urlsplit(target).query)
        newer = key == "servers" and version.split(" ")[-1] > "2.61"
        records = self.lists["servers 2.100" if newer else key]
        field = "uuid" if key == "clusters" else "id"
        start = 0
        if "marker" in query:
            ids = [one[field] for one in records]
            start = ids.index(query["marker"][0]) + 1
        limit = min(self.page, int(query.get("limit", [self.page])[0]))
        page = records[start : start + limit]
        body: Record = {key: page}
        # Nova links to a further page behind each that is full.
        if len(page) == limit:
            marker = page[-1][field]
            link = f"http://{self.address}{path}?limit={limit}&marker={marker}"
            if key == "clusters":
                body["next"] = link
            else:
                body[f"{key}_links"] = [{"rel": "next", "href": link}]
        return body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    cloud: Cloud

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body, headers = self.cloud.answer(
            self.command,
            self.path,
            self.headers.get("OpenStack-API-Version", ""),
            self.headers.get("X-Auth-Token"),
            sent,
        )
        content = json.dumps(body).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # nobody waits for it any more
            self.wfile.write(content)

    do_GET = do_POST = _answer  # noqa: N815 -- names that http.server calls
