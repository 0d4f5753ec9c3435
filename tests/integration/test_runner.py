# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each playbook as AWX runs it: by ansible-runner, from a private data directory.

What a run has done is read from the events that it leaves there, as AWX reads it. What
changes a cloud is run in check mode, in an empty project; other tests run it truly.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from beds.openstack import projects
from fakes.node.sysfs import Node
from integration.cloud_site import Site, using_bed
from integration.test_fleet import declaration

ROOT = Path(__file__).parents[2]
PLAYBOOKS = sorted(file.stem for file in ROOT.glob("playbooks/*.yml"))
PEER = os.environ.get("PEER_PYTHON", "")
"""Has PyPI's ansible, and with it the collections that some of the playbooks name."""

CREATE = {"changed": True, "action": "create"}
NOTHING = {"changed": False}
KUBECTL = """#!/bin/sh
# A pod is this machine.
case "$*" in
    *"get pods"*) cat {pods} ;;
    *) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;;
esac
"""
PODS = {"items": [{"metadata": {"name": "a"}, "spec": {"nodeName": "node-1"}}]}

Result = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What a playbook is run with, and what its events tell.

    Attributes:
        told: By task, what stands in its result; of a loop, in those of its items.
        variables: Variables.
        failed: The task that ends the run, and what it says.
        check: Whether the run is in check mode.
        inventory: A file of the repository, beside localhost.
    """

    told: dict[str, list[Result]] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    failed: tuple[str, str] | None = None
    check: bool = True
    inventory: str = ""


def cases(site: Site, folder: Path) -> dict[str, Case]:
    """A case for each playbook."""
    public = Ed25519PrivateKey.generate().public_key()
    key = folder / "key.pub"
    key.write_bytes(public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))
    node = Node(folder / "node")
    for number in range(2):
        node.mi300x(f"0000:{5 + 16 * number:02x}:00.0", number)
    one = {"cluster_name": "one"}
    return {
        "awx": Case(
            variables={"awx_project_version": "0.2.0"},
            check=False,
            failed=("Execution environment", "Connection refused"),
        ),
        "awx_surveys": Case(
            {
                "Clusters": [{"gpu_clusters": []}],
                "Templates": [{"cluster_templates": []}],
                "Locations": [{"locations": []}],
            },
            check=False,
            failed=("Surveys", "Connection refused"),
        ),
        "bootstrap": Case(
            {"Keypair": [{"changed": True}], "Ask the cloud": [NOTHING]},
            {
                "bootstrap_keypair": "runner",
                "bootstrap_public_key": str(key),
                "ansible_python_interpreter": PEER,
            },
            check=False,
        ),
        "cluster_create": Case(
            {"The cluster": [CREATE]},
            {**one, "cluster_template": "none", "cluster_nodes": "1"},
        ),
        "cluster_delete": Case(
            {"The cluster": [{"changed": False, "action": "none"}]},
            {**one, "cluster_name_again": "one"},
        ),
        "cluster_scale": Case(
            variables={**one, "cluster_nodes": "2"},
            failed=("See that the cluster is there", "there is no gpu cluster 'one'"),
        ),
        "cluster_template": Case({"A template for each profile": [CREATE] * 4}),
        "demo": Case(
            {
                "Locations, each with a network of its own": [CREATE] * 2,
                "Templates": [CREATE] * 4,
            },
            {
                "demo_cloud": site.project.cloud,
                "demo_capi_cloud": site.project.capi_cloud,
                "demo_hardware": [],
                "demo_clusters": [],
            },
            # What was only planned can't grow.
            failed=("One node more", "'demo-training' does not exist"),
        ),
        "facts": Case(
            {
                "Read them": [NOTHING],
                "One line for each device": [NOTHING] * 2,
                "The node in sum": [{"ansible_facts.gpufleet.summary": {"healthy": 2}}],
            },
            {f"gpufleet_{key}": path for key, path in node.paths.items()},
            check=False,
        ),
        "gpu_cluster": Case(
            {
                "A place": [CREATE],
                "How clusters are built": [CREATE],
                "A cluster": [CREATE],
                "What there is": [{"gpu_clusters": []}],
            }
        ),
        "gpu_facts_daemonset": Case(
            failed=(
                "See that the image is a certain one",
                "does not name an image by its digest",
            ),
        ),
        "gpu_facts_pods": Case(
            # Through the stand-in for kubectl. This machine has no accelerators.
            {
                "Add a host for each, by the name of its node": [NOTHING],
                "Tell how they do": [{"ansible_facts.gpufleet.summary": {}}],
            },
            check=False,
            inventory="inventories/gpu_pods.yml",
        ),
        "hardware": Case(
            {"Kinds of nodes": [CREATE] * 3},
            {"cloud": "bed-admin", "prefix": site.project.name},
        ),
        "heat_stack": Case({"A stack for each kind of nodes": [CREATE] * 4}),
        "kubeconfig": Case(
            {"Credentials of an administrator": [CREATE]},
            {"path": str(folder / "kubeconfig")},
        ),
        "kubernetes": Case(
            variables={"cluster": "one", "path": str(folder / "kubeconfig")},
            failed=("Credentials", "there is no gpu cluster 'one'"),
            check=False,
        ),
        "kubernetes_access": Case(
            variables={"cluster": "one"},
            failed=(
                "Get credentials of an administrator",
                "there is no gpu cluster 'one'",
            ),
            check=False,
        ),
        "location": Case({"Each with its network": [CREATE] * 2}),
        "node_group": Case(
            {"Nodes for inference, three at most": [CREATE]},
            failed=("What there is", "there is no cluster 'example'"),
        ),
        "prune": Case(
            {
                # Hardware is what other tests have too.
                "What nothing uses": [{"unused": {"locations": [], "revisions": []}}]
            },
            check=False,
        ),
        "report": Case(
            {
                "Look at all nodes": [
                    {"overview": {"code": 0, "data": {"totalNodes": 3, "totalGpus": 6}}}
                ]
            },
            check=False,
            inventory="extensions/molecule/report/inventory/nodes.yml",
        ),
        "site": Case(
            {
                "Declare locations": [CREATE],
                "Begin with clusters": [CREATE],
            },
            {
                "fleet_locations": [{"name": "east", "cidr": "10.61.0.0/24"}],
                "fleet_clusters": [
                    {"name": "one", "location": "east", "template": "none"}
                ],
            },
        ),
        "verify": Case(
            {"See that nothing has failed": [{"msg": "None of 27 checks failed"}]},
            declaration(site),
            check=False,
        ),
    }


class Job:
    """A private data directory, of which playbooks are run.

    Args:
        site: Whose cloud is named.
        folder: Where it is made.

    Attributes:
        artifacts: What the last run has left.
        events: The events of the last run, in their order.
    """

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder / "job"
        for name in ("env", "inventory", "bin"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "project").symlink_to(ROOT)
        (self.folder / "inventory/hosts").write_text(
            "localhost ansible_connection=local\n"
        )
        pods = self.folder / "bin/pods.json"
        pods.write_text(json.dumps(PODS))
        kubectl = self.folder / "bin/kubectl"
        kubectl.write_text(KUBECTL.format(pods=pods))
        kubectl.chmod(0o755)
        self._write("envvars", self._environment())
        self._write(
            "settings", {"fact_cache": "fact_cache", "fact_cache_type": "jsonfile"}
        )

    def _write(self, name: str, content: dict[str, Any]) -> None:
        (self.folder / "env" / name).write_text(json.dumps(content))

    def _environment(self) -> dict[str, str]:
        commands = Path(sys.executable).parent
        [collections] = Path(PEER).parents[1].glob("lib/python3*/site-packages")
        return {
            "PATH": f"{self.folder}/bin:{commands}:{os.environ['PATH']}",
            "OS_CLIENT_CONFIG_FILE": str(self.site.project.clouds),
            "OS_CLOUD": self.site.project.cloud,
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/.build:{collections}",
            "ANSIBLE_HOME": str(self.folder / "home"),
            # Nothing listens there.
            "CONTROLLER_HOST": "http://127.0.0.1:1",
            "CONTROLLER_OAUTH_TOKEN": "none",
            "CONTROLLER_REQUEST_TIMEOUT": "2",
        }

    def run(self, name: str, case: Case) -> int:
        """Run a playbook, with an identity of its own. Returns its status."""
        if case.inventory:
            shutil.copy(ROOT / case.inventory, self.folder / "inventory")
        variables = {
            "cloud": self.site.project.cloud,
            "ansible_python_interpreter": sys.executable,
        }
        self._write("extravars", {**variables, **case.variables})
        self.artifacts = self.folder / "artifacts" / name
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-runner",
                *("run", self.folder, "--playbook", f"playbooks/{name}.yml"),
                *("--ident", name, "--quiet"),
                *(["--cmdline=--check"] if case.check else []),
            ],
            # It looks for ansible-playbook before it reads envvars.
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        files = (self.artifacts / "job_events").glob("*.json")
        events = [json.loads(file.read_text()) for file in files]
        self.events = sorted(events, key=lambda event: event["counter"])
        assert self.events, done.stdout + done.stderr
        return done.returncode

    def results(self, task: str) -> list[Result]:
        """The results of a task; of a loop, those of its items."""
        found: dict[str, list[Result]] = {"item": [], "task": []}
        for event in self.events:
            data = event["event_data"]
            if data.get("task") == task and event["event"].endswith(("ok", "failed")):
                kind = "item" if "runner_item_on" in event["event"] else "task"
                found[kind].append(data["res"])
        return found["item"] or found["task"]

    @property
    def output(self) -> str:
        """What Ansible has printed."""
        return (self.artifacts / "stdout").read_text()

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """What the last event counts, by host."""
        last = self.events[-1]
        assert last["event"] == "playbook_on_stats", self.output
        return dict(last["event_data"])

    def see_no_secret(self) -> None:
        """See that nothing of what a run leaves holds a password of clouds.yaml."""
        clouds = yaml.safe_load(self.site.project.clouds.read_text())["clouds"]
        passwords = {one["auth"]["password"].encode() for one in clouds.values()}
        assert self.site.project.password.encode() in passwords
        for file in self.folder.joinpath("artifacts").rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert not any(word in content for word in passwords), file


def within(part: Any, whole: Any) -> bool:
    """Whether all that a part says stands in the whole."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and within(part[key], whole[key]) for key in part)
    return bool(part == whole)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One project for all playbooks: they leave it empty."""
    with using_bed():
        admin = projects.admin_connection()
        project = projects.create_project(admin, f"runner-{secrets.token_hex(3)}")
        made = Site(project, admin, tmp_path_factory.mktemp("site"))
        try:
            yield made
            assert made.as_member.list_networks({"project_id": project.id}) == []
        finally:
            made.close()
            made.as_member.delete_keypair("runner")
            projects.delete_project(admin, project)


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_its_events_tell_what_it_does(site: Site, tmp_path: Path, name: str) -> None:
    job, case = Job(site, tmp_path), cases(site, tmp_path)[name]
    status = job.run(name, case)
    for task, expected in case.told.items():
        results = job.results(task)
        assert len(results) == len(expected), job.output
        for part, result in zip(expected, results, strict=True):
            assert within(part, result), job.output
    failures = job.stats["failures"]
    if case.failed:
        task, words = case.failed
        ended = job.results(task)
        assert [one for one in ended if words in one.get("msg", "")] == ended != [], (
            job.output
        )
        assert (status, sum(failures.values())) == (2, 1)
    else:
        assert (status, failures) == (0, {}), job.output
    assert job.stats["dark"] == {}
    job.see_no_secret()


def test_facts_stay_for_the_report(site: Site, tmp_path: Path) -> None:
    """AWX keeps what gpu_facts has found, and gives it to the next job."""
    job, every = Job(site, tmp_path), cases(site, tmp_path)
    assert job.run("facts", every["facts"]) == 0, job.output
    kept = job.artifacts / "fact_cache"
    shutil.copytree(kept, job.folder / "artifacts/report/fact_cache")
    assert job.run("report", Case(check=False)) == 0, job.output
    [result] = job.results("Look at all nodes")
    counts = {"totalNodes": 1, "healthyNodes": 1, "idleGpus": 2}
    assert within(counts, result["overview"]["data"]), job.output
