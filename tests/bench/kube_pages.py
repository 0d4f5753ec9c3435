# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API server for benches: pages made before, by a process of its own.

Pods and nodes are recorded ones (tests/fakes/recorded/kubernetes.json) under other names.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from beds.openstack.layout import free_ports
from fakes.recorded import kube

PAGE = 500
JOBS = 4
"""Pods of a Job."""

Record = dict[str, Any]


class Server:
    """An API server.

    Args:
        nodes: How many nodes.
        pods: How many pods; four of them belong to one Job.
        devices: Of each node.
    """

    def __init__(self, nodes: int, pods: int, devices: int) -> None:
        [self._port] = free_ports(1)
        fork = multiprocessing.get_context("fork")
        ready = fork.Event()
        self._process = fork.Process(
            target=_serve, args=(self._port, nodes, pods, devices, ready), daemon=True
        )
        self._process.start()
        assert ready.wait(300)

    def close(self) -> None:
        """End it, by pid."""
        self._process.terminate()
        self._process.join()

    def kubeconfig(self, path: Path) -> str:
        """Write a kubeconfig for it. Returns its path."""
        return kube.kubeconfig(self._port, path)


def _serve(port: int, nodes: int, pods: int, devices: int, ready: Any) -> None:
    recorded = json.loads(kube.FILE.read_text())
    lists = {
        "/api/v1/nodes": _nodes(recorded, nodes, devices),
        "/api/v1/pods": _pods(recorded, pods, nodes),
        "/apis/batch/v1/jobs": [
            {"metadata": {"name": f"job-{n}", "namespace": "team", "uid": f"job-{n}"}}
            for n in range(-(-pods // JOBS))
        ],
    }
    answers = {
        path: [_page(items, start) for start in range(0, max(1, len(items)), PAGE)]
        for path, items in lists.items()
    }
    offered = {"resources": [{"name": "jobs", "kind": "Job"}]}
    answers["/apis/batch/v1"] = [json.dumps(offered).encode()]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            number = int(parse_qs(url.query).get("continue", ["0"])[0])
            pages = answers.get(url.path)
            content = pages[number] if pages else b'{"message": "not found"}'
            self.send_response(200 if pages else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    ready.set()
    http.serve_forever()


def _page(items: list[Record], start: int) -> bytes:
    last = start + PAGE >= len(items)
    metadata = {} if last else {"continue": str(start // PAGE + 1)}
    return json.dumps(
        {"items": items[start : start + PAGE], "metadata": metadata}
    ).encode()


def _nodes(recorded: Record, count: int, devices: int) -> list[Record]:
    [pattern] = recorded["/api/v1/nodes"]["items"][:1]
    found = []
    for number in range(count):
        node = copy.deepcopy(pattern)
        node["metadata"]["name"] = f"node-{number:05}"
        for status in ("capacity", "allocatable"):
            for name in node["status"][status]:
                if name.endswith("/gpu"):
                    node["status"][status][name] = str(devices)
        found.append(node)
    return found


def _pods(recorded: Record, count: int, nodes: int) -> list[Record]:
    pattern = next(
        pod for pod in recorded["/api/v1/pods"]["items"] if pod["spec"].get("nodeName")
    )
    text = json.dumps(pattern)
    found = []
    for number in range(count):
        pod = json.loads(text)
        job = f"job-{number // JOBS}"
        pod["metadata"].update(name=f"pod-{number}", namespace="team", uid=f"p{number}")
        pod["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "name": job,
                "uid": job,
                "controller": True,
            }
        ]
        pod["spec"]["nodeName"] = f"node-{number % nodes:05}"
        found.append(pod)
    return found
