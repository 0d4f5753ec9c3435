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
from pathlib import Path

from . import vm_inside
from .clouds import connect
from .config import SECRETS, write_config
from .hardware import HOSTS
from .identity import fill_keystone
from .initialize import age_heartbeats, follow_ports, make_database, migrate
from .install import install_packages, install_venv, missing_packages
from .layout import (
    Bed,
    BedError,
    all_beds,
    cache_root,
    choose_ports,
    make_secrets,
    save_ports,
    this_bed,
)
from .processes import (
    PATIENCE,
    end,
    memory,
    running,
    start,
    stop,
    stop_all,
    strays,
    tail,
)
from .ready import wait_ready
from .seed import seed
from .services import BASE, PORTS, Service, services

# What services want to find in `Bed.data` and in `Bed.run`.
DATA_FOLDERS = (
    "mariadb",
    "keystone/fernet",
    "keystone/credential",
    "glance",
    *(f"nova/{host}" for host in HOSTS),
)
RUN_FOLDERS = ("home", "tmp", "rabbitmq")

_begun = time.monotonic()


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Print a stage, when it began, and how long it took.

    Args:
        what: Its name.
    """
    began = time.monotonic()
    print(f"{began - _begun:6.1f} s  {what} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(" FAILED", flush=True)
        raise
    print(f" {time.monotonic() - began:.1f} s", flush=True)


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
        with stage("virtual environment of the services"):
            install_venv(bed)
        _stop_others(bed)
        with stage("configuration"):
            _prepare(bed)
        if bed.pristine.exists():
            _start_kept(bed)
        else:
            _make(bed)
        (bed.run / "ready").touch()
        print(f"{time.monotonic() - _begun:6.1f} s  the bed is up: {bed.path}")


def down() -> None:
    """Stop everything, also beds of other pins or configuration."""
    with lock():
        stopped = [name for path in all_beds() for name in stop_all(path)]
    took = time.monotonic() - _begun
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
    took = time.monotonic() - _begun
    what = "thrown away" if everything else "as new"
    print(f"the bed is {what} after {took:.1f} s; `python -m bed up` starts it")


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
            print(f"{service.name:24} {process.pid:8} {port:>6} {used >> 20:6} MiB")
        else:
            print(f"{service.name:24} {'down':>8} {port:>6}")
    print(f"{count} of {len(table)} services, {total >> 20} MiB, {bed.path}")
    if _is_up(bed):
        return True
    if count:
        print("not all of the bed is up: `python -m bed up` starts the rest")
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


def stop_services(names: list[str], *, kill: bool = False) -> None:
    """Stop some services, for tests of what happens without them.

    Args:
        names: Which.
        kill: Without giving them a chance to finish what they do.
    """
    bed = this_bed()
    with lock():
        _pick(bed, names)
        stop(bed.path, names, patience=0 if kill else PATIENCE)


def start_services(names: list[str]) -> None:
    """Start services that were stopped, and wait until they answer.

    Args:
        names: Which.
    """
    bed = this_bed()
    with lock():
        _start(bed, _pick(bed, names))
        wait_ready(bed)


def vm(
    *,
    paused: bool | None = None,
    delay: float | None = None,
    fail: list[str] | None = None,
) -> None:
    """Steer what plays the inside of the virtual machines; say how it is set.

    Args:
        paused: Signal nothing, or go on.
        delay: Seconds to wait before a server's first signal.
        fail: Servers whose names contain one of these fail.
    """
    bed = this_bed()
    given = {"paused": paused, "delay": delay, "fail": fail}
    changes = {name: value for name, value in given.items() if value is not None}
    print(vm_inside.set_control(bed.run, **changes))


def _is_up(bed: Bed) -> bool:
    return (bed.run / "ready").exists() and all(
        running(bed.run, service.name) for service in services(bed)
    )


def _pick(bed: Bed, names: list[str]) -> list[Service]:
    if not bed.ports:
        raise BedError("there is no bed: run `python -m bed up`")
    known = {service.name: service for service in services(bed)}
    for name in names:
        if name not in known:
            raise BedError(f"no service {name}; there are: {', '.join(known)}")
    return [known[name] for name in names]


def _stop_others(bed: Bed) -> None:
    for path in all_beds():
        if path != bed.path and stop_all(path):
            print(f"stopped the bed of other pins or configuration, {path.name}")


def _prepare(bed: Bed) -> None:
    """Make folders, secrets, ports and configuration; stop what doesn't fit them.

    Args:
        bed: The bed.
    """
    if not bed.pristine.exists():
        # Never finished: nothing in there can be trusted.
        stop_all(bed.path)
        shutil.rmtree(bed.path, ignore_errors=True)
    # What an interrupted `up` started and had no time to write down.
    end(strays(bed.path), patience=2)
    if not any(bed.run.glob("*.pid")) and bed.log.exists():
        shutil.rmtree(bed.path / "log.old", ignore_errors=True)
        bed.log.rename(bed.path / "log.old")
    make_secrets(bed, SECRETS)

    old = bed.ports
    # RabbitMQ has two.
    ours = {name for name in PORTS if running(bed.run, name.removesuffix("-dist"))}
    ports = choose_ports(PORTS, kept=old, ours=ours)
    if ports != old:
        stop_all(bed.path)
        save_ports(bed, ports)

    for folder in (bed.log, *(bed.run / name for name in RUN_FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True)
    write_config(bed)
    if not bed.data.exists() and bed.pristine.exists():
        _copy(bed.pristine, bed.data)
    for folder in DATA_FOLDERS:
        (bed.data / folder).mkdir(parents=True, exist_ok=True)


def _make(bed: Bed) -> None:
    with stage("database and message bus"):
        make_database(bed)
        _start_base(bed)
    with stage("tables of all services"):
        migrate(bed)
    with stage("users and catalogue"):
        keystone = _pick(bed, ["keystone"])
        start(bed, *keystone)
        wait_ready(bed, ["keystone"])
        fill_keystone(bed, connect(bed.clouds, "bed-admin"))
    _start_rest(bed)
    with stage("image, flavors, network"):
        seed(connect(bed.clouds, "bed-admin"), connect(bed.clouds, "bed"))
    with stage("snapshot"):
        # The services get over the second without their database.
        stop(bed.path, ["mariadb"], patience=30)
        _copy(bed.data, bed.pristine)
        start(bed, *_pick(bed, ["mariadb"]))
        wait_ready(bed)


def _start_kept(bed: Bed) -> None:
    with stage("database and message bus"):
        _start_base(bed)
        follow_ports(bed)
    _start_rest(bed)


def _start_base(bed: Bed) -> None:
    for service in _pick(bed, list(BASE)):
        start(bed, service)
    wait_ready(bed, ["mariadb"])


def _start(bed: Bed, wanted: list[Service]) -> None:
    new = [service for service in wanted if not running(bed.run, service.name)]
    age_heartbeats(bed, [service.name for service in new])
    for service in new:
        start(bed, service)


def _start_rest(bed: Bed) -> None:
    table = services(bed)
    with stage("message bus answers"):
        # An API needs no message bus before it is asked something.
        _start(bed, [service for service in table if service.port])
        wait_ready(bed, ["rabbitmq"])
    with stage("services answer"):
        _start(bed, table)
        wait_ready(bed)


def _copy(source: Path, target: Path) -> None:
    # Whole or not at all, also when killed halfway.
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(source, new, symlinks=True)
    new.rename(target)
