# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gpu_facts has left in Ansible's fact cache."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import cache_loader

from .._fleet.values import Warn


def reader(warn: Warn) -> t.Callable[[str], object]:
    """Return what reads the facts of a host; None are facts that are not known.

    Args:
        warn: Takes a warning if the cache keeps no facts, or can't be read.
    """
    cache = cache_loader.get(constants.CACHE_PLUGIN)
    # Before ansible-core 2.19 a cache does not say whether it keeps anything.
    memory = constants.CACHE_PLUGIN.split(".")[-1] == "memory"
    if cache is None or not getattr(cache, "_persistent", not memory):
        warn(
            f"telemetry: the fact cache {constants.CACHE_PLUGIN} keeps no facts "
            "between runs; set fact_caching in ansible.cfg, to "
            "ansible.builtin.jsonfile for one"
        )
        return lambda host: None

    def read(host: str) -> object:
        try:
            facts = cache.get(host)
        except KeyError:
            return None
        except (AnsibleError, OSError, ValueError) as error:
            warn(f"telemetry of {host}: {error}")
            return None
        return facts.get("gpufleet") if isinstance(facts, Mapping) else None

    return read
