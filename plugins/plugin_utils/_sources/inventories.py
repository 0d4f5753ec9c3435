# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of people that Ansible reads after the one that is being read."""

from __future__ import annotations

import os
import typing as t

from ansible import context
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import IGNORED
from ansible.plugins.loader import inventory_loader
from ansible.utils.path import unfrackpath

if t.TYPE_CHECKING:
    from ansible.parsing.dataloader import DataLoader

_PLUGINS = ("host_list", "yaml", "ini", "toml")
"""Those that read what a person has written, and run nothing."""


def read_later(loader: DataLoader, path: str) -> t.Iterator[InventoryData]:
    """Yield what is in the files that Ansible reads after a file of this plugin.

    A host of one of these would be the server whose name it has, with all that people
    have written for it. What scripts and other plugins list is not known yet.

    Args:
        loader: Reads files.
        path: The file that is being read.
    """
    sources = [*_files(context.CLIARGS.get("inventory") or ())]
    later = sources[sources.index(path) + 1 :] if path in sources else []
    for source in later:
        for name in _PLUGINS:
            data = InventoryData()
            plugin = inventory_loader.get(name)
            try:
                if plugin and plugin.verify_file(source):
                    plugin.parse(data, loader, source, cache=False)
                    yield data
                    break
            except Exception:  # noqa: BLE001 -- Ansible tells of it in its turn
                continue


def _files(sources: t.Iterable[str]) -> t.Iterator[str]:
    """Yield the files of sources in the order in which Ansible reads them."""
    for source in sources:
        path = source if "," in source else unfrackpath(source, follow=False)
        if os.path.isdir(path):
            names = sorted(os.listdir(path))
            names = [name for name in names if not IGNORED.search(os.fsencode(name))]
            yield from _files(os.path.join(path, name) for name in names)
        else:
            yield path
