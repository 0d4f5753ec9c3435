# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all resources of a cloud share: options become values, names become ids."""

from __future__ import annotations

import typing as t

from .errors import NotFound
from .fields import Field, argument_spec, labels
from .reconcile import Resource
from .references import References
from .session import Cloud
from .waiter import Raw


class CloudResource(Resource):
    """A resource declared by its fields.

    Attributes:
        options: Options of the module beyond its fields, as an argument spec.
        not_found: Error type where one is required and not there.

    Args:
        cloud: Where it lives.
        params: Values of the module's options.
        check_mode: Nothing will be written.
    """

    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {}
    not_found: type[NotFound] = NotFound

    def __init__(
        self, cloud: Cloud, params: t.Mapping[str, t.Any], check_mode: bool = False
    ) -> None:
        """Keep what was asked for; nothing is sent yet."""
        self.cloud = cloud
        # What the module returns besides the resource itself.
        self.report: dict[str, t.Any] = {}
        self.params = params
        self.name = params["name"] or ""
        named = ((field.ref, params.get(field.name)) for field in self.fields)
        expected = [(kind, str(value)) for kind, value in named if kind and value]
        self.references = References(cloud, check_mode, expected)

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, t.Any]]:
        """The options that this resource adds to those all modules have."""
        return {**argument_spec(cls.fields), **cls.options}

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check values that need no cloud to be checked.

        Raises:
            InvalidInput: Names the option, the value and what is allowed.
        """

    @classmethod
    def reveals(cls, params: t.Mapping[str, t.Any]) -> str:
        """The option that makes the result itself a secret; empty for none."""
        return ""

    @classmethod
    def secrets(cls, params: t.Mapping[str, t.Any]) -> t.Iterable[str]:
        """Values within the options that must never be shown."""
        return ()

    def blank(self) -> dict[str, t.Any]:
        """The view of one that has its name and nothing else yet."""
        return self.view({"name": self.name})

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given."""
        asked = {
            field.name: self.params[field.name]
            for field in self.fields
            if self.params.get(field.name) is not None
        }
        if "labels" in asked:
            asked["labels"] = labels(asked["labels"])
        return asked

    def same(self, field: Field, asked: t.Any, there: t.Any) -> bool:
        """A name and its id mean the same."""
        if not field.ref or not there or not asked:
            return False
        return self.references.same(field.ref, asked, there)

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Resolve references."""
        kinds = {field.name: field.ref for field in self.fields}
        return {
            name: self.references.resolve(name, kinds[name], value).value
            if kinds[name] and value
            else value
            for name, value in values.items()
        }

    def find_usable(self) -> Raw | None:
        """As C(find), for queries; where others share theirs, theirs too."""
        return self.find()

    def all(self) -> list[Raw]:
        """All that may be seen."""
        raise NotImplementedError

    def details(self, raw: Raw) -> dict[str, t.Any]:
        """The view with everything filled in, for queries."""
        return self.view(raw)

    def body(self, values: t.Mapping[str, t.Any]) -> Raw:
        """Values under the API's own names."""
        keys = {field.name: field.api_key for field in self.fields}
        return {keys[name]: value for name, value in values.items()}
