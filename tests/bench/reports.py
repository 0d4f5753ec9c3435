# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports cost, and their sources: make bench-reports.

Fleets are made in memory, with nodes of eight devices and four pods for each; the
Kubernetes API server is a small one that answers with pages made before, the Prometheus
a real one. Each figure is the median of five runs; memory is what the process took at
most beyond what it had before, in a run of its own. The peer is a play that computes
the same numbers by `json_query` and Jinja; both read the same inventory, and the time
of a play that computes nothing is taken off.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._answers import (
    consumers,
    heatmap,
    nodes,
    overview,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._fleet import snapshot
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources import facts
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.openstack import (
    source as openstack,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.prometheus import (
    source as prometheus,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.slurm import (
    source as slurm,
)
from beds.prometheus import pages
from beds.prometheus.server import Prometheus, Target
from bench import kube_pages
from fakes.recorded.server import Cloud
from unit.fleet import fleets

ROUNDS = 5
SIZES = (100, 1_000, 12_500)
DEVICES = 8
PODS = 4  # of a node: 50,000 at most
SCRAPED = 10_000
"""Devices that Prometheus is told of, with eight series each."""
PEER_NODES = 1_000
STARTED = time.monotonic()

Row = tuple[str, int, float, float]
"""What it is, devices, seconds, and MiB."""


def main(peer_python: str) -> None:
    """Measure, and print.

    Args:
        peer_python: Python of an environment that has community.general.
    """
    rows: list[Row] = []
    for size in SIZES:
        say(f"{size} nodes in memory")
        rows += _in_memory(size)
        say(f"{size * PODS} jobs of Slurm's")
        rows.append(_slurm(size))
        say(f"{size} servers by OpenStack's API")
        rows.append(_openstack(size))
        say(f"{size * PODS} pods by Kubernetes' API")
        rows.append(_kubernetes(size))
    say("80,000 series by Prometheus")
    rows.append(_prometheus())
    say(f"{PEER_NODES} nodes in plays")
    ours, theirs = _plays(peer_python)
    _print(rows)
    most = SIZES[-1] * DEVICES
    three = [row for row in rows if row[0] == "the three reports" and row[1] == most]
    print(f"In a play, {PEER_NODES} nodes: {ours:.2f} s, json_query {theirs:.2f} s.\n")
    print(
        json.dumps(
            {
                "devices": most,
                "seconds": round(three[0][2], 3),
                "peak_mb": round(three[0][3]),
                "json_query_speedup": round(theirs / ours, 1),
            }
        )
    )


def say(what: str) -> None:
    """Tell how far it is."""
    print(f"{time.monotonic() - STARTED:6.0f} s  {what}", flush=True)


def _print(rows: list[Row]) -> None:
    print("\n| | devices | s | µs a device | MiB |\n|---|---|---|---|---|")
    for what, devices, seconds, memory in sorted(rows, key=lambda row: row[0]):
        each = 1e6 * seconds / devices
        print(f"| {what} | {devices:,} | {seconds:.3f} | {each:.1f} | {memory:.0f} |")
    print()


# In memory ------------------------------------------------------------------------


def _in_memory(size: int) -> list[Row]:
    """Reports and the source `facts`, over hosts in memory."""
    hosts = [
        fleets.host(f"node-{n:05}", DEVICES, n % (DEVICES + 1)) for n in range(size)
    ]
    variables = {host.name: fleets.variables(host) for host in hosts}
    built = snapshot.build(hosts, now=fleets.NOW)

    def three() -> None:
        overview.report(built)
        consumers.report(built)
        heatmap.report(built)

    measured: dict[str, Callable[[], Any]] = {
        "source facts": lambda: facts.hosts(variables, print),
        "a fleet of facts": lambda: snapshot.build(hosts, now=fleets.NOW),
        "overview": lambda: overview.report(built),
        "consumers": lambda: consumers.report(built),
        "heatmap": lambda: heatmap.report(built),
        "nodes": lambda: nodes.report(built),
        "the three reports": three,
    }
    count = size * DEVICES
    return [(what, count, *_cost(run)) for what, run in measured.items()]


def _cost(run: Callable[[], Any]) -> tuple[float, float]:
    """Seconds and MiB that something takes."""
    times = []
    for _round in range(ROUNDS):
        gc.collect()
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), _memory(run)


def _memory(run: Callable[[], Any]) -> float:
    """MiB that something takes at most, in a process of its own."""
    fork = multiprocessing.get_context("fork")
    receive, send = fork.Pipe(duplex=False)

    def child() -> None:
        gc.freeze()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _resident("VmRSS")
        kept = run()
        send.send(_resident("VmHWM") - before)
        del kept

    process = fork.Process(target=child)
    process.start()
    found = receive.recv()
    process.join()
    return float(found)


def _resident(what: str) -> float:
    match = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match
    return int(match.group(1)) / 1024


# Sources --------------------------------------------------------------------------


def _slurm(size: int) -> Row:
    """From records as slurmrestd 22.05 lists them, so without what it takes itself."""
    nodes_of = [
        {
            "name": f"node-{number:05}",
            "address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "gres": f"gpu:mi300x:{DEVICES}(S:0-1)",
            "gres_used": f"gpu:mi300x:{PODS}(IDX:0-{PODS - 1})",
            "state": "mixed",
            "state_flags": [],
        }
        for number in range(size)
    ]
    jobs = [
        {
            "job_id": number,
            "name": "train",
            "job_state": "RUNNING",
            "user_name": f"user{number % 50}",
            "partition": "all",
            "nodes": f"node-{number // PODS:05}",
            "gres_detail": [f"gpu:mi300x:1(IDX:{number % PODS})"],
            "job_resources": {
                "allocated_nodes": [{"nodename": f"node-{number // PODS:05}"}]
            },
        }
        for number in range(size * PODS)
    ]
    found = slurm.schedule(nodes_of, jobs)
    assert sum(node.offer.allocated or 0 for node in found.nodes) == size * PODS
    cost = _cost(lambda: slurm.schedule(nodes_of, jobs))
    return ("source slurm", size * DEVICES, *cost)


def _openstack(size: int) -> Row:
    """A recorded cloud, answered by threads of this process: their time counts too."""
    cloud = Cloud(servers=size, clusters=max(1, size // 50))
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "clouds.yaml"
            file.write_text(yaml.safe_dump({"clouds": {"recorded": cloud.config}}))
            os.environ["OS_CLIENT_CONFIG_FILE"] = str(file)
            found = openstack.read({"cloud": "recorded"}, 60)
            assert len(found.servers) == size
            cost = _cost(lambda: openstack.read({"cloud": "recorded"}, 60))
    finally:
        cloud.close()
    return ("source openstack", size * DEVICES, *cost)


def _kubernetes(size: int) -> Row:
    server = kube_pages.Server(size, size * PODS, DEVICES)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = server.kubeconfig(Path(folder) / "kubeconfig")
            found = kubernetes.read({"kubeconfig": path}, 60)
            assert sum(len(row["pods"]) for row in found.consumers) == size * PODS
            cost = _cost(lambda: kubernetes.read({"kubeconfig": path}, 60))
    finally:
        server.close()
    return ("source kubernetes", size * DEVICES, *cost)


def _prometheus() -> Row:
    values = {
        "DEV_GPU_TEMP": 50,
        "DEV_POWER_USAGE": 400,
        "DEV_GPU_UTIL": 80,
        "DEV_MEMORY_TEMP": 60,
        "DEV_FB_USED": 1024,
        "DEV_FB_FREE": 512,
        "DEV_FB_RESERVED": 512,
        "DEV_TOTAL_ENERGY_CONSUMPTION": 5000,
    }
    each = SCRAPED // 10
    targets = [
        Target(
            f"10.0.0.{target}:9400",
            "".join(
                pages.dcgm(
                    {"hostname": f"node-{(target * each + n) // DEVICES:05}"},
                    n % DEVICES,
                    values,
                )
                for n in range(each)
            ),
        )
        for target in range(10)
    ]
    with tempfile.TemporaryDirectory() as folder:
        server = Prometheus(Path(folder), targets, interval=20)
        try:
            server.start()
            options = {"url": server.url}
            found = prometheus.read(options, 60)
            assert sum(len(one.facts["devices"]) for one in found.measured) == SCRAPED
            return (
                "source prometheus",
                SCRAPED,
                *_cost(lambda: prometheus.read(options, 60)),
            )
        finally:
            server.stop()


# The peer -------------------------------------------------------------------------

PEER = {
    "devices": "{{ groups['all'] | map('extract', hostvars, 'gpufleet') "
    "| community.general.json_query('[].devices[]') }}",
    "held": "{{ devices | community.general.json_query('[?processes]') }}",
    "users": "{{ held | community.general.json_query('[].processes[].user') "
    "| community.general.counter }}",
    # Not by json_query: to it numbers that carry Ansible's marks are of no type.
    "top": "{{ (devices | map(attribute='utilization_percent') | sort "
    "| reverse)[:5] }}",
    "used": "{{ (held | map(attribute='utilization_percent') | sum) "
    "/ (held | length) }}",
}
OURS = {
    "reports": "{{ query('gpufleet.openstack.gpu_report', 'overview', 'consumers', "
    "'heatmap', group_by='user', stale_after=0) }}",
}


def _plays(peer_python: str) -> tuple[float, float]:
    """Seconds of our play and the peer's, beyond one that computes nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hosts = {
            host.name: fleets.variables(host)
            for number in range(PEER_NODES)
            for host in [fleets.host(f"node-{number:04}", DEVICES, number % 9)]
        }
        listed = {"all": {"hosts": list(hosts)}, "_meta": {"hostvars": hosts}}
        (folder / "hosts.json").write_text(json.dumps(listed))
        script = folder / "hosts.sh"
        script.write_text(f"#!/bin/sh\ncat {folder}/hosts.json\n")
        script.chmod(0o755)
        shown = {
            "empty": {"out": {}},
            "ours": {
                **OURS,
                "out": "{{ {'total': reports[0].totalGpus, 'held': "
                "reports[0].allocatedGpus, 'used': reports[0].utilization, "
                "'users': reports[1].data, 'top': reports[2].utilization.data } }}",
            },
            "peer": {
                **PEER,
                "out": "{{ {'total': devices | length, 'held': held | length, "
                "'used': used, 'users': users, 'top': top} }}",
            },
        }
        times: dict[str, list[float]] = {kind: [] for kind in shown}
        answers: dict[str, Any] = {}
        for number in range(ROUNDS):
            say(f"plays, round {number + 1} of {ROUNDS}")
            for kind, told in shown.items():
                begun = time.monotonic()
                answers[kind] = _play(folder, script, peer_python, told)
                times[kind].append(time.monotonic() - begun)
    ours, theirs = answers["ours"], answers["peer"]
    assert (ours["total"], ours["held"]) == (theirs["total"], theirs["held"])
    assert round(theirs["used"] / 100, 4) == ours["used"]
    assert [one["value"] for one in ours["top"]] == theirs["top"]
    assert ours["users"][0]["stat"]["gpuRequest"] == theirs["users"]["alice"]
    took = {kind: statistics.median(each) for kind, each in times.items()}
    return took["ours"] - took["empty"], took["peer"] - took["empty"]


def _play(folder: Path, script: Path, python: str, told: dict[str, Any]) -> Any:
    """Run a play that sets facts, one after the other. Returns the last."""
    result = folder / "result.json"
    tasks = [
        {"ansible.builtin.set_fact": {name: value}} for name, value in told.items()
    ]
    tasks.append(
        {
            "ansible.builtin.copy": {
                "dest": str(result),
                "content": "{{ out | ansible.builtin.to_json }}",
            }
        }
    )
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": python},
        "tasks": tasks,
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [Path(python).parent / "ansible-playbook", "-i", script, folder / "play.yml"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(result.read_text())


if __name__ == "__main__":
    main(sys.argv[1])
