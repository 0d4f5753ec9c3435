# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory costs, beside openstack.cloud's: make bench-inventory.

Both list the same recorded cloud, by `ansible-inventory --list` into a file, each run
in a process of its own, in turn; figures are medians of five. The cache is compared
with a static file of the same hosts. All times hold what Ansible itself takes to start
and to print, which is most of ours.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fakes.recorded.server import Cloud
from integration.inventory import PEER, Inventory

ROUNDS = 5
SIZES = ((100, 10), (1_000, 50), (10_000, 200))
STARTED = time.monotonic()


class Cost(NamedTuple):
    """What a run takes: seconds, seconds of CPU, MiB at most, and requests."""

    wall: float
    cpu: float
    memory: float
    requests: int


def main(peer_python: str) -> None:
    """Measure, and print.

    Args:
        peer_python: Python of an environment that has openstack.cloud.
    """
    rows = []
    for servers, clusters in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            cloud = Cloud(servers, clusters)
            try:
                rows.append((servers, _compare(cloud, Path(folder), peer_python)))
            finally:
                cloud.close()
    _print(rows)


def _compare(cloud: Cloud, folder: Path, peer_python: str) -> dict[str, Cost]:
    """Costs of ours, theirs, ours from a warm cache, and a static file."""
    clouds = folder / "clouds.yaml"
    clouds.write_text(yaml.safe_dump({"clouds": {"recorded": cloud.config}}))
    environment = {"OS_CLIENT_CONFIG_FILE": str(clouds)}
    ours = Inventory(folder, environment, cloud="recorded")
    peer = Inventory(folder, environment, PEER, peer_python, only_clouds=["recorded"])
    cache = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(folder / "cache"),
    }
    (folder / "cached").mkdir()
    cached = Inventory(folder / "cached", environment, cloud="recorded", **cache)
    static = folder / "static.yml"
    export = ("--list", "--yaml", "--export", "--output", str(static))
    for done in (ours.run("ansible-inventory", *export), _listed(cached)):
        assert done.returncode == 0, done.stderr
    runs: dict[str, Callable[[], Cost]] = {
        "ours": lambda: _cost(cloud, ours, ours.write()),
        "openstack.cloud": lambda: _cost(cloud, peer, peer.write()),
        "ours, cached": lambda: _cost(cloud, cached, cached.write()),
        "static YAML": lambda: _cost(cloud, ours, static),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for number in range(ROUNDS):
        say(f"{len(cloud.lists['servers'])} servers, round {number + 1} of {ROUNDS}")
        for name, run in runs.items():
            costs[name].append(run())
    return {name: _median(found) for name, found in costs.items()}


def _listed(inventory: Inventory) -> subprocess.CompletedProcess[str]:
    return inventory.run("ansible-inventory", "--list", "--output", os.devnull)


def _cost(cloud: Cloud, inventory: Inventory, file: Path) -> Cost:
    """What one run takes, in a process of its own."""
    cloud.requests.clear()
    command = [inventory.bin / "ansible-inventory", "-i", file, "--list"]
    begun = time.monotonic()
    process = subprocess.Popen(
        [*command, "--output", os.devnull],
        env={
            **os.environ,
            "ANSIBLE_HOME": str(inventory.folder / "ansible"),
            **inventory.environment,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _pid, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    counted = [one for one in cloud.requests if _counts(one)]
    cpu = used.ru_utime + used.ru_stime
    return Cost(wall, cpu, used.ru_maxrss / 1024, len(counted))


def _counts(request: str) -> bool:
    """Whether it is neither authentication nor a service's root."""
    path = request.split(" ")[1].split("?")[0].strip("/").split("/")
    roots = {"v1", "v2", "v2.1", "v3"}
    return "auth" not in path and bool(set(path[1:]) - roots)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def _print(rows: list[tuple[int, dict[str, Cost]]]) -> None:
    head = ("servers", "", "requests", "wall s", "CPU s", "MiB", "ms a server")
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for servers, costs in rows:
        for name, cost in costs.items():
            each = 1000 * cost.wall / servers
            cells: tuple[Any, ...] = (
                *(servers, name, cost.requests, f"{cost.wall:.1f}", f"{cost.cpu:.1f}"),
                *(f"{cost.memory:.0f}", f"{each:.1f}"),
            )
            print("| " + " | ".join(map(str, cells)) + " |")
    servers, costs = rows[-1]
    ours, peer = costs["ours"], costs["openstack.cloud"]
    figures = {
        "servers": servers,
        "requests": ours.requests,
        "peer_requests": peer.requests,
        "speedup": round(peer.wall / ours.wall, 2),
        "memory_ratio": round(ours.memory / peer.memory, 2),
        "cache_ratio": round(costs["ours, cached"].wall / costs["static YAML"].wall, 2),
    }
    print(json.dumps(figures))


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
