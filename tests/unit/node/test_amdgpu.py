# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AMD GPUs by amdgpu's sysfs."""

from __future__ import annotations

import getpass
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    gpu_metrics,
)
from fakes.node.sysfs import VRAM, Gather, Node, from_v1_4, v1_3, write

ADDRESSES = [f"0000:{bus:02x}:00.0" for bus in range(0x05, 0x85, 0x10)]


def test_eight_mi300x(node: Node, gather: Gather) -> None:
    node.cpu()
    for number, address in enumerate(ADDRESSES):
        node.mi300x(address, number)
    node.kfd_process(4711, node.gpu_id(2), 3 * 2**30)
    facts = gather(expected_count=8)
    devices = facts["devices"]
    assert [device["pci_bus_id"] for device in devices] == ADDRESSES
    assert [device["index"] for device in devices] == list(range(8))
    first, third = devices[0], devices[2]
    assert first == {
        "index": 0,
        "minor_number": 128,
        "pci_bus_id": "0000:05:00.0",
        "vendor": "amd",
        "kind": "gpu",
        "model": "AMD Instinct MI300X OAM",
        "uuid": "GPU-e3a62ab8c12e4a51",
        "serial": "692312000000",
        "driver": "amdgpu",
        "driver_version": "6.8.5",
        "memory_total_bytes": VRAM,
        "memory_used_bytes": 297963520,
        "utilization_percent": 37,
        "memory_utilization_percent": 11,
        "power_watts": 312.0,
        "power_limit_watts": 750.0,
        "energy_joules": 1883.801,
        "temperature_celsius": 52.0,
        "memory_temperature_celsius": 44.0,
        "ecc_corrected": 0,
        "ecc_uncorrected": 0,
        "row_remap_pending": None,
        "row_remap_failed": None,
        "throttle_reasons": None,
        "pcie_generation": 5,
        "pcie_width": 16,
        "numa_node": 1,
        "xgmi_hive_id": "d2ca1ad46147c377",
        "partition_mode": "SPX",
        "memory_partition_mode": "NPS1",
        "partitions": [],
        "processes": [],
        "health": "ok",
        "health_reasons": [],
        "sources": ["pci", "amdgpu"],
        "errors": [],
    }
    assert third["processes"] == [
        {
            "pid": 4711,
            "name": "python3",
            "user": getpass.getuser(),
            "memory_bytes": 3 * 2**30,
        }
    ]
    summary = facts["summary"]
    assert summary["device_count"] == summary["healthy"] == 8
    assert summary["by_model"] == {"AMD Instinct MI300X OAM": 8}
    assert summary["memory_total_bytes"] == 8 * VRAM
    assert summary["power_watts"] == sum(312 + n for n in range(8))
    assert summary["utilization_percent"] == 40.5
    assert summary["health"] == "ok"
    assert facts["backends"]["amdgpu"]["ok"]
    assert "amdsmi" not in facts["backends"], "nothing is left open for it"


@pytest.mark.parametrize(
    ("memory", "queue", "holds"),
    [(0, None, False), (0, 0, True), (4096, None, True), (4096, 3, True)],
)
def test_a_process_holds_what_it_has_memory_or_a_queue_of(
    node: Node, gather: Gather, memory: int, queue: int | None, holds: bool
) -> None:
    """The kernel lists every device that a process may open."""
    for number, address in enumerate(ADDRESSES):
        node.mi300x(address, number)
        node.kfd_process(3722222, node.gpu_id(number), 0)
    node.kfd_process(4711, node.gpu_id(2), memory, queue)
    devices = gather()["devices"]
    held = [[each["pid"] for each in device["processes"]] for device in devices]
    assert held == [[], [], [4711] * holds, [], [], [], [], []]


def test_partitions(node: Node, gather: Gather) -> None:
    for number, address in enumerate(ADDRESSES):
        node.mi300x(address, number, partitions=8)
    for partition, memory in ((0, 2**30), (7, 2**31)):
        node.kfd_process(4711, node.gpu_id(0, partition), memory)
    devices = gather()["devices"]
    assert [device["pci_bus_id"] for device in devices] == ADDRESSES
    for device in devices:
        assert device["partition_mode"] == "CPX"
        partitions = device["partitions"]
        assert [part["index"] for part in partitions] == list(range(8))
        assert {part["memory_total_bytes"] for part in partitions} == {VRAM // 8}
    held = [
        [process["memory_bytes"] for process in part["processes"]]
        for part in devices[0]["partitions"]
    ]
    assert held == [[2**30], [], [], [], [], [], [], [2**31]]
    other = [part["processes"] for part in devices[1]["partitions"]]
    assert other == [[]] * 8
    [process] = devices[0]["processes"]
    assert process["memory_bytes"] == 2**30 + 2**31
    assert all(device["processes"] == [] for device in devices[1:])


def test_a_lost_device_stays(node: Node, gather: Gather) -> None:
    for number, address in enumerate(ADDRESSES[:3]):
        node.mi300x(address, number)
    node.lose(ADDRESSES[1])
    facts = gather()
    first, lost, third = facts["devices"]
    assert (first["health"], third["health"]) == ("ok", "ok")
    assert lost["health"] == "failed"
    assert lost["health_reasons"][0] == "pci: it fell off the bus, all ones are read"
    for counter in ("memory_used_bytes", "utilization_percent", "ecc_uncorrected"):
        assert lost[counter] is None, counter
    assert lost["processes"] is None
    assert (lost["driver"], lost["numa_node"]) == ("amdgpu", 1)
    assert lost["model"] == first["model"], "named as its like are"
    summary = facts["summary"]
    assert (summary["healthy"], summary["failed"]) == (2, 1)
    assert summary["health"] == "failed"
    assert summary["health_reasons"][0].startswith("0000:15:00.0: pci: it fell off")


def test_a_wedged_file_costs_one_device(node: Node, gather: Gather) -> None:
    for number, address in enumerate(ADDRESSES[:3]):
        node.mi300x(address, number)
    node.wedge(ADDRESSES[1], "mem_info_vram_used")
    begun = time.monotonic()
    facts = gather(timeout=0.3)
    assert time.monotonic() - begun < 2
    states = [device["health"] for device in facts["devices"]]
    assert states == ["ok", "failed", "ok"]
    wedged = facts["devices"][1]
    assert wedged["health_reasons"] == ["amdgpu: no answer within 0.3 s"]
    assert wedged["memory_used_bytes"] is None


def test_a_device_whose_bus_does_not_answer(node: Node, gather: Gather) -> None:
    for number, address in enumerate(ADDRESSES[:2]):
        node.mi300x(address, number)
    node.wedge(ADDRESSES[0], "config")
    wedged, other = gather(timeout=0.3)["devices"]
    assert wedged["pci_bus_id"] == ADDRESSES[0]
    assert wedged["health_reasons"][0] == "pci: no answer within 0.3 s"
    assert (wedged["health"], other["health"]) == ("failed", "ok")


def test_errors_of_ras(node: Node, gather: Gather) -> None:
    folder = node.mi300x("0000:05:00.0")
    write(folder, {"ras/umc_err_count": "ue: 2\nce: 5", "ras/gfx_err_count": "ue: 1"})
    [device] = gather()["devices"]
    assert (device["ecc_uncorrected"], device["ecc_corrected"]) == (3, 5)
    assert device["health"] == "degraded"
    [reason] = device["health_reasons"]
    assert reason == "3 uncorrectable memory errors since driver load"


def test_no_driver(node: Node, gather: Gather) -> None:
    node.pci("0000:05:00.0", (0x1002, 0x74A1), 0x120000, None)
    node.pci("0000:15:00.0", (0x1002, 0x74A1), 0x120000, "vfio-pci")
    bare, passed = gather()["devices"]
    assert bare["model"] == "AMD Instinct MI300X"
    assert bare["health"] == passed["health"] == "unknown"
    assert bare["health_reasons"] == ["no driver is bound"]
    assert passed["health_reasons"] == ["driver vfio-pci: no backend read it"]


def test_what_is_no_device(node: Node, gather: Gather) -> None:
    node.pci("0000:00:00.0", (0x8086, 0x2020), 0x060000, None)
    node.pci("0000:01:00.0", (0x1A03, 0x2000), 0x030000, "ast")
    node.pci("0000:02:00.0", (0x1022, 0x15E4), 0x118000, None)
    node.pci("0000:03:00.0", (0x10DE, 0x22A3), 0x068000, "nvidia-nvswitch")
    virtual = node.mi300x("0000:05:00.1")
    (virtual / "physfn").symlink_to("../0000:05:00.0")
    facts = gather()
    assert facts["devices"] == []
    assert facts["summary"]["health"] == "ok"
    assert facts["backends"]["pci"]["ok"]


def test_nonsense_is_unknown(node: Node, gather: Gather) -> None:
    folder = node.mi300x("0000:05:00.0")
    write(
        folder,
        {
            "gpu_busy_percent": 400,
            "mem_info_vram_used": "N/A",
            "hwmon/hwmon3/temp2_input": 6553500,
            "hwmon/hwmon3/power1_input": "",
            "gpu_metrics": b"\x01",
            "current_link_speed": "Unknown",
        },
    )
    [device] = gather(backends=["amdgpu"])["devices"]
    for name in (
        "utilization_percent",
        "memory_used_bytes",
        "temperature_celsius",
        "power_watts",
        "pcie_generation",
    ):
        assert device[name] is None, name
    assert "amdgpu.utilization_percent: 400 can't be" in device["errors"]
    assert device["memory_temperature_celsius"] == 44.0


def test_identity_and_memory_alone(node: Node, gather: Gather) -> None:
    node.mi300x("0000:05:00.0")
    facts = gather(gather=[])
    [device] = facts["devices"]
    assert facts["gathered"] == []
    assert device["memory_used_bytes"] == 297963520
    assert device["power_watts"] is None
    assert device["processes"] is None
    assert facts["rdma_ports"] is facts["xid_events"] is None
    assert "amdsmi" not in facts["backends"], "what is open was not read"
    assert device["health"] == "ok"


def test_the_table_serves_where_no_file_does(node: Node, gather: Gather) -> None:
    folder = node.mi300x("0000:05:00.0", metrics=v1_3(throttle=1 << 36 | 1))
    for name in ("gpu_busy_percent", "hwmon/hwmon3/power1_input"):
        (folder / name).unlink()
    [device] = gather()["devices"]
    assert device["utilization_percent"] == 37
    assert device["power_watts"] == 312.0
    assert device["throttle_reasons"] == ["power_limit", "temperature_limit"]


@pytest.mark.parametrize("minor", [4, 5, 6, 7, 8])
def test_tables_of_an_mi300(minor: int) -> None:
    assert gpu_metrics.read(from_v1_4(minor)) == {
        "temperature_celsius": 52.0,
        "memory_temperature_celsius": 44.0,
        "power_watts": 312.0,
        "utilization_percent": 37,
        "memory_utilization_percent": 11,
        "energy_joules": 1883.801,
        "pcie_width": 16,
    }


def test_table_of_an_mi200() -> None:
    assert gpu_metrics.read(v1_3()) == {
        "temperature_celsius": 52.0,
        "memory_temperature_celsius": 44.0,
        "power_watts": 312.0,
        "utilization_percent": 37,
        "memory_utilization_percent": 11,
        "pcie_width": 16,
        "throttle_reasons": [],
    }


def test_tables_that_are_not_known_or_not_whole() -> None:
    newer = b"\x40\x00\x01\x09" + bytes(60)
    errors = {"errors": ["gpu_metrics: version 1.9 is not known"]}
    assert gpu_metrics.read(newer) == errors
    short = from_v1_4(5)[:40]
    assert gpu_metrics.read(short)["errors"] == ["gpu_metrics: 40 bytes of 168"]


@given(st.binary(max_size=400))
def test_any_bytes_make_no_traceback(table: bytes) -> None:
    facts = gpu_metrics.read(table)
    assert isinstance(facts, dict)


@given(st.integers(3, 8), st.binary(min_size=120, max_size=400))
def test_any_table_has_its_units(minor: int, body: bytes) -> None:
    size = (len(body) + 4).to_bytes(2, "little")
    facts = gpu_metrics.read(size + bytes([1, minor]) + body)
    assert "errors" not in facts
    for name in ("temperature_celsius", "power_watts"):
        assert facts.get(name, 0.0) < 0xFFFF, "all ones mean that it is not there"
