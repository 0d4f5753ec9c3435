# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run that changes nothing costs, beside openstack.cloud: make bench-requests.

Requests are counted after authentication, version discovery left out, by the proxy
that the integration tests use. Times are those of plays with ten tasks, without the
proxy, each begun anew, ours and theirs in turn; the figures are medians of five.
"""

from __future__ import annotations

import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from beds.openstack import projects
from integration.cloud_site import Site
from integration.runner import Runner, Task

TASKS, ROUNDS = 10, 5
PEER = "openstack.cloud."
STARTED = time.monotonic()


def main(peer_python: str) -> None:
    """Build what the modules declare, count, compare, print and remove it all.

    Args:
        peer_python: Python of an environment that has openstack.cloud.
    """
    admin = projects.admin_connection()
    project = projects.create_project(admin, f"bench-{secrets.token_hex(3)}")
    with tempfile.TemporaryDirectory() as folder:
        site = Site(project, admin, Path(folder))
        environment = {"OS_CLIENT_CONFIG_FILE": str(project.clouds)}

        def runner(name: str, python: str, recorded: bool) -> Runner:
            place = Path(folder) / name
            return Runner(environment, project.cloud, place, python, recorded)

        peer = runner("peer", peer_python, True)
        our_play = runner("our-play", sys.executable, False)
        their_play = runner("their-play", peer_python, False)
        try:
            ours, cluster, image = _ours(site, Path(folder))
            theirs = _theirs(peer, cluster, image)
            task = _peer_cluster_task(cluster)
            times = _times(
                {
                    "ours": lambda: our_play.run([_cluster_task()] * TASKS),
                    "theirs": lambda: their_play.run([task] * TASKS),
                }
            )
        finally:
            say("removing what was made")
            for used in (peer, our_play, their_play, site):
                used.close()
            projects.delete_project(admin, project)
            site.remove_hardware()
    _print(ours, theirs, times)


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def _cluster_task() -> Task:
    return "gpu_cluster", {"name": "bench", "template": "bench", "node_count": 1}


def _ours(site: Site, folder: Path) -> tuple[dict[str, int], dict[str, Any], str]:
    """Make one of each kind, and count what it takes to see that nothing changes.

    Returns:
        Requests by module, the cluster, and the id of its template's image.
    """
    name = site.name("bench")
    accelerators = [{"vendor": "nvidia", "model": "A100", "count": 1}]
    size = {"vcpus": 2, "ram_mib": 2048, "disk_gib": 20}
    value = {"type": "OS::Heat::Value", "properties": {"value": "x"}}
    stack = {"heat_template_version": "2018-08-31", "resources": {"value": value}}
    group = {"name": "more", "cluster": "bench"}
    kubeconfig = {"name": "bench", "path": str(folder / "kubeconfig")}
    hardware: Task = (
        "hardware",
        {"name": name, **size, "accelerators": accelerators},
    )
    tasks: list[Task] = [
        ("location", {"name": "bench", "cidr": "10.50.0.0/24"}),
        ("heat_stack", {"name": "bench", "template": stack}),
        ("cluster_template", site.template_options("bench", name)),
        _cluster_task(),
        ("node_group", {**group, "node_count": 0}),
        ("kubeconfig", kubeconfig),
    ]
    queries: list[Task] = [
        ("location_info", {"name": "bench"}),
        ("heat_stack_info", {"name": "bench"}),
        ("cluster_template_info", {"name": "bench"}),
        ("gpu_cluster_info", {"name": "bench"}),
        ("node_group_info", group),
        ("kubeconfig_info", {"path": kubeconfig["path"]}),
    ]
    say("making one of each kind")
    for result in [*site.admin.run([hardware]), *site.member.run(tasks)]:
        assert not result["failed"], result["msg"]
    counts = {}
    for runner, some in (
        (site.admin, [hardware, ("hardware_info", {"name": name})]),
        (site.member, [*tasks, *queries]),
    ):
        for module, args in some:
            say(module)
            [result] = runner.run([(module, args)])
            assert not result["failed"], result["msg"]
            assert not result["changed"], result
            counts[module] = len(runner.recorder.counted)
            if module == "gpu_cluster":
                cluster = result["gpu_cluster"]
            if module == "cluster_template":
                image = result["cluster_template"]["image"]
    return counts, cluster, image


def _peer_cluster_task(cluster: dict[str, Any]) -> Task:
    # Given a template's name it makes a second cluster.
    asked = {"name": cluster["name"], "cluster_template_id": cluster["template_id"]}
    return f"{PEER}coe_cluster", asked


def _theirs(peer: Runner, cluster: dict[str, Any], image: str) -> dict[str, int]:
    """The same for openstack.cloud, on the same cluster and template."""
    counts = {}
    template = {
        "name": cluster["template"],
        "coe": "kubernetes",
        "image_id": image,  # by name it makes a second template
        "is_floating_ip_enabled": False,
    }
    for module, args in (
        _peer_cluster_task(cluster),
        (f"{PEER}coe_cluster_template", template),
    ):
        say(module)
        [result] = peer.run([(module, args)])
        assert not result["failed"], result["msg"]
        assert not result["changed"], result
        assert peer.recorder.writes == []
        counts[module.removeprefix(PEER)] = len(peer.recorder.counted)
    return counts


def _times(plays: dict[str, Callable[[], list[dict[str, Any]]]]) -> dict[str, float]:
    """Median seconds of each play."""
    taken: dict[str, list[float]] = {name: [] for name in plays}
    for number in range(ROUNDS):
        say(f"{TASKS} tasks each, round {number + 1} of {ROUNDS}")
        for name, play in plays.items():
            began = time.monotonic()
            results = play()
            taken[name].append(time.monotonic() - began)
            assert not any(r["failed"] or r["changed"] for r in results), results
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _print(
    ours: dict[str, int], theirs: dict[str, int], times: dict[str, float]
) -> None:
    beside = {"gpu_cluster": "coe_cluster", "cluster_template": "coe_cluster_template"}
    print("\nRequests after authentication of a run that changes nothing\n")
    print(f"{'gpufleet.openstack':24} {'':>4}   openstack.cloud")
    for module, count in ours.items():
        other = beside.get(module, "")
        print(f"{module:24} {count:>4}   {other:22} {theirs.get(other, '')}".rstrip())
    ratio = times["theirs"] / times["ours"]
    print(
        f"\n{TASKS} tasks on an unchanged cluster, median of {ROUNDS}: "
        f"gpu_cluster {times['ours']:.1f} s, coe_cluster {times['theirs']:.1f} s "
        f"(theirs / ours = {ratio:.2f})\n"
    )
    figures: dict[str, Any] = {
        **ours,
        **{f"peer_{module}": count for module, count in theirs.items()},
        "ten_tasks_s": round(times["ours"], 2),
        "peer_ten_tasks_s": round(times["theirs"], 2),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1])
