# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes the databases, keys and first user of a new bed."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .catalog import CATALOG, REGIONS
from .config import DATABASES
from .hardware import HOSTS
from .layout import Bed
from .processes import output_of, run_steps
from .services import program

# Nova keeps the addresses of database and message bus in its database. As
# templates they follow the configuration when ports change.
CELL_DATABASE = "{scheme}://{username}:{password}@{hostname}:{port}/%s?{query}"
CELL_BUS = "{scheme}://{username}:{password}@{hostname}:{port}/{path}"

# Where agents report that they are alive: table and column, and which row.
NOVA = ("nova_cell1.services", "last_seen_up")
CINDER = ("cinder.services", "updated_at")
HEARTBEATS = {
    **{f"nova-compute-{host}": (*NOVA, f"host = '{host}'") for host in HOSTS},
    "nova-conductor": (*NOVA, "`binary` = 'nova-conductor'"),
    "nova-scheduler": (*NOVA, "`binary` = 'nova-scheduler'"),
    "heat-engine": ("heat.service", "updated_at", "TRUE"),
    "magnum-conductor": ("magnum.magnum_service", "last_seen_up", "TRUE"),
    "magnum-capi-conductor": ("magnum_capi.magnum_service", "last_seen_up", "TRUE"),
    "cinder-scheduler": (*CINDER, "`binary` = 'cinder-scheduler'"),
    "cinder-volume": (*CINDER, "`binary` = 'cinder-volume'"),
}


def sql(bed: Bed, statements: str) -> None:
    """Run statements in the database.

    Args:
        bed: The bed; its database runs.
        statements: SQL, each statement with its semicolon.

    Raises:
        BedError: One of them failed.
    """
    client = [program("mariadb"), f"--defaults-file={bed.conf}/mariadb.cnf"]
    output_of(client, name="a statement in the database", stdin=statements)


def make_database(bed: Bed) -> None:
    """Make MariaDB's data folder.

    Args:
        bed: The bed.
    """
    command = [
        program("mariadb-install-db"),
        f"--defaults-file={bed.conf}/mariadb.cnf",
        "--auth-root-authentication-method=socket",
        "--skip-test-db",
    ]
    run_steps(bed, [[("init-mariadb", command)]])


def migrate(bed: Bed) -> None:
    """Make all tables, Keystone's keys and the user admin.

    Args:
        bed: The bed; its database runs.
    """
    sql(bed, "".join(f"CREATE DATABASE {name};" for name in DATABASES))
    conf, tools = bed.conf, bed.venv / "bin"

    def step(name: str, tool: str, config: str, *args: str) -> tuple[str, list[str]]:
        return f"init-{name}", [
            f"{tools}/{tool}",
            f"--config-file={conf}/{config}",
            *args,
        ]

    def keystone(name: str, *args: str) -> tuple[str, list[str]]:
        return step(name, "keystone-manage", "keystone.conf", *args)

    def nova(name: str, *args: str) -> tuple[str, list[str]]:
        return step(name, "nova-manage", "nova.conf", *args)

    cell0, cell1 = CELL_DATABASE % "nova_cell0", CELL_DATABASE % "nova_cell1"
    owner = (f"--keystone-user={os.getuid()}", f"--keystone-group={os.getgid()}")
    url = bed.url("keystone", CATALOG["keystone"][2])
    run_steps(
        bed,
        [
            [
                keystone("keystone", "db_sync"),
                keystone("fernet", "fernet_setup", *owner),
                keystone("credential", "credential_setup", *owner),
                keystone(
                    "bootstrap",
                    "bootstrap",
                    "--bootstrap-region-id=RegionOne",
                    f"--bootstrap-public-url={url}",
                    f"--bootstrap-internal-url={url}",
                    f"--bootstrap-admin-url={url}",
                ),
                step("placement", "placement-manage", "placement.conf", "db", "sync"),
                step("glance", "glance-manage", "glance-api.conf", "db_sync"),
                step(
                    "neutron", "neutron-db-manage", "neutron.conf", "upgrade", "heads"
                ),
            ],
            [
                nova("nova-api", "api_db", "sync"),
                nova(
                    "nova-cell0",
                    "cell_v2",
                    "map_cell0",
                    f"--database_connection={cell0}",
                ),
                nova("nova-cells", "db", "sync"),
                nova(
                    "nova-cell1",
                    "cell_v2",
                    "create_cell",
                    "--name=cell1",
                    f"--database_connection={cell1}",
                    f"--transport-url={CELL_BUS}",
                ),
                step("heat", "heat-manage", "heat.conf", "db_sync"),
                step("magnum", "magnum-db-manage", "magnum.conf", "upgrade"),
                step("cinder", "cinder-manage", "cinder.conf", "db", "sync"),
                (
                    "init-magnum-capi",
                    [
                        f"{bed.capi_venv}/bin/magnum-db-manage",
                        f"--config-file={conf}/magnum-capi.conf",
                        "upgrade",
                    ],
                ),
            ],
        ],
    )


def follow_ports(bed: Bed) -> None:
    """Write the ports of this run into Keystone's catalogue.

    Args:
        bed: The bed; its database runs and its ports are known.
    """
    sql(
        bed,
        "".join(
            "UPDATE keystone.endpoint JOIN keystone.service"
            " ON endpoint.service_id = service.id"
            f" SET endpoint.url = '{bed.url(name, path)}'"
            f" WHERE service.type = '{kind}' AND endpoint.region_id = '{region}';"
            for region, catalog in REGIONS.items()
            for name, (_user, kind, path) in catalog.items()
        ),
    )


def age_heartbeats(bed: Bed, names: Iterable[str]) -> None:
    """Make agents look dead until they report anew.

    One that reported a minute ago counts as up: after a quick restart nobody could
    tell whether it is back.

    Args:
        bed: The bed; its database runs.
        names: Services that are about to be started.
    """
    statements = [
        f"UPDATE {table} SET {column} = '2000-01-01' WHERE {row};"
        for table, column, row in (HEARTBEATS[n] for n in names if n in HEARTBEATS)
    ]
    sql(bed, "".join(statements))
