# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that a cloud has what GPU clusters need, before anything is declared."""

from __future__ import annotations

import typing as t

from .engine.errors import CloudError, ResourceError
from .engine.status import Raw
from .resources import capacity
from .resources.references import References
from .services.api import Api
from .services.magnum import NODE_GROUPS
from .services.places import MARK
from .services.session import Cloud

OK, WARNING, FAILED = "ok", "warning", "failed"

OPTIONS: dict[str, dict[str, t.Any]] = {
    "hardware": {"type": "list", "elements": "str", "default": []},
    "images": {"type": "list", "elements": "str", "default": []},
    "external_networks": {"type": "list", "elements": "str", "default": []},
    "keypairs": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "nodes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "hardware": {"type": "str", "required": True},
            "count": {"type": "int", "required": True},
        },
    },
}

_NEUTRON = ("network", "subnet", "router", "security_group")
_ONE = {"limit": 1}
_NO_SERVICE = (
    "ask the cloud's operator for it, or see that the region and the interface of the "
    "credentials have an endpoint of it"
)


class Service(t.NamedTuple):
    """A service of the cloud.

    Attributes:
        name: Its name.
        probe: Sends it a request, and returns what the row says of its answer.
        without: What is missing without it; empty where nothing works without it.
    """

    name: str
    probe: t.Callable[[], str]
    without: str = ""


class Checks:
    """Checks of a cloud, each a row of a table.

    Args:
        cloud: The cloud.
        params: Values of `OPTIONS`.
    """

    def __init__(self, cloud: Cloud, params: t.Mapping[str, t.Any]) -> None:
        self._cloud = cloud
        self._params = params
        self._references = References(cloud, check_mode=False)
        self._rows: list[Raw] = []

    def rows(self) -> list[Raw]:
        """Return all checks; where the credentials are wrong, that one alone."""
        if not self._credentials():
            return self._rows
        missing = self._probe_services()
        if "Nova" not in missing:
            self._nova_quota()
            for name in self._params["hardware"]:
                self._hardware(name)
            for name in self._params["keypairs"]:
                self._keypair(name)
        if "Neutron" not in missing:
            self._neutron_quota()
            for name in self._params["external_networks"]:
                self._external_network(name)
        if "Glance" not in missing:
            for name in self._params["images"]:
                self._image(name)
        return self._rows

    def _row(
        self, check: str, subject: str, status: str, detail: str, remedy: str = ""
    ) -> None:
        detail = " ".join(detail.split())  # some services answer with paragraphs
        row = {"check": check, "subject": subject, "status": status, "detail": detail}
        self._rows.append({**row, "remedy": remedy or None})

    # ------------------------------------------------------------------------

    def _credentials(self) -> bool:
        try:
            project = self._cloud.project_id
        except CloudError as error:
            self._row(
                "credentials",
                "Keystone",
                FAILED,
                error.message,
                "see that auth_url, user, password and project in clouds.yaml or OS_* "
                "are those of this cloud",
            )
            return False
        self._row("credentials", "Keystone", OK, f"signed in to project {project}")
        return True

    def _probe_services(self) -> set[str]:
        """Send a request to each service. Returns the names of those that failed."""
        failed = set()
        for service in self._services():
            try:
                detail = service.probe()
            except CloudError as error:
                failed.add(service.name)
                status = WARNING if service.without else FAILED
                remedy = service.without or _NO_SERVICE
                self._row("service", service.name, status, error.message, remedy)
            else:
                self._row("service", service.name, OK, detail)
        return failed

    def _services(self) -> list[Service]:
        cloud = self._cloud

        def answers(api: Api, path: str, query: Raw | None = None) -> str:
            api.get(path, query)
            return "it answers"

        return [
            Service("Magnum", self._magnum),
            Service(
                "Heat",
                lambda: f"{len(cloud.heat.stacks([MARK]))} locations",
                "only locations, Heat stacks and clusters of Magnum's Heat driver need "
                "it; clusters of drivers for Cluster API do not",
            ),
            Service("Nova", lambda: f"{len(cloud.nova.flavors())} flavors"),
            Service("Neutron", lambda: answers(cloud.neutron, "/networks", _ONE)),
            Service("Glance", lambda: answers(cloud.glance, "/images", _ONE)),
            Service(
                "Placement",
                lambda: answers(cloud.placement, "/resource_classes"),
                "whether accelerators are free can't be told before a cluster is "
                "made; by default only an administrator's credentials may ask",
            ),
            Service(
                "Cinder",
                lambda: answers(cloud.cinder, "/limits"),
                "boot volumes (the label boot_volume_size) and volume_driver: cinder "
                "need it",
            ),
        ]

    def _magnum(self) -> str:
        versions = self._cloud.magnum.versions()
        self._cloud.magnum.require(
            NODE_GROUPS,
            "Managing node groups",
            "Magnum of Stein or newer has it; see MAGNUM_API_VERSION too",
        )
        used = len(self._cloud.magnum.clusters())
        return (
            f"API {versions['magnum']} (the newest here is "
            f"{versions['magnum_newest']}), {used} clusters to be seen"
        )

    # ------------------------------------------------------------------------

    def _nova_quota(self) -> None:
        """Check the room for the nodes, in Nova's quota and in accelerators."""
        needs = [(node["hardware"], node["count"]) for node in self._params["nodes"]]
        try:
            report = capacity.check_capacity("nodes", self._cloud, needs)
        except ResourceError as error:
            report = error.details
        except CloudError as error:
            self._row("quota", "Nova", WARNING, error.message, "look it up by hand")
            return
        for resource, free in sorted(report["free"].items()):
            needed = report["needed"].get(resource, 0)
            enough = needed <= free
            accelerators = resource.startswith("CUSTOM_")
            self._row(
                "quota",
                resource,
                OK if enough else FAILED,
                f"{needed} needed, {free} free",
                ""
                if enough
                else "free some, or take hosts with such devices into the cloud"
                if accelerators
                else "free some, or ask for a higher quota of the project",
            )
        for text in report["skipped"]:
            self._row("quota", "nodes", WARNING, text, "look it up by hand")
        self._server_group_members()

    def _server_group_members(self) -> None:
        """Check the size of server groups, in which some drivers put their nodes."""
        most = self._cloud.nova.limits().get("maxServerGroupMembers", -1)
        if most < 0:
            return
        largest = max((node["count"] for node in self._params["nodes"]), default=0)
        enough = largest <= most
        self._row(
            "quota",
            "server_group_members",
            OK if enough else WARNING,
            f"{most} servers at most in a server group. magnum-cluster-api puts the "
            f"nodes of each node group into one, and the largest has {largest}",
            "" if enough else "ask for a higher quota, or use more node groups",
        )

    def _neutron_quota(self) -> None:
        """Check that another location and cluster can have a network of its own."""
        path = f"/quotas/{self._cloud.project_id}/details.json"
        try:
            quota = self._cloud.neutron.get(path)["quota"]
        except CloudError as error:
            self._row("quota", "Neutron", WARNING, error.message, "look it up by hand")
            return
        for name in _NEUTRON:
            limit, used = quota[name]["limit"], quota[name]["used"]
            if limit < 0:
                continue
            free = limit - used
            self._row(
                "quota",
                name,
                OK if free > 0 else WARNING,
                f"{free} of {limit} free",
                ""
                if free > 0
                else "a location or cluster of its own network needs one",
            )

    # ------------------------------------------------------------------------

    def _find(self, check: str, kind: str, name: str, remedy: str) -> str | None:
        """Return the id of what is named; None, and a row, where there is none."""
        try:
            reference = self._references.find(kind, name)
        except CloudError as error:
            self._row(check, name, FAILED, error.message, "name it by its id")
            return None
        if reference is None:
            hint = self._references.hint(kind, name)
            text = f"can't be seen with these credentials{hint}"
            self._row(check, name, FAILED, text, remedy)
            return None
        return reference.id

    def _hardware(self, name: str) -> None:
        remedy = "declare it with gpufleet.openstack.hardware, as an administrator"
        ident = self._find("hardware", "flavor", name, remedy)
        if ident is None:
            return
        flavor = self._cloud.nova.flavor(ident) or {}
        specs = flavor.get("extra_specs") or {}
        devices = [
            f"{value} {key.split(':', 1)[1]}"
            for key, value in sorted(specs.items())
            if key.startswith(("resources:CUSTOM_", "pci_passthrough:"))
        ]
        size = f"{flavor.get('vcpus')} vCPUs, {flavor.get('ram')} MiB"
        self._row("hardware", name, OK, ", ".join([size, *devices]))

    def _image(self, name: str) -> None:
        remedy = "upload it with openstack.cloud.image, or name one that is there"
        ident = self._find("image", "image", name, remedy)
        if ident is None:
            return
        image = self._cloud.glance.get(f"/images/{ident}")
        if image["status"] != "active":
            text = f"its status is {image['status']}"
            self._row("image", name, FAILED, text, "wait, or upload it anew")
            return
        distro, version = image.get("os_distro"), image.get("kube_version")
        if not distro:
            self._row(
                "image",
                name,
                FAILED,
                "it has no property os_distro, by which Magnum chooses its driver",
                "openstack image set --property os_distro=fedora-coreos IMAGE",
            )
        elif version or str(distro).startswith("fedora"):
            text = f"os_distro is {distro}"
            text += f", kube_version is {version}" if version else ""
            self._row("image", name, OK, text)
        else:
            self._row(
                "image",
                name,
                WARNING,
                f"os_distro is {distro}, and it has no property kube_version, which "
                "magnum-capi-helm requires",
                "openstack image set --property kube_version=v1.33.4 IMAGE",
            )

    def _external_network(self, name: str) -> None:
        remedy = "name one of: openstack network list --external"
        ident = self._find("network", "network", name, remedy)
        if ident is None:
            return
        network = self._cloud.neutron.get(f"/networks/{ident}")["network"]
        if not network.get("router:external"):
            self._row("network", name, FAILED, "it is not external", remedy)
        elif not network.get("subnets"):
            text = "it has no subnet that can be seen"
            self._row("network", name, WARNING, text, "ask the cloud's operator")
        else:
            self._row("network", name, OK, f"external, {network['status']}")

    def _keypair(self, name: str) -> None:
        remedy = (
            "make it with openstack.cloud.keypair, as the user whose credentials are "
            "used: keypairs belong to users"
        )
        if self._find("keypair", "keypair", name, remedy):
            self._row("keypair", name, OK, "it is there")


def preflight(
    cloud: Cloud, params: dict[str, t.Any], _check_mode: bool = False
) -> dict[str, t.Any]:
    """Return the result of the module."""
    rows = Checks(cloud, params).rows()
    statuses = [row["status"] for row in rows]
    return {
        "changed": False,
        "checks": rows,
        "failed_checks": statuses.count(FAILED),
        "warning_checks": statuses.count(WARNING),
    }
