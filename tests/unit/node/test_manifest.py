# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DaemonSet for nodes without Python, as Kubernetes would check it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
MANIFEST = PLAYBOOKS / "files/gpu-facts-daemonset.yml"


IMAGE = "registry.example.com/python@sha256:" + "0123456789abcdef" * 4


def _items() -> list[dict[str, Any]]:
    text = MANIFEST.read_text().replace("{{ gpufleet_image }}", IMAGE)
    return list(
        yaml.safe_load(text.replace("{{ gpufleet_runtime_class }}", ""))["items"]
    )


def _pod() -> dict[str, Any]:
    pod = _items()[1]["spec"]["template"]["spec"]
    assert isinstance(pod, dict)
    return pod


@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_it_is_valid(version: str) -> None:
    for item in _items():
        kubernetes_validate.validate(item, version, strict=True)


def test_a_wrong_field_would_be_noticed() -> None:
    item = _items()[1]
    item["spec"]["template"]["spec"]["hostPid"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(item, "1.28", strict=True)


def test_it_meets_the_restricted_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    labels = _items()[0]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = _pod()
    assert not pod.keys() & {"hostPID", "hostIPC", "hostNetwork", "initContainers"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [set(volume) - {"name"} for volume in pod["volumes"]] == [{"emptyDir"}]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()


def test_it_runs_on_accelerator_nodes_alone() -> None:
    pod = _pod()
    assert all(one.get("key") for one in pod["tolerations"]), "one for every taint"
    affinity = pod["affinity"]["nodeAffinity"]
    [(when, selector)] = affinity.items()
    assert when == "requiredDuringSchedulingIgnoredDuringExecution"
    for term in selector["nodeSelectorTerms"]:
        assert term["matchExpressions"], "a term without conditions matches every node"


KUBECTL = """#!/bin/sh
echo "$@" >{folder}/arguments
cat >{folder}/manifest.yml
echo daemonset.apps/gpu-facts created
"""


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        (IMAGE, True),
        ("docker.io/library/python:3.13-slim", False),
        ("docker.io/library/python:3.13-slim@sha256:abc", False),
        ("python@sha256:" + "0" * 64 + "\n      hostPID: true", False),
        ("", False),
    ],
)
def test_the_image_has_a_digest(tmp_path: Path, image: str, allowed: bool) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL.format(folder=tmp_path))
    kubectl.chmod(0o755)
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,"),
            *("gpufleet.openstack.gpu_facts_daemonset", "--extra-vars"),
            json.dumps({"gpufleet_image": image}),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(PLAYBOOKS.parent / ".build"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
        },
    )
    assert (done.returncode == 0) == allowed, done.stdout
    manifest = tmp_path / "manifest.yml"
    assert manifest.exists() == allowed
    if allowed:
        applied = yaml.safe_load(manifest.read_text())
        assert applied["items"] == _items()
    else:
        assert "does not name an image by its digest" in done.stdout
