# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA GPUs by the real ctypes path, over a stand-in for the library."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import tool
from fakes.node import nvml
from fakes.node.sysfs import Gather, Node

ADDRESSES = ["0000:07:00.0", "0000:0f:00.0", "0000:47:00.0"]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def read(
    node: Node,
    gather: Gather,
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., dict[str, Any]]:
    """Read three A100 of which the library tells these lines."""
    for address in ADDRESSES:
        node.nvidia(address)

    def run(*lines: str, **options: Any) -> dict[str, Any]:
        nvml.configure(tmp_path / "nvml.conf", lines)
        monkeypatch.setenv("FAKE_NVML", str(tmp_path / "nvml.conf"))
        monkeypatch.setattr(tool, "FOLDERS", (str(tmp_path),))  # no nvidia-smi there
        return gather(nvml_library=str(library), **options)

    return run


def _gpus(*states: str) -> list[str]:
    return [f"gpu {a} {s}" for a, s in zip(ADDRESSES, states, strict=True)]


def test_all_is_well(read: Callable[..., Any], node: Node) -> None:
    node.process(4711)
    held = "process 4711 1073741824"
    facts = read("gpu 0000:07:00.0 ok", held, *_gpus("ok", "ok", "ok")[1:])
    device = facts["devices"][0]
    values = {
        name: device[name] for name in device if name not in ("processes", "index")
    }
    assert values == {
        "minor_number": 0,
        "pci_bus_id": "0000:07:00.0",
        "vendor": "nvidia",
        "kind": "gpu",
        "model": "NVIDIA A100-SXM4-40GB",
        "uuid": "GPU-12345678-1234-1234-1234-123456780000",
        "serial": "1323721030000",
        "driver": "nvidia",
        "driver_version": "550.163.01",
        "memory_total_bytes": 42949672960,
        "memory_used_bytes": 1073741824,
        "utilization_percent": 30,
        "memory_utilization_percent": 5,
        "power_watts": 62.5,
        "power_limit_watts": 400.0,
        "energy_joules": 123.456,
        "temperature_celsius": 40.0,
        "memory_temperature_celsius": 55.0,
        "ecc_corrected": 4,
        "ecc_uncorrected": 0,
        "row_remap_pending": False,
        "row_remap_failed": False,
        "throttle_reasons": [],
        "pcie_generation": 5,
        "pcie_width": 16,
        "numa_node": 1,
        "xgmi_hive_id": None,
        "partition_mode": "none",
        "memory_partition_mode": None,
        "partitions": [],
        "health": "ok",
        "health_reasons": [],
        "sources": ["pci", "nvml"],
        "errors": [],
    }
    [process] = device["processes"]
    assert (process["pid"], process["name"]) == (4711, "python3")
    assert process["memory_bytes"] == 1073741824
    backend = facts["backends"]["nvml"]
    assert (backend["ok"], backend["version"], backend["count"]) == (
        True,
        "12.550.163.01",
        3,
    )
    assert "nvidia_smi" not in facts["backends"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("lost", "nvml: the GPU is lost"),
        ("handle_lost", "nvml: the GPU is lost"),
        ("no_handle", "nvml: Not Found"),
        ("hang", "nvml: no answer within 0.4 s"),
        ("crash", "nvml: crashed with signal 11"),
    ],
)
def test_a_lost_device_costs_itself(
    read: Callable[..., Any], state: str, reason: str
) -> None:
    begun = time.monotonic()
    facts = read(*_gpus("ok", state, "ok"), timeout=0.4)
    assert time.monotonic() - begun < 2.4
    first, lost, third = facts["devices"]
    assert (first["health"], lost["health"], third["health"]) == ("ok", "failed", "ok")
    assert lost["health_reasons"] == [reason]
    assert lost["pci_bus_id"] == "0000:0f:00.0"
    assert lost["model"] == "NVIDIA A100-SXM4-40GB", "named as its like are"
    assert lost["memory_used_bytes"] is lost["power_watts"] is lost["processes"] is None
    assert third["power_watts"] == 64.5
    assert facts["summary"]["failed"] == 1


def test_all_hang(read: Callable[..., Any]) -> None:
    """As long as the time for all is there, each is tried."""
    facts = read(*_gpus("hang", "hang", "hang"), timeout=0.2)
    assert [device["health"] for device in facts["devices"]] == ["failed"] * 3


def test_no_permission(read: Callable[..., Any]) -> None:
    facts = read(*_gpus("ok", "noperm", "ok"))
    device = facts["devices"][1]
    assert device["health"] == "unknown"
    assert "nvml.uuid: Insufficient Permissions" in device["errors"]
    assert device["memory_total_bytes"] is None


def test_what_a_device_does_not_have_is_null(read: Callable[..., Any]) -> None:
    device = read(*_gpus("unsupported", "ok", "ok"))["devices"][0]
    assert device["health"] == "ok"
    assert device["errors"] == []
    assert device["power_watts"] is device["ecc_uncorrected"] is None
    assert device["partition_mode"] is None
    assert device["processes"] == []


@pytest.mark.parametrize(
    ("line", "error", "health"),
    [
        ("init 9", "Driver Not Loaded", "unknown"),
        ("init 999", "Unknown Error", "unknown"),
        # After an update of the driver CUDA does not start, until it is loaded anew.
        ("init 18", "Driver/library version mismatch", "failed"),
    ],
)
def test_no_nvml(read: Callable[..., Any], line: str, error: str, health: str) -> None:
    facts = read(line)
    assert facts["backends"]["nvml"]["error"] == error
    for device in facts["devices"]:
        assert device["health"] == health
        assert f"nvml: {error}" in device["health_reasons"]
    assert facts["summary"]["health"] == health


def test_no_library(read: Callable[..., Any], gather: Gather) -> None:
    facts = gather(nvml_library="no-such-library.so", backends=["nvml"])
    assert "can't load no-such-library.so" in facts["backends"]["nvml"]["error"]
    assert facts["summary"]["health"] == "unknown"
    assert facts["summary"]["device_count"] == 3


def test_mig(read: Callable[..., Any]) -> None:
    lines = [
        "gpu 0000:07:00.0 ok",
        "mig 1g.5gb",
        "process 4711 1048576",
        "mig 2g.10gb",
        *_gpus("ok", "ok", "ok")[1:],
    ]
    device = read(*lines)["devices"][0]
    assert device["partition_mode"] == "mig"
    assert device["utilization_percent"] is None, "an A100 does not tell it under MIG"
    first, second = device["partitions"]
    assert (first["index"], first["profile"]) == (0, "1g.5gb")
    assert first["uuid"].startswith("MIG-")
    assert first["memory_total_bytes"] == 5100273664
    assert [process["pid"] for process in first["processes"]] == [4711]
    assert (second["profile"], second["processes"]) == ("2g.10gb", [])
    assert [process["pid"] for process in device["processes"]] == [4711]


def test_memory_of_the_processor(read: Callable[..., Any]) -> None:
    """A GB10 has none of its own."""
    device = read(*_gpus("integrated", "ok", "ok"))["devices"][0]
    assert device["memory_total_bytes"] is device["memory_used_bytes"] is None
    assert (device["health"], device["errors"]) == ("ok", [])


def test_who_only_draws_holds_nothing(read: Callable[..., Any]) -> None:
    lines = ["gpu 0000:07:00.0 ok", "draws 900 4194304"]
    more = ["gpu 0000:0f:00.0 ok", "draws 900 4194304", "process 4711 1024"]
    first, second, _third = read(*lines, *more, "gpu 0000:47:00.0 ok")["devices"]
    assert first["processes"] == []
    assert [process["pid"] for process in second["processes"]] == [4711]


def test_minor_numbers(read: Callable[..., Any], node: Node) -> None:
    """The kernel tells them, also of a lost device; else the library does."""
    facts = read(*_gpus("ok", "lost", "ok"))
    assert [device["minor_number"] for device in facts["devices"]] == [0, 1, 2]
    shutil.rmtree(node.procfs / "driver")
    facts = read(*_gpus("ok", "lost", "ok"))
    assert [device["minor_number"] for device in facts["devices"]] == [0, None, 2]


def test_more_processes_than_expected(read: Callable[..., Any]) -> None:
    held = [f"process {pid} 1024" for pid in range(1000, 1100)]
    device = read("gpu 0000:07:00.0 ok", *held)["devices"][0]
    assert len(device["processes"]) == 100


def test_process_whose_memory_is_not_told(read: Callable[..., Any]) -> None:
    device = read("gpu 0000:07:00.0 ok", f"process 4711 {2**64 - 1}")["devices"][0]
    [process] = device["processes"]
    assert process["memory_bytes"] is None
    assert process["user"] is process["name"] is None


@pytest.mark.parametrize(
    ("line", "health", "reason"),
    [
        ("set ecc_uncorrected 2", "degraded", "2 uncorrectable memory errors"),
        ("set remap_pending 1", "degraded", "will be remapped at the next reset"),
        ("set remap_failed 1", "failed", "can't be remapped"),
    ],
)
def test_faults_of_memory(
    read: Callable[..., Any], line: str, health: str, reason: str
) -> None:
    device = read("gpu 0000:07:00.0 ok", line, *_gpus("ok", "ok", "ok")[1:])
    device = device["devices"][0]
    assert device["health"] == health
    assert reason in device["health_reasons"][0]
    assert device["power_watts"] == 62.5, "it is there, and tells"


def test_throttling_and_nonsense(read: Callable[..., Any]) -> None:
    facts = read("gpu 0000:07:00.0 ok", "set throttle 69", "set utilization 4294967295")
    device = facts["devices"][0]
    assert device["throttle_reasons"] == ["power_limit", "hardware_temperature"]
    assert device["utilization_percent"] is None
    assert "nvml.utilization_percent: 4294967295 can't be" in device["errors"]


def test_nvidias_own_wrapper_works_on_the_stand_in(
    library: Path, tmp_path: Path
) -> None:
    """So the stand-in has the interface that NVIDIA's own client expects."""
    pytest.importorskip("pynvml")
    nvml.configure(tmp_path / "conf", [*_gpus("ok", "lost", "ok")])
    code = """
import pynvml as n
n.nvmlInit()
one = n.nvmlDeviceGetHandleByPciBusId(b"0000:07:00.0")
print(n.nvmlDeviceGetCount(), n.nvmlDeviceGetName(one))
print(n.nvmlDeviceGetMemoryInfo(one, version=n.nvmlMemory_v2).used)
print(n.nvmlDeviceGetPowerUsage(one), n.nvmlDeviceGetTemperature(one, 0))
print(n.nvmlDeviceGetRemappedRows(one), n.nvmlDeviceGetMigMode(one))
[field] = n.nvmlDeviceGetFieldValues(one, [n.NVML_FI_DEV_MEMORY_TEMP])
print(field.nvmlReturn, field.value.uiVal)
print(n.nvmlDeviceGetComputeRunningProcesses(one))
try:
    n.nvmlDeviceGetName(n.nvmlDeviceGetHandleByIndex(1))
except n.NVMLError_GpuIsLost:
    print("lost")
"""
    environment = {
        "FAKE_NVML": str(tmp_path / "conf"),
        "LD_LIBRARY_PATH": str(library.parent),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        "3 NVIDIA A100-SXM4-40GB",
        "1073741824",
        "62500 40",
        "(0, 0, 0, 0) [0, 0]",
        "0 55",
        "[]",
        "lost",
    ], done.stderr
