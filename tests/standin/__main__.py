# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For the demo: python -m standin up | down.

C(up) reads from stdin what C(ansible-inventory --list) prints. It makes a tree of sysfs
files for each node that has accelerators, and starts a real Slurm whose nodes have
these names, with a few jobs. It prints the folder of two files: inside.json, an
inventory that says where a node's files are, and report.json, variables of the playbook
report. C(down) ends what an C(up) has started, and removes all files.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bed.install import install_for_tests
from bed.processes import end, marked
from fakenode.sysfs import Node
from integration.inventory import Listing
from slurmbed.slurm import UNITS, Slurm, missing

FOLDER = Path(tempfile.gettempdir()) / "gpufleet"

Accelerator = dict[str, Any]


def main(action: str) -> int:
    """Do one of both.

    Returns:
        The exit status.
    """
    if action == "down":
        down()
        return 0
    hosts = Listing(sys.stdin.read(), "").hosts
    told = {
        name: variables["gpufleet_node"]["hardware"]["accelerators"]
        for name, variables in hosts.items()
    }
    down()
    status = install_for_tests(missing(), UNITS)
    if status == 0:
        up({name: found for name, found in told.items() if found})
        print(FOLDER)
    return status


def down() -> None:
    """End and remove."""
    if FOLDER.exists():
        slurm = {
            "SLURM_CONF": str(FOLDER / "slurm/slurm.conf"),
            "PATH": "/usr/bin:/bin",
        }
        if shutil.which("scancel"):
            subprocess.run(
                ["scancel", "--user=root"], check=False, capture_output=True, env=slurm
            )
        end(marked(FOLDER / "slurm"), 5)
        shutil.rmtree(FOLDER)


def up(nodes: dict[str, list[Accelerator]]) -> None:
    """Make the trees and start Slurm."""
    FOLDER.mkdir(mode=0o755)
    (FOLDER / "slurm").mkdir(mode=0o755)
    gpus = {
        name: (told[0]["model"].lower(), sum(one["count"] for one in told))
        for name, told in nodes.items()
    }
    slurm = Slurm(FOLDER / "slurm", gpus)
    slurm.start()
    jobs(slurm)
    hosts = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            **inside(FOLDER / name, told, number),
        }
        for number, (name, told) in enumerate(sorted(nodes.items()))
    }
    (FOLDER / "inside.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    source = {"type": "slurm", "url": slurm.url, "user": "root"}
    source["token"] = slurm.token(3600)
    (FOLDER / "report.json").touch(mode=0o600)
    (FOLDER / "report.json").write_text(
        json.dumps({"report_sources": [{"type": "facts"}, source]})
    )


def jobs(slurm: Slurm) -> None:
    """Jobs of a fleet in use: large and small ones, and one that has to wait."""
    by_model: dict[str, list[str]] = {}
    for name, (model, _count) in sorted(slurm.nodes.items()):
        by_model.setdefault(model, []).append(name)
    started = 0
    for model, names in by_model.items():
        whole = slurm.nodes[names[0]][1]
        if len(names) > 1:
            first = f"--nodelist={','.join(names[:2])}"
            slurm.submit("train-llm", first, "--nodes=2", f"--gres=gpu:{model}:{whole}")
            started += 1
        size = max(1, whole // 2)
        last = f"--nodelist={names[-1]}"
        slurm.submit(f"serve-{model}", last, f"--gres=gpu:{model}:{size}")
        started += 1
        slurm.submit(f"tune-{model}", last, f"--gres=gpu:{model}:{whole}")  # waits

    def running() -> bool:
        shown = slurm.command("squeue", "--noheader", "--states=R", "--format=%i")
        return len(shown.split()) == started

    slurm.until("the jobs", running)


def inside(folder: Path, told: list[Accelerator], number: int) -> dict[str, str]:
    """A tree of a node's files. Returns variables of the playbook gpu_facts for it."""
    node = Node(folder)
    index = 0
    for one in told:
        for _each in range(one["count"]):
            address = f"0000:{5 + 16 * index:02x}:00.0"
            if one["vendor"] == "amd":
                node.mi300x(address, 7 * number + index)
            elif one["vendor"] == "nvidia":
                node.nvidia(address)
            else:
                node.accel(address, "habanalabs", (0x1DA3, 0x1060))
            index += 1
    return {f"gpufleet_{name}": path for name, path in node.paths.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
