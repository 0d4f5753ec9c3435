# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project of a test's own on the bed, and what tests ask of the cloud directly."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import openstack
import yaml

from beds.kubernetes import management
from beds.openstack import commands, initialize, projects, vm_inside
from beds.openstack.layout import this_bed
from integration.runner import Runner

MAGNUM = {"OpenStack-API-Version": "container-infra 1.12"}


@contextmanager
def using_bed(*, alone: bool = False) -> Iterator[None]:
    """Wait until no other test stops services of the bed, and keep it so.

    Args:
        alone: Wait until no other test uses the bed, so that this one may stop some.
    """
    with open(this_bed().run / "tests.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


class Site:
    """A project with a plain member, and an administrator beside it.

    Args:
        project: The project, made for this test.
        admin: The SDK's connection as administrator.
        folder: For playbooks and results.

    Attributes:
        member: Runs modules as the plain member of the project.
        admin: Runs modules as the bed's administrator, of another project.
        admin_here: Runs modules as the bed's administrator, in this project.
        capi: Runs modules as the member, in the region whose Magnum drives Cluster API.
    """

    def __init__(
        self,
        project: projects.Project,
        admin: openstack.connection.Connection,
        folder: Path,
    ) -> None:
        self.project = project
        self._admin = admin
        environment = {"OS_CLIENT_CONFIG_FILE": str(project.clouds)}
        self.member = Runner(environment, project.cloud, folder / "member")
        self.admin = Runner(environment, "bed-admin", folder / "admin")
        self.admin_here = Runner(environment, project.admin_cloud, folder / "here")
        self.capi = Runner(environment, project.capi_cloud, folder / "capi")

    def close(self) -> None:
        """Stop what was started."""
        self.member.close()
        self.admin.close()
        self.admin_here.close()
        self.capi.close()

    def remove_hardware(self) -> None:
        """Remove the flavors that carry this test's name."""
        for flavor in self._admin.compute.flavors():
            if flavor.name.endswith(self.project.name):
                self._admin.compute.delete_flavor(flavor)

    # Names and things to build on -------------------------------------------

    def name(self, of: str) -> str:
        """A name that no other test has (flavors are shared by all projects)."""
        return f"{of}-{self.project.name}"

    def hardware(self, resource_class: str, count: int) -> str:
        """A flavor that asks for accelerators. Returns its name."""
        name = self.name(f"{resource_class.lower()}-{count}")
        flavor = self._admin.compute.create_flavor(
            name=name, vcpus=2, ram=2048, disk=20
        )
        specs = {f"resources:{resource_class}": str(count)}
        self._admin.compute.create_flavor_extra_specs(flavor, specs)
        return name

    def template_options(self, name: str, hardware: str, **more: Any) -> dict[str, Any]:
        """Options of a template that works on the bed."""
        return {
            "name": name,
            "image": "fedora-coreos-40",
            "keypair": "bed",
            "hardware": hardware,
            "master_hardware": "m1.master",
            "external_network": "public",
            "dns_nameserver": "192.0.2.53",
            "floating_ip_enabled": False,
            "labels": {"boot_volume_size": 0, "kube_tag": "v1.28.9"},
            **more,
        }

    def template(self, hardware: str) -> str:
        """A template of this project. Returns its name."""
        name = f"template-{hardware}"
        made = self.member(
            "cluster_template",
            **self.template_options(name, hardware, docker_storage_driver="overlay2"),
        )
        assert not made.get("failed"), made
        return name

    @property
    def credentials(self) -> dict[str, str]:
        """The member's, as they stand in clouds.yaml."""
        clouds = yaml.safe_load(self.project.clouds.read_text())["clouds"]
        return dict(clouds[self.project.cloud]["auth"])

    @contextmanager
    def user(self, password: str) -> Iterator[dict[str, str]]:
        """A second member with this password. Gives what auth needs."""
        keystone = self._admin.identity
        name = self.name("second")
        user = keystone.create_user(name=name, password=password, domain_id="default")
        try:
            for role in ("member", "heat_stack_owner"):
                found = keystone.find_role(role)
                path = f"/projects/{self.project.id}/users/{user.id}/roles/{found.id}"
                keystone.put(path).raise_for_status()
            yield {**self.credentials, "username": name, "password": password}
        finally:
            keystone.delete_user(user)

    def make_keypair(self, auth: dict[str, str]) -> None:
        """Make the keypair that templates name, for a user with these credentials."""
        connection = openstack.connect(auth=auth, region_name="RegionOne")
        connection.compute.create_keypair(name="bed")

    def token(self, auth: dict[str, str]) -> str:
        """A token for these credentials."""
        return str(openstack.connect(auth=auth).session.get_token())

    # Looked at, and changed, past the modules --------------------------------

    @property
    def as_admin(self) -> openstack.connection.Connection:
        """The administrator's connection."""
        return self._admin

    @cached_property
    def as_member(self) -> openstack.connection.Connection:
        """A connection of the project's member."""
        return self.project.connect()

    @cached_property
    def as_member_of_capi(self) -> openstack.connection.Connection:
        """A connection of the project's member to region `capi`."""
        return self.project.connect(self.project.capi_cloud)

    def flavor_id(self, name: str) -> str:
        """The id of a flavor."""
        return self._flavor(name).id

    def nova_extra_specs(self, name: str) -> dict[str, str]:
        """A flavor's extra specs."""
        url = f"/flavors/{self._flavor(name).id}/os-extra_specs"
        return dict(self._admin.compute.get(url).json()["extra_specs"])

    def set_extra_spec(self, name: str, key: str, value: str) -> None:
        """Set an extra spec, as somebody else would."""
        self._admin.compute.create_flavor_extra_specs(self._flavor(name), {key: value})

    def remove_extra_spec(self, name: str, key: str) -> None:
        """Remove an extra spec, as somebody else would."""
        flavor = self._flavor(name)
        self._admin.compute.delete_flavor_extra_specs_property(flavor, key)

    def _flavor(self, name: str) -> Any:
        return self._admin.compute.find_flavor(name, ignore_missing=False)

    def duplicate_template(self, ident: str) -> None:
        """Make a second template of the same name, which Magnum allows."""
        magnum = self.project.connect().container_infrastructure_management
        found = magnum.get(f"/clustertemplates/{ident}", headers=MAGNUM).json()
        kept = ("name", "coe", "image_id", "keypair_id", "flavor_id", "labels")
        body = {key: found[key] for key in (*kept, "master_flavor_id")}
        body["external_network_id"] = found["external_network_id"]
        answer = magnum.post("/clustertemplates", json=body, headers=MAGNUM)
        assert answer.status_code == 201, answer.text

    def until_there(self, cluster: str) -> None:
        """Wait until Magnum shows a cluster."""
        magnum = self.project.connect().container_infrastructure_management
        deadline = time.monotonic() + 120
        while magnum.get(f"/clusters/{cluster}", headers=MAGNUM).status_code != 200:
            assert time.monotonic() < deadline, f"{cluster} did not appear"
            time.sleep(1)

    def stack(self, cluster: str) -> dict[str, Any] | None:
        """The Heat stack of a cluster; None where it is gone."""
        heat = self.as_member.orchestration
        listed = heat.get("/stacks").json()["stacks"]
        named = [s for s in listed if s["stack_name"].startswith(f"{cluster}-")]
        return dict(named[0]) if named else None

    def set_health(self, cluster: str, status: str, reason: dict[str, str]) -> None:
        """Say how a cluster is, as the healer in it does."""
        magnum = self.project.connect().container_infrastructure_management
        # Magnum takes a dictionary in a patch as its text.
        said = {"health_status": status, "health_status_reason": repr(reason)}
        patch = [
            {"op": "replace", "path": f"/{key}", "value": value}
            for key, value in said.items()
        ]
        answer = magnum.patch(f"/clusters/{cluster}", json=patch, headers=MAGNUM)
        assert answer.status_code == 202, answer.text

    def set_ca(self, cluster: str, certificate: str) -> None:
        """Put a certificate in the place of a cluster's CA, in Magnum's database."""
        initialize.sql(
            this_bed(),
            f"""UPDATE magnum.x509keypair SET certificate = '{certificate}'
            WHERE uuid = (SELECT ca_cert_ref FROM magnum.cluster
                          WHERE uuid = '{cluster}');""",
        )

    def active_workers(self, cluster: str) -> int:
        """How many of a cluster's worker servers Nova runs."""
        return len(self.worker_names(cluster))

    def worker_names(self, cluster: str) -> list[str]:
        """Names of a cluster's worker servers that Nova runs."""
        url = f"/servers/detail?all_tenants=1&project_id={self.project.id}"
        servers = self._admin.compute.get(url).json()["servers"]
        return sorted(
            server["name"]
            for server in servers
            if server["status"] == "ACTIVE"
            and f"{cluster}-" in server["name"]
            and "-node-" in server["name"]
        )

    def server(self, flavor: str) -> Any:
        """A server of the project, named busy, without a network. Returns it."""
        nova = self.project.connect().compute
        made = nova.create_server(
            name="busy",
            flavor_id=self.flavor_id(flavor),
            image_id=nova.find_image("fedora-coreos-40").id,
            networks="none",
        )
        return nova.wait_for_server(made, wait=120)

    def remove_server(self, server: Any) -> None:
        """Remove a server and wait until it is gone."""
        nova = self.project.connect().compute
        nova.delete_server(server)
        nova.wait_for_delete(server, wait=120)

    def network(self, kind: str, ident: str) -> dict[str, Any] | None:
        """Neutron's own view of a network, subnet or router; None where it is gone."""
        answer = self.project.connect().network.get(f"/{kind}/{ident}")
        return dict(answer.json()[kind[:-1]]) if answer.ok else None

    def network_list(self, kind: str, **filters: str) -> list[dict[str, Any]]:
        """Neutron's own list of ports, networks ..."""
        answer = self.project.connect().network.get(f"/{kind}", params=filters)
        return list(answer.json()[kind])

    def set_server_quota(self, limit: int) -> None:
        """Set how many servers Nova lets the project have."""
        answer = self._admin.compute.put(
            f"/os-quota-sets/{self.project.id}",
            json={"quota_set": {"instances": limit, "force": True}},
        )
        answer.raise_for_status()

    def set_floating_ip_quota(self, limit: int) -> None:
        """Set how many floating IPs Neutron lets the project have."""
        answer = self._admin.network.put(
            f"/quotas/{self.project.id}", json={"quota": {"floatingip": limit}}
        )
        assert answer.ok, answer.text

    def set_cluster_quota(self, limit: int) -> None:
        """Set how many clusters the project may have."""
        answer = self._admin.container_infrastructure_management.post(
            "/quotas",
            json={
                "project_id": self.project.id,
                "resource": "Cluster",
                "hard_limit": limit,
            },
            headers=MAGNUM,
        )
        assert answer.status_code < 300, answer.text

    # What all share -----------------------------------------------------------

    @contextmanager
    def stopped(self, service: str) -> Iterator[None]:
        """Stop a service of the bed, and start it again."""
        commands.stop_services([service])
        try:
            yield
        finally:
            commands.start_services([service])

    def vm_inside(self, **settings: Any) -> AbstractContextManager[None]:
        """Change how the stand-in for the inside of the VMs behaves."""
        return _steered(vm_inside.CONTROL, settings)

    def machines(self, **settings: Any) -> AbstractContextManager[None]:
        """Change how the machines of region `capi` behave."""
        return _steered(management.CONTROL, settings)


@contextmanager
def _steered(file: str, settings: Mapping[str, Any]) -> Iterator[None]:
    run = this_bed().run
    usual = vm_inside.set_control(run, file)
    vm_inside.set_control(run, file, **settings)
    time.sleep(vm_inside.ROUND)  # it is read in each round
    try:
        yield
    finally:
        vm_inside.set_control(run, file, **asdict(usual))
