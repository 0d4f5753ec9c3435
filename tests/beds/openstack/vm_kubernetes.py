# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a Kubernetes behind each cluster of Magnum's Heat driver that asks for one.

A cluster asks with the label ``bed_kubernetes=true``, and needs floating IPs, which
are loopback addresses. What the machines of such a cluster would do is done as they
would: certificates are signed by Magnum for the cluster's trustee, and a node joins
when its agent has deployed all.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from beds.kubernetes.certificates import Signer
from beds.kubernetes.cluster import ControlPlane, Etcd
from beds.kubernetes.nodes import Node, join

from .devices import devices_of
from .hardware import KUBERNETES
from .layout import Bed, BedError

LABEL = "bed_kubernetes"
# Its nodes offer their devices by ResourceSlices instead of a device plugin.
CLAIMS = "bed_resource_slices"
ROUND = 1.0
# What a round may raise: of requests and files, programs, answers of another shape.
FAILURES = (OSError, BedError, LookupError, ValueError)

Call = Callable[..., Any]
"""`vm_inside.Cloud.call`."""


@dataclass(frozen=True)
class Machine:
    """A server whose agent has deployed all.

    Attributes:
        id: Its id in Nova.
        name: Its name.
        params: What the agent was told: /etc/sysconfig/heat-params.
    """

    id: str
    name: str
    params: dict[str, str]

    @property
    def cluster(self) -> str:
        """The uuid of its cluster."""
        return self.params["CLUSTER_UUID"]

    @property
    def is_master(self) -> bool:
        """Whether it is one of the cluster's masters."""
        return self.params["NODEGROUP_ROLE"] == "master"


def heat_params(deployments: list[dict[str, Any]]) -> dict[str, str]:
    """Find what the agent writes to heat-params.

    Args:
        deployments: What Heat has for it to deploy.

    Returns:
        Values by name; empty where there are none.
    """
    for deployment in deployments:
        script = deployment.get("config") or ""
        if isinstance(script, str) and 'CLUSTER_UUID="' in script:
            return dict(re.findall(r'^([A-Z_0-9]+)="(.*)"$', script, re.MULTILINE))
    return {}


class Clusters:
    """All clusters that have a Kubernetes, each in a thread of its own.

    Args:
        call: Sends requests to the bed's services.
        bed: The bed.
    """

    def __init__(self, call: Call, bed: Bed) -> None:
        self._call = call
        self._bed = bed
        self._threads: dict[str, _Cluster] = {}

    def update(self, machines: list[Machine]) -> None:
        """Say which machines there are.

        Args:
            machines: Those whose agents have deployed all.
        """
        # Those of clusters that are gone; a cluster without the label keeps its thread,
        # which has ended, so that Magnum is asked once.
        for uuid, thread in list(self._threads.items()):
            if not thread.machines and not thread.is_alive():
                del self._threads[uuid]
        found: dict[str, dict[str, Machine]] = {uuid: {} for uuid in self._threads}
        for machine in machines:
            found.setdefault(machine.cluster, {})[machine.id] = machine
        for uuid, of_cluster in found.items():
            if uuid in self._threads:
                self._threads[uuid].machines = of_cluster
            else:
                self._threads[uuid] = _Cluster(uuid, of_cluster, self._call, self._bed)
                self._threads[uuid].start()


class _Cluster(threading.Thread):
    """A cluster, until its last machine is gone."""

    def __init__(
        self, uuid: str, machines: dict[str, Machine], call: Call, bed: Bed
    ) -> None:
        super().__init__(daemon=True)
        self.machines = machines
        self._uuid = uuid
        self._call = call
        self._bed = bed
        self._labels: dict[str, str] = {}
        self._plane: ControlPlane | None = None
        self._joined: set[str] = set()

    def run(self) -> None:
        over = False
        while not over:
            try:
                over = self._round()
            except FAILURES as problem:
                # Such as a service that is down: the next round tries again.
                text = f"{self._uuid}: {type(problem).__name__}: {problem}"
                print(time.strftime("%H:%M:%S"), text[:600], flush=True)
            time.sleep(ROUND)

    def _round(self) -> bool:
        """Do what there is to do.

        Returns:
            Whether there will be nothing any more.
        """
        if not self.machines:
            if self._plane:
                self._plane.remove()
            return True
        if not self._labels:
            path = f"/clusters/{self._uuid}"
            self._labels = self._call("GET", "container-infra", path)["labels"]
        if self._labels.get(LABEL) != "true":
            return True
        if self._plane:
            self._sync(self._plane)
        else:
            self._plane = self._start()
        return False

    def _start(self) -> ControlPlane | None:
        masters = [one for one in self.machines.values() if one.is_master]
        if not masters:
            return None
        params = masters[0].params
        address = params["KUBE_API_PUBLIC_ADDRESS"] or params["KUBE_NODE_PUBLIC_IP"]
        name = masters[0].name.rpartition("-master-")[0]
        ports = self._bed.ports
        etcd = Etcd(self._bed, ports["etcd"], ports["etcd-peer"])
        plane = ControlPlane(self._bed, etcd, name, address)
        if not plane.kubeconfig.exists():
            plane.prepare(*_magnum_authority(params))
        plane.start()
        return plane

    def _sync(self, plane: ControlPlane) -> None:
        """Let new machines join; forget those that are gone, as the cloud's controller does."""
        api = plane.api()
        machines = dict(self.machines)
        for machine in machines.values():
            if machine.id not in self._joined:
                join(api, self._node(machine))
                self._joined.add(machine.id)
        for gone in self._joined - machines.keys():
            nodes = api.request("GET", "/api/v1/nodes")["items"]
            for node in nodes:
                if node["spec"].get("providerID", "").endswith(gone):
                    api.request("DELETE", f"/api/v1/nodes/{node['metadata']['name']}")
            self._joined.discard(gone)

    def _node(self, machine: Machine) -> Node:
        server = self._call(
            "GET",
            "compute",
            f"/servers/{machine.id}",
            headers={"X-OpenStack-Nova-API-Version": "2.47"},
        )["server"]
        flavor = server["flavor"]
        devices = devices_of(self._bed.data, machine.id)
        claims = self._labels.get(CLAIMS) == "true"
        [fixed, *_more] = [
            address["addr"]
            for addresses in server["addresses"].values()
            for address in addresses
            if address["OS-EXT-IPS:type"] == "fixed"
        ]
        return Node(
            machine.name,
            address=fixed,
            server_id=machine.id,
            version=machine.params["KUBE_TAG"],
            cpus=flavor["vcpus"],
            memory_mib=flavor["ram"],
            devices=Counter(
                KUBERNETES[one.resource_class] for one in devices if not claims
            ),
            uuids=[one.uuid for one in devices] if claims else [],
            labels={"magnum.openstack.org/nodegroup": machine.params["NODEGROUP_NAME"]},
            control_plane=machine.is_master,
        )


def _magnum_authority(params: dict[str, str]) -> tuple[str, Signer]:
    """Sign in as the cluster's trustee, as make-cert.sh does on a master.

    Returns:
        The certificate of the cluster's authority, and what signs by it.
    """
    user = {"id": params["TRUSTEE_USER_ID"], "password": params["TRUSTEE_PASSWORD"]}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"OS-TRUST:trust": {"id": params["TRUST_ID"]}}
    answer = requests.post(
        f"{params['AUTH_URL']}/auth/tokens",
        json={"auth": {"identity": identity, "scope": scope}},
        timeout=60,
    )
    answer.raise_for_status()
    headers = {
        "X-Auth-Token": answer.headers["X-Subject-Token"],
        "OpenStack-API-Version": "container-infra latest",
    }
    url = f"{params['MAGNUM_URL']}/certificates"
    cluster = params["CLUSTER_UUID"]

    def sign(request: x509.CertificateSigningRequest) -> str:
        csr = request.public_bytes(Encoding.PEM).decode()
        body = {"cluster_uuid": cluster, "csr": csr}
        signed = requests.post(url, json=body, headers=headers, timeout=60)
        signed.raise_for_status()
        return str(signed.json()["pem"])

    found = requests.get(f"{url}/{cluster}", headers=headers, timeout=60)
    found.raise_for_status()
    return found.json()["pem"], sign
