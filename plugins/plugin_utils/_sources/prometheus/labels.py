# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels that name nodes, devices and pods, whoever has set them."""

from __future__ import annotations

import re
import typing as t

from .api import Labels

NAMES = (
    "node",
    "kubernetes_node",
    "exported_node",
    "Hostname",
    "exported_Hostname",
    "hostname",
    "exported_hostname",
)
"""Labels that name a node, the surest first: a host's name may be that of a pod."""

SERIALS = ("serial_number", "DCGM_FI_DEV_SERIAL", "serial")

_PODS = (
    ("exported_namespace", "exported_pod", "exported_container"),
    ("namespace", "pod", "container"),
)


def host_name(labels: Labels) -> str:
    """Return the name of the node that a series is of."""
    for name in NAMES:
        if labels.get(name):
            return labels[name]
    return address_of(labels)


def address_of(labels: Labels) -> str:
    """Return the host of the target that a series is of, without its port."""
    match = re.match(
        r"(?:\w+://)?(?:\[([^\]]+)\]|([^:/]+))", labels.get("instance") or ""
    )
    return (match.group(1) or match.group(2)) if match else ""


def aliases_of(labels: Labels) -> tuple[str, ...]:
    """Return all that names the node that a series is of."""
    names = [labels.get(name) for name in NAMES] + [address_of(labels)]
    return tuple(dict.fromkeys(name for name in names if name))


def pci_address(text: str) -> str | None:
    """Return a PCI address as nodes have it: the domain's first four zeros are none."""
    lower = text.lower()
    return lower[4:] if re.match(r"0000[0-9a-f]{4}:", lower) else lower or None


def pods_of(labels: Labels) -> t.Iterator[tuple[str, str]]:
    """Return namespace and name of the pod that holds a device.

    Where Prometheus has put its own labels in front, those without `exported_` are of
    the exporter itself.
    """
    for namespace, pod, container in _PODS:
        if labels.get(pod) and labels.get(namespace):
            if "exporter" not in labels.get(container, ""):
                yield labels[namespace], labels[pod]
            return
