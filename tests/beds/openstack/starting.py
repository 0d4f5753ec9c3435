# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way from nothing, or from a bed that is down, to one that answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from beds.kubernetes import management

from .clouds import connect
from .config import SECRETS, write_config
from .hardware import HOSTS
from .identity import fill_keystone
from .initialize import age_heartbeats, follow_ports, make_database, migrate
from .layout import Bed, BedError, choose_ports, make_secrets, save_ports
from .processes import end, running, start, stop, stop_all, strays
from .ready import wait_ready
from .seed import seed
from .service import BASE, Service
from .services import PORTS, services

# What services want to find in `Bed.data` and in `Bed.run`.
DATA_FOLDERS = (
    "mariadb",
    "keystone/fernet",
    "keystone/credential",
    "glance",
    *(f"nova/{host}" for host in HOSTS),
)
RUN_FOLDERS = ("home", "tmp", "rabbitmq")

BEGUN = time.monotonic()


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Print a stage, when it began, and how long it took.

    Args:
        what: Its name.
    """
    began = time.monotonic()
    print(f"{began - BEGUN:6.1f} s  {what} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(" FAILED", flush=True)
        raise
    print(f" {time.monotonic() - began:.1f} s", flush=True)


def pick(bed: Bed, names: list[str]) -> list[Service]:
    """Return some lines of the table.

    Args:
        bed: The bed.
        names: Which.

    Raises:
        BedError: There is no bed, or no service of that name.
    """
    if not bed.ports:
        raise BedError("there is no bed: run `python -m beds.openstack up`")
    known = {service.name: service for service in services(bed)}
    for name in names:
        if name not in known:
            raise BedError(f"no service {name}; there are: {', '.join(known)}")
    return [known[name] for name in names]


def prepare(bed: Bed) -> None:
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


def make(bed: Bed) -> None:
    """Make the bed, and keep a copy of how it was made.

    Args:
        bed: The bed, prepared.
    """
    with _management(bed) as management_answers:
        with stage("database and message bus"):
            make_database(bed)
            _start_base(bed)
        with stage("tables of all services"):
            migrate(bed)
        with stage("users and catalogue"):
            keystone = pick(bed, ["keystone"])
            start(bed, *keystone)
            wait_ready(bed, ["keystone"])
            fill_keystone(bed, connect(bed.clouds, "bed-admin"))
        _start_rest(bed, management_answers)
    with stage("images, flavors, networks"):
        seed(connect(bed.clouds, "bed-admin"), connect(bed.clouds, "bed"))
    with stage("snapshot"):
        # The services get over the second without their database.
        stop(bed.path, ["mariadb"], patience=30)
        _copy(bed.data, bed.pristine)
        start(bed, *pick(bed, ["mariadb"]))
        wait_ready(bed)


def start_kept(bed: Bed) -> None:
    """Start a bed that has been made.

    Args:
        bed: The bed, prepared.
    """
    with _management(bed) as management_answers:
        with stage("database and message bus"):
            _start_base(bed)
            follow_ports(bed)
        _start_rest(bed, management_answers)


def start_some(bed: Bed, wanted: Iterable[Service]) -> None:
    """Start those services that do not run.

    Args:
        bed: The bed; its database runs.
        wanted: Which.
    """
    new = [service for service in wanted if not running(bed.run, service.name)]
    age_heartbeats(bed, [service.name for service in new])
    for service in new:
        start(bed, service)


def _start_base(bed: Bed) -> None:
    for service in pick(bed, list(BASE)):
        start(bed, service)
    wait_ready(bed, ["mariadb"])


@contextmanager
def _management(bed: Bed) -> Iterator[Callable[[], None]]:
    """Start region capi's management cluster, while others do something else.

    It needs nothing of OpenStack until a cluster is made.

    Args:
        bed: The bed, prepared.

    Yields:
        A function that waits for it.
    """
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(management.start_all, bed).result


def _start_rest(bed: Bed, management_answers: Callable[[], None]) -> None:
    later = {service.name for service in management.services(bed)}
    table = [service for service in services(bed) if service.name not in later]
    with stage("message bus answers"):
        # An API needs no message bus before it is asked something.
        start_some(bed, [service for service in table if service.port])
        wait_ready(bed, ["rabbitmq"])
    with stage("management cluster answers"):
        start_some(bed, table)
        management_answers()
    with stage("services answer"):
        wait_ready(bed)


def _copy(source: Path, target: Path) -> None:
    # Whole or not at all, also when killed halfway. The management cluster runs
    # meanwhile; it is made anew by each start where there is none.
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    without = shutil.ignore_patterns("etcd", "kubernetes")
    shutil.copytree(source, new, symlinks=True, ignore=without)
    new.rename(target)
