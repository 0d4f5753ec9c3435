# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export a site as the variables that declare it."""

from __future__ import annotations

from .engine.errors import AmbiguousName, NoEndpoint
from .engine.status import Raw, status_of
from .resources import inline_groups, template_groups, template_revisions
from .resources.cluster_template import ClusterTemplateResource, template_view
from .resources.gpu_cluster import GpuClusterResource
from .resources.hardware import HardwareResource
from .resources.location import LocationResource
from .resources.node_group import NodeGroupResource
from .resources.references import References
from .resources.resource import CloudResource
from .services.drivers import lacking
from .services.session import Cloud

_ZONE = "availability_zone"
_FROM_TEMPLATE = (
    "keypair",
    "hardware",
    "master_hardware",
    "docker_volume_size",
    "floating_ip_enabled",
    "master_lb_enabled",
)
"""What a cluster takes from its template by default."""


def export(cloud: Cloud) -> dict[str, list[Raw]]:
    """Return variables of the role `fleet` that describe what there is.

    What can't be declared as it is, is left out with a warning.

    Returns:
        `fleet_locations`, `fleet_hardware`, `fleet_cluster_templates` and
        `fleet_clusters`, each in the order in which it can be made, and sorted by name
        within.
    """
    return _Export(cloud).site()


class _Export:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._references = References(cloud, check_mode=False)
        self._names: dict[tuple[str, str], str] = {}

    def site(self) -> dict[str, list[Raw]]:
        try:
            locations = self._views(LocationResource)
        except NoEndpoint:
            locations = []  # Heat keeps them, and the region has none
        newest = self._newest_templates()
        templates = [self._template(raw) for raw in newest.values()]
        clusters = [
            self._cluster(view, locations, newest)
            for view in self._cluster_views(locations)
        ]
        return {
            "fleet_locations": [
                self._location(view) for view in peers_first(locations)
            ],
            "fleet_hardware": self._hardware([*templates, *clusters]),
            "fleet_cluster_templates": templates,
            "fleet_clusters": clusters,
        }

    def _views(self, kind: type[CloudResource]) -> list[Raw]:
        """Return the views of what is usable of a kind, by name."""
        resource = kind(self._cloud, {"name": None})
        views = [resource.details(raw) for raw in resource.all()]
        return sorted(filter(self._usable, views), key=lambda view: view["name"])

    def _usable(self, view: Raw) -> bool:
        if not view.get("status"):
            return True
        status = status_of(view)
        if status.lost or status.operation == "delete":
            self._leave_out(f"{view['name']!r} is {status.text}")
        return not status.lost and status.operation != "delete"

    def _leave_out(self, what: str) -> None:
        self._cloud.warn(f"left out: {what}")

    def _name(self, kind: str, ident: str | None) -> str | None:
        """Return the name of what a service knows by id, if it means that alone."""
        if not ident:
            return None
        if (kind, ident) not in self._names:
            self._names[kind, ident] = self._unique_name(kind, ident)
        return self._names[kind, ident]

    def _unique_name(self, kind: str, ident: str) -> str:
        reference = self._references.find(kind, ident)
        if reference is None:
            return ident
        try:
            again = self._references.find(kind, reference.name)
        except AmbiguousName:
            return ident
        return reference.name if again and again.id == reference.id else ident

    def _declared(self, resource: type[CloudResource], view: Raw) -> Raw:
        """Return the values of the options that say something, with names for ids."""
        values = {
            field.name: self._name(field.ref, view.get(field.name))
            if field.ref
            else view.get(field.name)
            for field in resource.fields
            if field.option
        }
        return {k: v for k, v in values.items() if v is not None and v != {}}

    # ------------------------------------------------------------------------

    def _location(self, view: Raw) -> Raw:
        values = {"name": view["name"], **self._declared(LocationResource, view)}
        return {name: value for name, value in values.items() if value != []}

    def _hardware(self, users: list[Raw]) -> list[Raw]:
        """Return flavors with accelerators, and those that something exported needs.

        Args:
            users: What is exported of templates and clusters.
        """
        groups = [
            group for user in users for group in user.get(inline_groups.OPTION, [])
        ]
        needed = {
            user.get(name)
            for user in [*users, *groups]
            for name in ("hardware", "master_hardware")
        }
        return [
            self._flavor(view)
            for view in self._views(HardwareResource)
            if view["accelerators"] or view["name"] in needed
        ]

    def _flavor(self, view: Raw) -> Raw:
        values = {"name": view["name"], **self._declared(HardwareResource, view)}
        # Those of flavors that others made are read off their extra specs.
        own = [
            device
            for device in view["accelerators"]
            if device["resource_class"] or device["pci_alias"]
        ]
        if any(not device["count"] for device in own):
            self._leave_out(
                f"accelerators of {view['name']!r}, as other hands removed the key "
                "that Nova acts on"
            )
            del values["accelerators"]
        else:
            values["accelerators"] = [
                {key: value for key, value in device.items() if value is not None}
                for device in own
            ]
        return values

    def _newest_templates(self) -> dict[str, Raw]:
        """Return the newest revisions of this project's templates, by name."""
        newest: dict[str, Raw] = {}
        for raw in self._cloud.magnum.templates():
            if raw["project_id"] != self._cloud.project_id:
                continue
            name, number = template_revisions.mark(raw)
            other = newest.get(name)
            if other and template_revisions.mark(other)[1] == number:
                raise AmbiguousName(
                    f"there are several cluster templates {name!r}: rename or delete "
                    "all but one, as a declaration knows them by name",
                    details={"ids": sorted([raw["uuid"], other["uuid"]])},
                )
            if not other or template_revisions.mark(other)[1] < number:
                newest[name] = raw
        return dict(sorted(newest.items()))

    def _template(self, raw: Raw) -> Raw:
        view = template_view(raw)
        values = self._declared(ClusterTemplateResource, view)
        groups = view[inline_groups.OPTION]
        marks = dict(values.pop("labels", {}))
        if groups:
            marks.pop(template_groups.LABEL, None)
        return {
            "name": view["revision_of"],
            **values,
            **({"labels": marks} if marks else {}),
            **({inline_groups.OPTION: groups} if groups else {}),
        }

    def _cluster_views(self, locations: list[Raw]) -> list[Raw]:
        # A location that was left out can't be named.
        names = {view["name"] for view in locations}
        return [
            view if view["location"] in names else {**view, "location": None}
            for view in self._views(GpuClusterResource)
            if view["project_id"] == self._cloud.project_id
        ]

    def _cluster(
        self, view: Raw, locations: list[Raw], templates: dict[str, Raw]
    ) -> Raw:
        values = self._declared(GpuClusterResource, view)
        values.pop("discovery_url", None)
        # Revisions differ; a declaration leads to the newest.
        base = templates.get(view["template"])
        base = base or self._cloud.magnum.template(view["template_id"]) or {}
        shown = template_view({"name": "", **base})
        usual = self._declared(ClusterTemplateResource, shown)
        for name in _FROM_TEMPLATE:
            if values.get(name) == usual.get(name):
                values.pop(name, None)
        marks = dict(values.pop("labels", {}))
        place = next((p for p in locations if p["name"] == view["location"]), None)
        if place:
            values.pop("fixed_network", None)
            values.pop("fixed_subnet", None)
            if marks.get(_ZONE) == place[_ZONE]:
                marks.pop(_ZONE, None)
        return {
            "name": view["name"],
            **({"location": place["name"]} if place else {}),
            **values,
            "template": view["template"],
            **_labels(marks, shown["labels"]),
            **self._groups(view, shown),
        }

    def _groups(self, view: Raw, template: Raw) -> Raw:
        groups = [
            self._group(group, view, template)
            for group in view[inline_groups.OPTION]
            if not group["is_default"] and self._usable(group)
        ]
        # An empty list keeps those away that the template declares.
        declared = groups or template[inline_groups.OPTION]
        return {inline_groups.OPTION: groups} if declared else {}

    def _group(self, group: Raw, cluster: Raw, template: Raw) -> Raw:
        values = self._declared(NodeGroupResource, group)
        marks = values.pop("labels", {})
        changed = _labels(marks, cluster["labels"]).get("labels", {})
        zone = changed.pop(_ZONE, None)
        if values.get("image") == self._name("image", template["image"]):
            values.pop("image")
        if values.get("role") == "worker":
            del values["role"]
        if not values.get("node_taints"):
            values.pop("node_taints", None)
        declared = {
            "name": group["name"],
            **values,
            **({_ZONE: zone} if zone else {}),
            **({"labels": changed} if changed else {}),
        }
        ignored = lacking(cluster["driver"])
        return {name: declared[name] for name in declared if name not in ignored}


def _labels(marks: Raw, base: Raw) -> Raw:
    """Return the options that lead to labels, which are laid over others.

    Args:
        marks: The labels in force.
        base: The labels that they are laid over.
    """
    marks = {k: v for k, v in marks.items() if k != template_groups.LABEL}
    base = {k: v for k, v in base.items() if k != template_groups.LABEL}
    if set(base) - set(marks):
        return {"labels": marks, "merge_labels": False}
    changed = {key: value for key, value in marks.items() if base.get(key) != value}
    return {"labels": changed} if changed else {}


def peers_first(locations: list[Raw]) -> list[Raw]:
    """Return locations after those that they are joined with."""
    left = list(locations)
    ordered: list[Raw] = []
    while left:
        names = {view["name"] for view in left}
        ready = [view for view in left if not names & set(view["connect_to"])]
        # Two that name each other: neither order will do, the user has to look.
        ready = ready or left
        ordered += ready
        left = [view for view in left if view not in ready]
    return ordered
