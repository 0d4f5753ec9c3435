# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magnum's API: clusters, templates, node groups, in negotiated microversions.

It stands on the SDK's adapter and not on its resource classes, which know no node
groups, drop `health_status` and `status_reason` and can't resize.
"""

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import quote

from ..engine.clock import Clock
from ..engine.errors import (
    AmbiguousName,
    ApiError,
    Busy,
    CloudError,
    Conflict,
    InvalidInput,
    NotFound,
)
from ..engine.status import Raw
from .api import Api
from .exact import not_found, same_id

NEWEST = (1, 14)
"""The newest microversion whose behaviour this collection knows."""

NODE_LABELS = (1, 14)
ZERO_NODES = (1, 10)
NODE_GROUPS = (1, 9)
UPGRADE = (1, 8)
RESIZE = (1, 7)
ROTATE_CA = (1, 5)


class Magnum(Api):
    """Requests to Magnum.

    Args:
        connect: Makes the SDK's adapter.
        clock: Limits the pauses between retries.
        warn: Takes a warning for the user.
        ceiling: The highest microversion that the user allows.
    """

    # Magnum reads the node groups of a cluster apart from it, for lists too.
    unsettled = "/clusters"

    def __init__(
        self,
        connect: t.Callable[[], t.Any],
        clock: Clock,
        warn: t.Callable[[str], None],
        ceiling: tuple[int, int] | None = None,
    ) -> None:
        super().__init__("Magnum", connect, clock)
        self._warn = warn
        self._ceiling = ceiling
        self._version: tuple[int, int] | None = None
        self._newest: tuple[int, int] | None = None

    # Microversions ----------------------------------------------------------

    def version(self) -> tuple[int, int]:
        """Return the microversion in use: the highest that server, user and we know."""
        if self._version is None:
            header = "OpenStack-API-Maximum-Version"
            answer = self.send("GET", "/", plain=True)
            text = answer.headers.get(header, "").split(" ")[-1]
            if text.count(".") != 1:
                raise ApiError(f"Magnum did not say its API version ({header})")
            server = _parse(text)
            if self._ceiling and self._ceiling > server:
                self._warn(
                    f"Magnum API version {_text(self._ceiling)} was asked for, this "
                    f"cloud has {text} at most: {text} is used"
                )
            self._newest = server
            self._version = min(server, self._ceiling or NEWEST, NEWEST)
        return self._version

    def versions(self) -> dict[str, str]:
        """Return the microversion in use, and the newest that the server offers."""
        used = self.version()
        return {"magnum": _text(used), "magnum_newest": _text(self._newest or used)}

    def require(self, version: tuple[int, int], what: str, way_out: str = "") -> None:
        """Raise where what is asked for needs a newer microversion than in use."""
        if self.version() < version:
            raise ApiError(
                f"{what} needs Magnum API version {_text(version)}, and "
                f"{_text(self.version())} is what this cloud offers or "
                f"MAGNUM_API_VERSION allows{way_out and '; '}{way_out}"
            )

    def negotiate(self) -> str:
        """Return the microversion, under the name that all releases accept.

        The SDK would send it for `container-infrastructure-management`, which
        older releases take for a foreign service and ignore.
        """
        return f"container-infra {_text(self.version())}"

    # Clusters ---------------------------------------------------------------

    def find_cluster(self, ident: str, project_id: str) -> Raw | None:
        """Return a cluster of the project by name, or any that may be seen by id.

        Magnum's look-up by name finds names that are nearly this one, and to an
        administrator those of all projects, so what it finds is checked; a name that
        exists elsewhere too, or nearly, is looked up in the list.

        Raises:
            AmbiguousName: Several of the project have this name.
        """
        try:
            cluster = self.get(f"/clusters/{quote(ident, safe='')}")
        except NotFound:
            return None
        except Conflict:
            pass  # several have this name or nearly, in this or other projects
        else:
            found = self.exact.pick("cluster", ident, [cluster], key="uuid")
            if cluster["uuid"] == ident or cluster["project_id"] == project_id:
                return found[0] if found else None
        ours = [raw for raw in self.clusters() if raw["project_id"] == project_id]
        matches = [raw for raw in ours if raw["name"] == ident]
        if not matches:
            self.exact.missed("cluster", ident, [raw["name"] for raw in ours])
        if len(matches) > 1:
            uuids = [raw["uuid"] for raw in matches]
            raise AmbiguousName.of("clusters", ident, uuids)
        return matches[0] if matches else None

    def other_clusters(self, ident: str, project_id: str) -> str:
        """Return what a message adds that says the project has no such cluster."""
        known = self.exact.hint("cluster", ident)
        if known:
            return known
        try:
            listed = self.clusters()
        except CloudError:
            return ""  # the message itself is of more use than this failure
        ours = [raw["name"] for raw in listed if raw["project_id"] == project_id]
        return not_found(ours, ident)

    def cluster(self, uuid: str) -> Raw | None:
        """Return a cluster by id, None where it is gone, or not there yet."""
        try:
            return self.find(f"/clusters/{uuid}")
        except InvalidInput:
            # That moment takes longer while the conductor is down.
            return None

    def clusters(self) -> list[Raw]:
        """Return all clusters that may be seen, with their details."""
        return self.list("/clusters/detail", "clusters")

    def create_cluster(self, body: Raw) -> Raw:
        """Ask for a cluster. Returns its `uuid`; the row appears later."""
        return self.create("/clusters", body)

    def resize(
        self, uuid: str, node_count: int, node_group: str, remove: t.Sequence[str] = ()
    ) -> None:
        """Ask for another size of a node group.

        Args:
            uuid: Id of the cluster.
            node_count: Number of nodes.
            node_group: Id of the node group.
            remove: Nova's ids of the servers to remove.
        """
        self.require(RESIZE, "Resizing")
        body: Raw = {"node_count": node_count, "nodegroup": node_group}
        if remove:
            body["nodes_to_remove"] = list(remove)
        with _in_turn():
            self.post(f"/clusters/{uuid}/actions/resize", body)

    def upgrade(
        self, uuid: str, template: str, node_group: str, batch: int = 1
    ) -> None:
        """Ask for the nodes of a group to be replaced, as another template has them.

        Args:
            uuid: Id of the cluster.
            template: Id of the template.
            node_group: Id of the node group.
            batch: How many nodes to replace at the same time. It is always sent:
                Magnum 23 answers 500 without it.

        Raises:
            Conflict: The driver can't do it.
        """
        self.require(UPGRADE, "Upgrading")
        body: Raw = {
            "cluster_template": template,
            "nodegroup": node_group,
            "max_batch_size": batch,
        }
        try:
            self.post(f"/clusters/{uuid}/actions/upgrade", body)
        except InvalidInput as error:
            if "not supported" not in error.message:
                raise
            raise Conflict(
                f"{error.message}. Create a cluster of another name from the new "
                "template, move the work there and delete this one; or use a driver "
                "that can upgrade (Cluster API)",
                status=error.status,
                request_id=error.request_id,
            ) from error

    def delete_cluster(self, uuid: str) -> None:
        """Ask for a cluster's deletion."""
        self.delete(f"/clusters/{uuid}")

    # Node groups ------------------------------------------------------------

    def node_groups(self, cluster: str) -> list[Raw]:
        """Return the node groups of a cluster, without addresses and bounds."""
        self.require(NODE_GROUPS, "Listing node groups")
        return self.list(f"/clusters/{cluster}/nodegroups", "nodegroups")

    def node_group(self, cluster: str, group: str) -> Raw:
        """Return a node group whole."""
        return self.get(f"/clusters/{cluster}/nodegroups/{group}")

    def find_node_group(self, cluster: str, ident: str) -> Raw | None:
        """Return a node group by name or id, None where it is not there."""
        self.require(NODE_GROUPS, "A node group")
        group = self.find(f"/clusters/{cluster}/nodegroups/{quote(ident, safe='')}")
        if group is None:
            return None
        matches = self.exact.pick("node group", ident, [group], key="uuid")
        return matches[0] if matches else None

    def create_node_group(self, cluster: str, body: Raw) -> Raw:
        """Ask for a node group. Returns its `uuid`."""
        with _in_turn():
            return self.create(f"/clusters/{cluster}/nodegroups", body)

    def delete_node_group(self, cluster: str, group: str) -> None:
        """Ask for a node group's deletion."""
        with _in_turn():
            self.delete(f"/clusters/{cluster}/nodegroups/{group}")

    def update_node_group(self, cluster: str, group: str, values: Raw) -> None:
        """Set bounds, and from 1.14 on node labels and taints, of a node group."""
        patch = [
            {"op": "replace", "path": f"/{key}", "value": value}
            for key, value in values.items()
        ]
        with _in_turn():
            self.patch(f"/clusters/{cluster}/nodegroups/{group}", patch)

    # Certificates -----------------------------------------------------------

    def ca(self, cluster: str) -> str:
        """Return the certificate of a cluster's CA, as PEM."""
        return str(self.get(f"/certificates/{cluster}")["pem"])

    def sign(self, cluster: str, request: str) -> str:
        """Have a certificate signed by a cluster's CA. Returns it as PEM.

        Magnum keeps no list of them, so that one more does no harm.
        """
        body = {"cluster_uuid": cluster, "csr": request}
        return str(self.post("/certificates", body)["pem"])

    def rotate_ca(self, cluster: str) -> None:
        """Ask for a new CA; all certificates that the old one signed end."""
        self.require(ROTATE_CA, "Rotating the CA")
        self.send("PATCH", f"/certificates/{cluster}")

    # Templates --------------------------------------------------------------

    def template(self, uuid: str) -> Raw | None:
        """Return a template by id."""
        raw = self.find(f"/clustertemplates/{quote(uuid, safe='')}")
        return raw if raw and same_id(raw["uuid"], uuid) else None

    def templates(self) -> list[Raw]:
        """Return all templates that may be seen, with their details."""
        return self.list("/clustertemplates/detail", "clustertemplates")

    def patch_template(self, uuid: str, patch: list[Raw]) -> None:
        """Change a template.

        Raises:
            Conflict: Clusters use it, of other projects maybe.
        """
        with _in_use():
            self.patch(f"/clustertemplates/{uuid}", patch)

    def delete_template(self, uuid: str) -> None:
        """Delete a template.

        Raises:
            Conflict: Clusters use it, of other projects maybe.
        """
        with _in_use():
            self.delete(f"/clustertemplates/{uuid}")


@contextlib.contextmanager
def _in_use() -> t.Iterator[None]:
    """Give Magnum's refusal to touch a template in use its type."""
    try:
        yield
    except InvalidInput as error:
        if "referenced by" not in error.message:
            raise
        raise Conflict(
            error.message, status=error.status, request_id=error.request_id
        ) from error


@contextlib.contextmanager
def _in_turn() -> t.Iterator[None]:
    """Give Magnum's refusal to change two things at a time its type."""
    try:
        yield
    except (Conflict, InvalidInput) as error:
        if "in progress" not in error.message.replace("_", " ").lower():
            raise
        raise Busy(
            error.message, status=error.status, request_id=error.request_id
        ) from error


def _parse(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
