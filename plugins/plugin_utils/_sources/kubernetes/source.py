# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source Kubernetes: nodes with devices, and the workloads that hold them."""

from __future__ import annotations

import contextlib
import heapq
import time
import typing as t
from dataclasses import replace
from functools import partial

from ....module_utils._cloud.engine.clock import Clock
from ....module_utils._cloud.engine.errors import CloudError
from ....module_utils._cloud.services import certificates, credentials
from ....module_utils._cloud.services.session import Cloud
from ....module_utils._schedulers import kubeconfig, kubernetes
from ....module_utils._schedulers.errors import SchedulerError
from ....module_utils._schedulers.kubernetes import Get, Refused, listed
from ..._fleet.types import Consumer, Record, Schedule, Scheduled, consumer
from ..base import Source, no_schedule
from ..failure import SourceError
from ..partial import guarded
from . import claims
from .exporters import Addresses
from .held import Held
from .owners import Owner, Owners
from .records import Node, Pod
from .resources import RESOURCES, matcher
from .unknown import unknown

USER = "gpufleet:reports"
GROUPS = ("gpufleet:readers",)
"""Whom the certificates of the source are for. Kubernetes knows no users: it believes
certificates."""

_IDENTS = 64
"""Ids of pods and machines by which a cluster is recognized."""

_RUNNING = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
_PLAYBOOK = "the playbook gpufleet.openstack.kubernetes_access"
_MANIFEST = "playbooks/files/kubernetes-access.yml"


def read(options: Record, timeout: float) -> Schedule:
    """Read nodes, pods and their owners.

    Args:
        options: `kubeconfig` and `context` say where, or `cloud` and `region_name`,
            whose Magnum signs a certificate of `kubernetes_groups` for `cluster`.
            `cluster` names the cluster; `resources` are further resources that are
            devices.
        timeout: Seconds for all of it.

    Raises:
        SourceError: It could not be read.
    """
    resources = (*RESOURCES, *(options.get("resources") or ()))
    try:
        get = client(options, timeout)
        return schedule(get, resources, options.get("cluster"))
    except Refused as error:
        help_ = _how_to_allow(options) if error.status == 403 else ""
        raise SourceError(f"{error}{help_}") from error
    except SchedulerError as error:
        raise SourceError(str(error)) from error


def client(options: Record, timeout: float) -> Get:
    """Return what sends the requests.

    Raises:
        SourceError: Magnum gives no credential.
        SchedulerError: The kubeconfig is of no use.
    """
    begin = time.monotonic()
    if options.get("cloud"):
        access = _signed_by_magnum(options, timeout)
    else:
        path, context = options.get("kubeconfig"), options.get("context")
        # A plugin that hangs is ended before nobody waits for the source any more.
        access = kubeconfig.read(path, context, 0.8 * timeout)
    return kubernetes.client(access, timeout - (time.monotonic() - begin))


def _signed_by_magnum(options: Record, timeout: float) -> kubeconfig.Access:
    """Get a certificate for a cluster of Magnum's. Its key stays in memory."""
    names = ("cloud", "region_name")
    session = {name: options[name] for name in names if options.get(name)}
    groups = options.get("kubernetes_groups") or GROUPS
    try:
        cloud = Cloud(session, Clock(timeout), lambda _text: None)
        cluster = credentials.find_cluster(cloud, options["cluster"])
        issued = credentials.issue(cloud, cluster, USER, groups)
    except CloudError as error:
        raise SourceError(error.message) from error
    return kubeconfig.Access(
        server=issued.server,
        ca=issued.ca,
        certificate=issued.certificate,
        key=issued.key,
    )


def _how_to_allow(options: Record) -> str:
    """Return what to do where the API server forbids to list nodes or pods."""
    if not options.get("cloud"):
        return (
            ". The user of the kubeconfig requires the right to list nodes and pods, "
            f"which the ClusterRole {GROUPS[0]} of {_MANIFEST} grants"
        )
    groups = ", ".join(options.get("kubernetes_groups") or GROUPS)
    return (
        f". The certificate is for the groups {groups} (option kubernetes_groups), "
        "which require the right to list nodes and pods. Run "
        f"{_PLAYBOOK} once for each cluster: it grants this right to {GROUPS[0]} by "
        f"applying {_MANIFEST} as an administrator"
    )


def schedule(get: Get, resources: t.Sequence[str], cluster: str | None) -> Schedule:
    """Return what an API server knows of nodes and workloads.

    Args:
        get: Sends the requests.
        resources: Names of resources that are devices.
        cluster: Name of the cluster.

    Raises:
        SchedulerError: It did not answer; or not with its nodes and pods.
    """
    warnings: list[str] = []
    is_device = matcher(resources)
    read_node = guarded(
        partial(Node.of, is_device=is_device), "node", warnings.append, Node.unknown
    )
    read_pod = guarded(
        partial(Pod.of, is_device=is_device), "pod", warnings.append, Pod.unknown
    )
    strange: set[str] = set()

    def read_resources(raw: Record) -> Node | None:
        with contextlib.suppress(AttributeError, TypeError):  # of no known shape
            strange.update(unknown(raw, is_device))
        return read_node(raw)

    nodes = listed(get, "/api/v1/nodes", read_resources)
    if strange:
        warnings.append(
            f"resources {', '.join(sorted(strange)[:5])} are not known as devices. If "
            "they are, name them in sources[].resources"
        )
    addresses = Addresses()

    def read_address(raw: Record) -> Pod | None:
        with contextlib.suppress(Exception):  # read_pod warns, where it matters
            addresses.add(raw)
        return read_pod(raw)

    pods = listed(get, "/api/v1/pods", read_address, _RUNNING)
    devices = claims.read(get, is_device, warnings.append)
    owners = Owners(get, warnings.append)
    owners.learn(pod.owner for pod in pods if pod.owner)
    held = Held(nodes, pods, devices)
    consumers: dict[str, Consumer] = {}
    for pod, units, equivalent in held.holding:
        _add(consumers, pod, units, equivalent, owners.top(pod.owner), cluster)
    return Schedule(
        source="kubernetes",
        nodes=[_with_addresses(node, addresses) for node in held.scheduled()],
        consumers=list(consumers.values()),
        waiting=held.waiting(),
        cluster=cluster,
        idents=_idents(nodes, pods),
        warnings=(*warnings, *held.warnings),
    )


def _idents(nodes: list[Node], pods: list[Pod]) -> tuple[str, ...]:
    """Return what no other cluster has: ids of pods, and of machines by their names.

    Firmware may give many machines the same id. Old releases of kube-state-metrics have
    no ids of pods, whose names stand for these. The first ones are enough: who else has
    read the cluster has most of them, too.
    """
    machines = {f"{node.name}/{node.machine}" for node in nodes if node.machine}
    own = {pod.uid for pod in pods if pod.uid and "/" not in pod.uid}
    return tuple(heapq.nsmallest(_IDENTS, machines | own))


def _with_addresses(node: Scheduled, addresses: Addresses) -> Scheduled:
    return replace(node, aliases=(*node.aliases, *addresses.of(node.name)))


def _add(
    consumers: dict[str, Consumer],
    pod: Pod,
    units: int,
    equivalent: float,
    owner: Owner | None,
    cluster: str | None,
) -> None:
    """Add a pod to its consumer: its owner, or itself where it has none."""
    uid = owner.uid if owner else pod.uid
    row = consumers.get(uid)
    if row is None:
        row = consumers[uid] = consumer(
            kind=owner.kind if owner else "Pod",
            name=owner.name if owner else pod.name,
            source="k8s",
            namespace=pod.namespace,
            uid=uid,
            pods=[],
            cluster=cluster,
            devices=None,
            nodes=[],
        )
    row["stat"]["gpuRequest"] += units
    row["stat"]["gpuEquivalent"] += equivalent
    nodes = row.get("nodes")
    if nodes is not None and pod.node:
        nodes.append((pod.node, equivalent))
    if row["pods"] is not None:
        row["pods"].append({"name": pod.name, "node": pod.node, "gpus": units})


def _check(options: Record) -> str | None:
    if options["cloud"] and (options["kubeconfig"] or not options["cluster"]):
        return ".cloud: takes cluster, and no kubeconfig"
    groups = options["kubernetes_groups"]
    if groups != list(GROUPS) and not options["cloud"]:
        return (
            ".kubernetes_groups: requires cloud, whose Magnum signs a certificate for "
            "them; the groups of a kubeconfig are those of its user"
        )
    if not groups:
        return ".kubernetes_groups: must name at least one group"
    complaints = filter(None, map(certificates.complaint, groups))
    return next((f".kubernetes_groups: {text}" for text in complaints), None)


SOURCE = Source(
    type="kubernetes",
    options={
        "kubeconfig": {"type": "path"},
        "context": {"type": "str"},
        "resources": {"type": "list", "elements": "str", "default": []},
        "cloud": {"type": "str"},
        "kubernetes_groups": {
            "type": "list",
            "elements": "str",
            "default": list(GROUPS),
        },
        "region_name": {"type": "str"},
    },
    check=_check,
    read=read,
    failed=no_schedule,
)
