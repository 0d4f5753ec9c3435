# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU clusters: Magnum clusters, from their creation to their deletion."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t
from urllib.parse import urlsplit

from . import inline_groups, nodes, precheck, template_groups, template_revisions
from .errors import (
    CloudError,
    ClusterNotFound,
    Conflict,
    InvalidInput,
    LocationNotFound,
    ResourceError,
)
from .fields import KNOWN_AFTER_APPLY, Field, labels
from .location import MARK, Placement, pick
from .magnum import ZERO_NODES, status_of
from .node_group import view as node_group_view
from .reconcile import Step
from .resource import CloudResource
from .sizes import BOUNDS, check_bounds, in_order
from .waiter import FAILED, Raw, Status

_WAY_OUT = (
    "Magnum can't change it; create a cluster of another name, or delete this one"
)
_LEAVING = "nodes_to_remove"
_GROUPS = inline_groups.OPTION
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,241}")
_COUNTS = {
    "master_count": 1,
    "node_count": 0,
    "min_node_count": 0,
    "max_node_count": 1,
    "docker_volume_size": 1,
    "create_timeout": 1,
    "max_batch_size": 1,
}


def _frozen(name: str, type_: str = "str", key: str = "", **more: t.Any) -> Field:
    return Field(name, type_, key, change="frozen", way_out=_WAY_OUT, **more)


class GpuClusterResource(CloudResource):
    """A Magnum cluster.

    C(node_count), C(min_node_count) and C(max_node_count) are those of its default
    worker group.
    """

    kind = "gpu_cluster"
    not_found = ClusterNotFound
    fields: tuple[Field, ...] = (
        Field(
            "template",
            key="cluster_template_id",
            ref="template",
            change="frozen",
            way_out="set upgrade: true where Magnum's driver can upgrade, or create a "
            "cluster of another name",
            spec={"aliases": ["cluster_template_id"]},
        ),
        # The name of a public key.
        _frozen("keypair", ref="keypair", spec={"no_log": False}),
        _frozen("master_count", "int"),
        Field("node_count", "int"),
        Field("min_node_count", "int"),
        Field("max_node_count", "int"),
        _frozen(
            "hardware",
            key="flavor_id",
            ref="flavor",
            spec={"aliases": ["flavor", "flavor_id"]},
        ),
        _frozen(
            "master_hardware",
            key="master_flavor_id",
            ref="flavor",
            spec={"aliases": ["master_flavor", "master_flavor_id"]},
        ),
        _frozen("labels", "dict", merge=True),
        _frozen("docker_volume_size", "int"),
        _frozen("fixed_network", ref="network"),
        _frozen("fixed_subnet", ref="subnet"),
        _frozen(
            "floating_ip_enabled", "bool", spec={"aliases": ["is_floating_ip_enabled"]}
        ),
        _frozen(
            "master_lb_enabled", "bool", spec={"aliases": ["is_master_lb_enabled"]}
        ),
        Field("discovery_url", change="create"),
        Field("create_timeout", "int", change="create"),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "location": {"type": "str"},
        "merge_labels": {"type": "bool", "default": True},
        "precheck": {"type": "bool", "default": True},
        "recreate_failed": {"type": "bool", "default": False},
        _LEAVING: {"type": "list", "elements": "str"},
        **inline_groups.OPTIONS,
        "upgrade": {"type": "bool", "default": False},
        "max_batch_size": {"type": "int"},
    }

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params.get("recreate_failed"))
        self._template_id: str | None = None
        self._listed: list[Raw] | None = None
        self.report = {"precheck": None}
        self._replaces = False
        self._warned: set[str] = set()
        self._workers: list[Raw] | None = None
        self._changes: dict[str, Raw] = {}
        self._template: Raw | None = None
        self._groups: inline_groups.InlineGroups | None = None
        if self.params.get(_GROUPS) is not None:
            self._declare(self.params[_GROUPS])
        if self.params.get(_LEAVING):
            self.fields = (*self.fields, Field(_LEAVING, "list"))
        if self.params.get("upgrade"):
            self.fields = tuple(
                dataclasses.replace(field, change="update")
                if field.name == "template"
                else field
                for field in self.fields
            )
        if self.params.get("merge_labels") is False:
            self.fields = tuple(
                dataclasses.replace(field, merge=False) if field.merge else field
                for field in self.fields
            )

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        for name, least in _COUNTS.items():
            if params[name] is not None and params[name] < least:
                raise InvalidInput(f"{name}: {params[name]} is below {least}")
        check_bounds(params)
        inline_groups.validate(params)
        if params["location"]:
            for name in ("fixed_network", "fixed_subnet"):
                if params[name] is not None:
                    raise InvalidInput(
                        f"{name}: follows from location; leave one of them out"
                    )

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given.

        Where the autoscaler decides on the size, C(node_count) counts at creation
        only; later the size is kept within the bounds, and nothing more.
        """
        asked = super().desired(have)
        if self.params.get("location"):
            asked = self._placed(asked)
        if have is not None:
            self._template_id = have["template_id"]
            if "template" in asked:
                asked["template"] = self._asked_template(asked["template"], have)
        there = have[_GROUPS] if have else []
        if self.params.get(_GROUPS) is None:
            self._declare(self._not_there(self._template_then(asked, have), there))
        if self._groups:
            asked[_GROUPS] = self._groups.planned(there)
        if have is None:
            asked.pop(_LEAVING, None)
            return asked
        now = {**have, **asked}
        marks = {**have["labels"], **asked.get("labels", {})}
        bounded = now["min_node_count"] is not None and now["max_node_count"]
        if marks.get("auto_scaling_enabled") == "true" and bounded:
            asked["node_count"] = min(
                max(have["node_count"], now["min_node_count"]), now["max_node_count"]
            )
        return self._without(asked, have) if self.params.get(_LEAVING) else asked

    def _without(
        self, asked: dict[str, t.Any], have: t.Mapping[str, t.Any]
    ) -> dict[str, t.Any]:
        """The options, with the size that is left when the named nodes are gone."""
        leaving, size = len(have[_LEAVING]), have["node_count"]
        if leaving and self.params["node_count"] not in (None, size - leaving):
            raise InvalidInput(
                f"node_count: {self.params['node_count']} does not fit "
                f"nodes_to_remove, which leaves {size - leaving} of {size}; leave "
                "node_count out"
            )
        left = {"node_count": size - leaving} if leaving else {}
        return {**asked, **left, _LEAVING: []}

    def _asked_template(self, ident: str, have: t.Mapping[str, t.Any]) -> str:
        """The template asked for: with C(upgrade) by name its newest revision."""
        if ident == have["template_id"]:
            return str(have["template"])
        revisions = self.references.template_revisions(ident)
        if not self.params.get("upgrade") or not revisions:
            return ident
        newest = revisions[-1]
        same = newest["uuid"] == have["template_id"]
        return str(have["template"] if same else newest["name"])

    def _declare(self, groups: list[Raw]) -> None:
        """Look after these node groups."""
        self._groups = None
        if groups or self.params.get(_GROUPS) is not None:
            options = {**self.params, _GROUPS: groups}
            self._groups = inline_groups.InlineGroups(
                self.cloud, options, self.references
            )
        others = [field for field in self.fields if field.name != _GROUPS]
        more = (Field(_GROUPS, "list"),) if self._groups else ()
        self.fields = (*others, *more)

    def _template_then(
        self, asked: dict[str, t.Any], have: t.Mapping[str, t.Any] | None
    ) -> Raw | None:
        """The template that it will have, as far as it is known."""
        ident = asked.get("template")
        stays = ident is None or not self.params.get("upgrade")
        if have is not None and (stays or ident == have["template"]):
            return self._template
        revisions = self.references.template_revisions(ident) if ident else []
        return revisions[-1] if revisions else None

    def _not_there(self, template: Raw | None, there: inline_groups.Views) -> list[Raw]:
        """The node groups that the template declares, and that are missing or failed.

        Those that are there may have changed since, and are left as they are.
        """
        declared = template_groups.of(template) if template else []
        if declared is None:
            raise Conflict(
                f"{self}: the label {template_groups.LABEL} of its template holds no "
                "node groups; declare the template again, with node_groups"
            )
        usable = [group["name"] for group in there if not inline_groups.lost(group)]
        return [group for group in declared if group["name"] not in usable]

    def _placed(self, asked: dict[str, t.Any]) -> dict[str, t.Any]:
        """The options, with what the location says of network and zone."""
        ident = self.params["location"]
        found = pick(self._locations(), ident)
        if found is None:
            text = f"location: there is no location {ident!r} in this project"
            if not self.references.check_mode:
                raise LocationNotFound(text)
            self.cloud.warn(f"{text} yet; network and zone are {KNOWN_AFTER_APPLY}")
            return asked
        place = Placement.of(found)
        if not place.network:
            raise Conflict(
                f"location: {ident!r} has no network yet ({found['stack_status']}); "
                "run the task that declares it again"
            )
        placed = {**asked, "fixed_network": place.network}
        if place.subnet:
            placed["fixed_subnet"] = place.subnet
        if place.availability_zone:
            zone = {"availability_zone": place.availability_zone}
            placed["labels"] = {**zone, **asked.get("labels", {})}
        return placed

    def _locations(self) -> list[Raw]:
        if self._listed is None:
            self._listed = self.cloud.heat.stacks([MARK])
        return self._listed

    def _location_of(self, raw: Raw) -> str | None:
        """Name of the location that the cluster stands in."""
        if not raw.get("fixed_network"):
            return None
        places = map(Placement.of, self._locations())
        return next((place.name for place in places if place.holds(raw)), None)

    def same(self, field: Field, asked: t.Any, there: t.Any) -> bool:
        """Of a template any revision will do, unless the cluster is upgraded."""
        if field.name != "template":
            return super().same(field, asked, there)
        revisions = self.references.template_revisions(asked)
        return self._template_id in [raw["uuid"] for raw in revisions]

    def find(self) -> Raw | None:
        """A cluster of this project by name, or any by id."""
        found = self.cloud.magnum.find_cluster(self.name, self.cloud.project_id)
        self._replaces = found is not None
        return found

    def refresh(self, raw: Raw) -> Raw | None:
        """The same cluster again."""
        return self.cloud.magnum.cluster(raw["uuid"])

    def all(self) -> list[Raw]:
        """All clusters that may be seen."""
        return self.cloud.magnum.clusters()

    def status(self, raw: Raw) -> Status:
        """Magnum's status."""
        return status_of(raw)

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        if "node_groups" not in raw:
            raw["node_groups"] = self._node_groups(raw["uuid"])
        if "template_name" not in raw:
            raw.update(self._template_of(raw))
        if self.params.get("location"):
            raw["location"] = self._location_of(raw)
        raw["api_versions"] = self.cloud.magnum.versions()
        shown = view(raw)
        if self.params.get(_LEAVING):
            if _LEAVING not in raw:
                raw[_LEAVING] = self._leaving(raw)
            shown[_LEAVING] = [server["name"] for server in raw[_LEAVING]]
        return shown

    def _leaving(self, raw: Raw) -> list[Raw]:
        """Those of the named nodes that are still there."""
        there = nodes.workers(self.cloud, raw)
        found = nodes.named(there, self.params[_LEAVING])
        if self._workers is None:
            self._workers = there
            if not found:
                names = ", ".join(self.params[_LEAVING])
                self.cloud.warn(f"nodes_to_remove: {self} has no node {names}")
        return found

    def _template_of(self, raw: Raw) -> Raw:
        """Name and revision of the cluster's template, and whether it moved on."""
        listed, uuid = self.references.templates(), raw["cluster_template_id"]
        found = next((one for one in listed if one["uuid"] == uuid), None)
        template = found or self.cloud.magnum.template(uuid)
        self._template = template
        if template is None:
            return {"template_name": None}
        name, number = template_revisions.mark(template)
        known = {"template_name": name, "template_revision": number}
        newest = max(
            [template, *template_revisions.of(listed, template)],
            key=lambda one: template_revisions.mark(one)[1],
        )
        latest = template_revisions.mark(newest)[1]
        if latest == number:
            return known
        if raw["uuid"] not in self._warned:
            self._warned.add(raw["uuid"])
            self.cloud.warn(
                f"cluster {raw['name']!r} has revision {number} of template {name!r}, "
                f"the newest is {latest}"
            )
        drift = {"template_id": newest["uuid"], "revision": latest}
        return {**known, "template_drift": drift}

    def blank(self) -> dict[str, t.Any]:
        """The view of one that has its name and nothing else yet."""
        return view({"name": self.name, "node_groups": []})

    def details(self, raw: Raw) -> dict[str, t.Any]:
        """The view, with addresses and bounds of every node group."""
        magnum, uuid = self.cloud.magnum, raw["uuid"]
        raw["node_groups"] = [
            magnum.node_group(uuid, group["uuid"]) for group in magnum.node_groups(uuid)
        ]
        # Heat may be missing: not every driver of Magnum needs it.
        with contextlib.suppress(CloudError):
            raw["location"] = self._location_of(raw)
        return self.view(raw)

    def _node_groups(self, uuid: str) -> list[Raw]:
        """The node groups; the default workers and those declared here whole."""
        magnum = self.cloud.magnum
        return [
            magnum.node_group(uuid, group["uuid"])
            if _is_default_worker(group)
            or (self._groups and group["name"] in self._groups)
            else group
            for group in magnum.node_groups(uuid)
        ]

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """A new one needs a template and a name; sizes must fit their bounds."""
        if raw is None:
            if not _NAME.fullmatch(self.name):
                raise InvalidInput(
                    f"name: {self.name!r} must begin with a letter, hold letters, "
                    "digits, '_', '.' and '-' only, and be 242 characters at most"
                )
            if "template" not in values:
                raise InvalidInput(
                    f"{self} does not exist, and to create it the option template is "
                    "needed"
                )
        else:
            check_bounds({**self.view(raw), **values})
        if values.get("node_count") == 0:
            self.cloud.magnum.require(ZERO_NODES, "A node group without a node")
        resolved = super().prepare(values, raw)
        raws = raw["node_groups"] if raw else []
        if self._groups and _GROUPS in values:
            self._changes = self._groups.resolve(values[_GROUPS], raws)
        # A failed one that is replaced still holds what it will give back.
        if self.params.get("precheck") and not (raw is None and self._replaces):
            self._precheck(resolved, raw)
        return resolved

    def _precheck(self, values: dict[str, t.Any], raw: Raw | None) -> None:
        """Look whether there is room for the nodes that are added."""
        if self.report["precheck"] is not None:
            return  # when the cluster was made, for its node groups too
        needs = self._new_cluster(values) if raw is None else self._growth(values, raw)
        if self._groups and _GROUPS in values:
            raws = raw["node_groups"] if raw else []
            needs += self._groups.needs(self._changes, raws, needs[-1][0])
        if not any(name and count > 0 for name, count in needs):
            return
        try:
            self.report["precheck"] = precheck.check(str(self), self.cloud, needs)
        except ResourceError as error:
            if not self.references.check_mode:
                raise
            # Until the plan is carried out there may be room.
            self.report["precheck"] = error.details
            self.cloud.warn(error.message)

    def _new_cluster(self, values: dict[str, t.Any]) -> list[precheck.Need]:
        ident = values["template"]
        found = None
        if ident != KNOWN_AFTER_APPLY:
            found = self.cloud.magnum.template(ident)
        template: Raw = found or {}
        masters = values.get("master_count", 1)
        return [
            (values.get("master_hardware", template.get("master_flavor_id")), masters),
            (
                values.get("hardware", template.get("flavor_id")),
                values.get("node_count", 1),
            ),
        ]

    def _growth(self, values: dict[str, t.Any], raw: Raw) -> list[precheck.Need]:
        have = self.view(raw)
        size = values.get("node_count", have["node_count"])
        return [(have["hardware"], size - have["node_count"])]

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the cluster; Magnum's row for it appears a moment later."""
        sent = {
            k: v for k, v in values.items() if k not in (*BOUNDS, _LEAVING, _GROUPS)
        }
        body = {"name": self.name, **self.body(sent)}
        if "labels" in values:
            body["merge_labels"] = self.params["merge_labels"]
        return self.cloud.magnum.create_cluster(body)

    def complete(self, raw: Raw) -> bool:
        """Whether the addresses are all there, where the driver publishes them."""
        addresses = raw.get("node_addresses")
        return not addresses or len(addresses) == raw["node_count"]

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """The id of another template."""
        return {"template_id": values["template"]} if "template" in values else {}

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Upgrade; widen the bounds, resize, narrow the bounds; then the node groups.

        After a failed update the size is asked for in any case: that repairs it.
        """
        group = next(g for g in raw["node_groups"] if _is_default_worker(g))["uuid"]
        steps = []
        if "template" in values:
            steps.append(self._upgrade(raw, group, values["template"]))
        failed = status_of(raw).phase == FAILED and not steps
        if failed or {"node_count", *BOUNDS} & set(values):
            steps += self._sizes(raw, group, values)
        if self._groups and _GROUPS in values:
            steps += self._groups.steps(
                raw["uuid"], self._changes, values[_GROUPS], raw["node_groups"]
            )
        return steps

    def _upgrade(self, raw: Raw, group: str, template: str) -> Step:
        magnum, uuid = self.cloud.magnum, raw["uuid"]
        batch = self.params["max_batch_size"]

        def reached(now: Raw) -> bool:
            return now["cluster_template_id"] == template and self.complete(now)

        return Step(lambda: magnum.upgrade(uuid, template, group, batch), reached)

    def _sizes(self, raw: Raw, group: str, values: dict[str, t.Any]) -> list[Step]:
        have = self.view(raw)
        size = values.get("node_count")
        if size is None and status_of(raw).phase == FAILED:
            size = have["node_count"]
        bounds = {name: have[name] for name in BOUNDS}
        return in_order(
            size,
            bounds,
            {name: values.get(name, bounds[name]) for name in BOUNDS},
            lambda number: self._resize(raw, group, number),
            lambda changed: self._bound(raw, group, changed),
        )

    def _resize(self, raw: Raw, group: str, size: int) -> Step:
        magnum, uuid = self.cloud.magnum, raw["uuid"]
        leaving = [server["id"] for server in raw.get(_LEAVING) or []]

        def reached(now: Raw) -> bool:
            resized = magnum.node_group(uuid, group)["node_count"] == size
            if not resized or not self.complete(now):
                return False
            return not leaving or self._gone(now, leaving)

        return Step(lambda: magnum.resize(uuid, size, group, leaving), reached)

    def _gone(self, now: Raw, leaving: list[str]) -> bool:
        """Whether the named nodes are gone, and no other one.

        Raises:
            ResourceError: Another one was removed.
        """
        left = [server["id"] for server in nodes.workers(self.cloud, now)]
        others = [
            server["name"]
            for server in self._workers or []
            if server["id"] not in (*left, *leaving)
        ]
        if others:
            raise ResourceError(
                f"{self}: Magnum's driver removed {', '.join(others)}, which "
                "nodes_to_remove does not name",
                details={"removed": others},
            )
        return not set(left) & set(leaving)

    def _bound(self, raw: Raw, group: str, changed: dict[str, t.Any]) -> Step:
        magnum, uuid = self.cloud.magnum, raw["uuid"]

        def reached(_cluster: Raw) -> bool:
            found = magnum.node_group(uuid, group)
            return all(found[name] == value for name, value in changed.items())

        return Step(lambda: magnum.update_node_group(uuid, group, changed), reached)

    def delete(self, raw: Raw) -> None:
        """Ask for the cluster's deletion."""
        self.cloud.magnum.delete_cluster(raw["uuid"])

    def failure(self, raw: Raw) -> CloudError:
        """What Magnum, and Nova and Heat behind it, say about the failure."""
        faults = raw.get("faults") or {}
        # One fault mostly shows in several node groups.
        reasons = dict.fromkeys(faults[name] for name in sorted(faults) if faults[name])
        status = status_of(raw)
        return ResourceError(
            f"{self} is {status.text}: "
            + ("; ".join(reasons) or status.reason or "Magnum gives no reason"),
            details={"id": raw["uuid"], "status": status.text, "faults": faults},
        )


def _is_default_worker(group: Raw) -> bool:
    return bool(group.get("is_default")) and group.get("role") != "master"


def view(raw: Raw) -> dict[str, t.Any]:
    """A cluster, with its C(node_groups) and C(template_name), as users see it."""
    groups = [node_group_view(group) for group in raw["node_groups"]]
    default: Raw = next((g for g in raw["node_groups"] if _is_default_worker(g)), {})
    return {
        "id": raw.get("uuid"),
        "name": raw["name"],
        "status": raw.get("status"),
        "status_reason": raw.get("status_reason"),
        "health_status": raw.get("health_status"),
        "health_status_reason": raw.get("health_status_reason") or {},
        "faults": raw.get("faults") or {},
        "template": raw.get("template_name") or raw.get("cluster_template_id"),
        "template_id": raw.get("cluster_template_id"),
        "template_revision": raw.get("template_revision"),
        "template_drift": raw.get("template_drift"),
        "location": raw.get("location"),
        "keypair": raw.get("keypair"),
        "master_count": raw.get("master_count"),
        "node_count": default.get("node_count"),
        "total_node_count": raw.get("node_count"),
        "min_node_count": default.get("min_node_count"),
        "max_node_count": default.get("max_node_count"),
        "hardware": raw.get("flavor_id"),
        "master_hardware": raw.get("master_flavor_id"),
        "labels": labels(raw.get("labels")),
        "docker_volume_size": raw.get("docker_volume_size"),
        "fixed_network": raw.get("fixed_network"),
        "fixed_subnet": raw.get("fixed_subnet"),
        "floating_ip_enabled": raw.get("floating_ip_enabled"),
        "master_lb_enabled": raw.get("master_lb_enabled"),
        "discovery_url": raw.get("discovery_url"),
        "create_timeout": raw.get("create_timeout"),
        "api_address": raw.get("api_address"),
        "hostname": urlsplit(raw.get("api_address") or "").hostname,
        "node_addresses": raw.get("node_addresses") or [],
        "master_addresses": raw.get("master_addresses") or [],
        "node_groups": groups,
        "coe_version": raw.get("coe_version"),
        "container_version": raw.get("container_version"),
        "runtime_config": {
            "coe_version": raw.get("coe_version"),
            "container_version": raw.get("container_version"),
            "labels": labels(raw.get("labels")),
            "api_versions": raw.get("api_versions") or {},
        },
        "stack_id": raw.get("stack_id"),
        "project_id": raw.get("project_id"),
        "user_id": raw.get("user_id"),
        "created_at": raw.get("created_at"),
        "updated_at": raw.get("updated_at"),
    }
