# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A project of its own for every test, and a way to leave nothing of it behind."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from openstack.connection import Connection

from .catalog import CAPI_REGION
from .clouds import connect
from .layout import Bed, BedError, this_bed, write_private
from .seed import NOVA_QUOTA

KEYPAIR = "bed"


@dataclass(frozen=True)
class Project:
    """A project and the plain member who works in it.

    Attributes:
        id: The project's id.
        name: The project's name.
        user: The member's name.
        user_id: The member's id.
        password: The member's password.
        cloud: The member's entry in `clouds`.
        admin_cloud: The entry of admin, scoped to this project.
        capi_cloud: The member's entry for region ``capi``.
        clouds: A clouds.yaml with all of them, and with the bed's own ``bed-admin``.
    """

    id: str
    name: str
    user: str
    user_id: str
    password: str
    cloud: str
    admin_cloud: str
    capi_cloud: str
    clouds: Path

    def connect(self, cloud: str | None = None) -> Connection:
        """Log in.

        Args:
            cloud: An entry of `clouds`; the member's when not given.
        """
        return connect(self.clouds, cloud or self.cloud)


def admin_connection(bed: Bed | None = None) -> Connection:
    """Log in to a bed as admin.

    Args:
        bed: Which; this checkout's when not given.
    """
    return connect((bed or this_bed()).clouds, "bed-admin")


def create_project(
    admin: Connection,
    name: str,
    *,
    quotas: Mapping[str, int] | None = None,
    bed: Bed | None = None,
) -> Project:
    """Make a project, a plain member with a keypair, and a clouds.yaml for both.

    Args:
        admin: A connection as admin.
        name: What to call the project and the user; not taken yet.
        quotas: Nova quotas that differ from the bed's large ones, by Nova's names.
        bed: In which bed; this checkout's when not given.

    Returns:
        The project.
    """
    bed = bed or this_bed()
    keystone = admin.identity
    password = secrets.token_hex(16)
    project_id = keystone.create_project(name=name, domain_id="default").id
    user_id = keystone.create_user(name=name, password=password, domain_id="default").id
    roles = {role.name: role.id for role in keystone.roles()}
    for who, role in (
        (user_id, "member"),
        (user_id, "heat_stack_owner"),
        (admin.current_user_id, "admin"),
    ):
        path = f"/projects/{project_id}/users/{who}/roles/{roles[role]}"
        keystone.put(path).raise_for_status()
    quota = {**NOVA_QUOTA, **(quotas or {})}
    path = f"/os-quota-sets/{project_id}"
    admin.compute.put(path, json={"quota_set": quota}).raise_for_status()

    project = Project(
        id=project_id,
        name=name,
        user=name,
        user_id=user_id,
        password=password,
        cloud=name,
        admin_cloud=f"{name}-admin",
        capi_cloud=f"{name}-capi",
        clouds=bed.data / "projects" / f"{name}.yaml",
    )
    _write_clouds(bed, project)
    project.connect().compute.create_keypair(name=KEYPAIR)
    return project


def delete_project(
    admin: Connection, project: Project, *, timeout: float = 300
) -> None:
    """Remove a project with everything that is left in it.

    Args:
        admin: A connection as admin.
        project: The project.
        timeout: Seconds until what does not go away is an error.

    Raises:
        BedError: Something does not go away.
    """
    deadline = time.monotonic() + timeout
    member = project.connect()
    heat = member.orchestration
    for region in (member, project.connect(project.capi_cloud)):
        magnum = region.container_infrastructure_management
        _remove_all(magnum, "/clusters", "clusters", "uuid", deadline)
        _remove_all(magnum, "/clustertemplates", "clustertemplates", "uuid", deadline)
    _remove_all(heat, "/stacks", "stacks", "id", deadline)
    # Servers, volumes, images, floating IPs, routers, ports, networks ...
    member.project_cleanup(
        dry_run=False, wait_timeout=max(10, int(deadline - time.monotonic()))
    )
    for keypair in member.compute.keypairs():
        member.compute.delete_keypair(keypair)
    # Nova's and Neutron's rows about a project outlive it unless they are removed.
    admin.compute.delete(f"/os-quota-sets/{project.id}")
    for group in admin.network.security_groups(project_id=project.id):
        admin.network.delete_security_group(group)
    admin.identity.delete_user(project.user_id)
    admin.identity.delete_project(project.id)
    project.clouds.unlink(missing_ok=True)


def _remove_all(
    service: Any, path: str, key: str, id_key: str, deadline: float
) -> None:
    """Delete what is listed, again and again until the list is empty."""
    while True:
        # 400 for a moment while a cluster goes: its node groups are gone before it.
        answer = service.get(path, raise_exc=False)
        listed = answer.json()[key] if answer.ok else []
        if answer.ok and not listed:
            return
        if time.monotonic() > deadline:
            names = ", ".join(item.get("name") or item["stack_name"] for item in listed)
            raise BedError(f"these {key} do not go away: {names or answer.text}")
        for item in listed:
            status = item.get("status") or item.get("stack_status") or ""
            if status != "DELETE_IN_PROGRESS":
                # Gone meanwhile, or busy: the next round sees.
                name = item.get("stack_name")
                middle = f"/{name}" if name else ""
                service.delete(f"{path}{middle}/{item[id_key]}", raise_exc=False)
        time.sleep(1)


def _write_clouds(bed: Bed, project: Project) -> None:
    admin = yaml.safe_load(bed.clouds.read_text())["clouds"]["bed-admin"]
    member = copy.deepcopy(admin)
    member["auth"].update(
        username=project.user, password=project.password, project_name=project.name
    )
    capi = copy.deepcopy(member)
    capi["region_name"] = CAPI_REGION
    scoped = copy.deepcopy(admin)
    scoped["auth"]["project_name"] = project.name
    clouds = {
        "bed-admin": admin,
        project.cloud: member,
        project.admin_cloud: scoped,
        project.capi_cloud: capi,
    }
    write_private(project.clouds, yaml.safe_dump({"clouds": clouds}, sort_keys=False))
