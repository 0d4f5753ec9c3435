# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of its hosts, and nothing that hosts say of themselves."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible.inventory.helpers import sort_groups
from ansible.vars.plugins import get_vars_from_inventory_sources

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

NODE = "gpufleet_node"
PORTS = "gpufleet_expected_rdma_ports"

Variables = dict[str, object]


class InventoryVariables:
    """Reads the variables that only an inventory may set.

    For Ansible, facts take precedence over an inventory, and a node can return any
    facts. So these are read from inventories, and from the folders `group_vars` and
    `host_vars` beside them and the playbook. A template in them is not resolved.

    Args:
        inventory: With the hosts and their groups.
        loader: Reads files.
        sources: Paths of the inventory's files, and the playbook's folder.
    """

    def __init__(
        self, inventory: InventoryData, loader: DataLoader, sources: Sequence[str]
    ) -> None:
        self._inventory = inventory
        self._loader = loader
        self._sources = sources
        self._by_groups: dict[tuple[str, ...], Variables] = {}

    @classmethod
    def of_hostvars(cls, hostvars: t.Any) -> InventoryVariables | None:
        """Return what reads them for a play; None if these are no Ansible's `hostvars`.

        Ansible gives plugins the variables of hosts with facts merged in, and no other
        way to the inventory than these attributes.
        """
        inventory = getattr(hostvars, "_inventory", None)
        if inventory is None:
            return None
        loader, manager = hostvars._loader, hostvars._variable_manager
        sources = list(inventory._sources or ())
        if manager.safe_basedir:
            sources.append(loader.get_basedir())
        return cls(inventory, loader, sources)

    def of(self, name: str) -> Variables:
        """Return what is written for a host, of these variables."""
        host = self._inventory.get_host(name)
        all_of_them = self._inventory.groups["all"]
        groups = sort_groups({all_of_them, *host.get_groups()})
        key = tuple(group.name for group in groups)
        if key not in self._by_groups:
            variables = [group.vars for group in groups]
            self._by_groups[key] = _merged(*variables, self._written(groups))
        return _merged(self._by_groups[key], host.vars, self._written([host]))

    def _written(self, entities: Sequence[object]) -> Mapping[str, object]:
        """Return what files say of hosts or groups."""
        return get_vars_from_inventory_sources(
            self._loader, self._sources, entities, "all"
        )


def _merged(*variables: Mapping[str, object]) -> Variables:
    """Return the values that take precedence."""
    return {
        key: each[key] for each in variables for key in (NODE, PORTS) if key in each
    }
