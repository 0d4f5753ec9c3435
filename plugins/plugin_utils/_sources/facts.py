# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts of an inventory have: their variables, and what gpu_facts has found."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleError
from ansible.template import Templar

from .._fleet import door
from .._fleet.types import Host, Record
from .._fleet.values import Warn
from .base import Source
from .inventory_variables import NODE, PORTS, InventoryVariables

SOURCE = Source(type="facts", options={}, read=None)

Hostvars = Mapping[str, Mapping[str, t.Any]]


def hosts(variables: Hostvars, warn: Warn) -> list[Host]:
    """Return the hosts of an inventory of which something is known.

    Args:
        variables: Variables by host. `ansible_facts.gpufleet`, or else `gpufleet`,
            are the facts; `gpufleet_node` is what the inventory of nodes says, and
            `gpufleet_expected_rdma_ports` how many ports should be active. These two
            are read from the inventory only, if these are Ansible's `hostvars`.
        warn: Takes warnings.
    """
    inventory = InventoryVariables.of_hostvars(variables)
    known = []
    for name in sorted(variables):
        try:
            own = _written(variables, inventory, name) if inventory else variables[name]
            host = _host(name, own, _measured(variables, name), warn)
        except AnsibleError as error:
            warn(f"{name}: its variables can't be read: {error}")
            continue
        if host:
            known.append(host)
    return known


def _host(
    name: str, own: Mapping[str, object], measured: Mapping[str, t.Any], warn: Warn
) -> Host | None:
    gathered = measured.get("ansible_facts")
    facts = gathered.get("gpufleet") if isinstance(gathered, Mapping) else None
    return door.host(
        name,
        own.get(NODE),
        facts or measured.get("gpufleet"),
        _number(own.get(PORTS)),
        warn,
    )


def _number(value: object) -> object:
    """Return the number that a template has made: text before ansible-core 2.19."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return value


def _written(
    hostvars: t.Any, inventory: InventoryVariables, name: str
) -> dict[str, object]:
    """Return what the inventory says of a host; people may have written templates."""
    own = inventory.of(name)
    if any(isinstance(value, str) for value in own.values()):
        templar = Templar(loader=hostvars._loader, variables=hostvars.raw_get(name))
        return {key: templar.template(value) for key, value in own.items()}
    return own


def _measured(variables: Hostvars, name: str) -> Mapping[str, t.Any]:
    """Return variables of a host, without a search for templates if there are none.

    Ansible looks for them in each value of what it gives, which takes five times the
    time of all else. What was measured holds none; what people write in its place may.
    """
    raw_get = getattr(variables, "raw_get", None)
    if raw_get is None:
        return variables[name]
    raw: Record = raw_get(name)
    facts = raw.get("gpufleet")
    devices = facts.get("devices") if isinstance(facts, Mapping) else None
    is_template = isinstance(facts, str) or isinstance(devices, str)
    return variables[name] if is_template else raw
