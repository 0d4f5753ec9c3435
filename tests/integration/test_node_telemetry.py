# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role node_telemetry under a real systemd, up to a real Prometheus.

That a second run changes nothing is seen by its molecule scenario. Of the node the
devices' files are fake; no cloud is asked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from beds.openstack.layout import free_ports
from beds.prometheus.server import Prometheus, Target
from beds.systemd import System
from fakes.node.sysfs import Node

BIN = Path(sys.executable).parent
INSIDE = Path("/run/test")
"""What the test's folder is called where systemd runs."""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    folder = tmp_path / "inside"
    node = Node(folder / "node")
    for number in range(2):
        node.mi300x(f"0000:{5 + 16 * number:02x}:00.0", number)
    made = System(folder)
    try:
        yield made
    finally:
        made.stop()


def play(system: System, folder: Path, *options: str, **variables: Any) -> str:
    """Apply the role. Returns what Ansible has printed."""
    tasks_from, fails = (
        variables.pop("tasks_from", "main"),
        variables.pop("fails", False),
    )
    role = {"name": "gpufleet.openstack.node_telemetry", "tasks_from": tasks_from}
    book = folder / "book.json"
    told = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "ansible_python_interpreter": sys.executable,
            "node_telemetry_install_folder": f"{INSIDE}/lib",
            "node_telemetry_textfile_folder": f"{INSIDE}/textfile",
            **{
                f"node_telemetry_path_{name}": f"{INSIDE}/node/{mounted}"
                for name, mounted in (
                    ("sysfs", "sys"),
                    ("procfs", "proc"),
                    ("dev", "dev"),
                )
            },
            **variables,
        },
        "tasks": [{"ansible.builtin.include_role": role}],
    }
    book.write_text(json.dumps([told]))
    done = subprocess.run(
        [*system.enter, BIN / "ansible-playbook", "-i", "localhost,", book, *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible")},
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout


def until(check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


def test_metrics(system: System, tmp_path: Path) -> None:
    page = tmp_path / "inside/textfile/gpufleet.prom"

    planned = play(system, tmp_path, "--check")
    assert "changed=0" not in planned
    assert not page.parent.exists()

    wanted = {"node_telemetry_interval": 5, "node_telemetry_expected_count": 3}
    play(system, tmp_path, **wanted)
    assert exposure(system, "gpufleet-telemetry") <= 3.0
    # The role has waited for the first reading.
    first = page.stat().st_mtime_ns
    assert system.run("systemctl", "is-enabled", "gpufleet-telemetry.timer")
    until(lambda: page.stat().st_mtime_ns > first, "the timer does nothing")

    _looked_at(page, tmp_path)

    absent = {**wanted, "node_telemetry_state": "absent"}
    play(system, tmp_path, **absent)
    assert not page.exists()
    units = system.run("systemctl", "list-units", "--all", "gpufleet*")
    assert "0 loaded units" in units


def test_metrics_read_what_they_are_for(system: System, tmp_path: Path) -> None:
    """The limits of the unit leave it the kernel log and the devices of this machine."""
    roots = {"sysfs": "/sys", "procfs": "/proc", "dev": "/dev"}
    paths = {f"node_telemetry_path_{name}": path for name, path in roots.items()}
    play(system, tmp_path, **paths)
    page = (tmp_path / "inside/textfile/gpufleet.prom").read_text()
    assert "gpufleet_backend_ok{" in page
    [kmsg] = [line for line in page.splitlines() if 'backend="kmsg"' in line]
    assert kmsg.endswith(" 1.0")


def test_a_folder_of_another_user_is_refused(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "inside/textfile"
    folder.mkdir()
    os.chown(folder, 65534, -1)
    output = play(system, tmp_path, fails=True)
    assert (
        "node_telemetry_textfile_folder: /run/test/textfile belongs to nobody" in output
    )
    assert "chown root:root" in output
    assert list(folder.iterdir()) == []


def exposure(system: System, unit: str) -> float:
    """What `systemd-analyze security` gives the service, of 10."""
    path = f"/etc/systemd/system/{unit}.service"
    printed = system.run("systemd-analyze", "security", "--offline=true", path)
    match = re.search(r"Overall exposure level for [^:]*: ([0-9.]+)", printed)
    assert match, printed
    return float(match[1])


def _looked_at(page: Path, folder: Path) -> None:
    """What node_exporter and Prometheus make of it, and reports of that."""
    promtool = ["promtool", "check", "metrics"]
    checked = subprocess.run(
        promtool, input=page.read_bytes(), check=False, capture_output=True
    )
    assert (checked.returncode, checked.stderr) == (0, b"")
    target = Target("10.0.0.7:9100", _exported(page.parent), {"node": "gpu7"})
    data = folder / "prometheus"
    data.mkdir()
    server = Prometheus(data, [target])
    try:
        server.start()
        overview, heatmap = _reports(server.url, folder, stale_after=300)
        assert overview["totalGpus"] == 2
        assert overview["coverage"] == 1
        [first, second] = heatmap["power"]["data"]
        assert (first["nodeName"], first["gpuModel"]) == (
            "gpu7",
            "AMD Instinct MI300X OAM",
        )
        assert (first["value"], second["value"]) == (313, 312)

        # node_exporter goes on telling a file that nothing writes any more; the
        # heartbeat tells that it is old.
        overview, heatmap = _reports(server.url, folder, stale_after=1)
        assert overview["coverage"] == 0
        assert heatmap["power"]["data"] == []
    finally:
        server.stop()


def _exported(folder: Path) -> str:
    """The folder's metrics, as a real node_exporter tells them."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    exporter = subprocess.Popen(
        [
            "prometheus-node-exporter",
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder}",
            f"--web.listen-address={address}",
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = []

    def scraped() -> bool:
        try:
            with urlopen(f"http://{address}/metrics", timeout=5) as answer:
                found.append(answer.read().decode())
        except OSError:
            return False
        return True

    try:
        until(scraped, "node_exporter does not answer")
    finally:
        exporter.terminate()
        exporter.wait(10)
    assert "node_textfile_scrape_error 0" in found[0]
    return found[0]


def _reports(url: str, folder: Path, stale_after: int) -> tuple[Any, Any]:
    """Overview and heatmap, from Prometheus alone."""
    options = {
        "reports": ["overview", "heatmap"],
        "sources": [{"type": "prometheus", "url": url}],
        "stale_after": stale_after,
    }
    tree = folder / "tree"
    subprocess.run(
        [
            *(BIN / "ansible", "localhost", "-i", "localhost,", "--tree", tree),
            *("-m", "gpufleet.openstack.fleet_info", "-a", json.dumps(options)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    told = json.loads((tree / "localhost").read_text())
    return told["overview"], told["heatmap"]


def test_facts_in_the_cache(system: System, tmp_path: Path) -> None:
    node = INSIDE / "node"
    _open_home(system)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "gpufleet_path_sysfs": f"{node}/sys",
        "gpufleet_path_procfs": f"{node}/proc",
        "gpufleet_path_dev": f"{node}/dev",
    }
    listed = {"gpu_nodes": {"hosts": {"gpu7": host}}}
    inventory, cache = tmp_path / "inside/nodes.json", tmp_path / "inside/cache"
    inventory.write_text(json.dumps(listed))
    wanted = {
        "tasks_from": "facts",
        "node_telemetry_facts_inventory": f"{INSIDE}/{inventory.name}",
        "node_telemetry_facts_cache": f"{INSIDE}/{cache.name}",
        "node_telemetry_facts_interval": 5,
        "node_telemetry_facts_user": "daemon",
        # The node is this machine, where the service may write to its cache alone.
        "node_telemetry_facts_environment": {"ANSIBLE_REMOTE_TEMP": "/tmp/ansible"},
    }
    play(system, tmp_path, "--check", **wanted)
    assert not cache.exists()
    play(system, tmp_path, **wanted)
    assert exposure(system, "gpufleet-facts") <= 3.0
    assert (cache.owner(), cache.stat().st_mode & 0o777) == ("daemon", 0o700)

    def kept() -> Any:
        # The form is that of ansible.builtin.jsonfile.
        files = list(cache.glob("*gpu7"))
        return json.loads(json.loads(files[0].read_text())["__payload__"])

    until(lambda: any(cache.iterdir()), "nothing comes into the cache")
    first = kept()["gpufleet"]["gathered_at"]
    until(lambda: kept()["gpufleet"]["gathered_at"] > first, "it came only once")

    # A report needs nothing but the cache.
    out = tmp_path / "out"
    subprocess.run(
        [
            *(BIN / "ansible-playbook", "-i", inventory, "gpufleet.openstack.report"),
            *("-e", f"report_folder={out}"),
        ],
        check=True,
        capture_output=True,
        timeout=60,
        env={
            **os.environ,
            "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache),
        },
    )
    overview = json.loads((out / "overview.json").read_text())["data"]
    assert (overview["totalGpus"], overview["coverage"]) == (2, 1)

    play(system, tmp_path, **wanted, node_telemetry_state="absent")
    assert "0 loaded units" in system.run(
        "systemctl", "list-units", "--all", "gpufleet*"
    )
    assert kept()


def _open_home(system: System) -> None:
    """Let all users read what of the home runs Ansible, and nothing else of it."""
    home = Path.home()
    programs = [Path(path) for path in (sys.prefix, sys.base_prefix)]
    steps = ["set -e", f"mount --bind {home} /mnt", f"mount -t tmpfs tmpfs {home}"]
    for path in programs:
        if path.is_relative_to(home):
            kept = f"/mnt/{path.relative_to(home)}"
            steps += [f"mkdir -p {path}", f"mount --bind {kept} {path}"]
    system.run("sh", "-c", "\n".join([*steps, f"chmod 755 {home}", "umount /mnt"]))
