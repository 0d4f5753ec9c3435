# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subnet of a network that exists, which clusters need.

Magnum accepts a network without a subnet. Its Heat driver then passes an empty name to
Heat, which can't find it (magnum/drivers/heat/k8s_template_def.py, `fixed_subnet`).
"""

from __future__ import annotations

import typing as t

from ..engine.errors import InvalidInput
from ..engine.fields import KNOWN_AFTER_APPLY
from ..services.api import Api


class Options(t.NamedTuple):
    """The options that name a network and its subnet, for messages."""

    network: str
    subnet: str


FIXED = Options("fixed_network", "fixed_subnet")
"""Those of clusters and their templates."""

IN_LOCATION = Options(
    "location", "fixed_network, in place of location, and fixed_subnet"
)
"""Those of a cluster whose location names a network alone."""


def subnet_of(
    neutron: Api,
    network: str,
    subnet: str | None,
    options: Options = FIXED,
    needed: bool = True,
) -> str | None:
    """Return the subnet of a network.

    Args:
        neutron: Where they are.
        network: Id of the network, or `KNOWN_AFTER_APPLY`.
        subnet: Id of the subnet, None to take the only one.
        options: The options that name them.
        needed: Whether there must be exactly one without `subnet`.

    Returns:
        Its id, None where it is not known yet or not needed.

    Raises:
        InvalidInput: It is a subnet of another network; or none is named, and there are
            none or several.
    """
    if KNOWN_AFTER_APPLY in (network, subnet):
        return subnet
    listed = neutron.list("/subnets", "subnets", {"network_id": network})
    ids = [raw["id"] for raw in listed]
    names = ", ".join(sorted(raw["name"] or raw["id"] for raw in listed))
    if subnet in ids:
        return subnet
    if subnet:
        raise InvalidInput(
            f"{options.subnet}: {subnet} is not in the network of {options.network}, "
            f"{network}. Name one of its subnets: {names or 'there are none'}"
        )
    if len(ids) == 1:
        return str(ids[0])
    if not needed:
        return None
    if not ids:
        raise InvalidInput(
            f"{options.network}: the network {network} has no subnet, which clusters "
            "need. Create one, or name another network"
        )
    raise InvalidInput(
        f"{options.network}: the network {network} has {len(ids)} subnets: {names}. "
        f"Set {options.subnet} to one of them"
    )
