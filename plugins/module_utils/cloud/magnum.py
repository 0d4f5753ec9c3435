# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Magnum's API: clusters, templates, node groups, in negotiated microversions.

It stands on the SDK's adapter and not on its resource classes, which know no node
groups, drop C(health_status) and C(status_reason) and can't resize.
"""

from __future__ import annotations

import contextlib
import typing as t
from urllib.parse import quote

from .api import Api
from .clock import Clock
from .errors import AmbiguousName, ApiError, Conflict, InvalidInput, NotFound
from .waiter import BUSY, DONE, FAILED, Raw, Status

NEWEST = (1, 14)
"""The newest microversion whose behaviour this collection knows."""

NODE_LABELS = (1, 14)
ZERO_NODES = (1, 10)
NODE_GROUPS = (1, 9)
UPGRADE = (1, 8)
RESIZE = (1, 7)
ROTATE_CA = (1, 5)

STATES = {
    "CREATE_IN_PROGRESS": (BUSY, "create"),
    "CREATE_COMPLETE": (DONE, "create"),
    "CREATE_FAILED": (FAILED, "create"),
    "UPDATE_IN_PROGRESS": (BUSY, "update"),
    "UPDATE_COMPLETE": (DONE, "update"),
    "UPDATE_FAILED": (FAILED, "update"),
    "DELETE_IN_PROGRESS": (BUSY, "delete"),
    "DELETE_COMPLETE": (BUSY, "delete"),  # the row goes a moment later
    "DELETE_FAILED": (FAILED, "delete"),
    "ROLLBACK_IN_PROGRESS": (BUSY, "update"),
    "ROLLBACK_COMPLETE": (FAILED, "update"),  # the update was undone
    "ROLLBACK_FAILED": (FAILED, "update"),
    "RESUME_COMPLETE": (DONE, "update"),
    "RESUME_FAILED": (FAILED, "update"),
    "RESTORE_COMPLETE": (DONE, "update"),
    "SNAPSHOT_COMPLETE": (DONE, "update"),
    "CHECK_COMPLETE": (DONE, "update"),
    "ADOPT_COMPLETE": (DONE, "create"),
}
"""What each status of Magnum means to one who waits."""


class Magnum(Api):
    """Requests to Magnum.

    Args:
        connect: Makes the SDK's adapter.
        clock: Limits the pauses between retries.
        warn: Takes a warning for the user.
        ceiling: The highest microversion that the user allows.
    """

    def __init__(
        self,
        connect: t.Callable[[], t.Any],
        clock: Clock,
        warn: t.Callable[[str], None],
        ceiling: tuple[int, int] | None = None,
    ) -> None:
        """Send nothing yet."""
        super().__init__("Magnum", connect, clock)
        self._warn = warn
        self._ceiling = ceiling
        self._version: tuple[int, int] | None = None
        self._newest: tuple[int, int] | None = None

    # Microversions ----------------------------------------------------------

    def version(self) -> tuple[int, int]:
        """The microversion in use: the highest that server, user and we know."""
        if self._version is None:
            header = "OpenStack-API-Maximum-Version"
            answer = self.send("GET", "/", headers={"Accept": "application/json"})
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
        """The microversion in use, and the newest that the server offers."""
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

    def headers(self) -> dict[str, str]:
        """The microversion, under the name that all releases of Magnum accept.

        The SDK would send it for C(container-infrastructure-management), which
        older releases take for a foreign service and ignore.
        """
        version = f"container-infra {_text(self.version())}"
        return {**super().headers(), "OpenStack-API-Version": version}

    def get(
        self, path: str, params: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Read one resource, or a page of a list.

        Magnum reads the node groups of a cluster apart: around its creation and
        deletion it answers 400 for a moment, and to lists that hold it too.
        """
        for pause in (0.5, 1, 2):
            try:
                return super().get(path, params)
            except InvalidInput:
                if not path.startswith("/clusters") or not self.clock.pause(pause):
                    raise
        return super().get(path, params)

    # Clusters ---------------------------------------------------------------

    def find_cluster(self, ident: str, project_id: str) -> Raw | None:
        """A cluster of the project by name, or any that may be seen by id.

        To an administrator Magnum's look-up by name finds those of all projects, so
        what it finds is checked; a name that exists elsewhere too is looked up in
        the list.

        Raises:
            AmbiguousName: Several of the project have this name.
        """
        try:
            found = self.get(f"/clusters/{quote(ident, safe='')}")
        except NotFound:
            return None
        except Conflict:
            pass  # several have this name, in this or other projects
        else:
            if found["uuid"] == ident or found["project_id"] == project_id:
                return found
        matches = [
            raw
            for raw in self.clusters()
            if raw["name"] == ident and raw["project_id"] == project_id
        ]
        if len(matches) > 1:
            uuids = sorted(raw["uuid"] for raw in matches)
            raise AmbiguousName(
                f"{len(matches)} clusters are named {ident!r}: give an id instead, one "
                f"of {', '.join(uuids)}",
                details={"ids": uuids},
            )
        return matches[0] if matches else None

    def cluster(self, uuid: str) -> Raw | None:
        """A cluster by id, None where it is gone, or not there yet."""
        try:
            return self.find(f"/clusters/{uuid}")
        except InvalidInput:
            # That moment takes longer while the conductor is down.
            return None

    def clusters(self) -> list[Raw]:
        """All clusters that may be seen, with their details."""
        return self.list("/clusters/detail", "clusters")

    def create_cluster(self, body: Raw) -> Raw:
        """Ask for a cluster. Returns its C(uuid); the row appears later."""
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
        self.post(f"/clusters/{uuid}/actions/resize", body)

    def upgrade(
        self, uuid: str, template: str, node_group: str, batch: int | None
    ) -> None:
        """Ask for the nodes of a group to be replaced, as another template has them.

        Raises:
            Conflict: The driver can't do it.
        """
        self.require(UPGRADE, "Upgrading")
        body: Raw = {"cluster_template": template, "nodegroup": node_group}
        if batch is not None:
            body["max_batch_size"] = batch
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
        """The node groups of a cluster, without addresses and bounds."""
        self.require(NODE_GROUPS, "Listing node groups")
        return self.list(f"/clusters/{cluster}/nodegroups", "nodegroups")

    def node_group(self, cluster: str, group: str) -> Raw:
        """A node group whole."""
        return self.get(f"/clusters/{cluster}/nodegroups/{group}")

    def find_node_group(self, cluster: str, ident: str) -> Raw | None:
        """A node group by name or id, None where it is not there."""
        self.require(NODE_GROUPS, "A node group")
        return self.find(f"/clusters/{cluster}/nodegroups/{quote(ident, safe='')}")

    def create_node_group(self, cluster: str, body: Raw) -> Raw:
        """Ask for a node group. Returns its C(uuid)."""
        return self.create(f"/clusters/{cluster}/nodegroups", body)

    def delete_node_group(self, cluster: str, group: str) -> None:
        """Ask for a node group's deletion."""
        self.delete(f"/clusters/{cluster}/nodegroups/{group}")

    def update_node_group(self, cluster: str, group: str, values: Raw) -> None:
        """Set bounds, and from 1.14 on node labels and taints, of a node group."""
        patch = [
            {"op": "replace", "path": f"/{key}", "value": value}
            for key, value in values.items()
        ]
        self.patch(f"/clusters/{cluster}/nodegroups/{group}", patch)

    # Certificates -----------------------------------------------------------

    def ca(self, cluster: str) -> str:
        """The certificate of a cluster's CA, as PEM."""
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
        """A template by id."""
        return self.find(f"/clustertemplates/{uuid}")

    def templates(self) -> list[Raw]:
        """All templates that may be seen, with their details."""
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


def status_of(raw: Raw) -> Status:
    """The status of a cluster or node group."""
    text = raw.get("status") or "CREATE_IN_PROGRESS"
    phase, operation = STATES.get(text, (BUSY, ""))
    return Status(text, phase, operation, raw.get("status_reason") or "")


def _parse(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)


def _text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
