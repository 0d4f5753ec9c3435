# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user of a node against root: what root runs, writes and believes there."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources import (
    files as cloud_files,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    textfile,
    trusted,
    xid,
)
from attacks.controller import Controller, Done
from fakes.node.sysfs import Node, write

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(os.geteuid() != 0, reason="there must be root to attack"),
]

NOBODY = 65534
PYTHON = "/usr/bin/python3"
"""A Python that the attacker may run, too."""

ROOT = Path(__file__).parents[2]
EVIL = "import pathlib\npathlib.Path({marker!r}).touch()\n"


def _open_folder() -> Path:
    """A folder that all users can reach, as a test's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="gpufleet-attack-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def ground() -> Iterator[Path]:
    folder = _open_folder()
    yield folder
    subprocess.run(["rm", "-rf", folder], check=True)


def _foreign(path: Path, mode: int = 0o755) -> Path:
    """A folder of another user."""
    path.mkdir()
    path.chmod(mode)
    os.chown(path, NOBODY, NOBODY)
    return path


# What root runs ------------------------------------------------------------------------


class Installed(NamedTuple):
    """What the module telemetry_program has done, in one run of Ansible.

    Attributes:
        ground: The folder of it all.
        results: The module's result, by the attack.
        untouched: What no attack may change.
    """

    ground: Path
    results: dict[str, dict[str, Any]]
    untouched: Path

    def program(self, folder: str, page: Path, node: Node, **environment: str) -> None:
        """Run the program as the unit does."""
        roots = [f"--{key.replace('_', '-')}={at}" for key, at in node.paths.items()]
        subprocess.run(
            [PYTHON, "-I", self.ground / folder / "gpufleet_node.pyz", *roots, page],
            check=True,
            cwd=self.ground / folder,
            env=environment,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    ground = _open_folder()
    untouched = ground / "untouched"
    untouched.write_text("root's own\n")
    places = {"foreign": _foreign(ground / "foreign")}
    places["writable"] = ground / "writable"
    places["writable"].mkdir()
    places["writable"].chmod(0o777)
    places["below"] = _foreign(ground / "above") / "below"
    places["below"].mkdir()
    (ground / "target").mkdir()
    places["link"] = ground / "link"
    places["link"].symlink_to(ground / "target")
    os.chown(places["link"], NOBODY, NOBODY, follow_symlinks=False)
    places["shadowed"] = _shadowed(ground / "shadowed", ground / "shadow-ran")
    places["planted"] = ground / "planted"
    places["planted"].mkdir()
    (places["planted"] / "gpufleet_node.pyz").symlink_to(untouched)
    (places["planted"] / "gpufleet_node").symlink_to(ground / "target")
    (ground / "target/kept").write_text("kept\n")
    tasks: list[dict[str, Any]] = [
        {
            "gpufleet.openstack.telemetry_program": {"path": str(path)},
            "register": name,
            "ignore_errors": True,
        }
        for name, path in places.items()
    ]
    results = ground / "results.json"
    every = (
        "{{ {" + ", ".join(f"'{name}': {name}" for name in places) + "} | to_json }}"
    )
    tasks.append({"ansible.builtin.copy": {"dest": str(results), "content": every}})
    done = Controller(tmp_path_factory.mktemp("controller")).play(tasks)
    assert done.status == 0, done.output
    yield Installed(ground, json.loads(results.read_text()), untouched)
    subprocess.run(["rm", "-rf", ground], check=True)


def _shadowed(folder: Path, marker: Path) -> Path:
    """Root's folder, with what another user left there before it was root's."""
    evil = EVIL.format(marker=str(marker))
    package = folder / "gpufleet_node"
    (package / "__pycache__").mkdir(parents=True)
    (package / "telemetry").mkdir()
    for path in (
        folder / "sitecustomize.py",
        folder / "argparse.py",
        folder / "zipfile/__init__.py",
        package / "__init__.py",
        package / "telemetry/__init__.py",
        package / "__pycache__/collect.cpython-311.pyc",
        package / "collect.so",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(evil)
        os.chown(path, NOBODY, NOBODY)
    return folder


@pytest.mark.parametrize("place", ["foreign", "writable", "below", "link"])
def test_a_place_that_another_user_can_change(installed: Installed, place: str) -> None:
    result = installed.results[place]
    assert result["failed"]
    assert not result["changed"]
    assert "could replace what is in it" in result["msg"]
    assert "chown root:root" in result["msg"]


def test_a_package_that_shadows_ours(installed: Installed, tmp_path: Path) -> None:
    assert installed.results["shadowed"]["changed"]
    page = tmp_path / "page.prom"
    installed.program("shadowed", page, Node(tmp_path / "node"))
    assert "gpufleet_heartbeat_timestamp_seconds{" in page.read_text()
    assert not (installed.ground / "shadow-ran").exists()
    assert not (installed.ground / "shadowed/gpufleet_node").exists()


def test_modules_through_the_environment(installed: Installed, tmp_path: Path) -> None:
    page, shadow = tmp_path / "page.prom", str(installed.ground / "shadowed")
    installed.program(
        "shadowed",
        page,
        Node(tmp_path / "node"),
        PYTHONPATH=shadow,
        PYTHONSTARTUP=f"{shadow}/argparse.py",
        PYTHONUSERBASE=shadow,
        HOME=shadow,
    )
    assert page.exists()
    assert not (installed.ground / "shadow-ran").exists()


def test_links_in_the_place_of_the_program(installed: Installed) -> None:
    planted = installed.ground / "planted"
    assert installed.results["planted"]["changed"]
    assert installed.untouched.read_text() == "root's own\n"
    assert not (planted / "gpufleet_node.pyz").is_symlink()
    assert not (planted / "gpufleet_node").is_symlink()
    assert (installed.ground / "target/kept").read_text() == "kept\n"


# What root writes ----------------------------------------------------------------------

RACE = """
import os, sys
folder, victim = sys.argv[1:]
os.chdir(folder)
print("ready", flush=True)
while True:
    for name in os.listdir("."):
        if name.startswith(".") and not os.path.islink(name):
            try:
                os.unlink(name)
                os.symlink(victim, name)
            except OSError:
                pass
"""


@pytest.fixture
def race(ground: Path) -> Iterator[tuple[Path, Path]]:
    """A folder whose owner puts links in the place of drafts, and where these lead to."""
    folder, victim = _foreign(ground / "folder"), ground / "victim"
    victim.write_text("secret\n")
    attacker = subprocess.Popen(
        [PYTHON, "-I", "-c", RACE, folder, victim],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        stdout=subprocess.PIPE,
    )
    assert attacker.stdout
    attacker.stdout.readline()
    try:
        yield folder, victim
    finally:
        attacker.kill()
        attacker.communicate()


def test_a_race_for_metrics(race: tuple[Path, Path]) -> None:
    """Won after six writes, it made any file readable."""
    folder, victim = race
    victim.chmod(0o600)
    for _round in range(300):
        with pytest.raises(trusted.Untrusted, match="user nobody"):
            textfile.write(str(folder / "page.prom"), "gpufleet_x 1\n")
    assert victim.stat().st_mode & 0o777 == 0o600


def test_a_race_for_a_private_file(race: tuple[Path, Path]) -> None:
    folder, victim = race
    victim.chmod(0o644)
    for _round in range(300):
        try:
            cloud_files.write_private(str(folder / "config"), "private\n")
        except OSError:
            continue
    assert victim.stat().st_mode & 0o777 == 0o644
    assert victim.read_text() == "secret\n"


def test_a_link_in_the_place_of_metrics(ground: Path) -> None:
    folder, victim = ground / "sticky", ground / "victim"
    folder.mkdir()
    folder.chmod(0o1777)
    victim.write_text("before\n")
    page = folder / "gpufleet.prom"
    page.symlink_to(victim)
    os.chown(page, NOBODY, NOBODY, follow_symlinks=False)
    textfile.write(str(page), "gpufleet_x 1\n")
    assert victim.read_text() == "before\n"
    assert not page.is_symlink()
    assert page.read_text() == "gpufleet_x 1\n"


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_folder_of_metrics_that_others_can_write_to(ground: Path, mode: int) -> None:
    folder = ground / "open"
    folder.mkdir()
    os.chown(folder, 0, NOBODY)
    folder.chmod(mode)
    with pytest.raises(trusted.Untrusted, match="writable by other users"):
        textfile.write(str(folder / "page.prom"), "")
    assert list(folder.iterdir()) == []


def test_a_link_to_a_folder_of_root(ground: Path) -> None:
    """As if metrics were written to /etc."""
    etc = ground / "etc"
    etc.mkdir()
    link = _foreign(ground / "home") / "metrics"
    link.symlink_to(etc)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(trusted.Untrusted, match="symbolic link metrics"):
        textfile.write(str(link / "page.prom"), "")
    assert list(etc.iterdir()) == []


def test_a_link_in_the_place_of_a_private_file(ground: Path) -> None:
    victim, link = ground / "victim", _foreign(ground / "home") / "config"
    victim.write_text("before\n")
    link.symlink_to(victim)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(
        PermissionError, match="symbolic link that belongs to another user"
    ):
        cloud_files.write_private(str(link), "private\n")
    assert victim.read_text() == "before\n"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Logs of changes, in the place of each of which there is something odd."""
    ground = _open_folder()
    controller = Controller(tmp_path_factory.mktemp("controller"))
    (ground / "victim").write_text("before\n")
    log = ground / "log"
    os.mkfifo(log)
    metrics = _foreign(ground / "foreign") / "run.prom"
    task = {"gpufleet.openstack.telemetry_program": {"path": str(ground / "lib")}}
    environment = {
        "ANSIBLE_CALLBACKS_ENABLED": "gpufleet.openstack.audit",
        "GPUFLEET_AUDIT_METRICS": str(metrics),
    }
    done: dict[str, Done] = {}
    for kind in ("fifo", "link"):
        if kind == "link":
            log.unlink()
            log.symlink_to(ground / "victim")
            task["gpufleet.openstack.telemetry_program"]["path"] += "2"
        done[kind] = controller.play(
            [task], GPUFLEET_AUDIT_PATH=str(log), **environment
        )
    yield {"ground": ground, **done}
    subprocess.run(["rm", "-rf", ground], check=True)


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_an_audit_log_that_is_no_file(audited: dict[str, Any], kind: str) -> None:
    """The run would wait for a reader of the FIFO."""
    done = audited[kind]
    assert done.status == 0, done.output
    assert "is not a regular file" in " ".join(done.output.split())
    assert (audited["ground"] / "victim").read_text() == "before\n"


def test_metrics_of_a_run_in_a_foreign_folder(audited: dict[str, Any]) -> None:
    output = " ".join(audited["fifo"].output.split())
    assert "belongs to the user nobody" in output
    assert list((audited["ground"] / "foreign").iterdir()) == []


# What root believes --------------------------------------------------------------------

FORGED = "NVRM: Xid (PCI:0000:ab:00): 79, GPU has fallen off the bus."


@pytest.mark.parametrize(
    "text", [FORGED, f"<4>{FORGED}", f"<0>{FORGED}", f"x\n4,1,1,-;{FORGED}"]
)
def test_an_xid_that_a_process_has_written(text: str) -> None:
    with open("/dev/kmsg", "w") as log:
        log.write(f"{text}\n")
    _not_believed()


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_an_xid_in_the_options_of_a_mount(kind: str, ground: Path) -> None:
    """The kernel quotes an unknown option, which any user may give in a namespace."""
    option = FORGED.replace(",", "")
    command = ("unshare", "--user", "--map-root-user", "--mount", "mount")
    subprocess.run(
        [*command, "-t", kind, "-o", option, "none", ground],
        check=False,
        capture_output=True,
    )
    _not_believed(f"{kind}.*NVRM: Xid")


def _not_believed(tried: str = "NVRM: Xid") -> None:
    raw = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    assert re.search(tried, raw), "nothing was tried"
    log = xid.read_log("/dev/kmsg")
    assert log is not None
    assert xid.events(log) == []


# A run of gpu_facts --------------------------------------------------------------------

ENDLESS = "#!/bin/sh\nwhile :; do echo 'endless, endless, endless'; done\n"


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The facts of a node that does all that it can against the run."""
    ground = _open_folder()
    node = Node(ground / "node")
    node.mi300x("0000:05:00.0")
    write(node.device("0000:05:00.0"), {"product_name": "x" * 10**6})
    node.kfd_process(4711, node.gpu_id(0), 2**30)
    node.process(4711, 'a"} 1\nevil \x1b[31m')
    node.kfd_process(4712, node.gpu_id(0), 2**30)
    (node.procfs / "4712/comm").unlink()
    os.mkfifo(node.procfs / "4712/comm")
    node.nvidia("0000:07:00.0")
    waits = node.pci("0000:09:00.0", (0x10DE, 0x20B2), 0x030200, "nvidia")
    (waits / "vendor").unlink()
    os.mkfifo(waits / "vendor")
    hijack, tools = ground / "hijack", ground / "tools"
    for folder, script in (
        (hijack, f"#!/bin/sh\ntouch {ground}/hijacked\n"),
        (tools, ENDLESS),
    ):
        folder.mkdir()
        (folder / "nvidia-smi").write_text(script)
        (folder / "nvidia-smi").chmod(0o755)
    options = {**node.paths, "nvml_library": "none.so", "timeout": 2}
    tree = ground / "tree"
    ansible = [
        *(
            str(Path(sys.executable).parent / "ansible"),
            "localhost",
            "-i",
            "localhost,",
        ),
        *("-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"),
        *("-m", "gpufleet.openstack.gpu_facts", "-a", json.dumps(options)),
        *("--tree", str(tree)),
    ]
    script = f"mount --bind {tools} /usr/local/bin && exec {shlex.join(ansible)}"
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "PATH": f"{hijack}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "ANSIBLE_HOME": str(home)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tree / "localhost").read_text())
    yield {**result["ansible_facts"]["gpufleet"], "ground": ground}
    subprocess.run(["rm", "-rf", ground], check=True)


def test_a_tool_in_a_folder_of_path(facts: dict[str, Any]) -> None:
    assert not (facts["ground"] / "hijacked").exists()


def test_a_tool_that_prints_without_end(facts: dict[str, Any]) -> None:
    backend = facts["backends"]["nvidia_smi"]
    assert backend["error"] == "nvidia-smi printed more than 1 MiB"


def test_pipes_in_the_place_of_files(facts: dict[str, Any]) -> None:
    """The run would wait for ever."""
    addresses = [device["pci_bus_id"] for device in facts["devices"]]
    assert addresses == ["0000:05:00.0", "0000:07:00.0"]
    [_named, nameless] = facts["devices"][0]["processes"]
    assert (nameless["pid"], nameless["name"]) == (4712, None)


def test_names_that_are_long_or_do_not_print(facts: dict[str, Any]) -> None:
    device = facts["devices"][0]
    assert device["model"] == "x" * 300
    assert device["processes"][0]["name"] == 'a"} 1?evil ?[31m'


def test_a_model_that_is_lines_of_metrics(installed: Installed, tmp_path: Path) -> None:
    node = Node(tmp_path / "node")
    model = {"product_name": 'x"} 1\nevil{a="b"} 1'}
    write(node.mi300x("0000:05:00.0"), model)
    page = tmp_path / "page.prom"
    installed.program("shadowed", page, node)
    lines = page.read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "gpufleet_"))] == []
    assert any('model="x\\"} 1?evil{a=\\"b\\"} 1"' in line for line in lines)


# What is left --------------------------------------------------------------------------

HANGING = """
import sys
from ansible_collections.gpufleet.openstack.plugins.module_utils._node import (
    collect, files, tool,
)
tool.FOLDERS = (sys.argv[4],)
collect.collect(collect.Options(
    roots=files.Roots(*sys.argv[1:4]), nvml_library="none.so", timeout=60,
))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("hangs", ["file", "tool"])
def test_nothing_outlives_the_run(tmp_path: Path, number: int, hangs: str) -> None:
    node = Node(tmp_path / "node")
    node.mi300x("0000:05:00.0")
    node.nvidia("0000:07:00.0")
    if hangs == "file":
        node.wedge("0000:05:00.0", "product_name")
    tool = tmp_path / "nvidia-smi"
    # Its own child is a process that neither the program nor the reader has started.
    tool.write_text("#!/bin/sh\n/bin/sleep 300\necho\n")
    tool.chmod(0o755)
    program = subprocess.Popen(
        [sys.executable, "-c", HANGING, *node.paths.values(), tmp_path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    depth = 1 if hangs == "file" else 3
    try:
        left = _descendants(program.pid, depth)
    finally:
        program.send_signal(number)
        program.wait()
    deadline = time.monotonic() + 10
    while any(map(_lives, left)):
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(0.05)


def _descendants(pid: int, depth: int) -> list[int]:
    """The processes below one, once there are so many generations that stay."""
    deadline = time.monotonic() + 30
    before: list[int] = []
    while True:
        found, last = [], [pid]
        for _generation in range(depth):
            last = [child for one in last for child in _children(one)]
            found += last
        if last and found == before:
            return found
        before = found
        assert time.monotonic() < deadline, "it does not hang"
        time.sleep(0.7)


def _children(pid: int) -> list[int]:
    try:
        return list(
            map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        )
    except OSError:
        return []


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
