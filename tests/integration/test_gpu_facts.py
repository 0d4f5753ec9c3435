# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a user runs it, `ansible -m`, on nodes whose silicon is fake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beds.openstack import devices
from fakes.demo.__main__ import files
from fakes.node import nvml
from fakes.node.sysfs import Node
from integration.runner import HERE

NAMESPACE = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="a private mount namespace needs root and unshare",
)
ADDRESSES = ["0000:07:00.0", "0000:0f:00.0", "0000:47:00.0"]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run the module once by `ansible`."""

    def ansible(
        *options: str,
        prefix: tuple[str, ...] = (),
        env: Any = None,
        python: str = sys.executable,
        **args: Any,
    ) -> dict[str, Any]:
        results = tmp_path / "results"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            [
                *prefix,
                str(Path(sys.executable).parent / "ansible"),
                *("localhost", "-i", "localhost,", "-c", "local"),
                *("-e", f"ansible_python_interpreter={python}"),
                *("-m", "gpufleet.openstack.gpu_facts", "-a", json.dumps(args)),
                *options,
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **os.environ,
                "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
                "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
                "ANSIBLE_CALLBACKS_ENABLED": "results",
                "ANSIBLE_HOME": str(tmp_path / "ansible"),
                "GPUFLEET_TEST_RESULTS": str(results),
                **(env or {}),
            },
        )
        assert results.exists(), done.stdout + done.stderr
        return dict(json.loads(results.read_text().splitlines()[-1]))

    return ansible


def _facts(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert list(result["ansible_facts"]) == ["gpufleet"]
    return dict(result["ansible_facts"]["gpufleet"])


def test_a_node_of_amd(run: Callable[..., dict[str, Any]], node: Node) -> None:
    for number in range(8):
        node.mi300x(f"0000:{5 + 16 * number:02x}:00.0", number)
    facts = _facts(run(**node.paths, expected_count=8))
    assert facts["summary"]["healthy"] == 8
    assert facts["summary"]["health"] == "ok"
    assert facts["elapsed_ms"] < 2000
    # Check mode runs it fully.
    checked = _facts(run("--check", **node.paths, expected_count=9))
    assert checked["devices"] == facts["devices"]
    assert checked["summary"]["health_reasons"] == [
        "8 devices are there, 9 are expected"
    ]


def test_a_node_without_devices(run: Callable[..., dict[str, Any]], node: Node) -> None:
    facts = _facts(run(**node.paths))
    assert facts["devices"] == facts["rdma_ports"] == []
    assert facts["summary"]["health"] == "ok"
    assert set(facts["backends"]) == {"pci", "kmsg"}


def test_a_library_that_hangs_holds_nobody(
    run: Callable[..., dict[str, Any]], node: Node, tmp_path: Path
) -> None:
    """The task is over in the limit of one device, and two seconds at most."""
    for address in ADDRESSES:
        node.nvidia(address)
    options = {**node.paths, "nvml_library": str(nvml.build(tmp_path)), "timeout": 2}
    conf = tmp_path / "nvml.conf"
    env = {"FAKE_NVML": str(conf)}
    seconds = {}
    for state in ("ok", "hang"):
        nvml.configure(
            conf,
            [f"gpu {a} {state if a == ADDRESSES[1] else 'ok'}" for a in ADDRESSES],
        )
        begun = time.monotonic()
        facts = _facts(run(env=env, **options))
        seconds[state] = time.monotonic() - begun
        states = [device["health"] for device in facts["devices"]]
        assert states == ["ok", {"ok": "ok", "hang": "failed"}[state], "ok"]
    assert seconds["hang"] - seconds["ok"] < 2 + 2


def test_bad_options_are_told(run: Callable[..., dict[str, Any]], node: Node) -> None:
    for options, told in (
        ({"timeout": 0}, "timeout: 0.0 is not within 0.1 to 60"),
        ({"sample_ms": 9000}, "sample_ms: 9000 is not within 10 to 5000"),
        ({"expected_count": -1}, "expected_count: -1 is not 0 or more"),
        ({"path_sysfs": "/no/such"}, "path_sysfs: /no/such can't be read, or is empty"),
        ({"backends": ["dcgm"]}, "value of backends must be one or more of: amdgpu"),
        ({"gather": ["all"]}, "value of gather must be one or more of: metrics"),
    ):
        result = run(**{**node.paths, **options})
        assert result["failed"], options
        assert told in result["msg"]


@pytest.mark.parametrize(
    ("resource_class", "backend"),
    [
        ("CUSTOM_GPU_MI300X", "amdgpu"),
        ("CUSTOM_GPU_A100", "nvml"),
        pytest.param("CUSTOM_NPU_GAUDI3", "hl_smi", marks=NAMESPACE),
    ],
)
def test_a_node_of_the_demo_has_the_devices_of_its_place(
    run: Callable[..., dict[str, Any]],
    tmp_path: Path,
    resource_class: str,
    backend: str,
) -> None:
    """The next server on a host gets the devices that the first one had there."""
    seen = []
    for number, server in enumerate(("first", "second", "third")):
        plugged = devices.plug(tmp_path, server, "host-1", {resource_class: 2})
        told = files(tmp_path / server, plugged, number)
        paths = {
            name.removeprefix("gpufleet_"): path
            for name, path in told.items()
            if name.startswith("gpufleet_path")
        }
        facts = _facts(run(python=told["ansible_python_interpreter"], **paths))
        assert facts["summary"]["health"] == "ok"
        assert backend in facts["backends"]
        shown = [(one["uuid"], one["serial"]) for one in facts["devices"]]
        assert shown == [(one.uuid, one.serial) for one in plugged]
        seen.append(shown)
        if server == "second":
            devices.unplug(tmp_path, {"second"})
    first, second, third = seen
    assert third == first
    assert len({*first, *second}) == 4


@NAMESPACE
def test_mounted_as_in_a_pod(
    run: Callable[..., dict[str, Any]], node: Node, tmp_path: Path
) -> None:
    """As a pod with rights sees its node: under `/host`, read-only."""
    node.mi300x("0000:05:00.0")
    node.kfd_process(4711, node.gpu_id(0), 2**30)
    (node.dev / "kmsg").write_text("4,1,5000000,-;NVRM: Xid (PCI:0000:05:00): 79, off")
    host = tmp_path / "host"
    steps = ["set -e", "mount --make-rprivate /"]
    for name in ("sys", "proc", "dev"):
        (host / name).mkdir(parents=True)
        steps.append(f"mount --bind -o ro {node.sysfs.parent / name} {host / name}")
    script = "\n".join([*steps, 'exec "$@"'])
    prefix = ("unshare", "--mount", "sh", "-c", script, "sh")
    paths = {
        "path_sysfs": str(host / "sys"),
        "path_procfs": str(host / "proc"),
        "path_dev": str(host / "dev"),
    }
    facts = _facts(run(prefix=prefix, **paths))
    [device] = facts["devices"]
    assert (device["health"], device["power_watts"]) == ("ok", 312.0)
    assert device["processes"][0]["name"] == "python3"
    assert facts["xid_events"][0]["code"] == 79
    assert _facts(run(**node.paths))["devices"] == facts["devices"]


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    """On this machine, whatever devices it has."""
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(Path(__file__).parents[2] / "playbooks/facts.yml"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"device_count":' in done.stdout
