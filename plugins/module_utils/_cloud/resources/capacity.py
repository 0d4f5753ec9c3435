# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster fits, asked before anything is written."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.errors import ApiError, AuthError, CloudError, ResourceError
from ..engine.fields import KNOWN_AFTER_APPLY
from ..engine.status import Raw
from ..services.nova import pick_flavor
from ..services.session import Cloud

Need = t.Tuple[t.Optional[str], int]
"""Name or id of a flavor, None for none, and how many servers of it."""

_QUOTAS = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram_mib": ("maxTotalRAMSize", "totalRAMUsed"),
}
_RESOURCES = "resources:CUSTOM_"


def check_capacity(
    what: object, cloud: Cloud, needs: t.Sequence[Need]
) -> dict[str, t.Any]:
    """Compare what servers need with Nova's quota and Placement's free accelerators.

    Args:
        what: What the servers are for, for the message.
        cloud: Where.
        needs: The servers.

    Returns:
        `needed` and `free` by resource, `free` without what has no limit; and
        `skipped`, what could not be asked, with the reason.

    Raises:
        ResourceError: Something is not enough.
    """
    report = _compared(cloud, needs)
    short = _short(report)
    if short:
        raise ResourceError(
            f"{what} does not fit, and nothing was written: {short}. With "
            "precheck: false it is tried all the same",
            details=report,
        )
    return report


def shortfall(cloud: Cloud, needs: t.Sequence[Need]) -> str:
    """Return what servers lack that do not appear; empty if nothing is known."""
    try:
        return _short(_compared(cloud, needs))
    except CloudError:
        return ""


def _compared(cloud: Cloud, needs: t.Sequence[Need]) -> dict[str, t.Any]:
    flavors, free = cloud.nova.flavors(), _quota(cloud)
    needed, each, skipped = _sum(flavors, needs)
    try:
        for resource, number in each.items():
            free[resource] = cloud.placement.usable(resource, number)
    except (AuthError, ApiError) as error:
        skipped.append(f"accelerators: {error.message}")
    return {"needed": needed, "free": free, "skipped": skipped}


def _short(report: t.Mapping[str, t.Any]) -> str:
    """Return what is not enough of what `_compared` returned; empty if all is."""
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
    needed: dict[str, int] = dict.fromkeys(_QUOTAS, 0)
    each: dict[str, int] = {}
    skipped = []
    for name, count in needs:
        if not name or count < 1:
            continue
        flavor = pick_flavor(flavors, name)
        if flavor is None:
            skipped.append(f"{name}: this flavor can't be seen with these credentials")
            continue
        needed["instances"] += count
        needed["cores"] += count * flavor["vcpus"]
        needed["ram_mib"] += count * flavor["ram"]
        for key, value in (flavor.get("extra_specs") or {}).items():
            if key.startswith(_RESOURCES) and int(value):
                resource = key.split(":", 1)[1]
                each[resource] = max(each.get(resource, 0), int(value))
                needed[resource] = needed.get(resource, 0) + count * int(value)
    return needed, each, skipped


@dataclasses.dataclass
class CapacityCheck:
    """Looks whether there is room for the nodes that a cluster gets.

    Attributes:
        cloud: Where the cluster lives.
        check_mode: Too little room is a warning: until the plan is carried out there
            may be more.
    """

    cloud: Cloud
    check_mode: bool

    def of_new(self, values: t.Mapping[str, t.Any]) -> list[Need]:
        """Return what a new cluster needs: its masters, and last its workers.

        Args:
            values: What it is made of; what is left out comes from its template.
        """
        ident = values["template"]
        known = ident != KNOWN_AFTER_APPLY
        template = (self.cloud.magnum.template(ident) if known else None) or {}
        masters = values.get("master_hardware", template.get("master_flavor_id"))
        workers = values.get("hardware", template.get("flavor_id"))
        return [
            (masters, values.get("master_count", 1)),
            (workers, values.get("node_count", 1)),
        ]

    def check(self, what: object, needs: t.Sequence[Need]) -> dict[str, t.Any] | None:
        """Look whether there is room for these servers.

        Args:
            what: How messages call the cluster.
            needs: The servers that are added.

        Returns:
            What `check_capacity` gave; None if no servers are added.

        Raises:
            ResourceError: There is too little (not in check mode).
        """
        if not any(name and count > 0 for name, count in needs):
            return None
        try:
            return check_capacity(what, self.cloud, needs)
        except ResourceError as error:
            if not self.check_mode:
                raise
            self.cloud.warn(error.message)
            return error.details


def _quota(cloud: Cloud) -> dict[str, int]:
    """Return what is left of Nova's quota, without what has no limit."""
    limits = cloud.nova.limits()
    return {
        name: limits[most] - limits[used]
        for name, (most, used) in _QUOTAS.items()
        if limits[most] >= 0
    }
