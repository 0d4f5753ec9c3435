# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for what runs inside the cluster's virtual machines.

Nova's fake driver boots nothing, so two things are played here:

- The agent that Magnum's nodes run (heat-container-agent): it finds credentials in
  the server's user data, reads from Heat what is to be deployed, does it, and
  signals the outcome. Magnum's stacks wait for these signals. This one does
  nothing and signals success, or failure if told so.
- The etcd discovery service that Magnum asks for a URL before it makes a cluster.

Where a cluster asks for it, a real Kubernetes is behind it: `vm_kubernetes`.

Its behaviour is steered by a file, read anew in every round; `set_control` writes it,
and so does ``python -m beds.openstack vm``.

Run as ``python -m beds.openstack.vm_inside BED_FOLDER PORT`` in the services' environment.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import sys
import threading
import time
import urllib.parse
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import yaml

from .catalog import REGION
from .devices import classes_of, plug, unplug
from .layout import Bed
from .vm_kubernetes import FAILURES, Clusters, Machine, heat_params

CONTROL = "vm_inside.json"
SIGNALLED = "vm_inside.signalled"
ROUND = 1.0
# A server that has nothing to deploy is asked again after growing pauses.
PAUSES = (0, 1, 1, 2, 2, 3, 5, 5, 10)
TOKEN_LIFE = 3600


@dataclass
class Control:
    """How the insides of the machines behave.

    Attributes:
        paused: Signal nothing.
        delay: Seconds between a server's becoming ACTIVE and its first signal.
        fail: A server whose name contains one of these signals failure.
    """

    paused: bool = False
    delay: float = 0
    fail: list[str] = field(default_factory=list)


def get_control(run: Path, file: str = CONTROL) -> Control:
    """Read how the machines behave.

    Args:
        run: The bed's folder ``run``.
        file: The name of the file; region ``capi`` has one of its own.
    """
    path = run / file
    return Control(**json.loads(path.read_text())) if path.exists() else Control()


def set_control(run: Path, file: str = CONTROL, **changes: Any) -> Control:
    """Change how the machines behave, from the next round on.

    Args:
        run: The bed's folder ``run``.
        file: The name of the file.
        **changes: Fields of `Control`; the others stay.

    Returns:
        What holds from now on.
    """
    control = Control(**{**asdict(get_control(run, file)), **changes})
    new = run / f".{file}.{os.getpid()}"
    new.write_text(json.dumps(asdict(control)))
    new.replace(run / file)
    return control


class Discovery(BaseHTTPRequestHandler):
    """Answers like discovery.etcd.io: a new URL, and the size that it was made for."""

    def do_GET(self) -> None:
        """Answer ``/new?size=N`` and ``/<token>/_config/size``."""
        url = urllib.parse.urlparse(self.path)
        if url.path == "/new":
            size = int(urllib.parse.parse_qs(url.query).get("size", ["1"])[0])
            host, port = self.server.server_address[:2]
            token = f"{size:02d}{time.time_ns():030x}"
            body = f"http://{host!s}:{port}/{token}"
        else:
            size = int(url.path.split("/")[1][:2])
            node = {"key": url.path, "value": str(size)}
            body = json.dumps({"action": "get", "node": node})
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Cloud:
    """Requests to the bed's services, with tokens kept while they are good."""

    def __init__(self, clouds: Path) -> None:
        cloud = yaml.safe_load(clouds.read_text())["clouds"]["bed-admin"]
        self._auth = cloud["auth"]
        self._http = requests.Session()
        # identity: (token, catalogue, when)
        self._tokens: dict[tuple[str, str], tuple[str, dict[str, str], float]] = {}

    def call(
        self,
        method: str,
        service: str,
        path: str,
        *,
        user: tuple[str, str, str] | None = None,
        **more: Any,
    ) -> Any:
        """Send a request.

        Args:
            method: GET or POST.
            service: The service's type in the catalogue.
            path: What follows its endpoint.
            user: User id, password and project id; admin when not given.
            **more: As for requests.

        Returns:
            The decoded answer, or None if it is empty.
        """
        token, catalogue = self._token(user)
        headers = {"X-Auth-Token": token, **more.pop("headers", {})}
        answer = self._http.request(
            method, catalogue[service] + path, headers=headers, timeout=60, **more
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _token(self, user: tuple[str, str, str] | None) -> tuple[str, dict[str, str]]:
        key = (user[0], user[2]) if user else ("", "")
        known = self._tokens.get(key)
        if known and time.monotonic() - known[2] < TOKEN_LIFE:
            return known[:2]
        answer = self._http.post(
            f"{self._auth['auth_url']}/auth/tokens",
            json={"auth": self._identity(user)},
            timeout=60,
        )
        answer.raise_for_status()
        catalogue = {
            service["type"]: endpoint["url"]
            for service in answer.json()["token"]["catalog"]
            for endpoint in service["endpoints"]
            if (endpoint["interface"], endpoint["region_id"]) == ("public", REGION)
        }
        made = (answer.headers["X-Subject-Token"], catalogue, time.monotonic())
        self._tokens[key] = made
        return made[:2]

    def _identity(self, user: tuple[str, str, str] | None) -> dict[str, Any]:
        if user:
            who: dict[str, Any] = {"id": user[0], "password": user[1]}
            project: dict[str, Any] = {"id": user[2]}
        else:
            domain = {"id": "default"}
            who = {
                "name": self._auth["username"],
                "password": self._auth["password"],
                "domain": domain,
            }
            project = {"name": self._auth["project_name"], "domain": domain}
        return {
            "identity": {"methods": ["password"], "password": {"user": who}},
            "scope": {"project": project},
        }


@dataclass
class Server:
    """A running server and what its agent knows.

    Attributes:
        name: Its name in Nova.
        heat: Where its agent finds Heat, and as whom; None if it has no agent.
        since: When it was first seen running.
        asked: How often Heat was asked since there last was something to do.
        next: When to ask Heat again.
        params: What its agent was told, once all of it is deployed.
    """

    name: str
    heat: dict[str, str] | None
    since: float
    asked: int = 0
    next: float = 0
    params: dict[str, str] = field(default_factory=dict)


def credentials(user_data: str | None) -> dict[str, str] | None:
    """Find the agent's credentials in a server's user data.

    Args:
        user_data: As Nova gives it: an Ignition file in base64.

    Returns:
        The ``heat`` section of os-collect-config's data, or None.
    """
    raw = base64.b64decode(user_data or "")
    if not raw.lstrip().startswith(b"{"):
        return None
    for file in json.loads(raw).get("storage", {}).get("files", []):
        if file["path"].endswith("cfn-init-data"):
            contents = file["contents"]
            head, tail = contents["source"].split(",", 1)
            if head.endswith("base64"):
                data = base64.b64decode(tail)
            else:
                data = urllib.parse.unquote_to_bytes(tail)
            if contents.get("compression") == "gzip":
                data = gzip.decompress(data)
            return json.loads(data)["os-collect-config"]["heat"]
    return None


class Agents:
    """Plays the agents of all servers."""

    def __init__(self, cloud: Cloud, bed: Bed) -> None:
        self._cloud = cloud
        self._bed = bed
        self._servers: dict[str, Server] = {}
        self._clusters = Clusters(cloud.call, bed)
        # Kept in a file, or a restart would signal everything once more.
        self._signalled = bed.data / SIGNALLED
        self._done: set[str] = set()
        if self._signalled.exists():
            self._done.update(self._signalled.read_text().split())

    def round(self) -> None:
        """Look once at Nova, and let every agent do what it has to."""
        control = get_control(self._bed.run)
        self._find_servers()
        if control.paused:
            return
        now = time.monotonic()
        for server in self._servers.values():
            if server.heat and now >= max(server.next, server.since + control.delay):
                try:
                    self._run_agent(server, server.heat, control)
                except FAILURES as problem:
                    # Often its stack is being deleted. The others go on.
                    say(f"{server.name}: {problem}"[:300])
                    server.next = now + PAUSES[-1]
        self._clusters.update(
            [
                Machine(server_id, server.name, server.params)
                for server_id, server in self._servers.items()
                if server.params
            ]
        )

    def _find_servers(self) -> None:
        listed = self._cloud.call(
            "GET", "compute", "/servers?all_tenants=1&status=ACTIVE&limit=1000"
        )["servers"]
        active = {server["id"]: server["name"] for server in listed}
        for server_id in self._servers.keys() - active.keys():
            if self._is_gone(server_id):
                del self._servers[server_id]
        unplug(self._bed.data, active.keys() | self._servers.keys())
        for server_id in active.keys() - self._servers.keys():
            detail = self._cloud.call(
                "GET",
                "compute",
                f"/servers/{server_id}",
                headers={"X-OpenStack-Nova-API-Version": "2.47"},
            )["server"]
            wanted = classes_of(detail["flavor"]["extra_specs"])
            plug(self._bed.data, server_id, detail["OS-EXT-SRV-ATTR:host"], wanted)
            self._servers[server_id] = Server(
                active[server_id],
                credentials(detail.get("OS-EXT-SRV-ATTR:user_data")),
                time.monotonic(),
            )

    def _is_gone(self, server_id: str) -> bool:
        """Tell a server that was deleted from one that was stopped."""
        try:
            self._cloud.call("GET", "compute", f"/servers/{server_id}")
        except requests.HTTPError as problem:
            return problem.response.status_code == 404
        return False

    def _run_agent(
        self, server: Server, heat: dict[str, str], control: Control
    ) -> None:
        user = (heat["user_id"], heat["password"], heat["project_id"])
        path = f"/stacks/{heat['stack_id']}/resources/{heat['resource_name']}/metadata"
        answer = self._cloud.call("GET", "orchestration", path, user=user)
        deployments = answer["metadata"].get("deployments", [])
        new = [each for each in deployments if each["id"] not in self._done]
        for deployment in new:
            self._signal(server, deployment, control)
        if not new and not any(part in server.name for part in control.fail):
            server.params = heat_params(deployments)
        server.asked = 0 if new else server.asked + 1
        server.next = time.monotonic() + PAUSES[min(server.asked, len(PAUSES) - 1)]

    def _signal(
        self, server: Server, deployment: dict[str, Any], control: Control
    ) -> None:
        given = {i["name"]: i.get("value") for i in deployment["inputs"]}
        if given.get("deploy_signal_transport") == "HEAT_SIGNAL":
            failed = any(part in server.name for part in control.fail)
            user = (
                given["deploy_user_id"],
                given["deploy_password"],
                given["deploy_project_id"],
            )
            self._cloud.call(
                "POST",
                "orchestration",
                f"/stacks/{given['deploy_stack_id']}"
                f"/resources/{given['deploy_resource_name']}/signal",
                user=user,
                json={
                    "deploy_stdout": "played by the bed",
                    "deploy_stderr": "failed as told" if failed else "",
                    "deploy_status_code": 1 if failed else 0,
                },
            )
            outcome = "failure" if failed else "success"
            say(f"{server.name}: {given['deploy_resource_name']}: {outcome}")
        self._done.add(deployment["id"])
        with self._signalled.open("a") as kept:
            kept.write(f"{deployment['id']}\n")


def say(text: str) -> None:
    """Write a line to the log.

    Args:
        text: What happened.
    """
    print(time.strftime("%H:%M:%S"), text, flush=True)


def main() -> None:
    """Play until stopped."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    bed = Bed(folder, Path(sys.prefix), Path(sys.prefix))
    discovery = ThreadingHTTPServer(("127.0.0.1", port), Discovery)
    threading.Thread(target=discovery.serve_forever, daemon=True).start()
    agents = Agents(Cloud(bed.clouds), bed)
    while True:
        try:
            agents.round()
        except FAILURES as problem:
            # A service is down, or a server went away between two requests.
            say(f"{type(problem).__name__}: {problem}"[:300])
        time.sleep(ROUND)


if __name__ == "__main__":
    main()
