# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plays Cluster API's infrastructure provider for OpenStack.

It watches the management cluster, and for each OpenStackCluster and OpenStackMachine
makes what they want in Neutron and Nova, with the cluster's own application
credential. Where it does something, it does it as upstream's provider
(cluster-api-provider-openstack) does: a server in ERROR becomes a condition, not a
failure, and is neither deleted nor made again. What runs in the machines is played by
`machines.py`. Its behavior is steered by a file that it reads in every round;
``python -m beds.openstack machines`` writes it.

Run as ``python -m beds.kubernetes.provider BED_FOLDER VENV CAPI_VENV``.
"""

from __future__ import annotations

import base64
import sys
import threading
import time
from pathlib import Path
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import SDKException

from beds.openstack.layout import Bed
from beds.openstack.vm_inside import Control, get_control, say

from . import management
from .cluster import ControlPlane
from .controller import NEVER, SOON, Controller, Key, Object, Trouble, cluster_of
from .controller import conditions as conditions_of
from .infrastructure import Infrastructure, connect
from .machines import Machine, boot

CLUSTERS, MACHINES = "openstackclusters", "openstackmachines"
OWNERS = "machines"
WATCHED = {
    CLUSTERS: f"/apis/{management.INFRASTRUCTURE}/v1beta1/{CLUSTERS}",
    MACHINES: f"/apis/{management.INFRASTRUCTURE}/v1beta1/{MACHINES}",
    OWNERS: f"/apis/cluster.x-k8s.io/v1beta2/{OWNERS}",
}
FINALIZER = "openstack.infrastructure.cluster.x-k8s.io"
CONTROL_PLANE = "cluster.x-k8s.io/control-plane"
# Set when the machine has joined: one whose Node was deleted doesn't join again.
JOINED = "bed.gpufleet.example/joined"


class Provider:
    """Does what the objects in the management cluster ask for.

    Args:
        bed: The bed; the management cluster runs.
    """

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._objects = Controller(management.control_plane(bed).api(), WATCHED)
        self._clouds: dict[str, Connection] = {}
        self._active_since: dict[Key, float] = {}
        self._started: set[str] = set()
        # Two threads must not start the same control plane.
        self._starting = threading.Lock()

    def run(self) -> None:
        """Work until the process ends."""
        actions = {CLUSTERS: self._cluster, MACHINES: self._machine}
        self._objects.run(actions, lambda: self._control().paused)

    def _control(self) -> Control:
        return get_control(self._bed.run, management.CONTROL)

    def _cluster(self, key: Key, thing: Object) -> float:
        name = _cluster_name(thing)
        if not name:
            return NEVER
        if thing["metadata"].get("deletionTimestamp"):
            return self._remove_cluster(key, thing)
        if thing.get("status", {}).get("ready"):
            plane = self._plane(thing)
            # After a start of the bed.
            if plane.kubeconfig.exists() and name not in self._started:
                with self._starting:
                    plane.start()
            self._started.add(name)
            return NEVER
        self._keep(key, thing)
        spec = thing["spec"]
        network, address = self._infrastructure(thing).make_network(spec)
        endpoint = {"host": address, "port": spec.get("apiServerPort", 6443)}
        self._objects.patch(key, {"spec": {"controlPlaneEndpoint": endpoint}})
        ready = {"ready": True, "network": {"id": network}, "conditions": None}
        self._objects.patch(key, {"status": ready}, "/status")
        self._started.add(name)
        say(f"{name}: cluster at {address}")
        return NEVER

    def _remove_cluster(self, key: Key, thing: Object) -> float:
        name = _cluster_name(thing)
        machines = self._objects.seen(MACHINES, key[1])
        if any(cluster_of(machine) == name for _key, machine in machines):
            return NEVER
        self._infrastructure(thing).remove_network()
        self._plane(thing).remove()
        self._objects.patch(key, {"metadata": {"finalizers": None}})
        say(f"{name}: cluster removed")
        return NEVER

    def _machine(self, key: Key, thing: Object) -> float:
        clusters = self._objects.seen(CLUSTERS, key[1])
        name = cluster_of(thing)
        cluster = next((c for _key, c in clusters if _cluster_name(c) == name), None)
        if thing["metadata"].get("deletionTimestamp"):
            return self._remove_machine(key, cluster)
        owner = dict(self._objects.seen(OWNERS, key[1])).get((OWNERS, *key[1:]))
        joined = thing["metadata"].get("annotations", {}).get(JOINED)
        if joined or not cluster or not cluster.get("status", {}).get("ready"):
            return NEVER
        if not owner or not owner["spec"]["bootstrap"].get("dataSecretName"):
            return NEVER
        self._keep(key, thing)
        user_data = self._secret(key[1], owner["spec"]["bootstrap"]["dataSecretName"])
        server = self._server(key, thing, cluster, user_data["value"])
        if server is None or server.status != "ACTIVE":
            return SOON
        if not thing.get("status", {}).get("ready"):
            self._tell_ready(key, server)
        machine = Machine(
            server,
            owner["spec"]["version"],
            user_data["value"],
            CONTROL_PLANE in thing["metadata"]["labels"],
        )
        return self._boot(key, machine, self._plane(cluster))

    def _server(self, key: Key, thing: Object, cluster: Object, user_data: str) -> Any:
        """Return the machine's server; ask for one where there is none."""
        infrastructure = self._infrastructure(cluster)
        server = infrastructure.server(key[2])
        if server is None:
            network = cluster["status"]["network"]["id"]
            try:
                infrastructure.create_server(key[2], thing["spec"], network, user_data)
            except SDKException as problem:
                raise Trouble("InstanceCreateFailed", str(problem)) from None
            say(f"{key[2]}: server asked for")
        elif server.status == "ERROR":
            fault = server.fault or {"message": "Instance is in ERROR state"}
            raise Trouble("InstanceStateError", fault["message"].strip())
        return server

    def _boot(self, key: Key, machine: Machine, plane: ControlPlane) -> float:
        control = self._control()
        since = self._active_since.setdefault(key, time.monotonic())
        waits = time.monotonic() < since + control.delay
        if waits or any(part in key[2] for part in control.fail):
            return SOON
        with self._starting:
            boot(machine, plane)
        self._objects.patch(key, {"metadata": {"annotations": {JOINED: "true"}}})
        say(f"{key[2]}: joined")
        return NEVER

    def _remove_machine(self, key: Key, cluster: Object | None) -> float:
        if cluster and not self._infrastructure(cluster).delete_servers(key[2]):
            return SOON
        self._objects.patch(key, {"metadata": {"finalizers": None}})
        self._active_since.pop(key, None)
        say(f"{key[2]}: removed")
        return NEVER

    def _tell_ready(self, key: Key, server: Any) -> None:
        provider_id = f"openstack:///{server.id}"
        self._objects.patch(key, {"spec": {"providerID": provider_id}})
        addresses = [
            {"type": "InternalIP", "address": address["addr"]}
            for network in server.addresses.values()
            for address in network
        ]
        addresses.append({"type": "InternalDNS", "address": server.name})
        status = {
            "ready": True,
            "instanceID": server.id,
            "instanceState": server.status,
            "addresses": addresses,
            "conditions": conditions_of("True", "Ready"),
        }
        self._objects.patch(key, {"status": status}, "/status")
        say(f"{key[2]}: server is active")

    def _keep(self, key: Key, thing: Object) -> None:
        if FINALIZER not in thing["metadata"].get("finalizers", []):
            self._objects.patch(key, {"metadata": {"finalizers": [FINALIZER]}})

    def _secret(self, namespace: str, name: str) -> dict[str, str]:
        secret = self._objects.api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if secret is None:
            raise LookupError(f"no secret {name}")
        return secret["data"]

    def _infrastructure(self, cluster: Object) -> Infrastructure:
        namespace = cluster["metadata"]["namespace"]
        secret = self._secret(namespace, cluster["spec"]["identityRef"]["name"])
        clouds = base64.b64decode(secret["clouds.yaml"]).decode()
        if clouds not in self._clouds:
            self._clouds[clouds] = connect(clouds)
        name = f"k8s-clusterapi-cluster-{namespace}-{_cluster_name(cluster)}"
        return Infrastructure(self._clouds[clouds], name)

    def _plane(self, cluster: Object) -> ControlPlane:
        address = cluster["spec"].get("controlPlaneEndpoint", {}).get("host", "")
        name = _cluster_name(cluster)
        return ControlPlane(self._bed, management.etcd(self._bed), name, address)


def _cluster_name(infrastructure: Object) -> str:
    """The Cluster that owns an OpenStackCluster, once there is one."""
    for reference in infrastructure["metadata"].get("ownerReferences", []):
        if reference["kind"] == "Cluster":
            return reference["name"]
    return ""


def main() -> None:
    """Play until stopped."""
    Provider(Bed(*map(Path, sys.argv[1:4]))).run()


if __name__ == "__main__":
    main()
