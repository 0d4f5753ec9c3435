# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cloud has what GPU clusters need, asked before anything is declared."""

from __future__ import annotations

import typing as t

from . import precheck
from .errors import CloudError, ResourceError
from .heat import Heat
from .references import References
from .session import Cloud
from .waiter import Raw

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

_LEAST_MAGNUM = (1, 9)
_NEUTRON = ("network", "subnet", "router", "security_group")


class Preflight:
    """Checks of a cloud, each a row of a table.

    Args:
        cloud: The cloud.
        params: Values of C(OPTIONS).
    """

    def __init__(self, cloud: Cloud, params: t.Mapping[str, t.Any]) -> None:
        """Ask nothing yet."""
        self._cloud = cloud
        self._params = params
        self._references = References(cloud, check_mode=False)
        self._rows: list[Raw] = []

    def rows(self) -> list[Raw]:
        """All checks; without credentials that one alone."""
        if not self._credentials():
            return self._rows
        missing = {name for name, found in self._services() if not found}
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

    def _services(self) -> list[tuple[str, bool]]:
        """Each service and whether it answers."""
        cloud = self._cloud
        asked: list[tuple[str, t.Callable[[], str], str]] = [
            ("Magnum", self._magnum, ""),
            ("Heat", lambda: _heat(cloud.heat), ""),
            ("Nova", lambda: f"{len(cloud.nova.flavors())} flavors", ""),
            ("Neutron", lambda: _answers(cloud.neutron.get("/networks", _ONE)), ""),
            ("Glance", lambda: _answers(cloud.glance.get("/images", _ONE)), ""),
            (
                "Placement",
                lambda: _answers(cloud.placement.get("/resource_classes")),
                "whether accelerators are free can't be told before a cluster is "
                "made; by default only an administrator's credentials may ask",
            ),
            (
                "Cinder",
                lambda: _answers(cloud.cinder.get("/limits")),
                "boot volumes (the label boot_volume_size) and volume_driver: cinder "
                "need it",
            ),
        ]
        found = []
        for name, ask, without in asked:
            try:
                detail = ask()
            except CloudError as error:
                remedy = without or (
                    "ask the cloud's operator for it, or see that the region and the "
                    "interface of the credentials have an endpoint of it"
                )
                status = WARNING if without else FAILED
                self._row("service", name, status, error.message, remedy)
                found.append((name, False))
            else:
                self._row("service", name, OK, detail)
                found.append((name, True))
        return found

    def _magnum(self) -> str:
        versions = self._cloud.magnum.versions()
        self._cloud.magnum.require(
            _LEAST_MAGNUM,
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
        """Room for the nodes, in Nova's quota and in accelerators."""
        needs = [(one["hardware"], one["count"]) for one in self._params["nodes"]]
        try:
            report = precheck.check("nodes", self._cloud, needs)
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

    def _neutron_quota(self) -> None:
        """Whether another location and cluster can have a network of its own."""
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
        """Id of what is named; a row tells where there is none."""
        try:
            found = self._references.find(kind, name)
        except CloudError as error:
            self._row(check, name, FAILED, error.message, "name it by its id")
            return None
        if found is None:
            text = "can't be seen with these credentials"
            self._row(check, name, FAILED, text, remedy)
            return None
        return found.id

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
        elif not image.get("os_distro"):
            self._row(
                "image",
                name,
                FAILED,
                "it has no property os_distro, by which Magnum chooses its driver",
                "openstack image set --property os_distro=fedora-coreos IMAGE",
            )
        else:
            self._row("image", name, OK, f"os_distro is {image['os_distro']}")

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


_ONE = {"limit": 1}


def _answers(_answer: Raw) -> str:
    return "it answers"


def _heat(heat: Heat) -> str:
    return f"{len(heat.stacks(['gpufleet-location']))} locations"


def preflight(
    cloud: Cloud, params: dict[str, t.Any], _check_mode: bool = False
) -> dict[str, t.Any]:
    """What the module returns."""
    rows = Preflight(cloud, params).rows()
    statuses = [row["status"] for row in rows]
    return {
        "changed": False,
        "checks": rows,
        "failed_checks": statuses.count(FAILED),
        "warning_checks": statuses.count(WARNING),
    }
