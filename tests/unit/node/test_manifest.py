# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DaemonSet for nodes without Python, as Kubernetes would check it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
MANIFEST = PLAYBOOKS / "files/gpu-facts-daemonset.yml"


def _items() -> list[dict[str, Any]]:
    return list(yaml.safe_load(MANIFEST.read_text())["items"])


@pytest.mark.parametrize("version", ["1.28", "1.37"])
def test_it_is_valid(version: str) -> None:
    for item in _items():
        kubernetes_validate.validate(item, version, strict=True)


def test_a_wrong_field_would_be_noticed() -> None:
    item = _items()[1]
    item["spec"]["template"]["spec"]["hostPid"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(item, "1.28", strict=True)


def test_the_playbook_reads_what_the_pods_mount() -> None:
    spec = _items()[1]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    _find, read = yaml.safe_load((PLAYBOOKS / "gpu_facts_pods.yml").read_text())
    options = read["tasks"][0]["gpufleet.openstack.gpu_facts"]
    for volume in spec["volumes"]:
        mount = mounts[volume["name"]]
        assert mount["readOnly"]
        assert mount["mountPath"] == "/host" + volume["hostPath"]["path"]
    told = {options[f"path_{name}"] for name in ("sysfs", "procfs", "dev")}
    assert told == {mount["mountPath"] for mount in mounts.values()}
