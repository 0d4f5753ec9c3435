# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one table of services: what is started, how, and in which order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .hardware import HOSTS
from .layout import HERE, Bed, BedError

# Service with a port of its own: name in Keystone, type, what follows the port.
CATALOG = {
    "keystone": ("keystone", "identity", "/v3"),
    "placement": ("placement", "placement", ""),
    "glance": ("glance", "image", ""),
    "neutron": ("neutron", "network", ""),
    "nova-api": ("nova", "compute", "/v2.1"),
    "heat-api": ("heat", "orchestration", "/v1/%(project_id)s"),
    "heat-cfn": ("heat-cfn", "cloudformation", "/v1"),
    "magnum-api": ("magnum", "container-infra", "/v1"),
    "cinder-api": ("cinder", "block-storage", "/v3/%(project_id)s"),
}
PORTS = ("mariadb", "epmd", "rabbitmq", "rabbitmq-dist", "vm-inside", *CATALOG)

# What the others stand on: started first, stopped last.
BASE = ("mariadb", "epmd", "rabbitmq")


@dataclass(frozen=True)
class Service:
    """One process (with its children) of the bed.

    Attributes:
        name: What it is called, also the name of its log and pid file.
        command: What to run.
        env: Variables beside those that all services get.
        port: The port that it listens on, if any.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    port: int | None = None


def services(bed: Bed) -> list[Service]:
    """Return all services of a bed, in the order in which they start.

    Args:
        bed: The bed; its ports are known.
    """
    return [*_base(bed), *_openstack(bed)]


def _base(bed: Bed) -> Iterator[Service]:
    yield Service(
        "mariadb",
        (program("mariadbd"), f"--defaults-file={bed.conf}/mariadb.cnf"),
        port=bed.ports["mariadb"],
    )
    # Started on its own, or RabbitMQ would leave it behind as a daemon.
    yield Service(
        "epmd",
        (program("epmd"), "-address", "127.0.0.1", "-port", str(bed.ports["epmd"])),
        port=bed.ports["epmd"],
    )
    yield Service(
        "rabbitmq",
        (str(rabbitmq_sbin() / "rabbitmq-server"),),
        {
            # Nothing in there is worth keeping: the services' queues are not
            # durable, and an old folder does not start faster.
            "HOME": str(bed.run / "rabbitmq"),
            # The process that is started becomes the server, without a shell
            # in between: its pid is the one to keep.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": "bed@localhost",
            "RABBITMQ_MNESIA_BASE": str(bed.run / "rabbitmq" / "mnesia"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(bed.log),
            "RABBITMQ_PID_FILE": str(bed.run / "rabbitmq.own-pid"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(bed.conf / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(bed.conf / "rabbitmq-plugins"),
            "RABBITMQ_DIST_PORT": str(bed.ports["rabbitmq-dist"]),
            "ERL_CRASH_DUMP": "/dev/null",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(bed.ports["epmd"]),
            # One scheduler that sleeps when idle instead of spinning.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
                " +S 1:1 +sbwt none"
            ),
        },
        port=bed.ports["rabbitmq"],
    )


def _openstack(bed: Bed) -> Iterator[Service]:
    conf = bed.conf
    yield _wsgi(
        bed,
        "keystone",
        "keystone.wsgi.api",
        env={
            "OS_KEYSTONE_CONFIG_DIR": str(conf),
            "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
        },
    )
    yield _wsgi(
        bed,
        "placement",
        "placement.wsgi.api",
        env={"OS_PLACEMENT_CONFIG_DIR": str(conf)},
    )
    yield _wsgi(
        bed,
        "nova-api",
        "nova.wsgi.osapi_compute",
        env={
            "OS_NOVA_CONFIG_DIR": str(conf),
            # The paste file has to come first.
            "OS_NOVA_CONFIG_FILES": f"{bed.venv}/etc/nova/api-paste.ini;nova.conf",
        },
    )
    for name in ("nova-conductor", "nova-scheduler"):
        yield _plain(bed, name, "nova.conf")
    for host in HOSTS:
        yield Service(
            f"nova-compute-{host}",
            (
                f"{bed.venv}/bin/nova-compute",
                f"--config-file={conf}/nova.conf",
                f"--config-file={conf}/nova-compute-{host}.conf",
            ),
        )
    yield _wsgi(bed, "neutron", "neutron.wsgi.api", "neutron.conf")
    yield _wsgi(bed, "heat-api", "heat.wsgi.api", "heat.conf")
    yield _wsgi(bed, "heat-cfn", "heat.wsgi.cfn", "heat.conf", threads=2)
    yield Service(
        "heat-engine",
        (
            f"{bed.venv}/bin/python",
            "-m",
            "bed_heat_engine",
            f"--config-file={conf}/heat.conf",
        ),
    )
    yield _wsgi(bed, "magnum-api", "magnum.wsgi.api", "magnum.conf")
    yield _plain(bed, "magnum-conductor", "magnum.conf")
    yield _wsgi(
        bed,
        "glance",
        "glance.wsgi.api",
        threads=2,
        env={
            "OS_GLANCE_CONFIG_DIR": str(conf),
            "OS_GLANCE_CONFIG_FILES": "glance-api.conf",
        },
    )
    yield _wsgi(bed, "cinder-api", "cinder.wsgi.api", "cinder.conf", threads=2)
    for name in ("cinder-scheduler", "cinder-volume"):
        yield _plain(bed, name, "cinder.conf")
    yield Service(
        "vm-inside",
        (
            f"{bed.venv}/bin/python",
            str(HERE / "vm_inside.py"),
            str(bed.path),
            str(bed.ports["vm-inside"]),
        ),
        port=bed.ports["vm-inside"],
    )


def _plain(bed: Bed, name: str, config: str) -> Service:
    return Service(
        name, (f"{bed.venv}/bin/{name}", f"--config-file={bed.conf}/{config}")
    )


def _wsgi(
    bed: Bed,
    name: str,
    module: str,
    config: str = "",
    *,
    threads: int = 4,
    env: dict[str, str] | None = None,
) -> Service:
    port = bed.ports[name]
    return Service(
        name,
        (
            f"{bed.venv}/bin/uwsgi",
            f"--http-socket=127.0.0.1:{port}",
            f"--module={module}:application",
            f"--pyargv=--config-file={bed.conf}/{config}" if config else "--pyargv=",
            f"--threads={threads}",
            "--processes=1",
            "--master",
            "--lazy-apps",
            "--need-app",
            "--enable-threads",
            "--die-on-term",
            "--worker-reload-mercy=3",
            "--buffer-size=65535",
            "--http-chunked-input",
            "--so-keepalive",
            "--add-header=Connection: close",
            "--log-format=%(method) %(uri) %(status) %(msecs)ms %(uagent)",
        ),
        env or {},
        port,
    )


def program(name: str) -> str:
    """Find a program of a Debian package.

    Args:
        name: Its file name.

    Returns:
        Its path.

    Raises:
        BedError: It is not there.
    """
    for folder in ("/usr/sbin", "/usr/bin", *os.get_exec_path()):
        path = Path(folder, name)
        if os.access(path, os.X_OK):
            return str(path)
    raise BedError(f"{name} is missing: run `python -m bed up`, which installs it")


def rabbitmq_sbin() -> Path:
    """Return the folder of RabbitMQ's own scripts.

    Those in /usr/sbin are wrappers that change the user and the environment.

    Raises:
        BedError: RabbitMQ is not installed.
    """
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not found:
        raise BedError("RabbitMQ is missing: run `python -m bed up`, which installs it")
    return found[-1]
