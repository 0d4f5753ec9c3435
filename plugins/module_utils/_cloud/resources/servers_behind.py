# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers behind a cluster or node group, which can fail unnoticed by Magnum."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine.errors import Stalled
from ..engine.status import Raw
from .servers import ServerProof, by_group, fault

LOOKS = 3
"""Looks in succession that see a server in ERROR until it counts: 40 s, in which the
MachineHealthCheck of Cluster API has replaced one that it replaces at all."""


@dataclasses.dataclass
class ServersBehind:
    """Looks at the servers of a cluster, in one wait.

    Attributes:
        proof: Knows the servers before the change that is waited for.
    """

    proof: ServerProof
    _seen: dict[str, int] = dataclasses.field(default_factory=dict)

    def look(
        self, what: object, cluster: Raw, size: int | None, group: str | None = None
    ) -> None:
        """Look if a new server is broken, which neither Magnum nor its driver report.

        Args:
            what: How messages call the resource.
            cluster: The cluster.
            size: How many servers it has to have, None if an autoscaler decides.
            group: The node group that counts, None for all.

        Raises:
            Stalled: A server stays broken that was not before, and none replaces it.
        """
        found = by_group(self.proof.cloud, cluster)
        listed = [
            server
            for name, servers in found.items()
            for server in servers
            if group in (None, name)
        ]
        broken = [server for server in listed if server["status"] == "ERROR"]
        new = {
            server["id"]: server
            for server in broken
            if self.proof.before.get(server["id"]) != "ERROR"
        }
        if size is not None and len(listed) - len(broken) >= size:
            new = {}  # others take their place
        self._seen = {ident: self._seen.get(ident, 0) + 1 for ident in new}
        lasting = [new[ident] for ident in new if self._seen[ident] >= LOOKS]
        if lasting:
            raise _stalled(what, cluster, lasting)


def _stalled(what: object, cluster: Raw, broken: t.Sequence[Raw]) -> Stalled:
    return Stalled(
        f"{what}: {'; '.join(map(fault, broken))}. Magnum does not report this, and "
        f"its status is {cluster['status']}. Make room or ask for fewer nodes: set a "
        "smaller node_count, or delete what can't be created (state: absent, or "
        "recreate_failed: true)",
        details={
            "id": cluster["uuid"],
            "status": cluster["status"],
            "servers": [
                {"id": server["id"], "name": server["name"]} for server in broken
            ],
        },
    )
