# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new CA for a cluster, which Magnum brings to all its nodes."""

from __future__ import annotations

from functools import partial

from ..engine.errors import CloudError, ResourceError
from ..engine.status import Raw, status_of
from ..engine.waiter import Proof, Turn, at_rest, wait_until
from .session import Cloud


def rotate(cloud: Cloud, cluster: Raw) -> None:
    """Have Magnum rotate a cluster's CA, and wait until all nodes have it.

    Raises:
        ResourceError: The rotation failed.
        Timeout: The cluster was not at rest in time, before or after.
    """
    magnum, uuid = cloud.magnum, cluster["uuid"]

    def describe(raw: Raw | None) -> str:
        status = raw["status"] if raw else "gone"
        return f"gpu cluster {cluster['name']!r} was still {status}. Last seen"

    poll = partial(magnum.cluster, uuid)
    before = at_rest(Turn(poll, describe), cloud.clock)
    magnum.rotate_ca(uuid)
    proof = Proof(status_of, _failure, lambda _now: True, before)
    wait_until(poll, proof, describe, cloud.clock)


def _failure(cluster: Raw) -> CloudError:
    status = status_of(cluster)
    return ResourceError(
        f"The rotation of the CA of gpu cluster {cluster['name']!r} ended with "
        f"{status.text}: {status.reason}",
        details={"id": cluster["uuid"], "status": status.text},
    )
