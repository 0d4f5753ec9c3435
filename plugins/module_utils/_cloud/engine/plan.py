# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine compares, and how it plans to make a new resource."""

from __future__ import annotations

import dataclasses
import typing as t

from .status import Raw

View = t.Dict[str, t.Any]
"""A resource as users see it."""


class Loaded(t.NamedTuple):
    """A state of the resource that is compared or shown.

    Attributes:
        raw: What `Resource.load` gave.
        view: What `Resource.view` made of it.
    """

    raw: Raw
    view: View


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a new resource is to be made.

    Attributes:
        action: `create`, `recreate` or `new_revision`.
        values: What to set, by field name.
        create: Sends the request. Takes the values that `Resource.prepare` gave.
        before: The resource that is there already.
        replaces: Whether that one is deleted first.
        whole: Whether `values` are all that the new one shall have, where else the
            options are compared again once it is there.
        own: What of the view is known of the new one besides.
    """

    action: str
    values: View
    create: t.Callable[[View], Raw]
    before: Loaded | None = None
    replaces: bool = False
    whole: bool = False
    own: View = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Outcome:
    """What a run did, or in check mode would do.

    Attributes:
        action: `none`, `create`, `update`, `recreate`, `new_revision` or
            `delete`.
        before: View before, None where it was not there.
        after: View after, None where it is gone.
        diff_before: The declared fields before.
        diff_after: The declared fields after.
    """

    action: str
    before: View | None
    after: View | None
    diff_before: View = dataclasses.field(default_factory=dict)
    diff_after: View = dataclasses.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.action != "none"
