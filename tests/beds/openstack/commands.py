# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the commands do."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from beds.kubernetes import management, programs

from . import vm_inside
from .install import install_packages, install_venv, missing_packages
from .layout import (
    CAPI_REQUIREMENTS,
    REQUIREMENTS,
    Bed,
    BedError,
    all_beds,
    cache_root,
    this_bed,
)
from .processes import PATIENCE, memory, running, stop, stop_all, tail
from .ready import wait_ready
from .services import services
from .starting import BEGUN, make, pick, prepare, stage, start_kept, start_some


@contextmanager
def lock() -> Iterator[None]:
    """Let one command at a time change beds under this cache root."""
    cache_root().mkdir(parents=True, exist_ok=True)
    with open(cache_root() / "bed.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another bed command to end ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up() -> None:
    """Start the bed; make it first if there is none."""
    bed = this_bed()
    with lock():
        if _is_up(bed):
            print(f"the bed is up: {bed.path}")
            return
        with stage("Debian packages"):
            install_packages(missing_packages())
        with stage("virtual environments of the services"):
            install_venv(bed.venv, REQUIREMENTS)
            install_venv(bed.capi_venv, CAPI_REQUIREMENTS)
        programs.build()
        _stop_others(bed)
        with stage("configuration"):
            prepare(bed)
        if bed.pristine.exists():
            start_kept(bed)
        else:
            make(bed)
        (bed.run / "ready").touch()
        print(f"{time.monotonic() - BEGUN:6.1f} s  the bed is up: {bed.path}")


def down() -> None:
    """Stop everything, also beds of other pins or configuration."""
    with lock():
        stopped = [name for path in all_beds() for name in stop_all(path)]
    took = time.monotonic() - BEGUN
    print(
        f"stopped {len(stopped)} services in {took:.1f} s"
        if stopped
        else "the bed is down"
    )


def reset(*, everything: bool = False) -> None:
    """Stop the bed and put it back to how it was when it was made.

    Args:
        everything: Throw away the bed itself too; ``up`` makes a new one.
    """
    bed = this_bed()
    with lock():
        for path in all_beds():
            stop_all(path)
        if everything:
            for path in all_beds():
                shutil.rmtree(path)
        else:
            shutil.rmtree(bed.data, ignore_errors=True)
    took = time.monotonic() - BEGUN
    what = "thrown away" if everything else "as new"
    print(
        f"the bed is {what} after {took:.1f} s; `python -m beds.openstack up` starts it"
    )


def status() -> bool:
    """Print the services.

    Returns:
        Whether the bed is up.
    """
    bed = this_bed()
    if not bed.ports:
        print("the bed is down (it was never up)")
        return False
    total = count = 0
    table = services(bed)
    for service in table:
        process = running(bed.run, service.name)
        port = service.port or "-"
        if process:
            used = memory(process)
            total += used
            count += 1
            print(f"{service.name:34} {process.pid:8} {port:>6} {used >> 20:6} MiB")
        else:
            print(f"{service.name:34} {'down':>8} {port:>6}")
    print(f"{count} of {len(table)} services, {total >> 20} MiB, {bed.path}")
    if _is_up(bed):
        return True
    if count:
        print("not all of the bed is up: `python -m beds.openstack up` starts the rest")
    return False


def logs(name: str | None, lines: int) -> None:
    """Print the end of a log, or of every log.

    Args:
        name: The service or step; all when not given.
        lines: How many lines.
    """
    bed = this_bed()
    names = sorted(path.stem for path in bed.log.glob("*.log"))
    if name is not None and name not in names:
        raise BedError(f"no log of {name}; there are: {', '.join(names) or 'none'}")
    for each in [name] if name else names:
        print(f"==> {bed.log}/{each}.log <==\n{tail(bed, each, lines)}\n")


def env() -> None:
    """Print what a shell needs to talk to the bed."""
    bed = this_bed()
    print(f"export OS_CLIENT_CONFIG_FILE='{bed.clouds}'")
    print("export OS_CLOUD=bed")
    print(f"alias kubectl='{programs.path('kubernetes')} kubectl'")


def stop_services(names: list[str], *, kill: bool = False) -> None:
    """Stop some services, for tests of what happens without them.

    Args:
        names: Which.
        kill: Without giving them a chance to finish what they do.
    """
    bed = this_bed()
    with lock():
        pick(bed, names)
        stop(bed.path, names, patience=0 if kill else PATIENCE)


def start_services(names: list[str]) -> None:
    """Start services that were stopped, and wait until they answer.

    Args:
        names: Which.
    """
    bed = this_bed()
    with lock():
        start_some(bed, pick(bed, names))
        wait_ready(bed)


def steer(
    what: str,
    *,
    paused: bool | None = None,
    delay: float | None = None,
    fail: list[str] | None = None,
) -> None:
    """Steer what plays the virtual machines; say how it is set.

    Args:
        what: ``vm``, or ``machines`` for region capi.
        paused: Do nothing, or go on.
        delay: Seconds to wait before a server does its part.
        fail: Servers whose names contain one of these fail.
    """
    bed = this_bed()
    file = {"vm": vm_inside.CONTROL, "machines": management.CONTROL}[what]
    given = {"paused": paused, "delay": delay, "fail": fail}
    changes = {name: value for name, value in given.items() if value is not None}
    print(vm_inside.set_control(bed.run, file, **changes))


def _is_up(bed: Bed) -> bool:
    return (bed.run / "ready").exists() and all(
        running(bed.run, service.name) for service in services(bed)
    )


def _stop_others(bed: Bed) -> None:
    for path in all_beds():
        if path != bed.path and stop_all(path):
            print(f"stopped the bed of other pins or configuration, {path.name}")
