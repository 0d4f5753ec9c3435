# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of real clusters, one of which has failed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from beds.slurm.slurm import Slurm
from fakes.node.sysfs import Node
from integration import leaks
from integration.cloud_site import Site
from integration.inventory import Inventory

ONE, TWO, FAILED = "training", "Serving_B", "too-big"


@pytest.fixture
def inventory(site: Site, tmp_path: Path) -> Inventory:
    member = site.member
    folder = tmp_path / "inventory"
    folder.mkdir()
    environment = {**member.environment, **member.proxy}
    return Inventory(folder, environment, cloud=member.cloud)


def test_life(site: Site, inventory: Inventory, tmp_path: Path) -> None:
    _build(site)
    _all_nodes(site, inventory)
    _filters(site, inventory)
    _several_clouds(inventory)
    _cache(site, inventory)
    _magnum_down(site, inventory)
    _without_inventory(site, inventory, tmp_path)
    _telemetry(inventory, tmp_path)


def _build(site: Site) -> None:
    """Two clusters, and one that asks for more than any host has."""
    hardware = site.name("mi300x")
    accelerators = [{"vendor": "amd", "model": "MI300X", "count": 1, "memory_gib": 192}]
    made = site.admin(
        "hardware",
        name=hardware,
        vcpus=2,
        ram_mib=2048,
        disk_gib=20,
        accelerators=accelerators,
        power_watts=900,
        hourly_cost=2.5,
    )
    assert made["action"] == "create"
    # A flavor that this collection did not make.
    foreign = site.hardware("CUSTOM_GPU_A100", 1)
    big = site.hardware("CUSTOM_GPU_H100", 8)
    ours, theirs = site.template(hardware), site.template(foreign)
    where = site.member("location", name="Hall 1", cidr="10.66.0.0/24")
    assert where["action"] == "create"
    clusters: dict[str, dict[str, Any]] = {
        ONE: {"template": ours, "location": "Hall 1"},
        TWO: {"template": theirs},
        FAILED: {"template": site.template(big)},
    }
    tasks = [
        ("gpu_cluster", {"name": name, "node_count": 1, **more})
        for name, more in clusters.items()
    ]
    site.member.run([(module, {**args, "wait": False}) for module, args in tasks])
    one, two, failed = site.member.run(tasks)
    assert one["gpu_cluster"]["status"] == "CREATE_COMPLETE"
    assert two["gpu_cluster"]["status"] == "CREATE_COMPLETE"
    assert "CREATE_FAILED" in failed["msg"]
    group = site.member("node_group", cluster=ONE, name="more_of_them", node_count=1)
    assert group["action"] == "create"


def _all_nodes(site: Site, inventory: Inventory) -> None:
    site.member.recorder.clear()
    found = inventory.listing()
    counted = site.member.recorder.counted
    # One cluster has a node group beside its default ones.
    assert len(counted) <= 11, counted
    assert not [line for line in counted if "volumes" in line], "Cinder is not asked"
    assert "WARNING" not in found.warnings, found.warnings

    assert len(found.hosts) == 7
    [worker] = found.nodes(
        node_group="default-worker", status="ACTIVE", location="Hall 1"
    )
    [more] = found.nodes(node_group="more_of_them")
    [broken] = found.nodes(status="ERROR")
    assert found.hosts[broken]["gpufleet_node"]["cluster"]["name"] == FAILED
    node = found.hosts[worker]["gpufleet_node"]
    assert node["cluster"]["name"] == ONE
    assert node["cluster"]["status"] == "UPDATE_COMPLETE"
    assert node["role"] == "worker"
    assert node["project_id"] == site.project.id
    assert node["cloud"] == site.member.cloud
    assert node["reason"] is None
    assert node["hardware"] == {
        "name": site.name("mi300x"),
        "accelerators": [
            {
                "vendor": "amd",
                "model": "MI300X",
                "count": 1,
                "memory_gib": 192,
                "kind": "gpu",
            }
        ],
        "vcpus": 2,
        "ram_mib": 2048,
        "power_watts": 900.0,
        "hourly_cost": 2.5,
    }
    address = found.hosts[worker]["ansible_host"]
    assert address.startswith("10.66.0.")
    assert (
        address
        in site.member("gpu_cluster_info", name=ONE)["gpu_clusters"][0][
            "node_addresses"
        ]
    )
    assert found.hosts[worker]["ansible_user"] == "core"

    masters = set(found.nodes(role="master"))
    assert found.groups["gpu_nodes"] == set(found.hosts) - masters
    assert found.groups["role_master"] == masters
    assert len(masters) == 3
    assert found.groups["accelerator_amd_mi300x"] == {worker, more}
    assert len(found.groups["accelerator_nvidia_a100"]) == 1
    assert found.groups["node_group_training_more_of_them"] == {more}
    assert found.children["cluster_training"] == {
        "node_group_training_default_master",
        "node_group_training_default_worker",
        "node_group_training_more_of_them",
    }
    assert found.children["location_hall_1"] == {"cluster_training"}
    assert "cluster_serving_b" in found.groups
    assert broken in found.groups["status_error"]
    assert "ungrouped_gpu_nodes" not in found.groups

    graph = inventory.run("ansible-inventory", "--graph", "location_hall_1").stdout
    assert f"|  |  |--{worker}" in graph, graph


def _filters(site: Site, inventory: Inventory) -> None:
    recorder = site.member.recorder
    recorder.clear()
    found = inventory.listing(clusters=[ONE], include_masters=False)
    assert len(found.hosts) == 2
    [servers] = [line for line in recorder.counted if "/servers/detail" in line]
    assert "name=" in servers, "Nova leaves out the other clusters' servers"
    found = inventory.listing(locations=["Hall 1"], node_groups=["more_of_them"])
    assert len(found.hosts) == 1
    recorder.clear()
    found = inventory.listing(statuses=["ERROR"])
    assert len(found.hosts) == 1
    assert any("status=ERROR" in line for line in recorder.counted)
    found = inventory.listing(clusters=["no-such"])
    assert found.hosts == {}
    assert "clusters: no-such: no node is of it" in found.warnings


def _several_clouds(inventory: Inventory) -> None:
    cloud = inventory.options["cloud"]
    found = inventory.listing(clouds=[cloud, "no-such-cloud"])
    assert len(found.hosts) == 7
    assert "no-such-cloud" in found.warnings
    both = inventory.error(clouds=[cloud, "no-such-cloud"], strict=True)
    assert "no-such-cloud" in both
    # Two names of one cloud; its regions are those of the catalogue.
    found = inventory.listing(clouds=[cloud, cloud], regions=["all"])
    assert len(found.hosts) == 7
    assert set(found.nodes(region="RegionOne")) == set(found.hosts)


def _cache(site: Site, inventory: Inventory) -> None:
    recorder = site.member.recorder
    folder = inventory.folder / "cache"
    options = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(folder),
    }
    first = inventory.listing(**options)
    recorder.clear()
    again = inventory.listing(**options)
    assert recorder.requests == []
    assert (again.hosts, again.groups) == (first.hosts, first.groups)
    one = inventory.listing(clusters=[TWO], **options)
    assert len(one.hosts) == 2, "other filters, other key"
    assert recorder.requests
    recorder.clear()
    inventory.listing("--flush-cache", **options)
    assert recorder.requests
    text = "".join(path.read_text() for path in folder.iterdir())
    assert not leaks.in_text(text, {"password": site.project.password})


def _magnum_down(site: Site, inventory: Inventory) -> None:
    recorder = site.member.recorder
    try:
        recorder.disturb = lambda method, path: "503" if "/clusters" in path else None
        found = inventory.listing()
        assert found.groups["ungrouped_gpu_nodes"] == set(found.hosts)
        assert len(found.hosts) == 4, "servers without accelerators can't be told"
        assert "clusters are not known: Magnum answered 503" in found.warnings
        for host in found.hosts.values():
            reason = host["gpufleet_node"]["reason"]
            assert reason.startswith("its cluster is not known: Magnum answered 503")
    finally:
        recorder.disturb = lambda method, path: None


def _without_inventory(site: Site, inventory: Inventory, tmp_path: Path) -> None:
    """Reports straight from the cloud: Cinder's pools, and what Magnum signs.

    Nothing answers at a cluster's API address, as no virtual machine runs here.
    """
    admin, tree = site.admin_here, tmp_path / "tree"
    sources = [
        {"type": "openstack", "cloud": admin.cloud},
        {"type": "kubernetes", "cloud": admin.cloud, "cluster": ONE, "timeout": 9},
    ]
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible", "localhost", "-i", "localhost,"),
            *("-m", "gpufleet.openstack.fleet_info", "--tree", tree, "-vvvv"),
            *("-a", json.dumps({"sources": sources, "reports": ["overview"]})),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **inventory.environment, **admin.environment},
    )
    assert "PRIVATE KEY" not in done.stdout + done.stderr
    overview = json.loads((tree / "localhost").read_text())["overview"]
    assert (overview["totalNodes"], overview["faultyNodes"]) == (4, 1)
    assert overview["unknownNodes"] == 3
    assert overview["storageStat"]["totalBytes"] > 0
    [warning] = [one for one in overview["warnings"] if one.startswith("kubernetes")]
    assert warning.startswith(f"kubernetes {ONE}: "), warning
    # Magnum has signed: it went as far as to the cluster's own address.
    assert "the API server did not answer" in warning or "took more than" in warning


def _telemetry(inventory: Inventory, tmp_path: Path) -> None:
    """A playbook on the nodes, whose insides are stood in for by a generated sysfs.

    All share it, over a local connection: one MI300X, that no process holds.
    """
    node = Node(tmp_path / "stand-in")
    node.mi300x("0000:05:00.0", 0)
    inside = {f"gpufleet_{name}": path for name, path in node.paths.items()}
    inventory.environment.update(
        ANSIBLE_CACHE_PLUGIN="ansible.builtin.jsonfile",
        ANSIBLE_CACHE_PLUGIN_CONNECTION=str(inventory.folder / "facts"),
    )
    told = {"nodes": "gpu_nodes:!status_error", "ansible_connection": "local", **inside}
    unknown = inventory.listing(telemetry="facts", include_masters=False)
    assert len(unknown.groups["gpu_unknown"]) == 3
    played = inventory.run(
        "ansible-playbook",
        "gpufleet.openstack.facts",
        *("--extra-vars", json.dumps(told)),
        *("--extra-vars", "ansible_python_interpreter={{ ansible_playbook_python }}"),
    )
    assert played.returncode == 0, played.stdout + played.stderr
    found = inventory.listing(telemetry="facts")
    [broken] = found.nodes(status="ERROR")
    assert found.groups["gpu_faulty"] == {broken}
    assert found.groups["gpu_healthy"] == found.groups["gpu_nodes"] - {broken}
    assert found.groups["gpu_idle"] == found.groups["gpu_healthy"]
    idle = found.hosts[min(found.groups["gpu_idle"])]
    assert idle["gpufleet_health"]["capacity"] == 1
    assert idle["gpufleet_health"]["allocated"] == 0
    [device] = idle["gpufleet_devices"]
    assert device["pci_bus_id"] == "0000:05:00.0"
    told = inventory.run("ansible-playbook", "gpufleet.openstack.report")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "NODES          4: 3 healthy, 1 faulty, 0 in maintenance" in told.stdout
    assert "HEALTHY        3 idle, 0 partly in use" in told.stdout
    assert f"FAULT      {broken}" in told.stdout
    _with_slurm(inventory, sorted(found.groups["gpu_healthy"]))


def _with_slurm(inventory: Inventory, names: list[str]) -> None:
    """The report, with a real Slurm whose nodes have the servers' names."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # sockets have short paths
    slurm = Slurm(folder, dict.fromkeys(names, ("mi300x", 1)))
    try:
        slurm.start()
        slurm.submit("train", f"--nodelist={names[0]}", "--gres=gpu:1")
        slurm.submit("waits", f"--nodelist={names[0]}", "--gres=gpu:1")
        slurm.until("the job", lambda: "R" in slurm.command("squeue", "-h", "-o", "%t"))
        token = slurm.token()
        source = {"type": "slurm", "url": slurm.url, "user": "root", "token": token}
        options = folder / "options.json"
        options.write_text(
            json.dumps(
                {
                    "report_sources": [{"type": "facts"}, source],
                    "report_folder": str(folder),
                }
            )
        )
        told = inventory.run(
            *("ansible-playbook", "-vvv", "gpufleet.openstack.report"),
            *("--extra-vars", f"@{options}"),
        )
        consumers = json.loads((folder / "consumers.json").read_text())
        overview = json.loads((folder / "overview.json").read_text())["data"]
    finally:
        slurm.stop()
        shutil.rmtree(folder)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "NODES          4: 3 healthy, 1 faulty, 0 in maintenance" in told.stdout
    assert "HEALTHY        2 idle, 0 partly in use, 1 busy, 0 unknown" in told.stdout
    assert "PENDING        1 wait for devices, 1 are idle on one node" in told.stdout
    assert token not in told.stdout + told.stderr
    assert (consumers["code"], consumers["data"]["total"]) == (0, 1)
    [row] = consumers["data"]["data"]
    assert (row["kind"], row["name"]) == ("SlurmJob", "train")
    # Its device is known by index, and what the stand-in says of it.
    assert row["stat"]["gpuUtilization"] == overview["utilization"] == 0.37
    # The one whose server is broken.
    [warning] = overview["warnings"]
    assert warning.startswith("1 nodes have no facts")
