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
from ..kubernetes import source as kubernetes
from ..kubernetes.resources import RESOURCES
from .api import Labels, Prometheus, Sample
from .series import Query

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


def schedule(server: Prometheus, query: Query, cluster: str | None) -> Schedule:
    """Return what Kubernetes has given out.

    Args:
        server: Makes selectors.
        query: Sends the queries.
        cluster: Name of the cluster.
    """

    def ask(name: str, *matchers: str) -> list[Sample]:
        return query(f"{name}{server.selector(*matchers)}")

    lists = {"/api/v1/nodes": _nodes(ask), "/api/v1/pods": _pods(ask)}
    return kubernetes.schedule(
        # Owners are resolved here: of further kinds nothing is known.
        lambda path, _query, _accept: {"items": lists.get(path, [])},
        RESOURCES,
        cluster,
    )


_Ask = t.Callable[..., list[Sample]]


def _nodes(ask: _Ask) -> list[Record]:
    nodes: dict[str, Record] = {}
    for status in ("capacity", "allocatable"):
        for labels, value in ask(f"kube_node_status_{status}", _DEVICES):
            name = _label(labels, "node")
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
        node = nodes.get(_label(labels, "node")) or {}
        if node and value == 1:
            ready = {"type": "Ready", "status": labels.get("status", "").capitalize()}
            node["status"]["conditions"] = [ready]
    for labels, value in ask("kube_node_spec_unschedulable"):
        if _label(labels, "node") in nodes:
            nodes[_label(labels, "node")]["spec"]["unschedulable"] = value == 1
    for labels, _value in ask("kube_node_info"):
        if _label(labels, "node") in nodes:
            node = nodes[_label(labels, "node")]
            node["spec"]["providerID"] = labels.get("provider_id")
            if labels.get("internal_ip"):
                node["status"]["addresses"] = [{"address": labels["internal_ip"]}]
    for labels, _value in ask("kube_node_labels"):
        if _label(labels, "node") in nodes:
            nodes[_label(labels, "node")]["metadata"]["labels"] = {
                name: labels[label]
                for label, name in _DISCOVERED.items()
                if label in labels
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
        owner = (_label(labels, "owner_kind"), _label(labels, "owner_name"))
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
            requests = {_resource(labels): str(int(value))}
            pod["spec"][part].append({"resources": {"requests": requests}})
    return list(pods.values())


def _pod(
    ident: tuple[str, str], labels: Labels, owner: tuple[str, str] | None
) -> Record:
    namespace, name = ident
    references = []
    if owner and all(owner):
        kind, owner_name = owner
        uid = f"{namespace}/{kind}/{owner_name}"
        reference = {"apiVersion": "v1", "kind": kind, "name": owner_name, "uid": uid}
        references = [{**reference, "controller": True}]
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": _label(labels, "uid") or f"{namespace}/{name}",
            "ownerReferences": references,
        },
        "spec": {
            "nodeName": _label(labels, "node") or None,
            "containers": [],
            "initContainers": [],
        },
    }


def _owners(
    samples: list[Sample], kind: str, label: str
) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Kind and name of the owner, by namespace, kind and name of what it owns."""
    owners = {}
    for labels, _value in samples:
        owner = (_label(labels, "owner_kind"), _label(labels, "owner_name"))
        if all(part and part != "<none>" for part in owner):
            owners[_label(labels, "namespace"), kind, labels.get(label, "")] = owner
    return owners


def _ident(labels: Labels) -> tuple[str, str]:
    return _label(labels, "namespace"), _label(labels, "pod")


def _label(labels: Labels, name: str) -> str:
    """A label of the exporter, where Prometheus may have put its own before it."""
    return labels.get(f"exported_{name}") or labels.get(name, "")


def _resource(labels: Labels) -> str:
    """A resource's name, from the label in which its signs are underscores."""
    name = labels.get("resource", "")
    match = _MIG.fullmatch(name)
    if match:
        return f"nvidia.com/mig-{match.group(1)}.{match.group(2)}"
    return _NAMED.get(name, name)
