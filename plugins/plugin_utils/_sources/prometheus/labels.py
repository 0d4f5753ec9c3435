# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels that name clusters, nodes, devices and pods, whoever has set them."""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict

from .api import Labels

SURE = ("node", "kubernetes_node", "exported_node")
"""Labels that name a node and nothing else, the surest first."""

NAMES = (
    *SURE,
    "Hostname",
    "exported_Hostname",
    "hostname",
    "exported_hostname",
)
"""Labels that name a node; a host's name may be that of the exporter's pod."""

SERIALS = ("serial_number", "DCGM_FI_DEV_SERIAL", "serial")

_PODS = ("namespace", "pod", "container")


class Place(t.NamedTuple):
    """Where a series was measured.

    Attributes:
        name: Name of the node.
        aliases: All that names the node.
        target: Address of the exporter, or of the node whose pod the exporter is.
    """

    name: str
    aliases: tuple[str, ...]
    target: str


class Places:
    """Tells where series were measured.

    An exporter in a pod's network names its pod, and its address is the pod's.

    Args:
        label: Label of the name of a series' cluster.
        pods: Labels of `kube_pod_info`, which tell the node of each pod.
    """

    def __init__(self, label: str, pods: t.Iterable[Labels] = ()) -> None:
        self.label = label
        self._pods: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for labels in pods:
            if labels.get("node"):
                node = (labels["node"], labels.get("host_ip", ""))
                for key in ("pod", "pod_ip"):
                    if labels.get(key):
                        self._pods[self.cluster(labels), labels[key]].add(node)

    def cluster(self, labels: Labels) -> str:
        """Return the name of the cluster that a series is of; empty if not known."""
        return labels.get(self.label, "")

    def of(self, labels: Labels) -> Place:
        """Return where a series was measured."""
        address = address_of(labels)
        names = [labels[name] for name in NAMES if labels.get(name)]
        if not any(labels.get(name) for name in SURE):
            for name in (*names, address):
                nodes = self._pods.get((self.cluster(labels), name), ())
                if len(nodes) == 1:
                    [(node, host_address)] = nodes
                    aliases = tuple(filter(None, (node, host_address)))
                    return Place(node, aliases, host_address or node)
        aliases = tuple(dict.fromkeys(filter(None, (*names, address))))
        return Place(next(iter(aliases), ""), aliases, address)


def address_of(labels: Labels) -> str:
    """Return the host of the target that a series is of, without its port."""
    match = re.match(
        r"(?:\w+://)?(?:\[([^\]]+)\]|([^:/]+))", labels.get("instance") or ""
    )
    return (match.group(1) or match.group(2)) if match else ""


def pci_address(text: str) -> str | None:
    """Return a PCI address as nodes have it: the domain's first four zeros are none."""
    lower = text.lower()
    return lower[4:] if re.match(r"0000[0-9a-f]{4}:", lower) else lower or None


class Prefixed:
    """Knows which labels of a job's series Prometheus has renamed to `exported_...`.

    It does so where the target has a label of the same name, unless the job has
    `honor_labels`. Series that lack the label have the target's then, as series of a
    device that no pod holds have the pod of the exporter.

    Args:
        listed: Labels of all series of an exporter.
    """

    def __init__(self, listed: t.Iterable[Labels]) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)
        for labels in listed:
            for name in labels:
                if name.startswith("exported_"):
                    self._names[labels.get("job", "")].add(name[9:])

    def own(self, labels: Labels) -> Labels:
        """Return labels as the exporter has set them."""
        renamed = self._names.get(labels.get("job", ""))
        if not renamed:
            return labels
        own = {name: text for name, text in labels.items() if name not in renamed}
        for name in renamed:
            if f"exported_{name}" in own:
                own[name] = own.pop(f"exported_{name}")
        return own

    def pod(self, labels: Labels) -> tuple[str, str] | None:
        """Return namespace and name of the pod that holds a device."""
        own = self.own(labels)
        namespace, pod, container = (own.get(name, "") for name in _PODS)
        if not namespace or not pod or "exporter" in container:
            return None
        # An exporter that no pod has told of its device may tell its own.
        return (
            None
            if pod in (own.get("Hostname"), own.get("hostname"))
            else (
                namespace,
                pod,
            )
        )
