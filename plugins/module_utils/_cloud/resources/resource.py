# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all resources of a cloud share: options become values, names become ids."""

from __future__ import annotations

import re
import typing as t

from ..engine.errors import Conflict, InvalidInput, NotFound
from ..engine.fields import (
    Field,
    argument_spec,
    check_dicts,
    check_numbers,
    option_values,
)
from ..engine.resource import Resource
from ..engine.status import Raw
from ..services.exact import hint
from ..services.session import Cloud
from .references import References

_NAME = re.compile("[a-zA-Z][a-zA-Z0-9_.-]*")


class CloudResource(Resource):
    """A resource declared by its fields.

    Attributes:
        options: Options of the module that are no properties.
        not_found: Error type where one is required and not there.

    Args:
        cloud: Where it lives.
        params: Values of the module's options; one that is left out is None.
        check_mode: Nothing will be written.
    """

    options: t.ClassVar[tuple[Field, ...]] = ()
    not_found: type[NotFound] = NotFound

    def __init__(
        self, cloud: Cloud, params: t.Mapping[str, t.Any], check_mode: bool = False
    ) -> None:
        self.cloud = cloud
        # Takes values that turn out to be secrets, so that they are shown nowhere.
        self.hide: t.Callable[[t.Iterable[str]], None] = lambda values: None
        # What the module returns besides the resource itself.
        self.report: dict[str, t.Any] = {}
        options = [field.name for field in (*self.fields, *self.options)]
        self.params = {**dict.fromkeys(["state", *options]), **params}
        self.name: str = params["name"] or ""
        expected = [
            (field.ref, str(self.params[field.name]))
            for field in self.fields
            if field.ref and self.params[field.name]
        ]
        self.references = References(cloud, check_mode, expected)

    @classmethod
    def argument_spec(cls) -> dict[str, dict[str, t.Any]]:
        """Return the options that this resource adds to those all modules have."""
        return argument_spec((*cls.fields, *cls.options))

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud.

        Raises:
            InvalidInput: Names the option, the value and what is allowed.
        """
        fields = (*cls.fields, *cls.options)
        check_numbers(fields, params)
        check_dicts(fields, params)

    @classmethod
    def reveals(cls, params: t.Mapping[str, t.Any]) -> str:
        """Return the option that makes the result a secret; empty for none."""
        return ""

    @classmethod
    def secrets(cls, params: t.Mapping[str, t.Any]) -> t.Iterable[str]:
        """Return the values within the options that must never be shown."""
        return ()

    @classmethod
    def concealed(cls, params: t.Mapping[str, t.Any]) -> t.Sequence[str]:
        """Return the options that are not shown as it is not known what is secret."""
        return ()

    def blank(self) -> dict[str, t.Any]:
        """Return the view of one that has its name and nothing else yet."""
        return self.view({"name": self.name})

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give."""
        return option_values(self.fields, self.params)

    def same(self, field: Field, after: t.Any, before: t.Any) -> bool:
        """Whether one is a name and the other its id."""
        if not field.ref or not before or not after:
            return False
        return self.references.same(field.ref, after, before)

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Resolve references."""
        kinds = {field.name: field.ref for field in self.fields}
        return {
            name: self.references.resolve(name, kinds[name], value).value
            if kinds[name] and value
            else value
            for name, value in values.items()
        }

    def check_name(self, longest: int) -> None:
        """Check the name of a new resource.

        Args:
            longest: How many characters the API allows.
        """
        if len(self.name) > longest or not _NAME.fullmatch(self.name):
            raise InvalidInput(
                f"name: {self.name!r} must begin with a letter, hold letters, digits, "
                f"'_', '.' and '-' only, and be {longest} characters at most"
            )

    def near_misses(self) -> t.Sequence[str]:
        """Return names that are nearly its own, where `find` gave None."""
        return ()

    def hint(self) -> str:
        """Return which names there are that are nearly its own, for messages."""
        return hint(self.near_misses())

    def refuse_near_miss(self, service: str) -> None:
        """Raise where a new one would clash with a name that is nearly its own.

        Args:
            service: Which one takes both for one name, as its database does.
        """
        near = self.near_misses()
        if near:
            raise Conflict(
                f"{self} can't be created beside {near[0]!r}: {service}'s database may "
                "take both for one name. Use that name exactly, or choose another one",
                details={"names": list(near)},
            )

    def find_visible(self) -> Raw | None:
        """Look it up for a query; where others share theirs, among theirs too."""
        return self.find()

    def all(self) -> list[Raw]:
        """Return all that may be seen."""
        raise NotImplementedError

    def names(self) -> list[str]:
        """Return the names of all, which a message may suggest."""
        return [str(raw["name"]) for raw in self.all()]

    def details(self, raw: Raw) -> dict[str, t.Any]:
        """Return the view with everything filled in, for queries."""
        return self.view(self.load(raw))

    def body(self, values: t.Mapping[str, t.Any]) -> Raw:
        """Return values under the API's own names."""
        fields = [field for field in self.fields if field.name in values]
        return {field.api_key: values[field.name] for field in fields}
