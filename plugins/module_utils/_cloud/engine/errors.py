# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of error that a task can end with.

Every failure of a cloud module is one of these. It reaches the user as
`error: {type, message, status, request_id, details}`, so that a playbook can
decide by type and never by the wording of a message.
"""

from __future__ import annotations

import typing as t

from ..._secrets import cleaned


class CloudError(Exception):
    """A failure that a user can act on.

    Args:
        message: What went wrong, with the name and value concerned.
        status: HTTP status of the answer, if one came.
        request_id: Request id of the service, for its operators.
        details: Further plain data (needed and free capacity, faults ...).

    Attributes:
        unclear: It is about a write that may have been done all the same.
        changed: Whether the run that ended with it has written, or may have.
    """

    unclear = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        details: dict[str, t.Any] | None = None,
    ) -> None:
        # Libraries and services repeat addresses with all that is in them.
        self.message: str = cleaned(message)
        super().__init__(self.message)
        self.status = status
        self.request_id = request_id
        self.details: dict[str, t.Any] = cleaned(details or {})
        self.changed = False

    @property
    def type(self) -> str:
        """Name of the error type, as users see it."""
        return self.__class__.__name__

    def as_dict(self) -> dict[str, t.Any]:
        """Return the form in which the error stands in a module's result."""
        return {
            "type": self.type,
            "message": self.message,
            "status": self.status,
            "request_id": self.request_id,
            "details": self.details,
        }


class InvalidInput(CloudError):
    """An option has a value that can't be."""


class AuthError(CloudError):
    """Credentials are missing or wrong, or a policy forbids the request."""


class Conflict(CloudError):
    """What is asked for contradicts what is there, and can't be changed to it."""


class Busy(Conflict):
    """A change is under way, and the service takes one at a time."""

    @property
    def type(self) -> str:
        """Users see it as the Conflict that it is."""
        return "Conflict"


class AmbiguousName(CloudError):
    """Several resources have this name: an id is needed."""

    @classmethod
    def of(cls, kind: str, name: str, ids: t.Iterable[str]) -> AmbiguousName:
        """Return the error for resources of the same name.

        Args:
            kind: What they are, in the plural ("clusters").
            name: The name that they share.
            ids: Their ids.
        """
        listed = sorted(ids)
        return cls(
            f"{len(listed)} {kind} are named {name!r}: give an id instead, one of "
            f"{', '.join(listed)}",
            details={"ids": listed},
        )


class ResourceError(CloudError):
    """The cloud could not do it: quota, no valid host, a failed resource."""


class Stalled(ResourceError):
    """A change that is under way can't be completed, and its service waits on."""

    @property
    def type(self) -> str:
        """Users see it as the ResourceError that it is."""
        return "ResourceError"


class Forgotten(Stalled):
    """A deletion that is under way has ended, and its service does not notice."""


class NotFound(CloudError):
    """What was asked for is not there."""


class LocationNotFound(NotFound):
    """There is no such location."""


class HardwareNotFound(NotFound):
    """There is no such kind of hardware (Nova flavor)."""


class TemplateNotFound(NotFound):
    """There is no such cluster template."""


class ClusterNotFound(NotFound):
    """There is no such cluster."""


class NodeGroupNotFound(NotFound):
    """There is no such node group."""


class NodeNotFound(NotFound):
    """There is no such node."""


class ApiError(CloudError):
    """A service could not be reached, or answered what it should not."""


class NoEndpoint(ApiError):
    """The region has no endpoint of a service."""

    @property
    def type(self) -> str:
        """Users see it as the ApiError that it is."""
        return "ApiError"


class OutcomeUnknown(ApiError):
    """A write was sent and no usable answer came: it may have been done.

    It never reaches the user: the engine looks whether the resource is there.
    """

    unclear = True


class Timeout(CloudError):
    """The time given was not enough."""


class Interrupted(CloudError):
    """A signal has ended the module."""
