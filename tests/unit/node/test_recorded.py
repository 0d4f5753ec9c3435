# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kernels of real nodes wrote (samples/SOURCES.md), and what none would write."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import files
from ansible_collections.gpufleet.openstack.plugins.module_utils._node.amdgpu import (
    AmdgpuReader,
)
from fakes.node.sysfs import Gather, Node, write

SAMPLES = Path(__file__).parent / "samples"


def _sample(name: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / name).read_text()))


def test_topology_of_mi300x_in_cpx(node: Node, gather: Gather) -> None:
    for number, sample in _sample("kfd-mi300x-cpx.json").items():
        place = node.sysfs / "class/kfd/kfd/topology/nodes" / number
        properties = "\n".join(sample["properties"])
        write(place, {"gpu_id": sample["gpu_id"], "properties": properties})
    for address in ("0000:05:00.0", "0000:27:00.0"):
        folder = node.pci(address, (0x1002, 0x74A1), 0x120000, "amdgpu")
        write(
            folder, {"mem_info_vram_total": 2**37, "current_compute_partition": "CPX"}
        )
    devices = gather(backends=["amdgpu"])["devices"]
    assert [device["pci_bus_id"] for device in devices] == [
        "0000:05:00.0",
        "0000:27:00.0",
    ]
    for device in devices:
        assert [part["index"] for part in device["partitions"]] == list(range(8))
        assert device["partition_mode"] == "CPX"
        assert device["xgmi_hive_id"] == f"{15188982192727901047:016x}"
        assert device["health"] == "ok"


def test_ports_of_a_node_with_h100(node: Node, gather: Gather) -> None:
    recorded = _sample("rdma-h100.json")
    for key, port_files in recorded.items():
        device, port = key.split("/")
        node.rdma(device, int(port), **port_files)
    ports = gather()["rdma_ports"]
    assert len(ports) == len(recorded) == 9
    assert {port["state"] for port in ports} == {"ACTIVE"}
    rates = [port["rate_gbps"] for port in ports]
    assert (rates.count(400.0), rates.count(200.0)) == (8, 1)
    assert {port["link_layer"] for port in ports} == {"InfiniBand", "Ethernet"}


def test_a_card_of_amd(node: Node, gather: Gather) -> None:
    """An older one, without sensors of its own in this sample."""
    contents = _sample("amdgpu-vega.json")
    folder = node.pci("0000:09:00.0", (0x1002, 0x687F), 0x030000, "amdgpu")
    write(folder, contents)
    [device] = gather(backends=["amdgpu"])["devices"]
    assert device["memory_total_bytes"] == 8573157376
    assert device["memory_used_bytes"] == 1490378752
    assert device["utilization_percent"] == 4
    assert device["uuid"] == "GPU-0123456789abcdef"
    assert (device["pcie_generation"], device["pcie_width"]) == (3, 16)
    assert device["numa_node"] is None, "the kernel wrote -1"
    assert device["model"] is device["serial"] is None, "the files are empty"
    assert device["power_watts"] is None
    assert device["health"] == "ok"


def test_an_mi250x_is_two_devices(node: Node, gather: Gather) -> None:
    """Each half has a PCI address and memory of its own; one has the power sensor."""
    for number, address in enumerate(("0000:29:00.0", "0000:2c:00.0")):
        folder = node.pci(address, (0x1002, 0x7408), 0x038000, "amdgpu")
        write(
            folder,
            {
                "mem_info_vram_total": 64 * 2**30,
                "mem_info_vram_used": 10 * 2**20,
                "gpu_busy_percent": 5,
                "hwmon/hwmon5/temp1_input": 41000,
                "hwmon/hwmon5/temp1_label": "edge",
                "hwmon/hwmon5/temp2_input": 45000,
                "hwmon/hwmon5/temp2_label": "junction",
            },
        )
        if number == 0:
            write(folder, {"hwmon/hwmon5/power1_average": 91 * 10**6})
    first, second = gather(backends=["amdgpu"])["devices"]
    assert first["model"] == second["model"] == "AMD Instinct MI250X"
    assert (first["power_watts"], second["power_watts"]) == (91.0, None)
    assert first["temperature_celsius"] == 45.0, "the junction is hotter than the edge"
    assert second["health"] == "ok"


@settings(max_examples=60)
@given(st.data())
def test_any_bytes_in_any_file(data: st.DataObject) -> None:
    """No content makes a traceback, or a value that is no number."""
    address = "0000:05:00.0"
    with tempfile.TemporaryDirectory() as name:
        node = Node(Path(name))
        folder = node.mi300x(address, partitions=2)
        node.kfd_process(4711, node.gpu_id(0), 1024)
        kfd = node.sysfs / "class/kfd/kfd"
        tree = [
            path
            for root in (folder, kfd)
            for path in root.rglob("*")
            if path.is_file() and not path.is_symlink()
        ]
        for path in data.draw(st.lists(st.sampled_from(tree), min_size=1, max_size=5)):
            path.write_bytes(data.draw(st.binary(max_size=40)))
        reader = AmdgpuReader(
            files.Roots(str(node.sysfs), str(node.procfs), str(node.dev)),
            ("metrics", "processes"),
        )
        reader.open()
        facts = reader.read(address)
    for field in ("memory_used_bytes", "power_watts", "ecc_uncorrected"):
        assert facts.get(field) is None or isinstance(facts[field], (int, float))
