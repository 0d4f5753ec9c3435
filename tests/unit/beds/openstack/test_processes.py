# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beds.openstack import processes
from beds.openstack.layout import Bed
from beds.openstack.service import Service

# Obeys, does not obey, and leaves a child in a session of its own.
SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)"
)
PARENT = (
    "import subprocess, sys, time; subprocess.Popen("
    "[sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True);"
    "print('born', flush=True); time.sleep(60)"
)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    bed = Bed(tmp_path / "bed", tmp_path / "venv", tmp_path / "capi")
    for folder in (bed.log, bed.run, bed.data):
        folder.mkdir(parents=True)
    yield bed
    processes.stop_all(bed.path)


def start(bed: Bed, code: str, name: str = "service") -> processes.Process | None:
    processes.start(bed, Service(name, (sys.executable, "-c", code)))
    return processes.running(bed.run, name)


def wait_for_log(bed: Bed, text: str, name: str = "service") -> None:
    deadline = time.monotonic() + 10
    while text not in processes.tail(bed, name):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_starting_twice_starts_once(bed: Bed) -> None:
    first = start(bed, SLEEP)
    assert first is not None
    assert start(bed, SLEEP) == first


def test_stopping_ends_it(bed: Bed) -> None:
    process = start(bed, SLEEP)
    assert process
    assert processes.stop_all(bed.path) == ["service"]
    assert processes.look(process.pid) is None
    assert processes.stop_all(bed.path) == []


def test_what_does_not_obey_is_killed(bed: Bed) -> None:
    process = start(bed, STUBBORN)
    assert process
    wait_for_log(bed, "deaf")
    processes.stop(bed.path, ["service"], patience=0.2)
    assert processes.look(process.pid) is None


def test_a_child_that_left_is_ended_too(bed: Bed) -> None:
    start(bed, PARENT)
    wait_for_log(bed, "born")
    assert len(processes.marked(bed.path)) == 2
    processes.stop_all(bed.path)
    assert processes.marked(bed.path) == []


def test_children_of_a_running_service_are_no_strays(bed: Bed) -> None:
    start(bed, PARENT)
    wait_for_log(bed, "born")
    # Until it runs its own program, its environment is still that of its parent.
    start(bed, f"print('up', flush=True); {SLEEP}", "lost")
    wait_for_log(bed, "up", "lost")
    lost = processes.running(bed.run, "lost")
    (bed.run / "lost.pid").unlink()
    assert processes.strays(bed.path) == [lost]


def test_a_process_without_pid_file_is_ended_too(bed: Bed) -> None:
    start(bed, SLEEP)
    (bed.run / "service.pid").unlink()
    processes.stop_all(bed.path)
    assert processes.marked(bed.path) == []


def test_a_pid_that_is_somebody_elses_now_is_left_alone(bed: Bed) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        # Same pid, other time of start.
        (bed.run / "service.pid").write_text(f"{stranger.pid} 1\n")
        assert processes.running(bed.run, "service") is None
        processes.stop_all(bed.path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "x", "12", "1 2 3"])
def test_a_torn_pid_file_means_not_running(bed: Bed, text: str) -> None:
    (bed.run / "service.pid").write_text(text)
    assert processes.running(bed.run, "service") is None


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.look(child.pid) is None
    child.wait()


def test_services_see_nothing_of_the_callers_environment(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CLOUD", "somewhere-else")
    start(bed, "import os; print(sorted(os.environ), flush=True)")
    wait_for_log(bed, "GPUFLEET_BED")
    assert "OS_CLOUD" not in processes.tail(bed, "service")


def test_tail_cuts(bed: Bed) -> None:
    (bed.log / "a.log").write_text("".join(f"{i}\n" for i in range(100)))
    assert processes.tail(bed, "a", 2) == "98\n99"


def test_a_failed_step_shows_the_end_of_its_log_and_stops_the_others(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bed, "secrets", {"admin": ""})
    chains = [
        [("bad", [sys.executable, "-c", "raise SystemExit('no luck')"])],
        [("long", [sys.executable, "-c", SLEEP])],
    ]
    with pytest.raises(processes.BedError, match="no luck"):
        processes.run_steps(bed, chains)
    assert processes.marked(bed.path) == []


def test_output_of_a_command(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.getcwd(), sorted(os.environ))"
    command = [Path(sys.executable), "-I", "-c", code]
    said = processes.output_of(command, stdin="in", env={"LC_ALL": "C"}, cwd=tmp_path)
    assert said == f"in {tmp_path} ['LC_ALL']\n"


@pytest.mark.parametrize("name", ["the tool", ""])
def test_a_command_that_fails_shows_the_end_of_what_it_printed(name: str) -> None:
    code = "import sys; print('x' * 9000 + '\\nout', flush=True); sys.exit('no luck')"
    command = [sys.executable, "-c", code]
    with pytest.raises(processes.BedError) as problem:
        processes.output_of(command, name=name)
    called, said = str(problem.value).split(" failed:\n")
    assert called == (name or " ".join(command))
    assert said.endswith("x\nout\nno luck")
    assert len(said) <= processes.OUTPUT
