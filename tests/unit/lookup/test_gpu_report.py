# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup in a play, over a static inventory without a cloud."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.doc_fragments.reports import (
    ModuleDocFragment,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils import _reports
from fakes.node.sysfs import Node
from fakes.recorded.kube import Kube
from unit.fleet import factory, fleets

NOW = fleets.NOW.isoformat()


class Static:
    """A static inventory, and what lookups answer in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, Any] = {
            host.name: fleets.variables(host) for host in fleets.worked_example()
        }

    def ask(self, expression: str) -> subprocess.CompletedProcess[str]:
        """Evaluate an expression in a play on localhost."""
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        task = {
            "ansible.builtin.copy": {
                "dest": str(result),
                "content": f"{{{{ {expression} | ansible.builtin.to_json }}}}",
            }
        }
        return self.play([task])

    def play(self, tasks: list[Any]) -> subprocess.CompletedProcess[str]:
        """Run tasks on localhost."""
        inventory = self.folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"all": {"hosts": self.hosts}}))
        python = {"ansible_python_interpreter": sys.executable}
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False}
        playbook = self.folder / "play.yml"
        playbook.write_text(
            yaml.safe_dump([{**play, "vars": {**python, "then": NOW}, "tasks": tasks}])
        )
        return subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                "-i",
                inventory,
                playbook,
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "ANSIBLE_HOME": str(self.folder / "ansible")},
        )

    def lookup(self, *terms: str, query: bool = False, **options: Any) -> Any:
        """What the lookup answers."""
        given = "".join(f", {name}={value!r}" for name, value in options.items())
        named = "".join(f", {term!r}" for term in terms)
        word = "query" if query else "lookup"
        if "now" not in options:
            given += ", now=then"
        done = self.ask(f"{word}('gpufleet.openstack.gpu_report'{named}{given})")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((self.folder / "result.json").read_text())

    def error(self, *terms: str, **options: Any) -> str:
        """What the lookup fails with."""
        given = "".join(f", {name}={value!r}" for name, value in options.items())
        named = "".join(f", {term!r}" for term in terms)
        done = self.ask(f"lookup('gpufleet.openstack.gpu_report'{named}{given})")
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def static(tmp_path: Path) -> Static:
    return Static(tmp_path)


def test_reports_share_a_snapshot(static: Static) -> None:
    overview, heatmap, consumers, nodes = static.lookup(
        *("overview", "heatmap", "consumers", "nodes"),
        query=True,
        top_k=2,
        page_size=3,
    )
    assert overview["allocationRate"] == 0.75
    assert overview["utilization"] == 0.62
    assert len(heatmap["utilization"]["data"]) == 2
    assert (len(consumers["data"]), consumers["total"]) == (3, 39)
    assert nodes["total"] == 10
    told = {one["generatedAt"] for one in (overview, heatmap, consumers, nodes)}
    assert told == {"2026-11-24T12:00:00+00:00"}


def test_facts_are_never_kept_from_one_task_to_the_next(
    static: Static, tmp_path: Path
) -> None:
    """What a task gathers goes before the inventory's variable, and shows at once."""
    trees = [Node(tmp_path / name) for name in ("one", "two")]
    for number, tree in enumerate(trees):
        for device in range(number + 1):
            tree.mi300x(f"0000:{5 + device:02x}:00.0", device)
    count = "lookup('gpufleet.openstack.gpu_report', 'overview').totalGpus"
    tasks: list[Any] = []
    for tree in trees:
        tasks.append({"gpufleet.openstack.gpu_facts": tree.paths})
        tasks.append({"ansible.builtin.debug": {"msg": f"there are {{{{ {count} }}}}"}})
    static.hosts = {"localhost": {"gpufleet": fleets.record([])}}
    played = static.play(tasks)
    told = re.findall(r"there are (\d)", played.stdout)
    assert told == ["1", "2"], played.stdout


def test_what_cannot_be_is_unknown_and_warned_of(static: Static) -> None:
    devices = [
        factory.device(0, power_watts=float("nan"), temperature_celsius="hot"),
        factory.device(1, power_watts=-5, utilization_percent=True),
        factory.device(0, power_watts=800),
        "a device",
    ]
    static.hosts = {
        "a": {"gpufleet": fleets.record(devices)},
        "b": {"gpufleet": {"devices": None}},
        "c": {"gpufleet": ["nonsense"]},
    }
    report = static.lookup("heatmap")
    assert report["power"]["data"] == []
    assert report["temperature"]["data"] == []
    text = " ".join(report["warnings"])
    for part in (
        "a: device 0: power_watts can't be nan",
        "a: device 0: temperature_celsius can't be 'hot'",
        "a: device 1: power_watts can't be -5",
        "a: device 1: utilization_percent can't be True",
        "a: device 0000:00:00.0 is there twice",
        "a: device 3 is no dictionary",
        "b: its facts hold no list of devices",
        "c: its facts hold no list of devices",
    ):
        assert part in text
    assert "power_watts can't be nan" in static.error("heatmap", strict=True)


def test_templates_in_an_inventory(static: Static) -> None:
    """People may write them where facts stand else."""
    hosts = fleets.worked_example()[:3]
    one, two, three = (fleets.variables(host)["gpufleet"] for host in hosts)
    static.hosts = {
        "whole": {"gpufleet": "{{ there }}", "there": one},
        "devices": {
            "gpufleet": {"devices": "{{ there }}"},
            "there": two["devices"],
        },
        "ports": {
            "gpufleet": {**three, "rdma_ports": []},
            "gpufleet_expected_rdma_ports": "{{ 2 + 2 }}",
        },
    }
    overview, nodes = static.lookup("overview", "nodes", query=True)
    assert [row["capacity"] for row in nodes["data"]] == [1, 2, 1]
    assert overview["warnings"] == []
    [fault] = overview["faults"]
    assert fault["evidence"] == "0 RDMA ports are active, 4 are expected"


def test_text_of_a_node_is_no_template(static: Static, tmp_path: Path) -> None:
    """Neither in facts, nor in what lookup and module make of them."""
    tree = Node(tmp_path / "tree")
    tree.mi300x("0000:05:00.0", 0)
    tree.kfd_process(7, tree.gpu_id(0), 1 << 30)
    tree.process(7, "{{ 6 * 7 }}")
    static.hosts = {"localhost": {}}
    module = {"gpufleet.openstack.fleet_info": {"reports": ["consumers"]}}
    lookup = "lookup('gpufleet.openstack.gpu_report', 'consumers')"
    texts = {
        "facts": "{{ ansible_facts.gpufleet.devices[0].processes }}",
        "lookup": f"{{{{ {lookup}.data }}}}",
        "module": "{{ answer.consumers.data }}",
    }
    played = static.play(
        [
            {"gpufleet.openstack.gpu_facts": tree.paths},
            {**module, "register": "answer"},
            {"ansible.builtin.debug": {"msg": texts}},
        ]
    )
    assert played.returncode == 0, played.stdout
    assert played.stdout.count('"name": "{{ 6 * 7 }}"') == 3, played.stdout


@pytest.mark.parametrize(
    ("terms", "options", "text"),
    [
        (
            ["summary"],
            {},
            "reports: 'summary' is none of overview, consumers, heatmap, nodes",
        ),
        ([], {}, "is none of overview"),
        (["overview"], {"now": "noon"}, "now: 'noon' must be a time in ISO 8601"),
        (["consumers"], {"page_size": 1001}, "page_size: 1001 must be 1 to 1000"),
        (["consumers"], {"page_num": 0}, "page_num: 0 must be 1 or more"),
        (["consumers"], {"group_by": "colour"}, "colour"),
        (["heatmap"], {"top_k": 0}, "top_k: 0 must be 1 or more"),
        (
            ["heatmap"],
            {"topk": 5},
            "topk (did you mean 'top_k'?): no such option; there are",
        ),
        (["overview"], {"rules": {"heat": True}}, "rules: 'heat' is none of"),
        (["nodes"], {"name": "none"}, "name: there is no node 'none'"),
        (["nodes"], {"sources": [{"type": "pbs"}]}, "prometheus, slurm, got: pbs"),
        (["nodes"], {"sources": [{"url": "x"}]}, "type found in sources"),
        (
            ["nodes"],
            {"sources": [{"type": "slurm", "url": "x", "login": "y"}]},
            "sources[0]: give url or login, not both",
        ),
        (
            ["nodes"],
            {"sources": [{"type": "slurm", "timeout": 0}]},
            "sources[0].timeout: 0 must be 1 or more",
        ),
        (["nodes"], {"sources": [{"type": "facts", "uri": "x"}]}, "uri"),
        (
            ["nodes"],
            {"sources": [{"type": "kubernetes", "cloud": "x"}]},
            "sources[0].cloud: takes cluster, and no kubeconfig",
        ),
        (
            ["nodes"],
            {"sources": [{"type": "prometheus"}]},
            "sources[0].url: Prometheus' is missing",
        ),
        (
            ["nodes"],
            {"sources": [{"type": "kubernetes", "token": "x"}]},
            "sources[0].token: a source of type kubernetes has no such option, only "
            "cluster, timeout, kubeconfig, context, resources, cloud, "
            "kubernetes_groups, region_name",
        ),
    ],
)
def test_bad_input(
    static: Static, terms: list[str], options: dict[str, Any], text: str
) -> None:
    static.hosts = {}
    assert text in static.error(*terms, **options)
    if terms:
        answer = static.lookup(*terms, envelope=True, **options)
        assert set(answer) == {"code", "message", "traceId"}
        assert answer["code"] == 400
        assert text in answer["message"]


def test_the_envelope(static: Static) -> None:
    answer = static.lookup("consumers", envelope=True, pageSize=20)
    assert (answer["code"], answer["message"]) == (0, "success")
    assert len(answer["data"]["data"]) == 20
    assert answer["traceId"].startswith("trace-")
    down = [{"type": "slurm", "url": "http://127.0.0.1:1"}]
    answer = static.lookup("overview", envelope=True, strict=True, sources=down)
    assert answer["code"] == 500
    assert "data" not in answer
    assert "slurm: slurmrestd did not answer" in answer["message"]


def test_what_kubernetes_has_given_out(static: Static, tmp_path: Path) -> None:
    """The devices as the facts tell them, who holds them as Kubernetes says."""
    kube = Kube()
    try:
        config = kube.kubeconfig(tmp_path / "kubeconfig")
        host = fleets.host("nv-gpu-0000.example.com", 8, 0)
        static.hosts = {host.name: fleets.variables(host)}
        sources = [{"type": "facts"}, {"type": "kubernetes", "kubeconfig": config}]
        overview, pods, nodes = static.lookup(
            *("overview", "consumers", "nodes"), query=True, sources=sources
        )
        kube.forbidden = {"pods"}
        unknown = static.lookup("overview", sources=sources)
    finally:
        kube.close()
    assert overview["totalNodes"] == nodes["total"] == len(kube.items("nodes"))
    assert {row["source"] for row in pods["data"]} == {"k8s"}
    assert overview["allocatedGpus"] > 0 < overview["pendingGpus"]
    [joined] = (one for one in nodes["data"] if one["name"] == host.name)
    assert joined["capacity"] == 8
    [warning] = overview["warnings"]
    assert "nodes have no facts" in warning
    assert unknown["unknownNodes"] == unknown["totalNodes"] == 1
    assert "kubernetes: the API server answered 403" in unknown["warnings"][0]


def test_the_module_says_the_same(static: Static, tmp_path: Path) -> None:
    """By `ansible localhost -m`, over all hosts of the inventory."""
    overview, nodes = static.lookup("overview", "nodes", query=True, status="busy")

    def module(**options: Any) -> dict[str, Any]:
        tree = tmp_path / "tree"
        subprocess.run(
            [
                *(Path(sys.executable).parent / "ansible", "localhost"),
                *("-i", tmp_path / "hosts.yml", "--tree", tree),
                *("-m", "gpufleet.openstack.fleet_info", "-a", json.dumps(options)),
            ],
            check=False,
            capture_output=True,
            timeout=120,
            env={**os.environ, "ANSIBLE_HOME": str(tmp_path / "ansible")},
        )
        return dict(json.loads((tree / "localhost").read_text()))

    found = module(reports=["overview", "nodes"], status="busy", now=NOW)
    assert found["changed"] is False
    assert found["overview"] == overview
    assert found["nodes"] == nodes
    assert nodes["total"] == 2
    assert "page_num: 0 must be" in module(page_num=0)["msg"]
    assert "colour" in module(group_by="colour")["msg"]
    assert "'summary' is none of" in module(reports=["summary"])["msg"]
    for wrong in ({"page_num": 0}, {"page_num": "x"}, {"group_by": "colour"}):
        refused = module(**wrong, envelope=True)["overview"]
        assert set(refused) == {"code", "message", "traceId"}
        assert refused["code"] == 400
    assert module(reports=["summary"], envelope=True)["summary"]["code"] == 400
    rows = module(reports=["consumers"], pageNum=4, pageSize=12, now=NOW)["consumers"]
    assert len(rows["data"]) == 3
    # What is refused is there to be read.
    refused = module(min_coverage=0.9, fail_on_faults=True, now=NOW)
    assert "coverage is 0.8667, and min_coverage is 0.9" in refused["msg"]
    assert "there are faults: broken: the server's status is ERROR" in refused["msg"]
    assert refused["overview"]["totalNodes"] == 10


def test_the_module_has_the_options_that_are_documented() -> None:
    fragment = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]

    def documented(options: dict[str, Any]) -> dict[str, Any]:
        keys = ("type", "elements", "default", "required", "choices", "aliases")
        return {
            name: {
                **{key: one[key] for key in keys if key in one},
                **(
                    {"options": documented(one["suboptions"])}
                    if "suboptions" in one
                    else {}
                ),
            }
            for name, one in options.items()
        }

    def known(spec: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {
                key: known(value) if key == "options" else value
                for key, value in one.items()
                if key != "no_log"
            }
            for name, one in spec.items()
        }

    assert documented(fragment) == known(_reports.ARGUMENT_SPEC)
