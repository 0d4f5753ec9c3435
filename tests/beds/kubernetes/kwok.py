# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kwok, which plays the kubelets, is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from . import programs

OURS = programs.HERE / "stages.yaml"
NOT_READY = "bed.gpufleet.example/not-ready"
API = "kwok.x-k8s.io/v1alpha1"
# Of kwok's own stages. Its pods of jobs end at once, and none takes time to
# terminate, so of those for pods only the first.
THEIRS = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
)


def write_config(path: Path, api_address: str) -> None:
    """Write kwok's configuration.

    Args:
        path: The file; the log of pods that have none of their own lies beside it.
        api_address: The API server's address: Cluster API reads its certificate by
            forwarding a port of its pod.
    """
    log = path.with_name("pod.log")
    log.write_text(log_of("played by the bed\n"))
    logs = {"logs": [{"logsFile": str(log), "follow": False}]}
    forward = {
        "selector": {"matchNamespaces": ["kube-system"]},
        "forwards": [
            {"ports": [6443], "target": {"port": 6443, "address": api_address}}
        ],
    }
    documents = [
        *_stages(),
        _object("ClusterLogs", "pods", logs),
        _object("ClusterPortForward", "kube-apiserver", forward),
    ]
    path.write_text("\n---\n".join(json.dumps(each) for each in documents))


def log_of(text: str) -> str:
    """Return a log as a container runtime writes it, with a time for each line.

    Args:
        text: What was printed.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    return "".join(f"{now} stdout F {line}\n" for line in text.splitlines())


def crds() -> list[dict[str, Any]]:
    """Return the definitions of what kwok reads while it runs: logs of single pods."""
    [path] = (programs.folder() / "kwok").glob("**/kwok.x-k8s.io_logs.yaml")
    return list(yaml.safe_load_all(path.read_text()))


def _stages() -> Iterator[dict[str, Any]]:
    for name in THEIRS:
        path = programs.folder() / "kwok" / "kustomize" / "stage" / name
        stage = yaml.safe_load(path.read_text())
        if stage["metadata"]["name"] == "node-initialize":
            # Else it would make a node Ready again at once.
            stage["spec"]["selector"]["matchExpressions"].append(
                {
                    "key": f'.metadata.annotations["{NOT_READY}"]',
                    "operator": "DoesNotExist",
                }
            )
        yield stage
    yield from yaml.safe_load(OURS.read_text())


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}
