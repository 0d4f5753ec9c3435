# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes' nodes and workloads as kube-state-metrics tells Prometheus of them.

Made into the API's own form, so that both are read by the same rules. It tells owners
of ReplicaSets and Jobs, and of no other kinds; and not which init containers go on.

Source: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
"""

from __future__ import annotations

import re
import typing as t

from ..fleet.join import Schedule
from ..fleet.model import Record
from . import kubernetes
from .prom_api import Labels, Prometheus, Sample

_NAMED = {
    "nvidia_com_gpu": "nvidia.com/gpu",
    "nvidia_com_gpu_shared": "nvidia.com/gpu.shared",
    "amd_com_gpu": "amd.com/gpu",
    "habana_ai_gaudi": "habana.ai/gaudi",
    "intel_com_npu": "intel.com/npu",
}
_MIG = re.compile(r"nvidia_com_mig_(\d+g)_(\d+gb.*)")
_DEVICES = f'resource=~"{"|".join(_NAMED)}|nvidia_com_mig_.+"'
_DISCOVERED = {
    "label_nvidia_com_gpu_replicas": "nvidia.com/gpu.replicas",
    "label_nvidia_com_gpu_product": "nvidia.com/gpu.product",
    "label_nvidia_com_gpu_count": "nvidia.com/gpu.count",
}

_Query = t.Callable[[str], t.List[Sample]]


def schedule(server: Prometheus, query: _Query, cluster: str | None) -> Schedule:
    """What Kubernetes has given out.

    Args:
        server: Makes selectors.
        query: Asks it.
        cluster: Name of the cluster.
    """

    def ask(name: str, *matchers: str) -> list[Sample]:
        return query(f"{name}{server.selector(*matchers)}")

    lists = {"/api/v1/nodes": _nodes(ask), "/api/v1/pods": _pods(ask)}
    return kubernetes.schedule(
        # Owners are resolved here: of further kinds nothing is known.
        lambda path, _query, _accept: {"items": lists.get(path, [])},
        kubernetes.RESOURCES,
        cluster,
    )


_Ask = t.Callable[..., t.List[Sample]]


def _nodes(ask: _Ask) -> list[Record]:
    nodes: dict[str, Record] = {}
    for status in ("capacity", "allocatable"):
        for labels, value in ask(f"kube_node_status_{status}", _DEVICES):
            name = _told(labels, "node")
            node = nodes.setdefault(
                name,
                {
                    "metadata": {"name": name, "labels": {}},
                    "spec": {},
                    "status": {"capacity": {}, "allocatable": {}, "addresses": []},
                },
            )
            node["status"][status][_resource(labels)] = str(int(value))
    for labels, value in ask("kube_node_status_condition", 'condition="Ready"'):
        node = nodes.get(_told(labels, "node")) or {}
        if node and value == 1:
            told = {"type": "Ready", "status": labels["status"].capitalize()}
            node["status"]["conditions"] = [told]
    for labels, value in ask("kube_node_spec_unschedulable"):
        if _told(labels, "node") in nodes:
            nodes[_told(labels, "node")]["spec"]["unschedulable"] = value == 1
    for labels, _value in ask("kube_node_info"):
        if _told(labels, "node") in nodes:
            node = nodes[_told(labels, "node")]
            node["spec"]["providerID"] = labels.get("provider_id")
            if labels.get("internal_ip"):
                node["status"]["addresses"] = [{"address": labels["internal_ip"]}]
    for labels, _value in ask("kube_node_labels"):
        if _told(labels, "node") in nodes:
            nodes[_told(labels, "node")]["metadata"]["labels"] = {
                name: labels[told]
                for told, name in _DISCOVERED.items()
                if told in labels
            }
    return list(nodes.values())


def _pods(ask: _Ask) -> list[Record]:
    ended = {
        _ident(labels)
        for labels, value in ask("kube_pod_status_phase", 'phase=~"Succeeded|Failed"')
        if value == 1
    }
    above = {
        **_owners(ask("kube_replicaset_owner"), "ReplicaSet", "replicaset"),
        **_owners(ask("kube_job_owner"), "Job", "job_name"),
    }
    owners: dict[tuple[str, str], tuple[str, str]] = {}
    for labels, _value in ask("kube_pod_owner", 'owner_is_controller="true"'):
        owner = (_told(labels, "owner_kind"), _told(labels, "owner_name"))
        namespace, name = _ident(labels)
        owners[namespace, name] = above.get((namespace, *owner), owner)
    pods: dict[tuple[str, str], Record] = {}
    for kind, part in (("", "containers"), ("init_", "initContainers")):
        metric = f"kube_pod_{kind}container_resource_requests"
        for labels, value in ask(metric, _DEVICES):
            ident = _ident(labels)
            if ident in ended:
                continue
            pod = pods.setdefault(ident, _pod(ident, labels, owners.get(ident)))
            asked = {_resource(labels): str(int(value))}
            pod["spec"][part].append({"resources": {"requests": asked}})
    return list(pods.values())


def _pod(
    ident: tuple[str, str], labels: Labels, owner: tuple[str, str] | None
) -> Record:
    namespace, name = ident
    references = []
    if owner and all(owner):
        kind, called = owner
        uid = f"{namespace}/{kind}/{called}"
        told = {"apiVersion": "v1", "kind": kind, "name": called, "uid": uid}
        references = [{**told, "controller": True}]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": _told(labels, "uid") or f"{namespace}/{name}",
            "ownerReferences": references,
        },
        "spec": {
            "nodeName": _told(labels, "node") or None,
            "containers": [],
            "initContainers": [],
        },
    }


def _owners(
    samples: list[Sample], kind: str, label: str
) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Kind and name of the owner, by namespace, kind and name of what it owns."""
    found = {}
    for labels, _value in samples:
        owner = (_told(labels, "owner_kind"), _told(labels, "owner_name"))
        if all(one and one != "<none>" for one in owner):
            found[_told(labels, "namespace"), kind, labels.get(label, "")] = owner
    return found


def _ident(labels: Labels) -> tuple[str, str]:
    return _told(labels, "namespace"), _told(labels, "pod")


def _told(labels: Labels, name: str) -> str:
    """A label as it was told, where Prometheus has put one of its own before it."""
    return labels.get(f"exported_{name}") or labels.get(name, "")


def _resource(labels: Labels) -> str:
    """A resource's own name, of the one that has lost its signs."""
    told = labels.get("resource", "")
    match = _MIG.fullmatch(told)
    if match:
        return f"nvidia.com/mig-{match.group(1)}.{match.group(2)}"
    return _NAMED.get(told, told)
