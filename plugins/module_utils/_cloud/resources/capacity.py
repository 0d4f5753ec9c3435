# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster fits, asked before anything is written."""

from __future__ import annotations

import dataclasses
import re
import typing as t
from collections import Counter

from ..engine.errors import ApiError, AuthError, CloudError, ResourceError
from ..engine.status import Raw
from ..services.nova import pick_flavor
from ..services.session import Cloud
from . import quotas
from .cluster_spec import ClusterSpec
from .references import References

_OWN = "resources:CUSTOM_"
_UNCOUNTED = re.compile(
    r"pci_passthrough:alias|accel:.*|resources\d*:[VP]GPU|resources(_.+|\d+):CUSTOM_.*"
)
"""Extra specs for devices of which neither a quota nor Placement tells the free ones in
a form that is compared here."""


class Need(t.NamedTuple):
    """Servers that are added to a group.

    Attributes:
        flavor: Name or id of their flavor, None for none.
        number: How many.
        size: How many servers the group then has; 0 where they are no group.
        new: Whether the group is made for them.
    """

    flavor: str | None
    number: int
    size: int = 0
    new: bool = False


def shortfall(cloud: Cloud, needs: t.Sequence[Need]) -> str:
    """Return what servers lack that do not appear; empty if nothing is known."""
    try:
        return _short(compare(cloud, cloud.nova.flavors(), needs, {}))
    except CloudError:
        return ""


def compare(
    cloud: Cloud,
    flavors: list[Raw],
    needs: t.Sequence[Need],
    more: t.Mapping[str, int],
    every: t.Collection[str] = (),
) -> dict[str, t.Any]:
    """Look up what there is of what is needed.

    Args:
        cloud: Where.
        flavors: The flavors that may be seen.
        needs: Servers.
        more: What else is needed, by name of the quota.
        every: Quotas to read even where nothing of them is needed.

    Returns:
        `needed` and `free` by resource, `free` without what has no limit; and
        `skipped`, what could not be asked, with the reason.
    """
    needed, each, skipped = _sum(flavors, needs)
    for name, number in more.items():
        if number:
            needed[name] = needed.get(name, 0) + number
    free, unread = quotas.read(cloud, {*needed, *every})
    skipped += unread
    try:
        for resource, number in each.items():
            free[resource] = cloud.placement.usable(resource, number)
    except (AuthError, ApiError) as error:
        skipped.append(f"accelerators: {error.message}")
    return {"needed": needed, "free": free, "skipped": skipped}


def _short(report: t.Mapping[str, t.Any]) -> str:
    """Return what is not enough of what `compare` returned; empty if all is."""
    free = report["free"]
    return "; ".join(
        f"{resource}: {number} needed, {free[resource]} free"
        for resource, number in report["needed"].items()
        if resource in free and number > free[resource]
    )


def _sum(
    flavors: list[Raw], needs: t.Sequence[Need]
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Sum up what servers need.

    Returns:
        What they need by resource; of accelerators what one server needs at most; and
        what could not be looked up, with the reason.
    """
    needed = {"instances": 0, "cores": 0, "ram_mib": 0}
    each: dict[str, int] = {}
    skipped: dict[str, None] = {}
    largest = max((need.size for need in needs if need.number > 0), default=0)
    if largest:
        needed[quotas.MEMBERS] = largest
    for name, added, *_group in needs:
        if not name or added < 1:
            continue
        needed["instances"] += added
        flavor = pick_flavor(flavors, name)
        if flavor is None:
            skipped[f"{name}: this flavor can't be seen with these credentials"] = None
            continue
        needed["cores"] += added * flavor["vcpus"]
        needed["ram_mib"] += added * flavor["ram"]
        devices, unknown = _devices(flavor)
        skipped.update(dict.fromkeys(unknown))
        for resource, number in devices.items():
            each[resource] = max(each.get(resource, 0), number)
            needed[resource] = needed.get(resource, 0) + added * number
    return needed, each, list(skipped)


def _devices(flavor: Raw) -> tuple[dict[str, int], list[str]]:
    """Return the accelerators of a flavor.

    Returns:
        Their number by resource class; and which of its extra specs can't be compared.
    """
    devices: dict[str, int] = {}
    unknown = []
    for key, value in sorted((flavor.get("extra_specs") or {}).items()):
        if key.startswith(_OWN) and re.fullmatch("[0-9]+", str(value)):
            if int(value):
                devices[key.split(":", 1)[1]] = int(value)
        elif key.startswith(_OWN) or _UNCOUNTED.fullmatch(key):
            unknown.append(
                f"{flavor['name']}: how many devices of {key}={value} are free is not "
                "known"
            )
    return devices, unknown


@dataclasses.dataclass
class CapacityCheck:
    """Looks whether there is room for the nodes that a cluster gets.

    Attributes:
        cloud: Where the cluster lives.
        references: Knows the flavors.
        check_mode: Too little room is a warning: until the plan is carried out there
            may be more.
    """

    cloud: Cloud
    references: References
    check_mode: bool

    def of(self, spec: ClusterSpec, values: Raw, raw: Raw | None) -> list[Need]:
        """Return the servers that are added: masters, and last the default workers.

        Args:
            spec: What the cluster is made of.
            values: What is set.
            raw: The cluster as `GpuClusterResource.load` gave it, None for a new one.
        """
        if raw is not None:
            had = raw["default_workers"]["node_count"]
            size = values.get("node_count", had)
            return [Need(raw["flavor_id"], size - had, size)]
        masters, workers = values.get("master_count", 1), values.get("node_count", 1)
        return [
            Need(spec.get("master_hardware"), masters, masters, True),
            Need(spec.get("hardware"), workers, workers, True),
        ]

    def check(
        self, what: object, spec: ClusterSpec, needs: t.Sequence[Need], new: bool
    ) -> dict[str, t.Any] | None:
        """Look whether there is room for these servers.

        Args:
            what: How messages call the cluster.
            spec: What the cluster is made of.
            needs: The servers that are added.
            new: Whether the cluster is made with them; the first are its masters then.

        Returns:
            What `compare` gave; None if no servers are added.

        Raises:
            ResourceError: There is too little (not in check mode).
        """
        if not any(need.flavor and need.number > 0 for need in needs):
            return None
        more = Counter(spec.quota_of_cluster() if new else {})
        masters = needs[0].number if new else 0
        added = sum(max(0, need.number) for need in needs)
        more.update(spec.quota_of_nodes(masters, added - masters))
        if spec.driver.server_groups:
            more["server_groups"] = sum(need.new for need in needs)
        else:
            needs = [need._replace(size=0) for need in needs]
        report = compare(self.cloud, self.references.flavors(), needs, more)
        report["skipped"] += spec.unknown
        short = _short(report)
        if short:
            text = (
                f"{what} does not fit, and nothing was written: {short}. With "
                "precheck: false it is tried all the same"
            )
            if not self.check_mode:
                raise ResourceError(text, details=report)
            self.cloud.warn(text)
        return report
