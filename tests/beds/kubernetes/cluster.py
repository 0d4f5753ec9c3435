# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts and ends control planes: each on a loopback address, all on one etcd."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import shutil
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from beds.openstack.layout import Bed, BedError, free_ports, write_private
from beds.openstack.processes import output_of, running, start, stop, tail
from beds.openstack.service import Service

from . import kwok, programs
from .api import Api
from .certificates import Signer, key_pem, new_key, request, write_kubeconfig

PORT = 6443
# The first address of --service-cluster-ip-range.
SERVICE = "10.96.0.1"
READY_SECONDS = 120


def kubectl(kubeconfig: Path, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl.

    Args:
        kubeconfig: How the cluster is reached.
        *arguments: Its arguments.
        stdin: What it reads.

    Returns:
        What it printed.

    Raises:
        BedError: It failed.
    """
    program = (programs.path("kubernetes"), "kubectl")
    return output_of(
        [*program, f"--kubeconfig={kubeconfig}", *arguments],
        name=f"kubectl {' '.join(arguments)}",
        stdin=stdin,
    )


def objects(kubeconfig: Path, kind: str, *arguments: str) -> list[dict[str, Any]]:
    """List objects with kubectl.

    Args:
        kubeconfig: How the cluster is reached.
        kind: Such as nodes.
        *arguments: Such as selectors.

    Raises:
        BedError: It failed.
    """
    found = json.loads(kubectl(kubeconfig, "get", kind, *arguments, "-ojson"))
    return list(found["items"])


@dataclass(frozen=True)
class Etcd:
    """The one etcd of a bed.

    Attributes:
        bed: Whose.
        client: The port for clients.
        peer: The port for members, of which there are no others.
    """

    bed: Bed
    client: int
    peer: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.client}"

    def service(self) -> Service:
        """Return the line for the table of services."""
        peers = f"http://127.0.0.1:{self.peer}"
        return Service(
            "etcd",
            (
                programs.path("kubernetes"),
                "etcd",
                f"--data-dir={self.bed.data}/etcd",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                # Else the ports of the first start would have to stay.
                "--force-new-cluster",
                "--unsafe-no-fsync",
            ),
            port=self.client,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        start(self.bed, self.service())
        wait_until(self.bed, "etcd", self._healthy)

    def forget(self, prefix: str) -> None:
        """Delete all keys of a control plane.

        Args:
            prefix: Its prefix, such as /name.
        """
        first = f"{prefix}/".encode()
        last = first[:-1] + bytes([first[-1] + 1])
        body = {
            "key": base64.b64encode(first).decode(),
            "range_end": base64.b64encode(last).decode(),
        }
        requests.post(
            f"{self.url}/v3/kv/deleterange", json=body, timeout=30
        ).raise_for_status()

    def _healthy(self) -> bool:
        answer = requests.get(f"{self.url}/health", timeout=5)
        return answer.json().get("health") == "true"


@dataclass(frozen=True)
class ControlPlane:
    """A control plane, with kwok as its nodes' kubelets.

    Attributes:
        bed: Whose processes, logs and data.
        etcd: Where it keeps its objects.
        name: What it is called, also in etcd and in the names of its processes.
        address: A loopback address that is its alone.
    """

    bed: Bed
    etcd: Etcd
    name: str
    address: str

    @property
    def folder(self) -> Path:
        """Certificates and configuration."""
        return self.bed.data / "kubernetes" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "admin.conf"

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://{self.address}:{PORT}"

    def prepare(self, authority: str, sign: Signer, accounts_key: str = "") -> None:
        """Write certificates and configuration.

        Args:
            authority: The certificate of the cluster's authority (PEM).
            sign: Makes its certificates.
            accounts_key: The key (PEM) of service accounts; a new one when not given.
        """
        key = new_key()
        hosts = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        hosts += ["localhost", "127.0.0.1", SERVICE, self.address]
        wanted = request(key, "kube-apiserver", hosts=hosts)
        self._write("tls.key", key_pem(key))
        self._write("tls.crt", sign(wanted))
        self._write("ca.crt", authority)
        self._write("sa.key", accounts_key or key_pem(new_key()))
        self._write("kubelet.port", str(free_ports(1)[0]))
        write_kubeconfig(self.kubeconfig, self.url, authority, sign)
        kwok.write_config(self.folder / "kwok.yaml", self.address)

    def start(self) -> None:
        """Start what does not run, and wait until all of it works."""
        self.start_server()
        others = self.services()[1:]
        self.apply(kwok.crds())
        for service in others:
            start(self.bed, service)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        api = self.api()
        wait_until(self.bed, others[0].name, lambda: api.get(account) is not None)

    def start_server(self) -> None:
        """Start the API server alone, unless it runs, and wait until it works."""
        server = self.server()
        start(self.bed, server)
        wait_until(self.bed, server.name, self._ready)

    def stop(self) -> None:
        """End its processes."""
        stop(self.bed.path, [service.name for service in self.services()])

    def remove(self) -> None:
        """End its processes, and delete all that it had."""
        if self.kubeconfig.exists():  # else it was never prepared
            self.stop()
        self.etcd.forget(f"/{self.name}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def api(self) -> Api:
        """Return a client for an administrator."""
        return Api(self.kubeconfig)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl as an administrator.

        Args:
            *arguments: Its arguments.
            stdin: What it reads.

        Returns:
            What it printed.

        Raises:
            BedError: It failed.
        """
        return kubectl(self.kubeconfig, *arguments, stdin=stdin)

    def apply(self, objects: Iterable[dict[str, Any]]) -> None:
        """Create objects, or change them to what is given.

        Args:
            objects: With ``apiVersion`` and ``kind``.
        """
        text = "\n---\n".join(json.dumps(each) for each in objects)
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f-", stdin=text)

    def set_log(self, namespace: str, pod: str, text: str) -> None:
        """Give a pod a log of its own.

        Args:
            namespace: Its namespace.
            pod: Its name.
            text: The log.
        """
        path = self.folder / f"{namespace}.{pod}.log"
        path.write_text(kwok.log_of(text))
        logs = [{"logsFile": str(path), "follow": False}]
        metadata = {"name": pod, "namespace": namespace}
        self.apply(
            [
                {
                    "apiVersion": kwok.API,
                    "kind": "Logs",
                    "metadata": metadata,
                    "spec": {"logs": logs},
                }
            ]
        )

    def services(self) -> list[Service]:
        """Return its processes, the API server first."""
        scheduler = self._service(
            "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            "--secure-port=0",
        )
        return [self.server(), self.controllers(), scheduler, self._kwok()]

    def server(self) -> Service:
        """Return the API server's process."""
        return self._service("kube-apiserver", *self._apiserver_flags())

    def controllers(self) -> Service:
        """Return the controller manager's process."""
        return self._service(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.folder}/sa.key",
            f"--root-ca-file={self.folder}/ca.crt",
            "--leader-elect=false",
            "--secure-port=0",
        )

    def _apiserver_flags(self) -> list[str]:
        folder = self.folder
        return [
            f"--etcd-servers={self.etcd.url}",
            f"--etcd-prefix=/{self.name}",
            f"--bind-address={self.address}",
            f"--secure-port={PORT}",
            # A loopback address may be no endpoint of the service "kubernetes".
            f"--advertise-address={self.address}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={folder}/tls.crt",
            f"--tls-private-key-file={folder}/tls.key",
            f"--client-ca-file={folder}/ca.crt",
            f"--service-account-key-file={folder}/sa.key",
            f"--service-account-signing-key-file={folder}/sa.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged",
            "--kubelet-preferred-address-types=InternalDNS,InternalIP",
        ]

    def _kwok(self) -> Service:
        folder = self.folder
        port = (folder / "kubelet.port").read_text()
        return Service(
            f"{self.name}-kwok",
            (
                programs.path("kwok"),
                f"--kubeconfig={self.kubeconfig}",
                f"--config={folder}/kwok.yaml",
                "--manage-all-nodes",
                "--enable-crds=Logs",
                "--node-lease-duration-seconds=40",
                f"--server-address=127.0.0.1:{port}",
                f"--node-port={port}",
                f"--tls-cert-file={folder}/tls.crt",
                f"--tls-private-key-file={folder}/tls.key",
            ),
        )

    def _service(self, program: str, *flags: str) -> Service:
        command = (programs.path("kubernetes"), program, *flags)
        return Service(f"{self.name}-{program}", command)

    def _write(self, name: str, text: str) -> None:
        write_private(self.folder / name, text)

    def _ready(self) -> bool:
        answer = requests.get(
            f"{self.url}/readyz", verify=str(self.folder / "ca.crt"), timeout=5
        )
        return answer.text == "ok"


def free_address() -> str:
    """Return a loopback address on whose port of Kubernetes nobody listens."""
    while True:
        address = f"127.22.{random.randrange(256)}.{random.randrange(1, 255)}"
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, PORT))
            return address


def wait_until(bed: Bed, name: str, ready: Callable[[], bool]) -> None:
    """Wait until a service works.

    Args:
        bed: The bed.
        name: The service.
        ready: Tells whether it does; it may raise what its requests raise.

    Raises:
        BedError: It has ended, or takes too long; holds the end of its log.
    """
    deadline = time.monotonic() + READY_SECONDS
    problem = ""
    while True:
        try:
            if ready():
                return
        except (requests.RequestException, ValueError) as error:
            problem = str(error)
        if not running(bed.run, name):
            raise BedError(f"{name} has ended:\n{tail(bed, name)}")
        if time.monotonic() > deadline:
            raise BedError(f"{name} is not ready: {problem}\n{tail(bed, name)}")
        time.sleep(0.1)
