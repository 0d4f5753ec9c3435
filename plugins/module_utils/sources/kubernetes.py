# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes knows: nodes with devices, and the workloads that hold them."""

from __future__ import annotations

import math
import re
import typing as t

from ..cloud import kubeconfig
from ..cloud.clock import Clock
from ..cloud.errors import CloudError
from ..cloud.session import Cloud
from ..fleet.join import Schedule, Scheduled
from ..fleet.model import Record
from ..fleet.state import Offer
from . import kube_api
from .failure import SourceError
from .kube_owners import Owner, Owners, owner_of

RESOURCES = (
    "nvidia.com/gpu",
    "nvidia.com/gpu.shared",
    "nvidia.com/mig-*",
    "amd.com/gpu",
    "habana.ai/gaudi",
    "intel.com/npu",
)
"""Resources that are devices, or parts of them; C(*) stands for anything."""

_WHOLE = ("nvidia.com/gpu", "nvidia.com/gpu.shared")
_MIG = re.compile(r"nvidia\.com/mig-(\d+)g\..*")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def read(options: Record, timeout: float) -> Schedule:
    """Read nodes, pods and their owners.

    Args:
        options: C(kubeconfig) and C(context) say where, or C(cloud) and C(region_name),
            whose Magnum signs a credential for C(cluster). C(cluster) names the
            cluster; C(resources) are further resources that are devices.
        timeout: Seconds for each request.

    Raises:
        SourceError: It could not be read.
    """
    where = options.get("kubeconfig")
    if options.get("cloud"):
        where = _of_magnum(options, timeout)
    get = kube_api.client(where, options.get("context"), timeout)
    resources = (*RESOURCES, *(options.get("resources") or ()))
    return schedule(get, resources, options.get("cluster"))


def _of_magnum(options: Record, timeout: float) -> Record:
    """A kubeconfig for a cluster of Magnum's, which stays in memory."""
    import yaml

    names = ("cloud", "region_name")
    told = {name: options[name] for name in names if options.get(name)}
    try:
        cloud = Cloud(told, Clock(timeout), lambda _text: None)
        cluster = kubeconfig.find_cluster(cloud, options["cluster"])
        text = kubeconfig.issue(cloud, cluster, "admin", ["system:masters"])
    except CloudError as error:
        raise SourceError(error.message) from error
    found: Record = yaml.safe_load(text)
    return found


def schedule(
    get: kube_api.Get, resources: t.Sequence[str], cluster: str | None
) -> Schedule:
    """What an API server knows of nodes and workloads.

    Args:
        get: Asks it.
        resources: Names of resources that are devices.
        cluster: Name of the cluster.

    Raises:
        SourceError: It did not answer; or not with its nodes and pods.
    """
    warnings: list[str] = []
    is_device = re.compile(
        "|".join(re.escape(one).replace(r"\*", ".*") for one in resources)
    ).fullmatch
    nodes = kube_api.listed(get, "/api/v1/nodes", lambda raw: _Node.of(raw, is_device))
    by_name = {node.name: node for node in nodes}
    alive = {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    pods = kube_api.listed(
        get, "/api/v1/pods", lambda raw: _Pod.of(raw, is_device), alive
    )
    owners = Owners(get, warnings.append)
    owners.learn(pod.owner for pod in pods if pod.owner)
    rows: dict[str, Record] = {}
    given_out: dict[str, float] = {}
    pending = 0.0
    for pod in pods:
        node = by_name.get(pod.node or "")
        equivalent = sum(
            count * _share(name, node) for name, count in pod.devices.items()
        )
        if not pod.node:
            pending += equivalent
            continue
        given_out[pod.node] = given_out.get(pod.node, 0.0) + equivalent
        _add(rows, pod, equivalent, owners.top(pod.owner), cluster)
    return Schedule(
        "kubernetes",
        [node.scheduled(given_out.get(node.name, 0.0)) for node in nodes],
        list(rows.values()),
        pending,
        None,
        cluster,
        tuple(warnings),
    )


# Nodes and pods -----------------------------------------------------------------

_IsDevice = t.Callable[[str], t.Any]


class _Node(t.NamedTuple):
    """What counts of a node; C(shares): how much of a device one of a resource is."""

    name: str
    provider_id: str | None
    aliases: tuple[str, ...]
    capacity: float
    missing: float
    shares: dict[str, float]
    cordoned: bool
    not_ready: str | None

    @classmethod
    def of(cls, raw: Record, is_device: _IsDevice) -> _Node | None:
        """Read a node; None where it has no devices."""
        metadata, spec = raw["metadata"], raw.get("spec") or {}
        status = raw.get("status") or {}
        offered = _devices(status.get("capacity"), is_device)
        left = _devices(status.get("allocatable"), is_device)
        shares = _shares(offered, metadata.get("labels") or {})
        capacity = sum(count * shares[name] for name, count in offered.items())
        if not capacity:
            return None
        missing = sum(
            max(0, count - left.get(name, 0)) * shares[name]
            for name, count in offered.items()
        )
        ready = next(
            (one for one in status.get("conditions") or [] if one["type"] == "Ready"),
            {"status": "Unknown", "reason": "it has never said"},
        )
        why = f"Ready is {ready['status']}: {ready.get('reason')}"
        ident = _UUID.search(spec.get("providerID") or "")
        return cls(
            metadata["name"],
            ident.group() if ident else None,
            tuple(one["address"] for one in status.get("addresses") or []),
            round(capacity, 3),
            round(missing, 3),
            shares,
            bool(spec.get("unschedulable")),
            None if ready["status"] == "True" else why,
        )

    def scheduled(self, given_out: float) -> Scheduled:
        """The node with what is given out of it."""
        faults = []
        if self.not_ready:
            faults.append(("not_ready", self.not_ready))
        if self.missing:
            text = f"{self.missing:g} devices can't be given out: their plugin says so"
            faults.append(("not_allocatable", text))
        offer = Offer(
            "kubernetes",
            self.capacity,
            round(given_out, 3),
            "cordoned" if self.cordoned else None,
            None,
            tuple(faults),
        )
        return Scheduled(self.name, offer, self.provider_id, self.aliases)


class _Pod(t.NamedTuple):
    """What counts of a pod."""

    name: str
    namespace: str
    uid: str
    node: str | None
    owner: Owner | None
    devices: dict[str, int]

    @classmethod
    def of(cls, raw: Record, is_device: _IsDevice) -> _Pod | None:
        """Read a pod; None where it asks for no devices, or has ended."""
        metadata, spec = raw["metadata"], raw["spec"]
        if (raw.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return None
        devices = requests(spec, is_device)
        if not devices:
            return None
        owner = owner_of(metadata)
        if owner and owner.kind == "Node":
            owner = None  # a static pod: it is its own
        return cls(
            metadata["name"],
            metadata["namespace"],
            metadata["uid"],
            spec.get("nodeName"),
            owner,
            devices,
        )


def requests(spec: Record, is_device: _IsDevice) -> dict[str, int]:
    """What a pod asks for in effect, as Kubernetes counts it.

    The containers run together, and with them the sidecars (init containers that are
    restarted always); the other init containers run one by one before them, each with
    the sidecars that come before it. The larger of both is what the node holds ready.
    """
    together: dict[str, int] = {}
    before: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or []:
        asked = _asked(container, is_device)
        if container.get("restartPolicy") == "Always":
            for name, count in asked.items():
                sidecars[name] = sidecars.get(name, 0) + count
            asked = {}
        for name in {*asked, *sidecars}:
            most = asked.get(name, 0) + sidecars.get(name, 0)
            before[name] = max(before.get(name, 0), most)
    for container in spec.get("containers") or []:
        for name, count in _asked(container, is_device).items():
            together[name] = together.get(name, 0) + count
    names = {*together, *before, *sidecars}
    counts = {
        name: max(together.get(name, 0) + sidecars.get(name, 0), before.get(name, 0))
        for name in names
    }
    return {name: count for name, count in sorted(counts.items()) if count}


def _asked(container: Record, is_device: _IsDevice) -> dict[str, int]:
    """Devices of a container; of extended resources request and limit are the same."""
    resources = container.get("resources") or {}
    told = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return _devices(told, is_device)


def _devices(told: Record | None, is_device: _IsDevice) -> dict[str, int]:
    """Counts of the resources that are devices."""
    found = {name: _quantity(text) for name, text in (told or {}).items()}
    return {name: count for name, count in found.items() if count and is_device(name)}


def _quantity(text: t.Any) -> int | None:
    """A count of an extended resource, which is an integer: C(8), C(1k)."""
    match = re.fullmatch(r"(\d+)(k?)", str(text))
    return int(match.group(1)) * (1000 if match.group(2) else 1) if match else None


def _shares(offered: dict[str, int], labels: Record) -> dict[str, float]:
    """How much of a device one of each resource of a node is.

    Args:
        offered: How many there are of each.
        labels: Of the node, as NVIDIA's feature discovery writes them: C(gpu.replicas),
            C(gpu.product), and where parts have names of their own C(gpu.count), which
            counts the devices.
    """
    shares = dict.fromkeys(offered, 1.0)
    product = str(labels.get("nvidia.com/gpu.product"))
    # An A30 is divided in four, all others in seven.
    slices = 4 if "A30" in product else 7
    replicas = _label(labels, "nvidia.com/gpu.replicas") or 1
    single = re.search(r"-MIG-(\d+)g", product)
    parts = max(1, slices // int(single.group(1))) if single else 1
    whole = 0.0
    for name in _WHOLE:
        if name in offered:
            shares[name] = 1 / (replicas * parts)
            whole += offered[name] * shares[name]
    sizes = {name: size for name in offered for size in [_mig(name)] if size}
    total = sum(size * offered[name] for name, size in sizes.items())
    if total:
        # Parts need not fill a device. When all are given out, the devices are.
        count = _label(labels, "nvidia.com/gpu.count")
        divided = count - whole if count else math.ceil(total / slices)
        for name, size in sizes.items():
            shares[name] = size * max(1.0, divided) / total
    return shares


def _share(name: str, node: _Node | None) -> float:
    """How much of a device one of a resource is, on a node or anywhere."""
    anywhere = (_mig(name) or 7) / 7
    return node.shares.get(name, anywhere) if node else anywhere


def _mig(name: str) -> int | None:
    """Slices of a part that has a name of its own; None for a whole device."""
    match = _MIG.fullmatch(name)
    return int(match.group(1)) if match else None


def _label(labels: Record, name: str) -> int | None:
    text = str(labels.get(name))
    return int(text) if text.isdigit() else None


# Consumers ------------------------------------------------------------------------


def _add(
    rows: dict[str, Record],
    pod: _Pod,
    equivalent: float,
    owner: Owner | None,
    cluster: str | None,
) -> None:
    """Add a pod to the consumer that it is of, itself where it has no owner."""
    row = rows.setdefault(
        owner.uid if owner else pod.uid,
        {
            "kind": owner.kind if owner else "Pod",
            "name": owner.name if owner else pod.name,
            "namespace": pod.namespace,
            "uid": owner.uid if owner else pod.uid,
            "stat": {"gpuRequest": 0, "gpuEquivalent": 0.0, "gpuUtilization": None},
            "pods": [],
            "devices": None,
            "source": "k8s",
            "cluster": cluster,
        },
    )
    count = sum(pod.devices.values())
    row["stat"]["gpuRequest"] += count
    row["stat"]["gpuEquivalent"] += equivalent
    row["pods"].append({"name": pod.name, "node": pod.node, "gpus": count})
