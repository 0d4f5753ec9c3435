# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine needs to know of a kind of resource."""

from __future__ import annotations

import typing as t

from .errors import CloudError, ResourceError
from .fields import Change, Field
from .status import DONE, FAILED, Raw, Status
from .waiter import Look, Turn


class Step(t.NamedTuple):
    """One change of an update, and how to see that it took effect.

    Attributes:
        writes: What to send, one after the other.
        reached: Whether the change took effect.
        turn: What must be at rest before each write, None for nothing.
        lasts: Seconds that the final status has to last until it is believed.
        look: Looks at what is behind the resource, in the place of what
            `Resource.watch` returns.
    """

    writes: t.Sequence[t.Callable[[], None]]
    reached: t.Callable[[Raw], bool]
    turn: Turn | None = None
    lasts: float = 0.0
    look: Look | None = None


class Revision(t.NamedTuple):
    """A new version of a resource, beside the one that is.

    Attributes:
        own: What of the view is the new version's own.
        create: Makes it, with one request that is sent once. Takes the values to set,
            returns what `refresh` needs.
    """

    own: dict[str, t.Any]
    create: t.Callable[[dict[str, t.Any]], Raw]


class Resource:
    """What the engine needs to know of a kind of resource.

    Attributes:
        kind: Name of the kind, and key of the resource in a module's result.
        name: Name or id of the resource.
        fields: Its options that are properties. They stay the same for a whole run.
        implied: Names of the fields that a diff shows only where `desired` names them.
        way_out: What to do where a frozen field must change.
        recreate_failed: Whether one that failed to be created is replaced.
        recreate: Whether one is replaced that can't be changed as asked.
    """

    kind = ""
    name = ""
    fields: tuple[Field, ...] = ()
    implied: frozenset[str] = frozenset()
    way_out = ""
    recreate_failed = False
    recreate = False

    # Look -------------------------------------------------------------------

    def find(self) -> Raw | None:
        """Look it up by name or id; None where it is not there."""
        raise NotImplementedError

    def hint(self) -> str:
        """Return what messages add that say it is not there."""
        return ""

    def refresh(self, raw: Raw) -> Raw | None:
        """Read the same one again; None where it is gone (or not there yet)."""
        raise NotImplementedError

    def load(self, raw: Raw) -> Raw:
        """Read what else it takes to show it.

        The engine calls this for each state that it compares or shows, and never while
        it polls.

        Args:
            raw: What `find` or `refresh` gave. It is left as it is.

        Returns:
            A new dictionary, with what was read under further keys.
        """
        return raw

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the one shape that users see, without asking anyone.

        Args:
            raw: What `load` gave.
        """
        raise NotImplementedError

    def blank(self) -> dict[str, t.Any]:
        """Return the view of one that has its name and nothing else yet."""
        raise NotImplementedError

    def status(self, raw: Raw) -> Status:
        """Return its status; most kinds have none: they are there, or are not."""
        return Status("", DONE)

    def failure(self, raw: Raw) -> CloudError:
        """Return the error for a failed one, with the reason behind it."""
        status = self.status(raw)
        return ResourceError(f"{self} is {status.text}: {status.reason}")

    def watch(self) -> Look | None:
        """Return what looks at things behind it, which fail without its API saying so.

        The engine calls this once for each wait. What it returns takes what `find` or
        `refresh` gave, and raises `Stalled` where no progress can be made.
        """
        return None

    def arriving(self, raw: Raw) -> bool:
        """Return whether parts of it are still to come, though its status is final.

        Args:
            raw: What `load` or `refresh` gave.
        """
        return False

    def obstacles(self, raw: Raw) -> str:
        """Return what is known of why it makes no progress, when time is up."""
        return ""

    # Compare ----------------------------------------------------------------

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values asked for, by field name, without those left out.

        Args:
            have: The view of the resource as it is, None for a new one.
        """
        raise NotImplementedError

    def same(self, field: Field, after: t.Any, before: t.Any) -> bool:
        """Return whether two unequal values mean the same (a name and its id)."""
        return False

    def unfinished(self, raw: Raw) -> bool:
        """Return whether it is updated even where nothing differs: that mends it.

        Args:
            raw: What `load` gave.
        """
        return self.status(raw).phase == FAILED

    def revision(self, raw: Raw, changes: t.Sequence[Change]) -> Revision | None:
        """Return the new version that these changes make, None to change this one."""
        return None

    # Check ------------------------------------------------------------------

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check values and resolve references, before the first write.

        Args:
            values: What will be set, by field name.
            raw: The resource as `load` gave it, None for a new one.

        Returns:
            The values as the API wants them, by field name.
        """
        return values

    def check_room(self, values: dict[str, t.Any], raw: Raw | None) -> None:
        """Raise where the cloud has no room for what is added.

        This is asked once: for a new one not again when values are set that its API
        does not take at creation, and for one that takes the place of another only
        then.

        Args:
            values: What `prepare` gave.
            raw: The resource as `load` gave it, None for a new one.
        """

    def check_delete(self, raw: Raw) -> None:
        """Raise where it must not be deleted."""

    def check_recreate(self, raw: Raw) -> None:
        """Raise where it must not be replaced by a new one."""

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what else of the view a dry run of an update can tell."""
        return {}

    # Write ------------------------------------------------------------------

    def turn(self) -> Turn | None:
        """Return what must be at rest before it is made or deleted."""
        return None

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Make it, with one request that is sent once. Returns what refresh needs."""
        raise NotImplementedError

    def complete(self, raw: Raw) -> bool:
        """Return whether a new one is all there."""
        return True

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Return the writes that set these values; for none, those that mend it."""
        raise NotImplementedError

    def delete(self, raw: Raw) -> None:
        """Ask for its deletion."""
        raise NotImplementedError

    def emptied(self, raw: Raw) -> bool:
        """Return whether nothing is left behind one that is gone.

        Args:
            raw: The resource as it was before its deletion.
        """
        return True

    def deletions(self, raw: Raw) -> t.Sequence[t.Callable[[], None]]:
        """Return the writes that delete it, where it takes more than one."""
        return [lambda: self.delete(raw)]

    def __str__(self) -> str:
        """Return how messages call it."""
        return f"{self.kind.replace('_', ' ')} {self.name!r}"
