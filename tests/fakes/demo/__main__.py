# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the demo: python -m fakes.demo FOLDER.

It stands in for what users and drivers do in the demo's nodes. It reads from stdin what
`ansible-inventory --list` prints, and from FOLDER the kubeconfigs of the clusters,
CLUSTER.kubeconfig. For each node that has accelerators, it makes what their drivers
install: a tree of sysfs files, a library or a tool. All tell of the server's own devices.
It lets the readers of reports read each cluster, and submits jobs there. It writes to
FOLDER the files inside.json, an inventory that says where a node's files are, and
report.json, variables of the playbook report.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from beds.kubernetes.cluster import kubectl, objects
from beds.openstack.devices import Device, devices_of
from beds.openstack.hardware import KUBERNETES
from beds.openstack.layout import BedError, this_bed
from fakes.node import hl_smi, nvml, python
from fakes.node.sysfs import Node
from integration.inventory import Listing

RIGHTS = Path(__file__).parents[3] / "playbooks/files/kubernetes-access.yml"
SECONDS = 60


def main(folder: Path) -> None:
    """Do all of it.

    Args:
        folder: Of the kubeconfigs, and for what is written.
    """
    hosts = {
        name: variables["gpufleet_node"]
        for name, variables in Listing(sys.stdin.read(), "").hosts.items()
    }
    data = this_bed().data
    shutil.rmtree(folder / "nodes", ignore_errors=True)
    inside = {}
    for name, node in sorted(hosts.items()):
        devices = devices_of(data, node["id"])
        if devices:
            inside[name] = {
                # By this the inventory knows that both are one host.
                "gpufleet_node": {"id": node["id"]},
                "ansible_connection": "local",
                **files(folder / "nodes" / name, devices, len(inside)),
            }
    sources: list[dict[str, Any]] = [{"type": "facts"}]
    clusters = {(node["cluster"]["name"], node["cloud"]) for node in hosts.values()}
    for cluster, cloud in sorted(clusters):
        config = folder / f"{cluster}.kubeconfig"
        kubectl(config, "apply", "-f", str(RIGHTS))
        submit(config)
        sources.append({"type": "kubernetes", "cloud": cloud, "cluster": cluster})
    write(folder / "inside.json", {"all": {"hosts": inside}})
    write(folder / "report.json", {"report_sources": sources})


def write(path: Path, content: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(content, indent=2))


def files(folder: Path, devices: list[Device], number: int) -> dict[str, str]:
    """Make a node's files, library and tools. Returns what Ansible is told of it."""
    node = Node(folder)
    gpus: list[str] = []
    npus: list[dict[str, str]] = []
    for index, device in enumerate(devices):
        address = f"0000:{5 + 16 * index:02x}:00.0"
        if "MI300X" in device.resource_class:
            known = {"serial": device.serial, "uuid": device.uuid}
            node.mi300x(address, 7 * number + index, **known)
        elif "GAUDI" in device.resource_class:
            node.accel(address, "habanalabs", (0x1DA3, 0x1060))
            npus.append(gaudi(address, device))
        else:
            node.nvidia(address)
            gpus.append(f"gpu {address} ok")
            gpus += [f"uuid {device.uuid}", f"serial {device.serial}"]
    variables = {}
    if gpus:
        nvml.configure(folder / "nvml", gpus)
        library = nvml.build(folder)
        variables = {
            "FAKE_NVML": str(folder / "nvml"),
            "LD_LIBRARY_PATH": str(library.parent),
        }
    tools = folder / "bin"
    if npus:
        hl_smi.write(tools, npus)
    python.write(folder / "python", variables, tools if npus else None)
    paths = {f"gpufleet_{name}": path for name, path in node.paths.items()}
    return {"ansible_python_interpreter": str(folder / "python"), **paths}


def gaudi(address: str, device: Device) -> dict[str, str]:
    """What hl-smi tells of a Gaudi 3 at work."""
    return {
        "bus_id": address,
        "name": "HL-325L",
        "uuid": device.uuid,
        "serial": device.serial,
        "driver_version": "1.22.1-97ec1a4",
        "memory.total": "131072",
        "memory.used": "98304",
        "utilization.aip": "71",
        "power.draw": "612",
        "temperature.aip": "58",
        "ecc.errors.corrected.volatile.total": "0",
        "ecc.errors.uncorrected.volatile.total": "0",
    }


def submit(config: Path) -> None:
    """Jobs of a cluster in use: large and small ones, and one that has to wait."""
    sizes = capacity(config)
    resource, whole = max(sizes.values(), key=lambda size: size[1])
    jobs = [("serve", 1, max(1, whole // 2)), ("tune", 1, whole)]
    if len(sizes) > 1:
        jobs.insert(0, ("train-llm", len(sizes) - 1, whole))
    for name, pods, devices in jobs:
        told = json.dumps(job(name, pods, devices, resource))
        kubectl(config, "apply", "-f-", stdin=told)
        if name != "tune":  # which waits
            until_placed(config, name, pods)


def capacity(config: Path) -> dict[str, tuple[str, int]]:
    """Resource and number of the devices that each node offers."""
    return {
        node["metadata"]["name"]: (resource, int(number))
        for node in objects(config, "nodes")
        for resource, number in node["status"]["allocatable"].items()
        if resource in KUBERNETES.values() and int(number)
    }


def job(name: str, pods: int, devices: int, resource: str) -> dict[str, Any]:
    """A Job whose pods request so many devices each."""
    container = {
        "name": "main",
        "image": "registry.example.com/train:1",
        "resources": {"limits": {resource: devices}},
    }
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"parallelism": pods, "completions": pods, "template": template},
    }


def until_placed(config: Path, name: str, pods: int) -> None:
    """Wait until all pods of a job are on a node.

    Raises:
        BedError: They are not.
    """
    deadline = time.monotonic() + SECONDS
    chosen = f"--selector=batch.kubernetes.io/job-name={name}"
    while True:
        listed = objects(config, "pods", chosen)
        if sum("nodeName" in pod["spec"] for pod in listed) == pods:
            return
        if time.monotonic() > deadline:
            raise BedError(f"the pods of {name} find no node:\n{json.dumps(listed)}")
        time.sleep(0.3)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
