# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster fits, asked before anything is written."""

from __future__ import annotations

import typing as t

from .errors import ApiError, AuthError, ResourceError
from .nova import pick_flavor
from .session import Cloud

Need = t.Tuple[t.Optional[str], int]
"""Name or id of a flavor, None for none, and how many servers of it."""

_QUOTAS = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram_mib": ("maxTotalRAMSize", "totalRAMUsed"),
}
_RESOURCES = "resources:CUSTOM_"


def check(what: str, cloud: Cloud, needs: t.Sequence[Need]) -> dict[str, t.Any]:
    """Compare what servers need with Nova's quota and Placement's free accelerators.

    Args:
        what: What the servers are for, for the message.
        cloud: Where.
        needs: The servers.

    Returns:
        C(needed) and C(free) by resource, C(free) without what has no limit; and
        C(skipped), what could not be asked, with the reason.

    Raises:
        ResourceError: Something is not enough.
    """
    needed: dict[str, int] = dict.fromkeys(_QUOTAS, 0)
    each: dict[str, int] = {}
    skipped = []
    flavors = cloud.nova.flavors()
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
    free = _quota(cloud)
    try:
        for resource, number in each.items():
            free[resource] = cloud.placement.usable(resource, number)
    except (AuthError, ApiError) as error:
        skipped.append(f"accelerators: {error.message}")
    report = {"needed": needed, "free": free, "skipped": skipped}
    short = {
        resource: (number, free[resource])
        for resource, number in needed.items()
        if resource in free and number > free[resource]
    }
    if short:
        parts = [f"{name}: {n} needed, {f} free" for name, (n, f) in short.items()]
        raise ResourceError(
            f"{what} does not fit, and nothing was written: {'; '.join(parts)}. With "
            "precheck: false it is tried all the same",
            details=report,
        )
    return report


def _quota(cloud: Cloud) -> dict[str, int]:
    """What is left of Nova's quota, without what has no limit."""
    limits = cloud.nova.limits()
    return {
        name: limits[most] - limits[used]
        for name, (most, used) in _QUOTAS.items()
        if limits[most] >= 0
    }
