# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vendors' tools and packages: what real ones printed, and any text at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    amd_smi,
    collect,
    hl_smi,
    nvidia_smi,
    pci,
    rdma,
    record,
    tool,
    xid,
)
from fakes.node.sysfs import Gather, Node, write

SAMPLES = Path(__file__).parent / "samples"
ALL = collect.GATHER
MIB = 2**20


def _fake_tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# nvidia-smi ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (
            "h100-80gb-hbm3",
            {
                "model": "NVIDIA H100 80GB HBM3",
                "memory_total_bytes": 81559 * MIB,
                "memory_used_bytes": 19818 * MIB,
                "utilization_percent": 100,
                "power_watts": 631.95,
                "temperature_celsius": 59.0,
                "memory_temperature_celsius": 54.0,
                "ecc_uncorrected": 0,
                "partition_mode": "none",
            },
        ),
        ("h100-mig", {"partition_mode": "mig", "power_watts": 433.78}),
        ("h200", {"model": "NVIDIA H200", "memory_total_bytes": 143771 * MIB}),
        ("h200-mig", {"partition_mode": "mig", "temperature_celsius": 36.0}),
        ("l40s", {"model": "NVIDIA L40S", "driver_version": "595.80"}),
    ],
)
def test_what_nvidia_smi_printed(sample: str, expected: dict[str, Any]) -> None:
    text = (SAMPLES / f"nvidia-smi-{sample}.csv").read_text()
    rows, lost = nvidia_smi.parse(text)
    assert lost == {}
    assert len(rows) == 1
    address = next(iter(rows))
    facts = tool.facts(nvidia_smi.COLUMNS, rows[address], ALL)
    assert {name: facts[name] for name in expected} == expected
    apps = (SAMPLES / f"nvidia-smi-{sample}.apps.csv").read_text()
    processes = nvidia_smi.parse_processes(apps)
    assert list(processes) == [address]
    assert all(process["memory_bytes"] > 500 * MIB for process in processes[address])
    if sample.endswith("mig"):
        assert "utilization_percent" not in facts, "it is N/A, not 0"
    if sample == "l40s":
        assert "memory_temperature_celsius" not in facts
        assert "partition_mode" not in facts


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["[GPU is lost]"] * 15, "GPU is lost"),
        # Identity and memory may still be told.
        (
            [
                *("NVIDIA A100-SXM4-40GB", "GPU-1", "1", "535.1", "40960", "0"),
                *["[GPU requires reset]"] * 9,
            ],
            "GPU requires reset",
        ),
        (["[Reset Required]"] + ["1"] * 14, "Reset Required"),
    ],
)
def test_nvidia_smi_with_a_lost_device(values: list[str], reason: str) -> None:
    good = (SAMPLES / "nvidia-smi-h200.csv").read_text()
    gone = "00000000:4E:00.0, " + ", ".join(values)
    rows, lost = nvidia_smi.parse(good + gone)
    assert list(rows) == ["0000:83:00.0"]
    assert lost == {"0000:4e:00.0": reason}


@pytest.mark.parametrize(
    ("memory", "health", "errors"),
    [
        ("81559", "ok", []),
        # A device without memory of its own.
        ("[N/A]", "ok", []),
        ("[Not Supported]", "ok", []),
        (
            "[Unknown Error]",
            "unknown",
            ["nvidia_smi.memory_total_bytes: Unknown Error"],
        ),
        (
            "[Insufficient Permissions]",
            "unknown",
            ["nvidia_smi.memory_total_bytes: Insufficient Permissions"],
        ),
        ("[GPU requires reset]", "failed", []),
    ],
)
def test_what_nvidia_smi_tells_of_memory(
    node: Node,
    gather: Gather,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory: str,
    health: str,
    errors: list[str],
) -> None:
    node.nvidia("0000:83:00.0")
    row = f"00000000:83:00.0, NVIDIA GB10, GPU-1, [N/A], 580.1, {memory}"
    row += ", [N/A], 5, [N/A], 12.5, [N/A], 41, [N/A], [N/A], [N/A], [N/A]"
    _fake_tool(
        tmp_path, "nvidia-smi", f'case "$*" in *apps*) ;; *) echo "{row}";; esac'
    )
    monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path), *tool.FOLDERS))
    [device] = gather(backends=["nvidia_smi"])["devices"]
    assert (device["health"], device["errors"]) == (health, errors)


@pytest.mark.parametrize(
    ("line", "address", "reason"),
    [
        (
            "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost. "
            " Reboot the system to recover this GPU",
            "0000:02:00.0",
            "GPU is lost.  Reboot the system to recover this GPU",
        ),
        (
            "Unable to determine the device handle for GPU0000:17:00.0: Unknown Error",
            "0000:17:00.0",
            "Unknown Error",
        ),
        (
            "Unable to determine the device handle for GPU0: 0000:23:00.0: Unknown Error",
            "0000:23:00.0",
            "Unknown Error",
        ),
        (
            "Unable to determine the device handle for GPU12: 00000001:23:00.0: GPU is "
            "lost",
            "0001:23:00.0",
            "GPU is lost",
        ),
        (
            "Unable to determine the device handle for GPU 000:BA:80.0: Unknown Error",
            "0000:ba:80.0",
            "Unknown Error",
        ),
    ],
)
def test_lines_of_lost_devices(line: str, address: str, reason: str) -> None:
    assert nvidia_smi.parse(line) == ({}, {address: reason})


def test_nvidia_smi_where_nvml_fails(
    node: Node, gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("0000:83:00.0", "0000:84:00.0"):
        node.nvidia(address)
    sample = SAMPLES / "nvidia-smi-h200"
    _fake_tool(
        tmp_path,
        "nvidia-smi",
        f'case "$*" in *apps*) cat {sample}.apps.csv;; *) cat {sample}.csv;; esac',
    )
    monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path), *tool.FOLDERS))
    facts = gather(nvml_library="no-such-library.so")
    listed, left_out = facts["devices"]
    assert listed["sources"] == ["pci", "nvidia_smi"]
    assert listed["health"] == "ok"
    assert listed["memory_used_bytes"] == 32362 * MIB
    assert [process["pid"] for process in listed["processes"]] == [10291, 10293, 10309]
    assert left_out["health"] == "failed"
    assert left_out["health_reasons"] == ["nvidia_smi: nvidia-smi does not list it"]


@pytest.mark.parametrize(
    ("message", "health"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", "failed"),
        ("NVIDIA-SMI has failed because it could not communicate", "unknown"),
    ],
)
def test_nvidia_smi_says_why_not(
    node: Node,
    gather: Gather,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    health: str,
) -> None:
    node.nvidia("0000:83:00.0")
    _fake_tool(tmp_path, "nvidia-smi", f"echo '{message}'; exit 18")
    monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path), *tool.FOLDERS))
    facts = gather(backends=["nvidia_smi"])
    assert facts["backends"]["nvidia_smi"]["error"] == message
    [device] = facts["devices"]
    assert device["health"] == health
    assert f"nvidia_smi: {message}" in device["health_reasons"]


def test_one_lost_device_costs_the_whole_table(
    node: Node, gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("0000:23:00.0", "0000:24:00.0"):
        node.nvidia(address)
    line = "Unable to determine the device handle for GPU0: 0000:23:00.0: Unknown Error"
    _fake_tool(tmp_path, "nvidia-smi", f"echo '{line}'; exit 255")
    monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path), *tool.FOLDERS))
    lost, other = gather(backends=["nvidia_smi"])["devices"]
    assert lost["health_reasons"] == ["nvidia_smi: Unknown Error"]
    assert (lost["health"], other["health"]) == ("failed", "unknown")
    assert other["errors"] == [
        "nvidia_smi.device: nvidia-smi lists none, as one is lost"
    ]


# Gaudi and other NPUs --------------------------------------------------------


def test_gaudi(
    node: Node, gather: Gather, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hl-smi's form is that of its documentation; none was recorded."""
    for number, address in enumerate(("0000:19:00.0", "0000:1a:00.0")):
        folder = node.accel(address, "habanalabs", (0x1DA3, 0x1020))
        status = "Operational" if number == 0 else "Malfunction"
        write(folder, {"status": status, "hwmon/hwmon1/temp1_input": 41000})
    row = "0000:{}:00.0, HL-225, 01P0-HL2080A0-15-TNBS63-19-07-0{}, AN3001, 1.19.1-abc"
    values = "98304, 768, 12, 96, 41, 0, N/A"
    lines = [f"{row.format(bus, bus)}, {values}" for bus in ("19", "1a")]
    _fake_tool(tmp_path, "hl-smi", "\n".join(f"echo '{line}'" for line in lines))
    monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path), *tool.FOLDERS))
    first, broken = gather()["devices"]
    assert (first["vendor"], first["kind"]) == ("habana", "npu")
    assert first["sources"] == ["pci", "accel", "hl_smi"]
    assert first["memory_total_bytes"] == 98304 * MIB
    assert (first["minor_number"], broken["minor_number"]) == (0, 1)
    assert (first["power_watts"], first["utilization_percent"]) == (96.0, 12)
    assert first["ecc_uncorrected"] is None
    assert first["health"] == "ok"
    assert broken["health"] == "failed"
    assert broken["health_reasons"] == ["accel: its status is 'Malfunction'"]


def test_npus_beside_a_gpu(node: Node, gather: Gather) -> None:
    node.mi300x("0000:05:00.0")
    intel = node.accel("0000:00:0b.0", "intel_vpu", (0x8086, 0x7D1D))
    write(intel, {"npu_busy_time_us": 5000, "npu_memory_utilization": 1048576})
    amd = node.accel("0000:c5:00.1", "amdxdna", (0x1022, 0x17F0))
    write(amd, {"vbnv": "RyzenAI-npu4"})
    facts = gather(sample_ms=10)
    npu, gpu, xdna = facts["devices"]
    assert [npu["kind"], gpu["kind"], xdna["kind"]] == ["npu", "gpu", "npu"]
    assert npu["model"] == "Intel NPU (Meteor Lake)"
    assert npu["utilization_percent"] == 0, "its counter stood still"
    assert npu["memory_used_bytes"] == 1048576
    assert xdna["model"] == "RyzenAI-npu4"
    assert xdna["utilization_percent"] is None
    assert {device["health"] for device in facts["devices"]} == {"ok"}
    assert facts["summary"]["by_model"]["AMD Instinct MI300X OAM"] == 1


def test_npus_that_are_not_driven(node: Node, gather: Gather) -> None:
    node.pci("0000:00:0b.0", (0x8086, 0x7D1D), 0x120000, "vfio-pci")
    node.pci("0000:c5:00.1", (0x1022, 0x17F0), 0x118000, "amdxdna")
    passed, odd = gather()["devices"]
    assert passed["health_reasons"] == ["driver vfio-pci: no backend read it"]
    assert odd["health"] == "unknown"
    assert odd["errors"] == ["accel.device: its driver made no device of class accel"]


# amdsmi ------------------------------------------------------------------------------

PACKAGE = """
print("a wrapper that prints")
__version__ = "26.2.0"
def amdsmi_init(): print("so does its library")
def amdsmi_get_processor_handles(): return [0]
def amdsmi_get_gpu_device_bdf(handle): return "0000:05:00.0"
def amdsmi_get_gpu_board_info(handle):
    return {"product_serial": "692312000000", "product_name": "N/A"}
def amdsmi_get_gpu_asic_info(handle): return {"market_name": "AMD Instinct MI300X"}
def amdsmi_get_gpu_vram_usage(handle): return {"vram_total": 196592, "vram_used": 284}
def amdsmi_get_gpu_activity(handle): return {"gfx_activity": 37, "umc_activity": "N/A"}
def amdsmi_get_power_info(handle):
    return {"current_socket_power": "N/A", "average_socket_power": 312}
def amdsmi_get_gpu_metrics_info(handle): raise RuntimeError("not supported")
"""


@pytest.fixture
def bare_mi300x(node: Node) -> Node:
    """Whose files tell the memory's size and nothing else."""
    folder = node.pci("0000:05:00.0", (0x1002, 0x74A1), 0x120000, "amdgpu")
    write(folder, {"mem_info_vram_total": 196592 * MIB})
    return node


def test_amdsmi_adds_what_is_open(
    bare_mi300x: Node, gather: Gather, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "amdsmi.py").write_text(PACKAGE)
    [device] = gather(amdsmi_path=str(tmp_path))["devices"]
    assert device["sources"] == ["pci", "amdgpu", "amdsmi"]
    assert device["model"] == "AMD Instinct MI300X"
    assert device["serial"] == "692312000000"
    assert device["memory_used_bytes"] == 284 * MIB
    assert (device["utilization_percent"], device["power_watts"]) == (37, 312.0)
    assert device["memory_utilization_percent"] is None
    assert device["temperature_celsius"] is None
    assert capfd.readouterr() == ("", ""), "what it prints would spoil the result"


@pytest.mark.parametrize(
    ("package", "error"),
    [
        ("raise KeyError('ROCM_PATH')", "does not fit its library: KeyError"),
        ("import ctypes; ctypes.CDLL('libno.so')", "does not fit its library: OSError"),
        ("import no_such_module", "no package amdsmi: No module named"),
        (PACKAGE + "def amdsmi_init(): raise RuntimeError(34)", "RuntimeError: 34"),
        (PACKAGE + "def amdsmi_init(): raise SystemExit(1)", "SystemExit: 1"),
    ],
)
def test_amdsmi_that_does_not_work(
    bare_mi300x: Node, gather: Gather, tmp_path: Path, package: str, error: str
) -> None:
    (tmp_path / "amdsmi.py").write_text(package)
    facts = gather(amdsmi_path=str(tmp_path))
    assert error in facts["backends"]["amdsmi"]["error"]
    [device] = facts["devices"]
    assert device["sources"] == ["pci", "amdgpu"]
    assert device["health"] == "ok", "amdgpu has read it"


# Ports and the kernel log ----------------------------------------------------


def test_rdma_ports(node: Node, gather: Gather) -> None:
    node.rdma("mlx5_0")
    down = {
        "state": "1: DOWN",
        "phys_state": "3: Disabled",
        "rate": "25 Gb/sec (1X EDR)",
    }
    node.rdma("mlx5_bond_0", **down, link_layer="Ethernet")
    facts = gather()
    assert facts["rdma_ports"] == [
        {
            "device": "mlx5_0",
            "port": 1,
            "state": "ACTIVE",
            "phys_state": "LinkUp",
            "rate_gbps": 400.0,
            "link_layer": "InfiniBand",
            "numa_node": 0,
        },
        {
            "device": "mlx5_bond_0",
            "port": 1,
            "state": "DOWN",
            "phys_state": "Disabled",
            "rate_gbps": 25.0,
            "link_layer": "Ethernet",
            "numa_node": 0,
        },
    ]
    assert facts["backends"]["rdma"]["count"] == 2


def test_a_port_that_does_not_answer(node: Node, gather: Gather) -> None:
    node.rdma("mlx5_0")
    node.rdma("mlx5_1")
    state = node.sysfs / "class/infiniband/mlx5_0/ports/1/state"
    state.unlink()
    os.mkfifo(state)
    wedged, other = gather(timeout=0.3)["rdma_ports"]
    assert (wedged["device"], wedged["state"]) == ("mlx5_0", None)
    assert other["state"] == "ACTIVE"


LOG = """\
6,100,1000000,-;pci 0000:3b:00.0: [10de:20b2] type 00
4,101,2500000,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=unknown, GPU has fallen off the bus.
 SUBSYSTEM=pci
4,102,9000000,-;NVRM: Xid (PCI:0000:86:00): 999, something new
"""


def test_xids_of_the_kernel_log(node: Node, gather: Gather) -> None:
    write(node.dev, {"kmsg": LOG})
    first, second = gather()["xid_events"]
    assert (first["code"], first["pci_bus_id"]) == (79, "0000:3b:00.0")
    assert first["action"] == "RESTART_BM"
    assert first["message"].endswith("GPU has fallen off the bus.")
    assert (second["code"], second["action"]) == (999, None)
    ages = [event["age_seconds"] for event in xid.events(LOG, now=10.0)]
    assert ages == [7.5, 1.0]


def test_no_kernel_log(node: Node, gather: Gather) -> None:
    facts = gather()
    assert facts["xid_events"] is None
    assert facts["backends"]["kmsg"]["error"] == f"can't read {node.dev}/kmsg"


# Any text --------------------------------------------------------------------

ODD = st.sampled_from(
    ["N/A", "[N/A]", "[Not Supported]", "", "-", "nan", "inf", "1e999", "1e308"]
)
VALUES = ODD | st.text(max_size=20)


@given(st.text(max_size=400))
def test_any_text_makes_no_traceback(text: str) -> None:
    rows, _lost = nvidia_smi.parse(text)
    for row in rows.values():
        tool.facts(nvidia_smi.COLUMNS, row, ALL)
    nvidia_smi.parse_processes(text)
    for row in hl_smi.parse(text).values():
        tool.facts(hl_smi.COLUMNS, row, ALL)
    xid.events(text, now=0.0)
    assert pci.generation(text) in (None, 1, 2, 3, 4, 5, 6)
    rdma.rate(text)
    rdma.state(text)
    address = tool.address(text)
    assert address is None or tool.address(address) == address


@given(st.lists(VALUES.filter(lambda v: "," not in v), min_size=15, max_size=15))
def test_any_row_of_nvidia_smi(values: list[str]) -> None:
    rows, _lost = nvidia_smi.parse(", ".join(["0000:02:00.0", *values]))
    for row in rows.values():
        for value in tool.facts(nvidia_smi.COLUMNS, row, ALL).values():
            assert value is not None


@given(ODD)
def test_a_null_is_never_0(text: str) -> None:
    assert tool.mebibytes(text) is None
    if text != "1e308":  # in bytes it has no number
        assert tool.number(text) is tool.integer(text) is None


@given(st.floats(0, 1e6, allow_nan=False))
def test_a_number_keeps_its_unit(value: float) -> None:
    text = f"{value:.2f}"
    assert tool.number(f"{text} W") == tool.number(text) == float(text)
    assert tool.mebibytes(f"{text} MiB") == int(float(text) * MIB)


@given(st.none() | st.booleans() | st.text() | st.integers() | st.lists(st.integers()))
def test_any_answer_of_amdsmi(value: Any) -> None:
    number = amd_smi.number({"x": value}, "x")
    assert number is None or number == value
    assert amd_smi.number(value, "x") is None
    word = amd_smi.word({"x": value}, "x")
    assert word is None or word == record.printable(value.strip())
