# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes every configuration file of a bed from the templates."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from pathlib import Path
from string import Template
from typing import Any

import yaml

from beds.kubernetes import management

from .catalog import CAPI_REGION, REGION
from .hardware import HOSTS, provider_config
from .layout import HERE, Bed, write_private

TEMPLATES = HERE / "templates"
DATABASES = (
    "keystone",
    "placement",
    "glance",
    "neutron",
    "nova_api",
    "nova_cell0",
    "nova_cell1",
    "heat",
    "magnum",
    "magnum_capi",
    "cinder",
)
# Passwords and keys to generate.
SECRETS = (
    "admin",
    "demo",
    "placement",
    "glance",
    "neutron",
    "nova",
    "heat",
    "magnum",
    "cinder",
    "heat_domain_admin",
    "magnum_domain_admin",
    "mariadb",
    "rabbitmq",
    "heat_encryption_key",
    "metadata_secret",
)
# Stevedore finds Neutron's drivers by entry point.
ENTRY_POINTS = """\
[neutron.ml2.mechanism_drivers]
bed = bed_ml2:BedMechanismDriver
"""


def render(template: str, values: dict[str, str]) -> str:
    """Fill in a template.

    Args:
        template: The name of a file in ``templates/``.
        values: What its ``$names`` stand for; a missing one is an error.

    Returns:
        The text.
    """
    return Template((TEMPLATES / template).read_text()).substitute(values)


def values_for(bed: Bed, user: str, region: str = REGION) -> dict[str, str]:
    """Collect what the templates of one service may refer to.

    Args:
        bed: The bed.
        user: The service's user in Keystone.
        region: The region that it works in.

    Returns:
        Values by name.
    """
    secrets, ports = bed.secrets, bed.ports
    values = {
        "data": str(bed.data),
        "run": str(bed.run),
        "conf": str(bed.conf),
        "venv": str(bed.venv),
        "capi_venv": str(bed.capi_venv),
        "chart": str(management.CHART),
        "management_kubeconfig": str(management.control_plane(bed).kubeconfig),
        "system_user": getpass.getuser(),
        "region": region,
        # Or this Magnum and the other one would take each other's messages.
        "vhost": "" if region == REGION else region,
        "user": user,
        "password": secrets.get(user, ""),
        "metadata_secret": secrets["metadata_secret"],
        "heat_encryption_key": secrets["heat_encryption_key"],
        **{f"{name}_password": secret for name, secret in secrets.items()},
        **{f"{name.replace('-', '_')}_port": str(port) for name, port in ports.items()},
        **{f"{name.replace('-', '_')}_url": bed.url(name) for name in ports},
    }
    values["common"] = _fragment("_common.conf", values)
    values["credentials"] = _fragment("_credentials.conf", values)
    values["authtoken"] = _fragment("_authtoken.conf", values)
    for name in DATABASES:
        values[f"database_{name}"] = _fragment(
            "_database.conf", {**values, "database": name}
        )
    values["magnum"] = _fragment("_magnum.conf", values)
    return values


def write_config(bed: Bed) -> None:
    """Write the folder ``conf`` and clouds.yaml anew.

    Args:
        bed: The bed; its ports and secrets are known by now.
    """
    for template in sorted(TEMPLATES.iterdir()):
        if template.name.startswith("_") or template.name == "nova-compute.conf":
            continue
        user, _dash, part = template.stem.partition("-")
        region = CAPI_REGION if part == "capi" else REGION
        target = bed.clouds if template == TEMPLATES / "clouds.yaml" else None
        write_private(
            target or bed.conf / template.name,
            render(template.name, values_for(bed, user, region)),
        )
    for host in HOSTS:
        write_private(
            bed.conf / f"nova-compute-{host}.conf",
            render("nova-compute.conf", {**values_for(bed, "nova"), "host": host}),
        )
        write_private(
            bed.conf / "providers" / host / "accelerators.yaml",
            yaml.safe_dump(provider_config(host), sort_keys=False),
        )
    write_private(bed.conf / "rabbitmq-plugins", "[].\n")
    write_private(bed.conf / "rabbitmq.json", json.dumps(_message_bus(bed), indent=2))
    _install_drivers(bed.conf / "python")


def _message_bus(bed: Bed) -> dict[str, list[dict[str, Any]]]:
    """What RabbitMQ makes when it starts: a virtual host for each region."""
    everything = dict.fromkeys(("configure", "write", "read"), ".*")
    names = ("/", CAPI_REGION)
    return {
        "users": [{"name": "bed", "password": bed.secrets["rabbitmq"], "tags": ""}],
        "vhosts": [{"name": name} for name in names],
        "permissions": [{"user": "bed", "vhost": name, **everything} for name in names],
    }


def _fragment(name: str, values: dict[str, str]) -> str:
    # Without the comment at its top, as it is pasted in the middle of a file.
    lines = render(name, values).splitlines()
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def _install_drivers(folder: Path) -> None:
    metadata = folder / "bed_drivers-1.0.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bed-drivers\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    # Always of the same age: stevedore keeps what it found as long as it is.
    os.utime(metadata / "entry_points.txt", (0, 0))
    for driver in (HERE / "drivers").glob("*.py"):
        shutil.copy(driver, folder)
