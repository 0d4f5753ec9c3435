# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals, while modules and plugins wait or write: nothing half-done stays behind."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.conditions.running import SOON, Running, Site

TERM, INT, KILL = signal.SIGTERM, signal.SIGINT, signal.SIGKILL
KEY = "BEGIN PRIVATE KEY"
SIGN = "POST /magnum/v1/certificates"


def _kubeconfig(site: Site) -> dict[str, Any]:
    path = site.folder / "kubeconfig"
    arguments = {"cloud": "recorded", "name": "cluster-0", "path": str(path)}
    return {"gpufleet.openstack.kubeconfig": arguments}


def _works_again(site: Site) -> None:
    """A further run writes the file, and leaves nothing beside it."""
    site.cloud.release()
    assert site.start(_kubeconfig(site)).ended() == 0
    file = site.folder / "kubeconfig"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert yaml.safe_load(file.read_text())["kind"] == "Config"
    assert list(site.folder.glob(".gpufleet*")) == []


@pytest.mark.parametrize("number", [TERM, INT], ids=["term", "int"])
def test_module_that_waits_for_a_service(
    recorded: Site, number: signal.Signals
) -> None:
    recorded.cloud.held = lambda request: request == SIGN
    play = recorded.start(_kubeconfig(recorded))
    play.until(lambda: recorded.cloud.reached(0))
    play.signal(number)
    # Of Ansible's own files neither the module's are left.
    assert list(recorded.controller.temporary.glob("ansible_*payload*")) == []
    assert not (recorded.folder / "kubeconfig").exists()
    _works_again(recorded)


@pytest.mark.parametrize(
    ("number", "whole"), [(TERM, False), (KILL, True)], ids=["term", "kill"]
)
def test_module_that_writes_a_key(
    recorded: Site, number: signal.Signals, whole: bool
) -> None:
    play = recorded.start(_kubeconfig(recorded), **recorded.slow("fsync"))
    play.until((recorded.folder / "reached").exists)
    play.signal(number, whole)
    assert recorded.left("client-key-data") == recorded.left(KEY) == []
    _works_again(recorded)


def test_module_alone(recorded: Site) -> None:
    """Ansible goes on: the task has failed, and says why."""
    recorded.cloud.held = lambda request: request == SIGN
    task = {**_kubeconfig(recorded), "register": "it", "ignore_errors": True}
    shown = {"ansible.builtin.debug": {"msg": "{{ it.error.type }}: {{ it.msg }}"}}
    play = recorded.start(task, shown)
    play.until(lambda: recorded.cloud.reached(0))
    *_others, module = (one for one in play.tree() if _is_module(one.pid))
    os.kill(module.pid, TERM)
    assert play.ended() == 0
    assert "Interrupted: SIGTERM ended the task" in " ".join(play.output.split())


def _is_module(pid: int) -> bool:
    return b"AnsiballZ" in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("number", [TERM, INT], ids=["term", "int"])
def test_inventory_that_waits(recorded: Site, number: signal.Signals) -> None:
    recorded.cloud.held = lambda request: "/detail" in request
    file = recorded.folder / "site.gpu_nodes.yml"
    file.write_text("plugin: gpufleet.openstack.gpu_nodes\ncloud: recorded\n")
    listing = Running(
        recorded.controller,
        "ansible-inventory",
        *("-i", str(file), "--list"),
        **recorded.environment,
    )
    listing.until(lambda: recorded.cloud.reached(0))
    listing.signal(number)


def _plugin(site: Site, command: str) -> str:
    """Write a kubeconfig whose user is known by a command. Returns its path."""
    version = "client.authentication.k8s.io/v1"
    plugin = {"apiVersion": version, "command": command, "interactiveMode": "Never"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "it", "user": {"exec": plugin}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = site.folder / "exec-config"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def _hanging(site: Site, timeout: int) -> tuple[dict[str, Any], dict[str, str]]:
    """A report of sources that never answer, and its environment."""
    # The shell's child is what hangs, and has what the shell prints open.
    hang = f'touch "{site.folder}/$(basename "$0")-$$"\nsleep 200\ntrue'
    environment = site.tool("ssh", hang)
    site.tool("login-plugin", hang)
    site.cloud.held = lambda request: "/detail" in request
    plugin = _plugin(site, str(site.folder / "bin" / "login-plugin"))
    sources = [
        {"type": "slurm", "login": "head"},
        {"type": "kubernetes", "kubeconfig": plugin},
        {"type": "openstack", "cloud": "recorded"},
    ]
    asked = [{**source, "timeout": timeout} for source in sources]
    return {"gpufleet.openstack.fleet_info": {"sources": asked}}, environment


def _begun(site: Site) -> list[Path]:
    return [*site.folder.glob("ssh-*"), *site.folder.glob("login-plugin-*")]


def _all_hang(site: Site) -> bool:
    return len(_begun(site)) == 2 and site.cloud.reached(0)


def test_sources_that_hang_when_the_run_is_ended(recorded: Site) -> None:
    task, environment = _hanging(recorded, timeout=120)
    play = recorded.start(task, **environment)
    play.until(lambda: _all_hang(recorded))
    assert len(play.tree()) >= 6  # Ansible and its worker, two shells, what these run
    play.signal(TERM)


def test_sources_that_are_late(recorded: Site) -> None:
    """The run ends, and with it what the sources have started."""
    task, environment = _hanging(recorded, timeout=10)
    shown = {"ansible.builtin.debug": {"msg": "{{ it.overview.warnings }}"}}
    play = recorded.start({**task, "register": "it"}, shown, **environment)
    play.until(lambda: _all_hang(recorded))
    tree = play.tree()
    began = time.monotonic()
    assert play.gone(tree) == 0
    assert time.monotonic() - began < SOON + 10
    for late in (
        "slurm: ssh -o BatchMode=yes -- head",
        "login-plugin took more than",
        "openstack: Nova did not answer GET /servers/detail",
    ):
        assert late in play.output


def test_program_on_a_node_that_is_cut_short(recorded: Site) -> None:
    """The next run completes what a killed one has begun."""
    folder = recorded.folder / "program"
    folder.mkdir()
    task = {"gpufleet.openstack.telemetry_program": {"path": str(folder)}}
    play = recorded.start(task, **recorded.slow("rename"))
    play.until((recorded.folder / "reached").exists)
    play.signal(KILL, whole=True)
    again = {**task, "register": "again"}
    proof = {"ansible.builtin.assert": {"that": "again is not changed"}}
    assert recorded.start(task, again, proof).ended() == 0
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["gpufleet_node.pyz"]
