# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node groups of a cluster as they are, read with the cluster."""

from __future__ import annotations

import typing as t

from ..engine.status import Raw
from ..services.session import Cloud


def load(cloud: Cloud, cluster: Raw, names: t.Collection[str] | None) -> Raw:
    """Read the node groups of a cluster, and the versions of its API.

    Lists of Magnum leave out much of a group. The default workers, and those that are
    new since the last time, are read whole in any case.

    Args:
        cloud: Where the cluster is.
        cluster: The cluster, with `group_names` if it was loaded before.
        names: The other groups to read whole; None for all.
    """
    magnum, uuid = cloud.magnum, cluster["uuid"]
    versions = magnum.versions()
    listed = magnum.node_groups(uuid)
    every = [group["name"] for group in listed]
    wanted = set(every if names is None else names)
    wanted.update(set(every) - set(cluster.get("group_names", every)))
    groups = [
        magnum.node_group(uuid, group["uuid"])
        if _is_default_worker(group) or group["name"] in wanted
        else group
        for group in listed
    ]
    return {
        "node_groups": groups,
        "group_names": every,
        "default_workers": next(filter(_is_default_worker, groups), {}),
        "api_versions": versions,
    }


def _is_default_worker(group: Raw) -> bool:
    return bool(group.get("is_default")) and group.get("role") != "master"
