# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The management cluster: an API server, and Cluster API's three managers.

All of it is real but the infrastructure provider (`provider.py`). The managers'
webhook servers listen on every interface, as they have no flag for an address; all
else of the bed listens on loopback addresses only.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import yaml

from beds.openstack.layout import Bed, write_private
from beds.openstack.processes import start
from beds.openstack.service import Service

from . import programs
from .certificates import Authority, key_pem, new_key, request
from .cluster import ControlPlane, Etcd, wait_until

NAME = "management"
CHART = programs.HERE / "chart"
# Manager: its part of the module cluster-api.
MANAGERS = {
    "capi-core": "core",
    "capi-bootstrap": "bootstrap/kubeadm",
    "capi-control-plane": "controlplane/kubeadm",
}
PROVIDER = "capi-provider"
# In the bed's folder `run`: how the provider and the machines behave.
CONTROL = "machines.json"
PORTS = (
    "etcd",
    "etcd-peer",
    *(port for name in MANAGERS for port in (name, f"{name}-health")),
)
INFRASTRUCTURE = "infrastructure.cluster.x-k8s.io"
ADDONS = "addons.stackhpc.com"
# Kinds of ours, that hold anything: what upstream's provider of infrastructure and
# its provider of addons define.
KINDS = {
    "OpenStackCluster": (INFRASTRUCTURE, "v1beta1", "openstackclusters"),
    "OpenStackClusterTemplate": (
        INFRASTRUCTURE,
        "v1beta1",
        "openstackclustertemplates",
    ),
    "OpenStackMachine": (INFRASTRUCTURE, "v1beta1", "openstackmachines"),
    "OpenStackMachineTemplate": (
        INFRASTRUCTURE,
        "v1beta1",
        "openstackmachinetemplates",
    ),
    "HelmRelease": (ADDONS, "v1alpha1", "helmreleases"),
    "Manifests": (ADDONS, "v1alpha1", "manifests"),
}
# The versions of Cluster API's own kinds, and those of its contract with providers.
CONTRACTS = {
    f"cluster.x-k8s.io/{version}": version for version in ("v1beta1", "v1beta2")
}


def etcd(bed: Bed) -> Etcd:
    """Return the etcd of all control planes.

    Args:
        bed: The bed; its ports are known.
    """
    return Etcd(bed, bed.ports["etcd"], bed.ports["etcd-peer"])


def control_plane(bed: Bed) -> ControlPlane:
    """Return the management cluster's control plane.

    Args:
        bed: The bed; its ports are known.
    """
    # No other bed that runs has this port, so none has this address.
    high, low = divmod(bed.ports["etcd"], 256)
    return ControlPlane(bed, etcd(bed), NAME, f"127.21.{high}.{low}")


def services(bed: Bed) -> list[Service]:
    """Return the management cluster's processes, in the order in which they start.

    Args:
        bed: The bed; its ports are known.
    """
    # No pods run there, so neither scheduler nor kwok.
    plane = control_plane(bed)
    return [
        etcd(bed).service(),
        plane.server(),
        plane.controllers(),
        *_managers(bed),
        _provider(bed),
    ]


def _managers(bed: Bed) -> Iterator[Service]:
    cluster = control_plane(bed)
    for name in MANAGERS:
        yield Service(
            name,
            (
                programs.path(name),
                f"--kubeconfig={cluster.kubeconfig}",
                f"--webhook-port={bed.ports[name]}",
                f"--webhook-cert-dir={_webhook_folder(bed)}",
                f"--health-addr=127.0.0.1:{bed.ports[f'{name}-health']}",
                # No metrics.
                "--diagnostics-address=0",
                "--feature-gates=ClusterTopology=true",
                "-v=2",
            ),
            port=bed.ports[name],
        )


def _provider(bed: Bed) -> Service:
    return Service(
        PROVIDER,
        (
            f"{bed.venv}/bin/python",
            "-m",
            "beds.kubernetes.provider",
            *(str(path) for path in (bed.path, bed.venv, bed.capi_venv)),
        ),
        {
            "PYTHONPATH": str(programs.HERE.parents[1]),
            # By this it finds the programs.
            "GPUFLEET_CACHE": str(bed.path.parent),
        },
    )


def start_all(bed: Bed) -> None:
    """Start what does not run, and wait until it works.

    Args:
        bed: The bed; its ports and the programs are there.

    Raises:
        BedError: Something ended, or does not get ready.
    """
    cluster = control_plane(bed)
    authority = Authority.kept(cluster.folder / "authority", NAME)
    accounts_key = cluster.folder / "sa.key"
    cluster.prepare(
        authority.certificate,
        authority.sign,
        accounts_key.read_text() if accounts_key.exists() else "",
    )
    _write_webhook_certificate(bed, authority)
    cluster.etcd.start()
    cluster.start_server()
    cluster.apply(_definitions(bed, authority))
    for service in services(bed):
        start(bed, service)
    for name in MANAGERS:
        wait_until(bed, name, lambda name=name: is_ready(bed, name))


def is_ready(bed: Bed, manager: str) -> bool:
    """Ask a manager whether it is ready.

    Args:
        bed: The bed.
        manager: One of `MANAGERS`.
    """
    url = f"http://127.0.0.1:{bed.ports[f'{manager}-health']}/readyz"
    return requests.get(url, timeout=20).ok


def _webhook_folder(bed: Bed) -> Path:
    return control_plane(bed).folder / "webhooks"


def _write_webhook_certificate(bed: Bed, authority: Authority) -> None:
    key = new_key()
    wanted = request(key, "webhooks", hosts=["127.0.0.1"])
    write_private(_webhook_folder(bed) / "tls.key", key_pem(key))
    write_private(_webhook_folder(bed) / "tls.crt", authority.sign(wanted))


def _definitions(bed: Bed, authority: Authority) -> Iterator[dict[str, Any]]:
    """Everything that the managers want to find: kinds, and their own webhooks."""
    bundle = base64.b64encode(authority.certificate.encode()).decode()
    for kind, (group, version, plural) in KINDS.items():
        yield _kind(kind, group, version, plural)
    for manager, part in MANAGERS.items():
        folder = programs.folder() / "cluster-api" / part / "config"
        for path in sorted((folder / "crd" / "bases").glob("*.yaml")):
            url = f"https://127.0.0.1:{bed.ports[manager]}/convert"
            yield _own_kind(yaml.safe_load(path.read_text()), url, bundle)
        manifests = (folder / "webhook" / "manifests.yaml").read_text()
        for hooks in filter(None, yaml.safe_load_all(manifests)):
            hooks["metadata"]["name"] = f"{manager}-{hooks['metadata']['name']}"
            for hook in hooks["webhooks"]:
                path = hook["clientConfig"]["service"]["path"]
                url = f"https://127.0.0.1:{bed.ports[manager]}{path}"
                hook["clientConfig"] = {"url": url, "caBundle": bundle}
            yield hooks


def _own_kind(definition: dict[str, Any], url: str, bundle: str) -> dict[str, Any]:
    definition["metadata"].setdefault("labels", {}).update(CONTRACTS)
    if len(definition["spec"]["versions"]) > 1:
        definition["spec"]["conversion"] = {
            "strategy": "Webhook",
            "webhook": {
                "conversionReviewVersions": ["v1"],
                "clientConfig": {"url": url, "caBundle": bundle},
            },
        }
    return definition


def _kind(kind: str, group: str, version: str, plural: str) -> dict[str, Any]:
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "labels": {"cluster.x-k8s.io/v1beta1": "v1beta1"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
