# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins that authenticate a user of Kubernetes: `exec` of a kubeconfig."""

from __future__ import annotations

import json
import os
import time
import typing as t

from .. import _http
from . import programs
from .errors import SchedulerError

Record = t.Dict[str, t.Any]

_OWN_DATA = "client.authentication.k8s.io/exec"
"""Name of the extension of a cluster that is for its plugin."""


def run(plugin: Record, folder: str, cluster: Record, timeout: float) -> Record:
    """Run a plugin, which is asked nothing on a terminal.

    Args:
        plugin: The `exec` of a user.
        folder: Folder that a relative path of the command is relative to.
        cluster: The cluster of the kubeconfig.
        timeout: Seconds that it may take.

    Returns:
        The `status` of the ExecCredential that it printed: `token`, or
        `clientCertificateData` and `clientKeyData` as PEM.

    Raises:
        SchedulerError: It failed, or printed something else.
    """
    command = os.path.expanduser(str(plugin["command"]))
    if os.path.dirname(command):
        command = os.path.join(folder, command)
    variables = {each["name"]: each["value"] for each in plugin.get("env") or ()}
    asked = json.dumps(_asked(plugin, cluster))
    output = _output(
        [command, *map(str, plugin.get("args") or ())],
        {**os.environ, **variables, "KUBERNETES_EXEC_INFO": asked},
        timeout,
    )
    try:
        answer = json.loads(output)
        status = answer["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise SchedulerError(f"exec: {command} printed no ExecCredential") from error
    if not isinstance(status, dict) or not (
        status.get("token") or status.get("clientCertificateData")
    ):
        raise SchedulerError(f"exec: {command} printed neither token nor certificate")
    return status


def _asked(plugin: Record, cluster: Record) -> Record:
    """Return the ExecCredential that a plugin is given."""
    spec: Record = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        extensions = cluster.get("extensions") or ()
        spec["cluster"] = {
            name: value for name, value in cluster.items() if name != "extensions"
        }
        for extension in extensions:
            if extension["name"] == _OWN_DATA:
                spec["cluster"]["config"] = extension["extension"]
    return {
        "apiVersion": plugin["apiVersion"],
        "kind": "ExecCredential",
        "spec": spec,
    }


def _output(
    command: list[str], environment: t.Mapping[str, str], timeout: float
) -> bytes:
    """Return what a command prints."""
    try:
        done = programs.run(command, time.monotonic() + timeout, environment)
    except (OSError, ValueError) as error:
        raise SchedulerError(f"exec: {command[0]} can't be run: {error}") from error
    except _http.Late as error:
        message = f"exec: {command[0]} took more than {timeout:.3g} s"
        raise SchedulerError(message) from error
    except _http.NotJson as error:
        raise SchedulerError(f"exec: what {command[0]} printed is {error}") from error
    if done.status:
        raise SchedulerError(
            f"exec: {command[0]} failed with {done.status}: {done.complaint:.300}"
        )
    return done.output
