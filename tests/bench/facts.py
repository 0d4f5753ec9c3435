# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gpu_facts costs on a node of eight devices: make bench-facts.

Collection is timed in one process, over a tree of files and over a stand-in for
NVIDIA's library, so without the time that silicon takes. The ratio is that of whole
runs of `ansible -m gpu_facts` and `ansible -m ping`, in turn; medians of five.
"""

from __future__ import annotations

import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    collect,
    files,
)
from fakes.node import nvml
from fakes.node.sysfs import Node

ROUNDS, RUNS = 100, 5
ADDRESSES = [f"0000:{5 + 16 * number:02x}:00.0" for number in range(8)]


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        amd, nvidia = Node(folder / "amd"), Node(folder / "nvidia")
        for number, address in enumerate(ADDRESSES):
            amd.mi300x(address, number)
            nvidia.nvidia(address)
        os.environ["FAKE_NVML"] = str(folder / "conf")
        library = str(nvml.build(folder))
        nvml.configure(folder / "conf", [f"gpu {address} ok" for address in ADDRESSES])
        sysfs = _collected(amd, None)
        by_library = _collected(nvidia, library)
        hung_at = [
            f"gpu {a} {'hang' if a == ADDRESSES[3] else 'ok'}" for a in ADDRESSES
        ]
        nvml.configure(folder / "conf", hung_at)
        begun = time.monotonic()
        _collect(nvidia, library)
        hung = time.monotonic() - begun
        facts, ping = _whole_runs(folder, amd)
        extra = (_payload(folder, "gpufleet.openstack.gpu_facts")) - _payload(
            folder, "ansible.builtin.ping"
        )
    rows = [
        ("eight devices by sysfs, p50 and p95", f"{_ms(sysfs)} ms"),
        ("eight devices by NVML, p50 and p95", f"{_ms(by_library)} ms"),
        ("the same, one of them hung", f"{hung:.2f} s"),
        ("ansible -m gpu_facts", f"{facts:.2f} s"),
        ("ansible -m ping", f"{ping:.2f} s"),
        ("ratio", f"{facts / ping:.2f}"),
        ("payload above that of ping", f"{extra / 1024:.1f} KiB"),
    ]
    print()
    for what, figure in rows:
        print(f"{what:40} {figure:>20}")
    print()
    print(
        json.dumps(
            {
                "sysfs_p50_ms": round(statistics.median(sysfs), 1),
                "nvml_p50_ms": round(statistics.median(by_library), 1),
                "hung_s": round(hung, 2),
                "ratio_to_ping": round(facts / ping, 2),
                "payload_extra_kb": round(extra / 1024, 1),
            }
        )
    )


def _collect(node: Node, library: str | None) -> float:
    """Collect once. Returns milliseconds."""
    roots = files.Roots(str(node.sysfs), str(node.procfs), str(node.dev))
    facts = collect.collect(collect.Options(roots=roots, nvml_library=library))
    assert facts["summary"]["device_count"] == len(ADDRESSES)
    return float(facts["elapsed_ms"])


def _collected(node: Node, library: str | None) -> list[float]:
    return [_collect(node, library) for _round in range(ROUNDS)]


def _ms(times: list[float]) -> str:
    late = statistics.quantiles(times, n=20)[-1]
    return f"{statistics.median(times):.1f}, {late:.1f}"


def _ansible(folder: Path, *arguments: str) -> str:
    command = [str(Path(sys.executable).parent / "ansible"), "localhost"]
    settings = ["-i", "localhost,", "-c", "local"]
    settings += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(
        [*command, *settings, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible")},
    )
    return done.stdout


def _whole_runs(folder: Path, node: Node) -> tuple[float, float]:
    """Median seconds of gpu_facts, and of ping."""
    plays: dict[str, Callable[[], str]] = {
        "facts": lambda: _ansible(
            folder, "-m", "gpufleet.openstack.gpu_facts", "-a", json.dumps(node.paths)
        ),
        "ping": lambda: _ansible(folder, "-m", "ansible.builtin.ping"),
    }
    taken: dict[str, list[float]] = {name: [] for name in plays}
    for _round in range(RUNS):
        for name, play in plays.items():
            begun = time.monotonic()
            play()
            taken[name].append(time.monotonic() - begun)
    return statistics.median(taken["facts"]), statistics.median(taken["ping"])


def _payload(folder: Path, module: str) -> int:
    """Bytes of the archive that Ansible sends for a module."""
    place = folder / module
    os.environ["ANSIBLE_KEEP_REMOTE_FILES"] = "1"
    _ansible(folder, "-m", module, "-e", f"ansible_remote_tmp={place}")
    del os.environ["ANSIBLE_KEEP_REMOTE_FILES"]
    [wrapper] = place.rglob("AnsiballZ_*.py")
    [archive] = re.findall(r"""['"]([A-Za-z0-9+/=]{4096,})['"]""", wrapper.read_text())
    return len(base64.b64decode(archive))


if __name__ == "__main__":
    main()
