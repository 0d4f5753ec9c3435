# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting, finding and ending processes: only such as are surely ours.

What only runs to its end and prints something is run by `output_of`.

A pid file holds the pid and the time at which that process was started, so a pid
that now belongs to somebody else is never touched. Beside that every process of a
bed carries ``GPUFLEET_BED=<its folder>`` in its environment; what an interrupted
``up`` left behind without a pid file is found by that mark, never by name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .layout import Bed, BedError
from .service import BASE, Service

MARK = "GPUFLEET_BED"
LOG_LINES = 15
# Seconds until a service that does not obey is killed.
PATIENCE = 4
# Characters of what a command printed, in the error that it failed.
OUTPUT = 3000


@dataclass(frozen=True)
class Process:
    """A line of /proc: what tells a process apart from a later one of its pid."""

    pid: int
    started: int
    # Another one when the parent has ended.
    parent: int = field(compare=False)


def look(pid: int) -> Process | None:
    """Look a process up.

    Args:
        pid: Its number.

    Returns:
        The process, or None if there is none or it is a zombie.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may itself hold blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return Process(pid, started=int(fields[19]), parent=int(fields[1]))


def environment(bed: Bed) -> dict[str, str]:
    """Return the variables that every process of a bed gets, and no others.

    Args:
        bed: The bed.
    """
    return {
        MARK: str(bed.path),
        "PATH": f"{bed.venv}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(bed.run / "home"),
        "TMPDIR": str(bed.run / "tmp"),
        # Kept: without what stevedore keeps there, each process reads all of the
        # environment's entry points, which is a second of CPU.
        "XDG_CACHE_HOME": str(bed.path / "cache"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(bed.conf / "python"),
        "PYTHONUNBUFFERED": "1",
        # glibc otherwise gives every thread a heap that it never gives back.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONWARNINGS": "ignore",
    }


def start(bed: Bed, service: Service) -> None:
    """Start a service unless it runs.

    Args:
        bed: The bed.
        service: A line of the table.
    """
    if running(bed.run, service.name):
        return
    child = _spawn(bed, service.name, service.command, service.env)
    me = look(child.pid)
    if me:
        pid_file = bed.run / f"{service.name}.pid"
        pid_file.write_text(f"{me.pid} {me.started}\n")


def running(run: Path, name: str) -> Process | None:
    """Return the process of a service.

    Args:
        run: The bed's folder ``run``.
        name: The service.

    Returns:
        Its process, or None if it does not run.
    """
    try:
        pid, started = map(int, (run / f"{name}.pid").read_text().split())
    except (OSError, ValueError):
        return None
    found = look(pid)
    return found if found and found.started == started else None


def marked(bed_path: Path) -> list[Process]:
    """Return all processes that carry a bed's mark.

    Args:
        bed_path: The bed's folder.
    """
    mark = f"{MARK}={bed_path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # gone meanwhile, or not ours to read
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                process = look(int(entry.name))
                if process:
                    found.append(process)
    return found


def strays(bed_path: Path) -> list[Process]:
    """Return what carries a bed's mark and does not belong to a running service.

    Args:
        bed_path: The bed's folder.
    """
    run = bed_path / "run"
    leaders = [running(run, path.stem) for path in run.glob("*.pid")]
    family = with_children(leader for leader in leaders if leader)
    return [process for process in marked(bed_path) if process not in family]


def with_children(leaders: Iterable[Process]) -> list[Process]:
    """Return processes with all their children and children's children.

    Args:
        leaders: The processes to begin with.
    """
    pids = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    others = [process for pid in pids if (process := look(pid))]
    family = list(leaders)
    for member in family:  # grows while we go
        family += [p for p in others if p.parent == member.pid and p not in family]
    return family


def signal_all(processes: Iterable[Process], number: int) -> None:
    """Send a signal to those processes that are still the same.

    Args:
        processes: Whom.
        number: The signal.
    """
    for process in processes:
        if look(process.pid) == process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)


def wait_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until processes have ended.

    Args:
        processes: Whom to wait for.
        seconds: How long at most.

    Returns:
        Those that are still there.
    """
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in processes if look(process.pid) == process]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def end(processes: Sequence[Process], patience: float) -> None:
    """End processes: ask, wait, then insist.

    Args:
        processes: Which.
        patience: Seconds between asking and insisting; 0: don't ask.
    """
    left: Sequence[Process] = processes
    if patience:
        signal_all(processes, signal.SIGTERM)
        left = wait_gone(processes, patience)
    signal_all(left, signal.SIGKILL)
    wait_gone(left, 5)


def stop(bed_path: Path, names: Iterable[str], patience: float = PATIENCE) -> list[str]:
    """Stop services of a bed, all at once, with all their children.

    Children that are services themselves stay: a control plane of a cluster, which
    outlives the one who started it.

    Args:
        bed_path: The bed's folder.
        names: Which services.
        patience: Seconds until a service that does not obey is killed.

    Returns:
        Those that ran.
    """
    run = bed_path / "run"
    names = list(names)
    found = {name: running(run, name) for name in names}
    leaders = [process for process in found.values() if process]
    others = {path.stem for path in run.glob("*.pid")} - set(names)
    stay = with_children(one for name in others if (one := running(run, name)))
    family = [one for one in with_children(leaders) if one not in stay]
    end(leaders, patience)
    end(family, 1)
    for name in names:
        (run / f"{name}.pid").unlink(missing_ok=True)
    return [name for name, process in found.items() if process]


def stop_all(bed_path: Path) -> list[str]:
    """Stop everything of a bed, also what has the mark and no pid file.

    Args:
        bed_path: The bed's folder; it may be of another version of this program.

    Returns:
        The services that ran.

    Raises:
        BedError: A process could not be ended.
    """
    names = {path.stem for path in (bed_path / "run").glob("*.pid")}
    stopped = stop(bed_path, names - set(BASE))
    stopped += stop(bed_path, names & set(BASE), patience=3 * PATIENCE)
    end(marked(bed_path), 2)
    left = marked(bed_path)
    if left:
        pids = " ".join(str(process.pid) for process in left)
        raise BedError(f"these processes do not end: {pids}")
    shutil.rmtree(bed_path / "run", ignore_errors=True)
    return stopped


def output_of(
    command: Sequence[str | Path],
    *,
    name: str = "",
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        name: What an error calls it; the whole command when not given.
        stdin: What it reads; that of this process when not given.
        env: Its variables; those of this process when not given.
        cwd: Where it runs; where this process does when not given.

    Returns:
        What it printed to stdout.

    Raises:
        BedError: It failed; holds the end of all that it printed.
    """
    done = subprocess.run(
        command,
        check=False,
        input=stdin,
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}"[-OUTPUT:].strip()
        raise BedError(f"{name or ' '.join(map(str, command))} failed:\n{said}")
    return done.stdout


def run_steps(bed: Bed, chains: Sequence[Sequence[tuple[str, Sequence[str]]]]) -> None:
    """Run chains of commands: the chains side by side, each one step by step.

    Args:
        bed: The bed.
        chains: Lists of (name, command); the name is that of the log.

    Raises:
        BedError: A command failed.
    """
    todo = [list(chain) for chain in chains]
    current: list[tuple[str, subprocess.Popen[bytes]] | None] = [None] * len(todo)
    try:
        while any(todo) or any(current):
            for i, chain in enumerate(todo):
                job = current[i]
                if job is not None:
                    name, child = job
                    code = child.poll()
                    if code is None:
                        continue
                    current[i] = None
                    if code != 0:
                        raise BedError(
                            f"{name} failed (exit status {code})\n{tail(bed, name)}"
                        )
                if chain:
                    name, command = chain.pop(0)
                    current[i] = (name, _step(bed, name, command))
            time.sleep(0.1)
    finally:
        for job in current:
            if job is not None:
                job[1].kill()
                job[1].wait()


def _step(bed: Bed, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
    extra = {
        "OS_PLACEMENT_CONFIG_DIR": str(bed.conf),
        "OS_BOOTSTRAP_PASSWORD": bed.secrets["admin"],
    }
    return _spawn(bed, name, command, extra)


def _spawn(
    bed: Bed, name: str, command: Sequence[str], extra: dict[str, str]
) -> subprocess.Popen[bytes]:
    with open(bed.log / f"{name}.log", "ab") as log:
        return subprocess.Popen(
            command,
            env=environment(bed) | extra,
            # uWSGI looks for modules there, so its age is part of stevedore's key.
            cwd=bed.data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def tail(bed: Bed, name: str, lines: int = LOG_LINES) -> str:
    """Return the end of a log.

    Args:
        bed: The bed.
        name: The service or step.
        lines: How many lines.
    """
    path = bed.log / f"{name}.log"
    if not path.exists():
        return f"(no log {path})"
    with path.open("rb") as log:
        log.seek(0, os.SEEK_END)
        log.seek(max(0, log.tell() - lines * 2000))
        text = log.read().decode(errors="replace")
        return "\n".join(line[:500] for line in text.splitlines()[-lines:])


def memory(process: Process) -> int:
    """Return the proportional memory of a service and its children in bytes.

    Args:
        process: The service's first process.
    """
    total = 0
    for member in with_children([process]):
        with contextlib.suppress(OSError):
            for line in (
                Path(f"/proc/{member.pid}/smaps_rollup").read_text().split("\n")
            ):
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total
