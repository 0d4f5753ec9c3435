# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the demo's nodes and devices in three ways: python -m beds.check FOLDER.

FOLDER is what `DEMO_KEEP=1 make demo` has left: kubeconfigs, the inventory and the
report's sources. For each cluster it prints how many nodes and devices kubectl, the
inventory and the report's overview count, and fails where they differ.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from beds.kubernetes.cluster import objects
from beds.kubernetes.nodes import CONTROL_PLANE
from beds.openstack.hardware import KUBERNETES
from beds.openstack.layout import BedError
from beds.openstack.processes import output_of
from integration.inventory import Listing

BIN = Path(sys.executable).parent
ROW = "{:<16} {:<10} {:>12} {:>12} {:>12}"

Counts = tuple[int, int]
"""Nodes and devices."""


def by_kubectl(config: Path) -> Counts:
    """What the cluster's own Kubernetes says of its workers."""
    workers = [
        node
        for node in objects(config, "nodes")
        if CONTROL_PLANE not in node["metadata"]["labels"]
    ]
    devices = [
        int(number)
        for node in workers
        for resource, number in node["status"]["capacity"].items()
        if resource in KUBERNETES.values()
    ]
    return len(workers), sum(devices)


def by_inventory(listed: Listing, cluster: str) -> Counts:
    """What the inventory lists for a cluster."""
    nodes = [
        variables["gpufleet_node"]
        for variables in listed.hosts.values()
        if variables["gpufleet_node"]["cluster"]["name"] == cluster
    ]
    devices = [
        accelerator["count"]
        for node in nodes
        for accelerator in node["hardware"]["accelerators"]
    ]
    return len(nodes), sum(devices)


def by_overview(overview: dict[str, Any], cluster: str) -> Counts:
    """What the report counts for a cluster."""
    [found] = [row for row in overview["byCluster"] if row["cluster"] == cluster]
    return found["nodes"], found["totalGpus"]


def run(folder: Path, program: str, *arguments: str) -> str:
    """Run a program of Ansible's with the demo's inventory. Returns what it printed."""
    cache = {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "facts"),
    }
    return output_of(
        [BIN / program, f"--inventory={folder}/demo.gpu_nodes.yml", *arguments],
        name=program,
        env={**os.environ, **cache},
    )


def main(folder: Path) -> int:
    """Count and compare.

    Returns:
        The exit status.
    """
    configs = sorted(folder.glob("*.kubeconfig"))
    if not configs:
        print("There are no clusters: run DEMO_KEEP=1 make demo first", file=sys.stderr)
        return 1
    listed = Listing(run(folder, "ansible-inventory", "--list"), "")
    run(
        folder,
        "ansible-playbook",
        f"--extra-vars=@{folder}/report.json",
        f"--extra-vars=report_folder={folder}/check",
        "gpufleet.openstack.report",
    )
    overview = json.loads((folder / "check/overview.json").read_text())["data"]
    print(ROW.format("cluster", "", "kubectl", "inventory", "overview"))
    differ = False
    for config in configs:
        counts = (
            by_kubectl(config),
            by_inventory(listed, config.stem),
            by_overview(overview, config.stem),
        )
        for index, what in enumerate(("nodes", "devices")):
            print(ROW.format(config.stem, what, *(each[index] for each in counts)))
        differ |= len(set(counts)) > 1
    for config in configs:
        print(f"kubectl --kubeconfig={config} get nodes,pods")
    if differ:
        print("The counts differ.", file=sys.stderr)
    return int(differ)


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
