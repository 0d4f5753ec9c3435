# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that a cloud has what GPU clusters need, before anything is declared."""

from __future__ import annotations

import typing as t

from .engine.errors import CloudError
from .engine.status import Raw
from .resources import capacity, quotas
from .resources.references import References
from .services.api import Api
from .services.magnum import NODE_GROUPS
from .services.places import MARK
from .services.session import UNRESTRICTED, Cloud

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

_BY_HAND = "look it up by hand"
_USES = {
    "floatingip": "clusters with floating addresses need some: free some, or ask for a "
    "higher quota",
    "load_balancer": "clusters with master_lb_enabled need some: free some, or ask for "
    "a higher quota",
    **dict.fromkeys(
        ("network", "router", "subnet"),
        "a location or cluster of its own network needs one: free some, or ask for a "
        "higher quota",
    ),
}
"""Remedies where nothing is left of a quota that was not asked for."""
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
            self._quotas(missing)
            for name in self._params["hardware"]:
                self._hardware(name)
            for name in self._params["keypairs"]:
                self._keypair(name)
        if "Neutron" not in missing:
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
        detail = f"signed in to project {project}"
        if self._cloud.restricted:
            detail += (
                " with a restricted application credential: Magnum and Heat can't "
            )
            detail += "create the trusts that clusters, locations and stacks require"
            self._row("credentials", "Keystone", FAILED, detail, UNRESTRICTED)
        else:
            self._row("credentials", "Keystone", OK, detail)
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
            Service(
                "Octavia",
                lambda: answers(cloud.octavia, "/lbaas/loadbalancers", _ONE),
                "only clusters with master_lb_enabled, or with several masters, need "
                "it, and services of type LoadBalancer in Kubernetes",
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

    def _quotas(self, missing: t.Collection[str]) -> None:
        """Check the room for the nodes, in quotas and in accelerators.

        Args:
            missing: The services that do not answer, and have a row already.
        """
        nodes = self._params["nodes"]
        needs = [capacity.Need(n["hardware"], n["count"], n["count"]) for n in nodes]
        more = {"port": sum(max(0, need.number) for need in needs)}
        names = [each.name for each in quotas.QUOTAS if each.service not in missing]
        try:
            report = capacity.compare(
                self._cloud, self._references.flavors(), needs, more, names
            )
        except CloudError as error:
            self._row("quota", "Nova", WARNING, error.message, _BY_HAND)
            return
        for resource, free in sorted(report["free"].items()):
            self._quota(resource, report["needed"].get(resource, 0), free)
        for number, text in enumerate(report["skipped"], 1):
            self._row("quota", f"skipped {number}", WARNING, text, _BY_HAND)

    def _quota(self, resource: str, needed: int, free: int) -> None:
        """Add the row of a quota, or of a kind of accelerators."""
        status, remedy = OK, ""
        if needed > free:
            # Not every driver has server groups, and nodes may be in several.
            status = WARNING if resource == quotas.MEMBERS else FAILED
            remedy = (
                "free some, or take hosts with such devices into the cloud"
                if resource.startswith("CUSTOM_")
                else "ask for a higher quota, or use more node groups: each is a "
                "server group"
                if resource == quotas.MEMBERS
                else "free some, or ask for a higher quota of the project"
            )
        elif free <= 0:
            status = WARNING
            remedy = _USES.get(resource, "free some, or ask for a higher quota")
        self._row("quota", resource, status, f"{needed} needed, {free} free", remedy)

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
