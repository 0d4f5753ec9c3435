# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the README's picture of the report page: python -m beds.browser.picture FILE.

The fleet on it is made up, and the page that of the role report.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from beds.browser import chromium

KINDS = (
    ("mi300x", "amd", "AMD Instinct MI300X", 750, 16),
    ("h100", "nvidia", "NVIDIA H100 80GB HBM3", 700, 12),
    ("gaudi3", "intel", "Intel Gaudi 3", 900, 4),
)
USERS = ("alice", "bo", "chen", "dana", "emre", "fatima", "goran", "hana")
TASKS = ("pretrain", "finetune", "evaluate", "serve", "rlhf", "embed")


def fleet(seed: int = 7) -> dict[str, Any]:
    """An inventory of 32 nodes of eight devices, with facts of now."""
    chance = random.Random(seed)
    hosts: dict[str, Any] = {}
    for kind, vendor, model, most, count in KINDS:
        for number in range(count):
            name = f"{kind}-{number:02}"
            held = chance.choice((0, 3, 4, 6, 8, 8, 8, 8))
            user, task = chance.choice(USERS), chance.choice(TASKS)
            devices = []
            for index in range(8):
                busy = chance.uniform(55, 99) if index < held else 0
                process = {
                    "pid": 4000 + index // 4,
                    "name": task,
                    "user": user,
                    "memory_bytes": 2**36,
                }
                devices.append(
                    {
                        "index": index,
                        "pci_bus_id": f"0000:{5 + 16 * index:02x}:00.0",
                        "vendor": vendor,
                        "model": model,
                        "uuid": f"{name}-{index}",
                        "health": "ok",
                        "health_reasons": [],
                        "utilization_percent": round(busy, 1),
                        "power_watts": round(most * (0.16 + busy / 125), 1),
                        "temperature_celsius": round(34 + busy * 0.46, 1),
                        "processes": [process] if index < held else [],
                    }
                )
            ports = [
                {"device": f"mlx5_{port}", "port": "1", "state": "ACTIVE"}
                | {"phys_state": "LINK_UP", "rate_gbps": 400.0}
                for port in range(8)
            ]
            hosts[name] = {
                "gpufleet": {
                    "gathered_at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "devices": devices,
                    "rdma_ports": ports,
                }
            }
    lost = hosts["h100-05"]["gpufleet"]["devices"][6]
    lost.update(health="failed", utilization_percent=None, power_watts=None)
    lost.update(temperature_celsius=None, processes=None)
    lost["health_reasons"] = ["pci: it fell off the bus, all ones are read"]
    hosts["mi300x-11"]["gpufleet"]["devices"][2]["ecc_uncorrected"] = 2
    return {"all": {"hosts": hosts}}


def main(file: Path) -> None:
    """Make the page, and take its picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hosts.json").write_text(json.dumps(fleet()))
        playbook = Path(sys.executable).parent / "ansible-playbook"
        subprocess.run(
            [
                *(playbook, "-i", folder / "hosts.json", "gpufleet.openstack.report"),
                *("-e", f"report_folder={folder}", "-e", "report_top_k=6"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with chromium() as browser:
            browser.set_window_size(1280, 1450)
            browser.get(f"file://{folder}/report.html")
            browser.get_screenshot_as_file(str(file))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
