# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one table of services: what is started, how, and in which order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from beds.kubernetes import management, programs

from .catalog import CATALOG
from .hardware import HOSTS
from .layout import HERE, Bed, BedError
from .service import Service

PORTS = (
    "mariadb",
    "epmd",
    "rabbitmq",
    "rabbitmq-dist",
    "vm-inside",
    *CATALOG,
    "magnum-capi-api",
    *management.PORTS,
)


def services(bed: Bed) -> list[Service]:
    """Return all services of a bed, in the order in which they start.

    Args:
        bed: The bed; its ports are known.
    """
    return [
        *_base(bed),
        *_openstack(bed),
        *_capi(bed),
        *management.services(bed),
    ]


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
        # Its threads share the scope of a token now and then: a member's request was
        # refused because it came "with domain scope", which was a neighbor's.
        threads=1,
        processes=2,
        env={
            "OS_KEYSTONE_CONFIG_DIR": str(conf),
            "OS_KEYSTONE_CONFIG_FILES": "keystone.conf",
        },
    )
    yield _wsgi(
        bed,
        "placement",
        "placement.wsgi.api",
        # One claim after the other: of three at once, the third now and then gets a
        # device that the second has.
        threads=1,
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
            "-m",
            "beds.openstack.vm_inside",
            str(bed.path),
            str(bed.ports["vm-inside"]),
        ),
        {
            "PYTHONPATH": str(HERE.parents[1]),
            # By this it finds the programs of Kubernetes.
            "GPUFLEET_CACHE": str(bed.path.parent),
        },
        port=bed.ports["vm-inside"],
    )


def _capi(bed: Bed) -> Iterator[Service]:
    """The region `capi`: its own Magnum."""
    env = {"PATH": f"{bed.capi_venv}/bin:{programs.folder()}/bin:/usr/bin:/bin"}
    yield _wsgi(
        bed,
        "magnum-capi-api",
        "magnum.wsgi.api",
        "magnum-capi.conf",
        venv=bed.capi_venv,
    )
    # Its driver runs `helm`.
    yield Service(
        "magnum-capi-conductor",
        (
            f"{bed.capi_venv}/bin/magnum-conductor",
            f"--config-file={bed.conf}/magnum-capi.conf",
        ),
        env,
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
    processes: int = 1,
    env: dict[str, str] | None = None,
    venv: Path | None = None,
) -> Service:
    port = bed.ports[name]
    return Service(
        name,
        (
            f"{venv or bed.venv}/bin/uwsgi",
            f"--http-socket=127.0.0.1:{port}",
            f"--module={module}:application",
            f"--pyargv=--config-file={bed.conf}/{config}" if config else "--pyargv=",
            f"--threads={threads}",
            f"--processes={processes}",
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
    raise BedError(
        f"{name} is missing: run `python -m beds.openstack up`, which installs it"
    )


def rabbitmq_sbin() -> Path:
    """Return the folder of RabbitMQ's own scripts.

    Those in /usr/sbin are wrappers that change the user and the environment.

    Raises:
        BedError: RabbitMQ is not installed.
    """
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    if not found:
        raise BedError(
            "RabbitMQ is missing: run `python -m beds.openstack up`, which installs it"
        )
    return found[-1]
