# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook that runs a pod with a device, as far as that goes without Kubernetes.

Its tasks are run by the modules of kubernetes.core themselves. What answers them is no
Kubernetes, but the few paths that they ask for, with a pod that runs and then ends. The
credentials are another test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.runner import HERE
from recorded import kube

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PEER_PYTHON", "")
"""Has PyPI's ansible, and with it kubernetes.core."""

PODS = "/api/v1/namespaces/default/pods"
PATHS: dict[str, Any] = {
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {
                "name": "pods",
                "singularName": "pod",
                "namespaced": True,
                "kind": "Pod",
                "verbs": ["create", "delete", "get", "list", "patch"],
            },
            {"name": "pods/log", "namespaced": True, "kind": "Pod", "verbs": ["get"]},
        ],
    },
}
RUNS, ENDED, FAILED = ({"phase": phase} for phase in ("Running", "Succeeded", "Failed"))


class Server:
    """What answers.

    Attributes:
        pod: The pod, if there is one.
        made: The pod as it was asked for.
        steps: What its status is, one look after the other.
    """

    def __init__(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        self.pod: dict[str, Any] | None = None
        self.made: dict[str, Any] = {}
        self.steps = [RUNS, ENDED]

        class Handler(_Handler):
            server_of = self

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of an answer; a text is one."""
        if method == "GET" and path in PATHS:
            return 200, PATHS[path]
        if (method, path) == ("POST", PODS):
            self.made = body
            self.pod = {**body, "status": {"phase": "Pending"}}
            return 201, self.pod
        pod = f"{PODS}/gpufleet-devices"
        if self.pod and path == f"{pod}/log" and method == "GET":
            assert self.pod["status"] in (ENDED, FAILED)
            return 200, "GPU 0: A100\nGPU 1: A100"
        if self.pod and path == pod and method == "GET":
            self.pod["status"] = self.steps[0]
            self.steps = self.steps[1:] or self.steps
            return 200, self.pod
        if self.pod and path == pod and method == "DELETE":
            self.pod = None
            return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        return 404, {"kind": "Status", "code": 404, "reason": "NotFound"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    server_of: Server

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length)) if length else None
        path = self.path.partition("?")[0]
        status, told = self.server_of.answer(self.command, path, body)
        text = isinstance(told, str)
        content = told.encode() if text else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815 - http.server asks for them


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def run(
    server: Server, folder: Path, **variables: Any
) -> tuple[int, list[dict[str, Any]]]:
    """The status, and results of the playbook's tasks but the credentials."""
    [play] = yaml.safe_load((ROOT / "playbooks/kubernetes.yml").read_text())
    [own] = [task for task in play["tasks"] if "gpufleet.openstack.kubeconfig" in task]
    tasks = [task for task in play["tasks"] if task is not own]
    book = folder / "book.json"
    book.write_text(json.dumps([{**play, "tasks": tasks}]))
    given = {
        "path": kube.kubeconfig(server.http.server_address[1], folder / "kubeconfig"),
        # Has the Python package kubernetes.
        "ansible_python_interpreter": sys.executable,
        **variables,
    }
    results = folder / "results"
    done = subprocess.run(
        [
            Path(PYTHON).parent / "ansible-playbook",
            *("-i", "localhost,"),
            book,
            *("--extra-vars", json.dumps(given)),
        ],
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder),
            # kubernetes.core keeps there what it has found.
            "TMPDIR": str(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "GPUFLEET_TEST_RESULTS": str(results),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert results.exists(), done.stdout + done.stderr
    lines = results.read_text().splitlines()
    return done.returncode, [json.loads(line) for line in lines]


def test_a_pod_with_a_device(server: Server, tmp_path: Path) -> None:
    given = {"cluster": "training", "count": "2", "resource": "amd.com/gpu"}
    status, [made, ended, printed, shown, removed, _seen] = run(
        server, tmp_path, **given
    )
    assert status == 0
    assert made["changed"]
    assert ended["resources"][0]["status"] == ENDED
    [container] = server.made["spec"]["containers"]
    assert container["command"] == ["nvidia-smi"]
    assert container["resources"] == {"limits": {"amd.com/gpu": "2"}}
    assert printed["log_lines"] == shown["msg"] == ["GPU 0: A100", "GPU 1: A100"]
    assert removed["changed"]
    assert server.pod is None


def test_a_pod_that_fails(server: Server, tmp_path: Path) -> None:
    server.steps = [FAILED]
    status, results = run(server, tmp_path, cluster="training")
    assert status == 2
    assert results[3]["msg"] == ["GPU 0: A100", "GPU 1: A100"]
    assert "The pod has failed" in results[-1]["msg"]
    assert server.pod is None
