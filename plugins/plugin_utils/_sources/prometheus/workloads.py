# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' nodes and workloads, from the series of kube-state-metrics.

Made into the API's own form, so that both are read by the same rules. It has owners
of ReplicaSets and Jobs, and of no other kinds; and not which init containers go on.

Source: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
"""

from __future__ import annotations

import re
import typing as t

from ..._fleet.types import Record, Schedule
from ..failure import SourceError
from ..kubernetes import source as kubernetes
from ..kubernetes.resources import RESOURCES
from ..lookalikes import names_devices
from . import kube_state
from .api import Labels, Prometheus, Sample
from .kube_state import Series
from .series import Query


def _mangled(name: str) -> str:
    """Return a resource's name as kube-state-metrics writes it into a label."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


_NAMED = {_mangled(name): name for name in RESOURCES if "*" not in name}
_BEGINNINGS = {
    _mangled(name.rstrip("*")): name.rstrip("*") for name in RESOURCES if "*" in name
}
_MIG = re.compile(r"nvidia_com_mig_(\d+g)_(\d+gb.*)")
_DEVICES = (
    f'resource=~"{"|".join([*_NAMED, *(f"{begin}.+" for begin in _BEGINNINGS)])}"'
)
_DOMAIN = re.compile(r"(?P<domain>.+?_(?:ai|cn|com|dev|io|net|org|sh))_(?P<name>.+)")
_DISCOVERED = {
    "label_nvidia_com_gpu_replicas": "nvidia.com/gpu.replicas",
    "label_nvidia_com_gpu_product": "nvidia.com/gpu.product",
    "label_nvidia_com_gpu_count": "nvidia.com/gpu.count",
    "label_nvidia_com_gpu_present": "nvidia.com/gpu.present",
    "label_amd_com_gpu_product_name": "amd.com/gpu.product-name",
    "label_amd_com_gpu_compute_memory_partition": (
        "amd.com/gpu.compute-memory-partition"
    ),
    "label_amd_com_compute_memory_partition": "amd.com/compute-memory-partition",
}


_CONTAINERS = {
    "kube_pod_container_resource_requests": "containers",
    "kube_pod_init_container_resource_requests": "initContainers",
}
_CAPACITY, _ALLOCATABLE = "kube_node_status_capacity", "kube_node_status_allocatable"
_QUERIES: dict[str, tuple[str, ...]] = {
    _CAPACITY: (_DEVICES,),
    _ALLOCATABLE: (_DEVICES,),
    "kube_node_status_condition": ('condition="Ready"',),
    "kube_node_spec_unschedulable": (),
    "kube_node_info": (),
    "kube_node_labels": (),
    "kube_pod_status_phase": ('phase=~"Succeeded|Failed"',),
    "kube_replicaset_owner": (),
    "kube_job_owner": (),
    "kube_pod_owner": ('owner_is_controller="true"',),
    **dict.fromkeys(_CONTAINERS, (_DEVICES,)),
}


def schedules(server: Prometheus, label: str) -> list[Schedule]:
    """Return what the Kubernetes of each cluster has given out.

    Args:
        server: Sends the queries.
        label: Label of the name of a series' cluster.
    """
    try:
        clusters = kube_state.by_cluster(server, _QUERIES, label)
    except SourceError as error:
        reason = f"kube-state-metrics could not be read: {error}"
        return [Schedule(source="kubernetes", failure=reason)]
    return [_schedule(series, name or None) for name, series in clusters.items()]


def strange(query: Query, server: Prometheus) -> t.Iterator[str]:
    """Yield a warning of resources that look like devices, and are not counted.

    Args:
        query: Sends the queries.
        server: Makes selectors.
    """
    listed = query(f"max by (resource) ({_CAPACITY}{server.selector()})")
    names = sorted(_resource(labels) for labels, value in listed if value > 0)
    found = [each for each in names if "/" not in each and _is_like_one(each)]
    if found:
        yield (
            f"resources {', '.join(found[:5])} are not known as devices. If they are, "
            "read their cluster by a source kubernetes, and name them in its resources"
        )


def _is_like_one(label: str) -> bool:
    match = _DOMAIN.fullmatch(label)
    return match is not None and names_devices(match["name"], match["domain"])


def _schedule(series: Series, cluster: str | None) -> Schedule:
    lists = {"/api/v1/nodes": _nodes(series), "/api/v1/pods": _pods(series)}
    return kubernetes.schedule(
        # Owners are resolved here: of further kinds nothing is known.
        lambda path, _query, _accept: {"items": lists.get(path, [])},
        RESOURCES,
        cluster,
    )


def _nodes(series: Series) -> list[Record]:
    """Nodes, those without devices too; a pair of kube-state-metrics has each twice."""
    nodes: dict[str, Record] = {}
    for metric in ("kube_node_info", _CAPACITY, _ALLOCATABLE):
        for labels, _value in series.get(metric, ()):
            name = labels.get("node", "")
            nodes.setdefault(name, _node(name))
    for status, metric in (("capacity", _CAPACITY), ("allocatable", _ALLOCATABLE)):
        for labels, value in series.get(metric, ()):
            known = nodes[labels.get("node", "")]["status"][status]
            known[_resource(labels)] = str(int(value))
    for name, samples in series.items():
        add = _OF_NODES.get(name)
        for labels, value in samples if add else ():
            node = nodes.get(labels.get("node", ""), {})
            if add and node:
                add(node, labels, value)
    return list(nodes.values())


def _node(name: str) -> Record:
    return {
        "metadata": {"name": name, "labels": {}},
        "spec": {},
        "status": {"capacity": {}, "allocatable": {}, "addresses": []},
    }


def _add_ready(node: Record, labels: Labels, value: float) -> None:
    if value == 1:
        ready = {"type": "Ready", "status": labels.get("status", "").capitalize()}
        known = node["status"].setdefault("conditions", [ready])
        # Of two that differ the one that says it is not ready.
        if known[0]["status"] == "True":
            known[0] = ready


def _add_cordon(node: Record, labels: Labels, value: float) -> None:
    spec = node["spec"]
    spec["unschedulable"] = spec.get("unschedulable", False) or value == 1


def _add_info(node: Record, labels: Labels, value: float) -> None:
    node["spec"]["providerID"] = labels.get("provider_id")
    node["status"]["nodeInfo"] = {"systemUUID": labels.get("system_uuid")}
    if labels.get("internal_ip"):
        node["status"]["addresses"] = [{"address": labels["internal_ip"]}]


def _add_labels(node: Record, labels: Labels, value: float) -> None:
    node["metadata"]["labels"] = {
        name: labels[label] for label, name in _DISCOVERED.items() if label in labels
    }


_OF_NODES: dict[str, t.Callable[[Record, Labels, float], None]] = {
    "kube_node_status_condition": _add_ready,
    "kube_node_spec_unschedulable": _add_cordon,
    "kube_node_info": _add_info,
    "kube_node_labels": _add_labels,
}
"""What adds to a node what a metric tells of it."""


_Ident = tuple[str, str, str]
"""A pod: namespace, name and uid; the latter is missing in old releases."""


def _pods(series: Series) -> list[Record]:
    """Pods; a pair of kube-state-metrics tells each of them twice."""
    has_ended = _ended(series)
    owners = _owners_of_pods(series)
    requests: dict[_Ident, dict[tuple[str, str], dict[str, float]]] = {}
    nodes: dict[_Ident, str] = {}
    for metric, part in _CONTAINERS.items():
        for labels, value in series.get(metric, ()):
            ident = _ident(labels)
            if has_ended(ident):
                continue
            container = (part, labels.get("container", ""))
            counts = requests.setdefault(ident, {}).setdefault(container, {})
            name = _resource(labels)
            counts[name] = max(value, counts.get(name, 0))
            nodes[ident] = nodes.get(ident) or labels.get("node", "")
    pods = []
    for ident, by_container in requests.items():
        pod = _pod(ident, nodes[ident], owners.get(ident[:2]))
        for (part, _container), counts in by_container.items():
            requested = {name: str(int(value)) for name, value in counts.items()}
            pod["spec"][part].append({"resources": {"requests": requested}})
        pods.append(pod)
    return pods


def _ended(series: Series) -> t.Callable[[_Ident], bool]:
    """Return what tells whether a pod has ended, and not another one of its name."""
    ended = {
        _ident(labels)
        for labels, value in series.get("kube_pod_status_phase", ())
        if value == 1
    }
    names = {ident[:2] for ident in ended}

    def has_ended(ident: _Ident) -> bool:
        namespace, name, uid = ident
        known = {ident, (namespace, name, "")} if uid else {ident}
        return bool(known & ended) or (not uid and (namespace, name) in names)

    return has_ended


def _owners_of_pods(series: Series) -> dict[tuple[str, str], tuple[str, str]]:
    """Kind and name of the topmost known owner, by namespace and name of the pod."""
    above = {
        **_owners(series.get("kube_replicaset_owner", ()), "ReplicaSet", "replicaset"),
        **_owners(series.get("kube_job_owner", ()), "Job", "job_name"),
    }
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for labels, _value in series.get("kube_pod_owner", ()):
        owner = (labels.get("owner_kind", ""), labels.get("owner_name", ""))
        namespace, name, _uid = _ident(labels)
        owners[namespace, name] = above.get((namespace, *owner), owner)
    return owners


def _pod(ident: _Ident, node: str, owner: tuple[str, str] | None) -> Record:
    namespace, name, uid = ident
    references = []
    if owner and all(owner):
        kind, owner_name = owner
        owner_uid = f"{namespace}/{kind}/{owner_name}"
        reference = {
            "apiVersion": "v1",
            "kind": kind,
            "name": owner_name,
            "uid": owner_uid,
        }
        references = [{**reference, "controller": True}]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid or f"{namespace}/{name}",
            "ownerReferences": references,
        },
        "spec": {"nodeName": node or None, "containers": [], "initContainers": []},
    }


def _owners(
    samples: t.Iterable[Sample], kind: str, label: str
) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Kind and name of the owner, by namespace, kind and name of what it owns."""
    owners = {}
    for labels, _value in samples:
        owner = (labels.get("owner_kind", ""), labels.get("owner_name", ""))
        if all(part and part != "<none>" for part in owner):
            owners[labels.get("namespace", ""), kind, labels.get(label, "")] = owner
    return owners


def _ident(labels: Labels) -> _Ident:
    return labels.get("namespace", ""), labels.get("pod", ""), labels.get("uid", "")


def _resource(labels: Labels) -> str:
    """A resource's name, from the label in which its signs are underscores."""
    name = labels.get("resource", "")
    match = _MIG.fullmatch(name)
    if match:
        return f"nvidia.com/mig-{match.group(1)}.{match.group(2)}"
    begin = next((begin for begin in _BEGINNINGS if name.startswith(begin)), "")
    if name not in _NAMED and begin:
        return _BEGINNINGS[begin] + name[len(begin) :]
    return _NAMED.get(name, name)
