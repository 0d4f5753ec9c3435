# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site as it stands in a cloud, in the words that declare it."""

from __future__ import annotations

from . import inline_groups, template_groups, template_revisions
from .cluster_template import ClusterTemplateResource
from .errors import AmbiguousName
from .gpu_cluster import GpuClusterResource
from .hardware import HardwareResource
from .location import LocationResource
from .magnum import status_of
from .node_group import NodeGroupResource
from .references import References
from .resource import CloudResource
from .session import Cloud
from .waiter import FAILED, Raw

_ZONE = "availability_zone"
_FROM_TEMPLATE = (
    "keypair",
    "hardware",
    "master_hardware",
    "docker_volume_size",
    "floating_ip_enabled",
    "master_lb_enabled",
)
"""What a cluster has from its template where nothing else was said."""


def export(cloud: Cloud) -> dict[str, list[Raw]]:
    """Variables of the role C(fleet) that describe what there is.

    What can't be declared as it stands is left out, with a warning.

    Returns:
        C(fleet_locations), C(fleet_hardware), C(fleet_cluster_templates) and
        C(fleet_clusters), each in the order in which it can be made, and sorted by name
        within.
    """
    return _Export(cloud).site()


class _Export:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._references = References(cloud, check_mode=False)
        self._names: dict[tuple[str, str], str] = {}

    def site(self) -> dict[str, list[Raw]]:
        locations = self._views(LocationResource)
        templates = self._templates()
        clusters = self._clusters(locations)
        declared = [self._template(raw) for raw in templates.values()]
        built = [self._cluster(one, locations, templates) for one in clusters]
        return {
            "fleet_locations": [self._location(one) for one in in_order(locations)],
            "fleet_hardware": self._hardware(declared, built),
            "fleet_cluster_templates": declared,
            "fleet_clusters": built,
        }

    def _views(self, kind: type[CloudResource]) -> list[Raw]:
        """What is usable of a kind, by name."""
        resource = kind(self._cloud, {"name": None})
        found = [resource.details(raw) for raw in resource.all()]
        return sorted(filter(self._usable, found), key=lambda one: one["name"])

    def _usable(self, view: Raw) -> bool:
        if not view.get("status"):
            return True
        status = status_of(view)
        lost = status.phase == FAILED and status.operation != "update"
        if lost or status.operation == "delete":
            self._leave_out(f"{view['name']!r} is {status.text}")
        return not lost and status.operation != "delete"

    def _leave_out(self, what: str) -> None:
        self._cloud.warn(f"left out: {what}")

    def _name(self, kind: str, ident: str | None) -> str | None:
        """The name of what a service knows by its id, where it means that alone."""
        if not ident:
            return None
        if (kind, ident) not in self._names:
            found, name = self._references.find(kind, ident), ident
            if found:
                try:
                    again = self._references.find(kind, found.name)
                    name = found.name if again and again.id == found.id else ident
                except AmbiguousName:
                    name = ident
            self._names[kind, ident] = name
        return self._names[kind, ident]

    def _declared(self, resource: type[CloudResource], view: Raw) -> Raw:
        """The values of its fields that say something, with names for ids."""
        values = {field.name: view.get(field.name) for field in resource.fields}
        for field in resource.fields:
            if field.ref:
                values[field.name] = self._name(field.ref, values[field.name])
        return {k: v for k, v in values.items() if v is not None and v != {}}

    # ------------------------------------------------------------------------

    def _location(self, view: Raw) -> Raw:
        values = {"name": view["name"], **self._declared(LocationResource, view)}
        del values["tags"]
        return {name: value for name, value in values.items() if value != []}

    def _hardware(self, templates: list[Raw], clusters: list[Raw]) -> list[Raw]:
        """Flavors with accelerators, and those that something exported needs."""
        groups = [
            group
            for one in [*templates, *clusters]
            for group in one.get(inline_groups.OPTION, [])
        ]
        needed = {
            one.get(name)
            for one in [*templates, *clusters, *groups]
            for name in ("hardware", "master_hardware")
        }
        found = []
        for view in self._views(HardwareResource):
            if not view["accelerators"] and view["name"] not in needed:
                continue
            values = {"name": view["name"], **self._declared(HardwareResource, view)}
            devices = [
                {key: value for key, value in one.items() if value is not None}
                for one in view["accelerators"]
            ]
            if any(not one["count"] for one in devices):
                self._leave_out(
                    f"accelerators of {view['name']!r}, as other hands removed the key "
                    "that Nova acts on"
                )
                del values["accelerators"]
            else:
                values["accelerators"] = devices
            found.append(values)
        return found

    def _templates(self) -> dict[str, Raw]:
        """By name the newest revisions of this project's templates, as Magnum's."""
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
        view = ClusterTemplateResource(self._cloud, {"name": None}).view(raw)
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

    def _clusters(self, locations: list[Raw]) -> list[Raw]:
        project = self._cloud.project_id
        found = [
            one
            for one in self._views(GpuClusterResource)
            if one["project_id"] == project
        ]
        # A location that was left out can't be named.
        names = {one["name"] for one in locations}
        for one in found:
            if one["location"] not in names:
                one["location"] = None
        return found

    def _cluster(
        self, view: Raw, locations: list[Raw], templates: dict[str, Raw]
    ) -> Raw:
        values = self._declared(GpuClusterResource, view)
        values.pop("discovery_url", None)
        # Revisions differ; a declaration leads to the newest.
        base = templates.get(view["template"])
        base = base or self._cloud.magnum.template(view["template_id"]) or {}
        shown = ClusterTemplateResource(self._cloud, {"name": None}).view(
            {"name": "", **base}
        )
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
        found = []
        for group in view[inline_groups.OPTION]:
            if group["is_default"] or not self._usable(group):
                continue
            values = self._declared(NodeGroupResource, group)
            marks = values.pop("labels", {})
            changed = _labels(marks, view["labels"]).get("labels", {})
            zone = changed.pop(_ZONE, None)
            if values.get("image") == self._name("image", template["image"]):
                values.pop("image")
            if values.get("role") == "worker":
                del values["role"]
            if not values.get("node_taints"):
                values.pop("node_taints", None)
            found.append(
                {
                    "name": group["name"],
                    **values,
                    **({_ZONE: zone} if zone else {}),
                    **({"labels": changed} if changed else {}),
                }
            )
        # An empty list keeps those away that the template declares.
        declared = found or template[inline_groups.OPTION]
        return {inline_groups.OPTION: found} if declared else {}


def _labels(marks: Raw, over: Raw) -> Raw:
    """The option labels for these in force, which were laid over others."""
    marks = {k: v for k, v in marks.items() if k != template_groups.LABEL}
    over = {k: v for k, v in over.items() if k != template_groups.LABEL}
    if set(over) - set(marks):
        return {"labels": marks, "merge_labels": False}
    changed = {key: value for key, value in marks.items() if over.get(key) != value}
    return {"labels": changed} if changed else {}


def in_order(locations: list[Raw]) -> list[Raw]:
    """Locations after those that they are joined with."""
    left = list(locations)
    found: list[Raw] = []
    while left:
        names = {one["name"] for one in left}
        ready = [one for one in left if not names & set(one["connect_to"])]
        # Two that name each other: neither order will do, the user has to look.
        ready = ready or left
        found += ready
        left = [one for one in left if one not in ready]
    return found
