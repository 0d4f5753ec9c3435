# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of region `capi`, as Nova and their own Kubernetes know them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from beds.kubernetes.cluster import kubectl, objects
from integration.cloud_site import MAGNUM, Site
from integration.inventory import Inventory, Listing

RIGHTS = Path(__file__).parents[2] / "playbooks/files/kubernetes-access.yml"
OLD, NEW = "v1.35.4", "v1.36.3"
IMAGES = {version: f"ubuntu-24.04-{version}" for version in (OLD, NEW)}


def create_template(
    site: Site,
    name: str,
    version: str = NEW,
    hardware: str = "cpu.worker",
    **more: Any,
) -> None:
    """A template for a version of Kubernetes."""
    usual = {"image": IMAGES[version], "labels": {}, "network_driver": "calico"}
    options = site.template_options(name, hardware, **{**usual, **more})
    made = site.capi("cluster_template", **options)
    assert made["action"] == "create", made


def create_cluster(site: Site, **options: Any) -> dict[str, Any]:
    """A cluster. Returns what its module shows."""
    made = site.capi("gpu_cluster", **options)
    assert made["action"] == "create", made
    return dict(made["gpu_cluster"])


def show(site: Site, name: str) -> dict[str, Any]:
    """A cluster, as `gpu_cluster_info` shows it."""
    [found] = site.capi("gpu_cluster_info", name=name)["gpu_clusters"]
    return dict(found)


def in_magnum(site: Site, path: str) -> dict[str, Any]:
    """What Magnum itself answers."""
    magnum = site.as_member_of_capi.container_infrastructure_management
    return dict(magnum.get(path, headers=MAGNUM).json())


def servers(site: Site, prefix: str) -> dict[str, tuple[str, str]]:
    """Status and image of the servers whose names begin so."""
    nova = site.as_member.compute
    return {
        server.name: (server.status, server.image.id)
        for server in nova.servers()
        if server.name.startswith(prefix)
    }


def active(site: Site, prefix: str) -> int:
    """How many active servers have names that begin so."""
    found = servers(site, prefix).values()
    return [status for status, _image in found].count("ACTIVE")


def workers(cluster: dict[str, Any]) -> str:
    """How the names of a cluster's default workers begin."""
    return f"{cluster['infrastructure_id']}-default-worker-"


def nodes(config: Path) -> dict[str, str]:
    """Versions of the kubelets of the cluster's nodes."""
    return {
        node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
        for node in objects(config, "nodes")
    }


def kubeconfig(site: Site, cluster: str, folder: Path) -> Path:
    """A kubeconfig that the module wrote; with it, the reports are let in."""
    path = folder / f"{cluster}.kubeconfig"
    assert site.capi("kubeconfig", name=cluster, path=str(path))["action"] == "create"
    kubectl(path, "apply", "-f", str(RIGHTS))
    return path


def inventory(site: Site, folder: Path, **options: Any) -> Listing:
    """The inventory of the project in this region; it warns of nothing."""
    folder = folder / "inventory"
    folder.mkdir(exist_ok=True)
    plugin = Inventory(folder, site.capi.environment, cloud=site.capi.cloud)
    found = plugin.listing(**options)
    assert "WARNING" not in found.warnings, found.warnings
    return found


def reports(site: Site, folder: Path, cluster: str) -> dict[str, Any]:
    """Reports on the project, whose cluster's Kubernetes is read too."""
    cloud = site.capi.cloud
    task = {
        "gpufleet.openstack.fleet_info": {
            "reports": ["nodes", "overview"],
            "sources": [
                {"type": "openstack", "cloud": cloud},
                {"type": "kubernetes", "cloud": cloud, "cluster": cluster},
            ],
        }
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [task],
    }
    playbook = folder / "reports.json"
    playbook.write_text(json.dumps([play]))
    [result] = site.capi.playbook(playbook)
    return result
