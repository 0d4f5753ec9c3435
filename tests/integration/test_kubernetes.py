# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes itself: rights, reports and playbooks on a real control plane.

kwok plays its kubelets, and this test the device plugins and what pods do. The
credentials of the playbooks are another test's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.failure import (
    SourceError,
)
from ansible_collections.gpufleet.openstack.plugins.plugin_utils._sources.kubernetes import (
    source as kubernetes,
)
from beds.kubernetes.alone import control_plane
from beds.kubernetes.api import Api
from beds.kubernetes.certificates import Authority, write_kubeconfig
from beds.kubernetes.cluster import ControlPlane
from beds.kubernetes.nodes import Node, annotate, join, set_devices
from beds.openstack.layout import BedError
from integration import claims
from integration.runner import HERE
from integration.waiting import eventually

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("PEER_PYTHON", "")
"""Has PyPI's ansible, and with it kubernetes.core."""

GPU = "amd.com/gpu"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(tmp_path_factory.mktemp("kubernetes")) as plane:
        yield plane


@pytest.fixture
def plane(started: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane with nothing in it."""
    yield started
    for kind in ("jobs", "pods", "nodes", "resourceslices"):
        started.kubectl("delete", kind, "--all", "--force", "--grace-period=0")


@pytest.fixture
def api(plane: ControlPlane) -> Api:
    return plane.api()


def pod(name: str, devices: int, **annotations: str) -> dict[str, Any]:
    """A pod that requests devices."""
    limits = {"limits": {GPU: devices}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "annotations": {
                f"bed.gpufleet.example/{key.replace('_', '-')}": value
                for key, value in annotations.items()
            },
        },
        "spec": {
            "containers": [{"name": "main", "image": "none", "resources": limits}]
        },
    }


def phase(api: Api, name: str) -> str | None:
    """The phase of a pod, None where it is gone."""
    found = api.get(f"{PODS}/{name}")
    return found and found["status"].get("phase")


def bound(api: Api) -> dict[str, str | None]:
    """The node of each pod."""
    items = api.get(PODS)["items"]
    return {one["metadata"]["name"]: one["spec"].get("nodeName") for one in items}


def kubeconfig(plane: ControlPlane, path: Path, group: str) -> str:
    """Write a kubeconfig of a user in a group. Returns its path."""
    folder = plane.bed.path
    authority = Authority.kept(folder, "kubernetes")
    write_kubeconfig(path, plane.url, authority.certificate, authority.sign, group)
    return str(path)


def read(plane: ControlPlane, folder: Path, group: str) -> Any:
    """What the source of the reports knows, as a user in a group."""
    path = kubeconfig(plane, folder / f"as-{group.replace(':', '-')}.conf", group)
    return kubernetes.read({"kubeconfig": path, "cluster": "training"}, 30)


# What the bed plays -----------------------------------------------------------------


def test_nodes_and_pods_behave_as_told(plane: ControlPlane, api: Api) -> None:
    join(api, Node("n1", devices={GPU: 8}))
    plane.apply(
        [
            pod("usual", 1),
            pod("ends", 1, ends_after="1s"),
            pod("fails", 1, ends_after="1s", exit_code="3"),
            pod("crashes", 1, crash_loop="true"),
            pod("slow", 1, terminates_after="3s"),
            pod("stuck", 1, terminates_after="never"),
        ]
    )
    eventually(lambda: phase(api, "ends"), "Succeeded")
    eventually(lambda: phase(api, "fails"), "Failed")
    assert phase(api, "usual") == "Running"

    def restarts() -> int:
        [status] = api.get(f"{PODS}/crashes")["status"]["containerStatuses"]
        waiting = status["state"].get("waiting", {}).get("reason")
        return status["restartCount"] if waiting == "CrashLoopBackOff" else 0

    eventually(lambda: restarts() >= 2, True)

    for name in ("usual", "slow", "stuck"):
        api.request("DELETE", f"{PODS}/{name}")
    eventually(lambda: phase(api, "usual"), None)
    assert {"slow", "stuck"} <= set(bound(api))
    eventually(lambda: phase(api, "slow"), None)
    assert api.get(f"{PODS}/stuck")["metadata"]["deletionTimestamp"]

    plane.set_log("default", "crashes", "CUDA error: out of memory\n")
    assert "CUDA error" in plane.kubectl("logs", "crashes")
    assert plane.kubectl("logs", "fails") == "played by the bed\n"

    def ready() -> tuple[str, str]:
        conditions = api.get("/api/v1/nodes/n1")["status"]["conditions"]
        [found] = (one for one in conditions if one["type"] == "Ready")
        return found["status"], found["reason"]

    assert ready() == ("True", "KubeletReady")
    annotate(api, "/api/v1/nodes/n1", not_ready="PLEGUnhealthy")
    eventually(ready, ("False", "PLEGUnhealthy"))
    annotate(api, "/api/v1/nodes/n1", not_ready=None)
    eventually(ready, ("True", "KubeletReady"))


def test_the_scheduler_allocates_claims(
    plane: ControlPlane, api: Api, tmp_path: Path
) -> None:
    join(api, Node("n1", uuids=["GPU-1", "GPU-2"]))
    pods = [claims.pod(f"p{number}") for number in range(3)]
    plane.apply([claims.TEMPLATE, *pods])
    eventually(lambda: list(bound(api).values()).count("n1"), 2)
    path = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
    given = claims.allocated(api.get(path)["items"])
    assert given == [("n1", "gpu-0"), ("n1", "gpu-1")]

    # So does the source of the reports count them.
    granted(plane)
    known = read(plane, tmp_path, "gpufleet:readers")
    assert known.warnings == ()
    [offer] = [one.offer for one in known.nodes if one.name == "n1"]
    assert (offer.capacity, offer.allocated) == (2, 2)
    assert known.waiting is not None
    assert known.waiting.pending == 1
    assert known.waiting.by_reason == {"Unschedulable": 1}
    assert [row["stat"]["gpuEquivalent"] for row in known.consumers] == [1, 1]


# The source of the reports ----------------------------------------------------------


def granted(plane: ControlPlane) -> None:
    manifest = ROOT / "playbooks/files/kubernetes-access.yml"
    plane.kubectl("apply", "-f", str(manifest))


def test_readers_read_nodes_and_workloads(
    plane: ControlPlane, api: Api, tmp_path: Path
) -> None:
    for number in range(1, 6):
        server = f"00000000-0000-4000-8000-00000000000{number}"
        join(
            api,
            Node(
                f"n{number}",
                address=f"10.0.0.{number}",
                server_id=server,
                devices={GPU: 8},
            ),
        )
    join(api, Node("cpu", address="10.0.0.9"))
    annotate(api, "/api/v1/nodes/n3", not_ready="KubeletNotReady")
    set_devices(api, "n4", {GPU: 8}, healthy=7)
    set_devices(api, "n5", {GPU: 0})
    plane.kubectl("cordon", "n2")

    def statuses() -> dict[str, str]:
        shown = plane.kubectl("get", "nodes", "--no-headers").splitlines()
        return dict(line.split()[:2] for line in shown)

    usual = dict.fromkeys(("n1", "n4", "n5", "cpu"), "Ready")
    others = {"n2": "Ready,SchedulingDisabled", "n3": "NotReady"}
    eventually(statuses, usual | others)
    node = "/api/v1/nodes/n3"
    eventually(lambda: len(api.get(node)["spec"].get("taints", [])), 2)
    template = pod("", 4)
    template.pop("kind"), template.pop("apiVersion")
    template["metadata"] = {"labels": {"app": "train"}}
    template["spec"]["restartPolicy"] = "Never"
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train", "namespace": "default"},
        "spec": {"parallelism": 3, "completions": 3, "template": template},
    }
    # Two of the three pods find room on n1 and one on n4, then the notebook there.
    plane.apply([job])
    eventually(lambda: sorted(filter(None, bound(api).values())), ["n1", "n1", "n4"])
    plane.apply([pod("notebook", 3), pod("huge", 16)])
    eventually(lambda: bound(api).get("notebook"), "n4")

    granted(plane)
    known = read(plane, tmp_path, "gpufleet:readers")
    assert known.warnings == ()
    offers = {one.name: one.offer for one in known.nodes if one.offer.has_devices}
    assert {name: (one.capacity, one.allocated) for name, one in offers.items()} == {
        "n1": (8, 8),
        "n2": (8, 0),
        "n3": (8, 0),
        "n4": (8, 7),
        "n5": (0, 0),
    }
    assert offers["n2"].maintenance == "cordoned"
    [(rule, evidence, *_since)] = offers["n3"].faults
    assert (rule, "KubeletNotReady" in evidence) == ("not_ready", True)
    assert offers["n4"].withheld == 1
    assert known.waiting is not None
    assert known.waiting.pending == 16
    rows = {row["name"]: row for row in known.consumers}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "train": "Job",
        "notebook": "Pod",
    }
    assert rows["train"]["stat"]["gpuEquivalent"] == 12
    assert rows["notebook"]["stat"]["gpuEquivalent"] == 3
    ids = {one.name: one.provider_id for one in known.nodes}
    assert ids["n1"] == "00000000-0000-4000-8000-000000000001"


def test_who_is_no_reader_is_told_what_to_do(
    plane: ControlPlane, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"403.*ClusterRole gpufleet:readers"):
        read(plane, tmp_path, "others")


@pytest.mark.parametrize(
    ("group", "verb", "what", "allowed"),
    [
        ("readers", "list", "pods", True),
        ("readers", "list", "jobs.batch", True),
        ("readers", "get", "secrets", False),
        ("readers", "list", "configmaps", False),
        ("readers", "patch", "nodes", False),
        ("readers", "create", "pods/eviction", False),
        ("maintainers", "patch", "nodes", True),
        ("maintainers", "create", "pods/eviction", True),
        ("maintainers", "delete", "pods", False),
        ("maintainers", "delete", "nodes", False),
        ("maintainers", "get", "secrets", False),
        ("maintainers", "create", "pods", False),
    ],
)
def test_rights(
    plane: ControlPlane, group: str, verb: str, what: str, allowed: bool
) -> None:
    granted(plane)
    resource, _slash, sub = what.partition("/")
    asked = [verb, resource, "--all-namespaces", "--as=someone"]
    asked += [f"--as-group=gpufleet:{group}"]
    if sub:
        asked.append(f"--subresource={sub}")
    try:
        said = plane.kubectl("auth", "can-i", *asked)
    except BedError:  # kubectl ends with 1 where the answer is no
        said = "no"
    assert said.strip() == ("yes" if allowed else "no")


def test_maintainers_cordon_and_drain(
    plane: ControlPlane, api: Api, tmp_path: Path
) -> None:
    granted(plane)
    join(api, Node("n1", devices={GPU: 8}))
    plane.apply([pod("p", 1)])
    eventually(lambda: phase(api, "p"), "Running")
    path = kubeconfig(plane, tmp_path / "maintainer", "gpufleet:maintainers")
    user = ("--kubeconfig", path)
    plane.kubectl(*user, "drain", "n1", "--force", "--timeout=60s")
    assert phase(api, "p") is None
    assert api.get("/api/v1/nodes/n1")["spec"]["unschedulable"]
    plane.kubectl(*user, "uncordon", "n1")
    with pytest.raises(BedError, match="Forbidden"):
        plane.kubectl(*user, "delete", "node", "n1")


# The playbooks ----------------------------------------------------------------------


def without_credentials(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks in which our own module copies a kubeconfig, and asks no cloud."""
    done = []
    for task in tasks:
        if "block" in task:
            task = {**task, "block": without_credentials(task["block"])}
        own = task.pop("gpufleet.openstack.kubeconfig", None)
        if own and "private" in own["path"]:
            copied = {"src": "{{ path }}", "dest": own["path"], "mode": "0600"}
            task["ansible.builtin.copy"] = copied
        elif own:
            continue
        done.append(task)
    return done


def run(
    plane: ControlPlane, folder: Path, playbook: str = "kubernetes", **variables: Any
) -> tuple[int, list[dict[str, Any]]]:
    """The status, and results of the playbook's tasks but the credentials."""
    [play] = yaml.safe_load((ROOT / f"playbooks/{playbook}.yml").read_text())
    book = folder / "book.json"
    tasks = without_credentials(play["tasks"])
    book.write_text(json.dumps([{**play, "tasks": tasks}]))
    files = folder / "files"
    if not files.exists():
        files.symlink_to(ROOT / "playbooks/files")
    given = {
        "path": str(plane.kubeconfig),
        # Has the Python package kubernetes.
        "ansible_python_interpreter": sys.executable,
        **variables,
    }
    results = folder / "results"
    # These would win over the authority of the kubeconfig.
    others = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    usual = {key: value for key, value in os.environ.items() if key not in others}
    done = subprocess.run(
        [
            Path(PYTHON).parent / "ansible-playbook",
            *("-i", "localhost,"),
            book,
            *("--extra-vars", json.dumps(given)),
        ],
        env={
            **usual,
            "ANSIBLE_HOME": str(folder),
            # kubernetes.core keeps there what it has found.
            "TMPDIR": str(folder),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "GPUFLEET_TEST_RESULTS": str(results),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert results.exists(), done.stdout + done.stderr
    lines = results.read_text().splitlines()
    return done.returncode, [json.loads(line) for line in lines]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_pod_with_devices(
    plane: ControlPlane, api: Api, tmp_path: Path, exit_code: int
) -> None:
    join(api, Node("n1", devices={GPU: 2}))
    made: dict[str, Any] = {}

    def play_the_container() -> None:
        """What runs in the pod prints two lines, and ends."""
        for event in api.watch(PODS):
            if event["type"] == "ADDED":
                made.update(event["object"])
                plane.set_log("default", "gpufleet-devices", "GPU 0\nGPU 1\n")
                path = f"{PODS}/gpufleet-devices"
                annotate(plane.api(), path, ends_after="0s", exit_code=str(exit_code))
                return

    thread = threading.Thread(target=play_the_container)
    thread.start()
    given = {"cluster": "training", "count": "2", "resource": GPU}
    status, results = run(plane, tmp_path, **given)
    thread.join()
    assert results[3]["msg"] == ["GPU 0", "GPU 1"]
    assert phase(api, "gpufleet-devices") is None
    [container] = made["spec"]["containers"]
    assert container["command"] == ["nvidia-smi"]
    assert container["resources"]["limits"] == {GPU: "2"}
    if exit_code:
        assert status == 2
        assert "The pod has failed" in results[-1]["msg"]
    else:
        assert status == 0
        assert results[1]["resources"][0]["status"]["phase"] == "Succeeded"


def test_rights_are_granted_and_taken_back(plane: ControlPlane, tmp_path: Path) -> None:
    def apply(**variables: Any) -> bool:
        status, results = run(
            plane, tmp_path, "kubernetes_access", cluster="training", **variables
        )
        assert status == 0, results
        _folder, _credentials, applied, _deleted = results[-4:]
        assert list(tmp_path.glob("gpufleet-*")) == []
        return bool(applied["changed"])

    apply(state="absent")
    with pytest.raises(SourceError, match="403"):
        read(plane, tmp_path, "gpufleet:readers")
    assert apply()
    assert read(plane, tmp_path, "gpufleet:readers").warnings == ()
    assert not apply()
    assert apply(state="absent")
    with pytest.raises(SourceError, match="403"):
        read(plane, tmp_path, "gpufleet:readers")
