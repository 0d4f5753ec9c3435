# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AMD's own rocm-smi and its library read the same tree, and must tell the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.node.sysfs import Gather, Node, v1_3, write

PACKAGES = ("rocm-smi", "librocm-smi64-1")
CACHE = Path.home() / ".cache/gpufleet/rocm-smi"
ADDRESSES = ["0000:05:00.0", "0000:15:00.0"]


@pytest.fixture(scope="module")
def rocm_smi() -> Path:
    """Debian's packages, unpacked and not installed. Returns the folder."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a private mount namespace needs root and unshare")
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("rocm-smi comes as a package of Debian")
    if not (CACHE / "complete").exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        CACHE.mkdir(parents=True)
        command = ["apt-get", "download", *PACKAGES]
        done = subprocess.run(
            command, check=False, cwd=CACHE, capture_output=True, text=True
        )
        if done.returncode:
            shutil.rmtree(CACHE)
            pytest.skip(f"{' '.join(command)}: {done.stderr.splitlines()[-1]}")
        for package in CACHE.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, CACHE], check=True)
        (CACHE / "complete").touch()
    return CACHE / "usr"


def test_rocm_smi_tells_the_same(rocm_smi: Path, node: Node, gather: Gather) -> None:
    node.cpu()
    for number, address in enumerate(ADDRESSES):
        folder = node.mi300x(address, number, metrics=v1_3(number))
        # What this version of rocm-smi needs of an MI200.
        write(
            folder / "hwmon/hwmon3",
            {
                "power1_average": (312 + number) * 10**6,
                "temp1_input": 46000,
                "temp1_label": "edge",
                "in0_input": 800,
                "in0_label": "vddgfx",
            },
        )
    script = f"mount --make-rprivate / && mount --bind {node.sysfs} /sys && exec "
    facts = ("uniqueid", "serial", "temp", "power", "maxpower", "use", "memuse")
    options = [f"--show{what}" for what in (*facts, "bus", "productname")]
    command = [sys.executable, str(rocm_smi / "libexec/rocm_smi/rocm_smi.py")]
    # Its status is that of the last thing it could not read: sensors of HBM here.
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", script + '"$@"', "sh"),
            *command,
            *options,
            *("--showmeminfo", "vram", "--json"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={"LD_LIBRARY_PATH": str(rocm_smi / "lib")},
    )
    assert done.stdout, done.stderr
    theirs = json.loads(done.stdout)
    ours = gather()["devices"]
    assert len(ours) == len(theirs) == 2
    for number, device in enumerate(ours):
        card = theirs[f"card{number}"]
        assert device["pci_bus_id"] == card["PCI Bus"]
        assert device["uuid"] == card["Unique ID"].replace("0x", "GPU-")
        assert device["serial"] == card["Serial Number"]
        assert device["model"] == card["Card series"]
        for field, name in (
            ("memory_total_bytes", "VRAM Total Memory (B)"),
            ("memory_used_bytes", "VRAM Total Used Memory (B)"),
            ("utilization_percent", "GPU use (%)"),
            ("memory_utilization_percent", "GPU memory use (%)"),
            ("power_watts", "Average Graphics Package Power (W)"),
            ("power_limit_watts", "Max Graphics Package Power (W)"),
            ("temperature_celsius", "Temperature (Sensor junction) (C)"),
            ("memory_temperature_celsius", "Temperature (Sensor memory) (C)"),
        ):
            assert device[field] == float(card[name]), field
