# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat stacks: those of users, and what locations stand on."""

from __future__ import annotations

import json
import typing as t

from ..._secrets import leaves
from ..engine.errors import CloudError, Conflict, InvalidInput, NotFound, ResourceError
from ..engine.fields import JSON, Field, api_values, no_text
from ..engine.resource import Step
from ..engine.status import Raw, Status, status_of
from .resource import CloudResource

HIDDEN = "******"
"""What Heat shows of a hidden parameter."""

_FALSE = ("false", "no", "off", "n", "f", "0")


class StackResource(CloudResource):
    """A resource that is kept as a Heat stack."""

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params["recreate_failed"])

    def refresh(self, raw: Raw) -> Raw | None:
        """Read the same stack again."""
        return self.cloud.heat.reread(raw)

    def status(self, raw: Raw) -> Status:
        """Return Heat's status."""
        return status_of(raw, "stack_")

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Refuse what Heat can't do, and resolve references."""
        if raw is None:
            self.cloud.require_trusts(self)
        if raw is not None and self.status(raw).suspended:
            raise Conflict(
                f"{self} is {self.status(raw).text}, and Heat does not update a stack "
                f"that is suspended. Resume it: openstack stack resume {raw['id']}",
                details={"id": raw["id"], "status": self.status(raw).text},
            )
        return super().prepare(values, raw)

    def delete(self, raw: Raw) -> None:
        """Ask for the stack's deletion."""
        self.cloud.heat.delete_stack(raw)

    def failure(self, raw: Raw) -> CloudError:
        """Return what the resources that failed say themselves."""
        status = self.status(raw)
        faults = self.cloud.heat.failures(raw)
        reasons = [f"{name}: {reason}" for name, reason in sorted(faults.items())]
        return ResourceError(
            f"{self} is {status.text}: " + ("; ".join(reasons) or status.reason),
            details={"id": raw["id"], "status": status.text, "faults": faults},
        )


def _plain(template: t.Any) -> t.Any:
    """Return a template as JSON has it: YAML makes a date of its version."""
    return json.loads(json.dumps(template, default=str))


def _sorted(tags: t.Iterable[str] | None) -> list[str]:
    """Return tags in order: Heat keeps none."""
    return sorted(set(tags or []))


class HeatStackResource(StackResource):
    """A Heat stack of the user's own."""

    kind = "heat_stack"
    not_found = NotFound
    fields = (
        Field("template", "dict", needed=True, clean=_plain),
        Field("parameters", "dict", merge=True, values=JSON),
        Field("tags", "list", clean=_sorted, spec={"elements": "str"}),
    )
    options = (
        Field("rollback", "bool", spec={"default": False}),
        Field("recreate_failed", "bool", spec={"default": False}),
    )

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check what can be checked without the cloud."""
        super().validate(params)
        for tag in params["tags"] or []:
            if not tag or len(tag) > 80 or "," in tag:
                raise InvalidInput(
                    f"tags: {tag!r} must hold 1 to 80 characters and no comma"
                )

    @classmethod
    def secrets(cls, params: t.Mapping[str, t.Any]) -> list[str]:
        """Return the values of the parameters that the template hides."""
        given = params.get("parameters")
        if not isinstance(given, dict):
            return list(leaves(given))
        hidden = _hidden(params)
        return list(leaves([[given.get(name), hidden[name]] for name in hidden]))

    @classmethod
    def concealed(cls, params: t.Mapping[str, t.Any]) -> t.Sequence[str]:
        """Return `parameters` where no template says which of them are hidden."""
        return () if params.get("template") else ("parameters",)

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """Return the values that the options give, written as Heat writes them."""
        values = super().desired(have)
        current = (have or {}).get("parameters") or {}
        if "parameters" in values:
            values["parameters"] = {
                name: current[name] if _same(value, current.get(name)) else value
                for name, value in values["parameters"].items()
            }
        return values

    def find(self) -> Raw | None:
        """Look up a stack by name or id."""
        raw = self.cloud.heat.stack(self.name)
        current = (raw or {}).get("parameters") or {}
        given = self.params["parameters"] or {}
        self.hide(
            leaves([given[name] for name in given if current.get(name) == HIDDEN])
        )
        return raw

    def near_misses(self) -> t.Sequence[str]:
        """Return the names that Heat takes for its own."""
        return self.cloud.heat.exact.near("stack", self.name)

    def names(self) -> list[str]:
        """Return the names of all, which a message may suggest."""
        return [str(raw["stack_name"]) for raw in self.all()]

    def all(self) -> list[Raw]:
        """Return all stacks of the project."""
        heat = self.cloud.heat
        read = (heat.reread(listed) for listed in heat.all_stacks())
        return [raw for raw in read if raw]

    def load(self, raw: Raw) -> Raw:
        """Read its template."""
        return {**raw, "template": self.cloud.heat.template(raw)}

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """Return the shape that users see."""
        return {
            "id": raw.get("id"),
            "name": raw.get("stack_name") or raw.get("name"),
            "status": raw.get("stack_status"),
            "status_reason": raw.get("stack_status_reason"),
            "description": raw.get("description"),
            **api_values(self.fields, raw),
            "parameters": {
                name: value
                for name, value in (raw.get("parameters") or {}).items()
                if not name.startswith("OS::")
            },
            "outputs": outputs(raw),
            "resource_changes": None,
            "created_at": raw.get("creation_time"),
            "updated_at": raw.get("updated_time"),
        }

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """Check the name of a new stack, and the types of its parameters."""
        if raw is None:
            self.check_name(255)
            self.refuse_near_miss("Heat")
        template = values.get("template") or (raw or {}).get("template")
        self._check_types(_dict(template), values.get("parameters") or {})
        return super().prepare(values, raw)

    def _check_types(self, template: Raw, given: Raw) -> None:
        """Refuse lists and dictionaries for a text, which Heat turns into Python's."""
        for section in ("parameters", "Parameters"):
            for name, declared in _dict(template.get(section)).items():
                kind = str(_dict(declared).get("type", _dict(declared).get("Type")))
                if kind.lower() == "string" and isinstance(
                    given.get(name), (list, dict)
                ):
                    raise no_text("parameters", name, given[name])

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what Heat says the update would do to the stack's resources."""
        changes = self.cloud.heat.preview_update(raw, self._body(values))
        return {"resource_changes": changes}

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the stack."""
        body = {"stack_name": self.name, **self._body(values)}
        return self.cloud.heat.create_stack(body)

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """Send one update for all; without values it repairs a failed one."""
        heat, body = self.cloud.heat, self._body(values)
        return [Step([lambda: heat.update_stack(raw, body)], lambda now: True)]

    def _body(self, values: dict[str, t.Any]) -> Raw:
        body = {"disable_rollback": not self.params["rollback"], **values}
        if "parameters" in body:
            # A hidden one has the value that was given, or keeps the one that it has.
            given = self.params["parameters"] or {}
            sent = {
                name: given.get(name, HIDDEN) if value == HIDDEN else value
                for name, value in body["parameters"].items()
            }
            body["parameters"] = {
                name: value for name, value in sent.items() if value != HIDDEN
            }
        if "tags" in body:
            body["tags"] = ",".join(body["tags"])
        return body


def outputs(raw: Raw) -> dict[str, t.Any]:
    """Return a stack's outputs by name."""
    listed = raw.get("outputs") or []
    return {item["output_key"]: item.get("output_value") for item in listed}


def _hidden(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the defaults of the parameters that the template hides, by name."""
    template = params.get("template")
    template = template if isinstance(template, dict) else {}
    # HOT, and the format of CloudFormation.
    return {
        name: declared.get("default", declared.get("Default"))
        for section, mark in (("parameters", "hidden"), ("Parameters", "NoEcho"))
        for name, declared in _dict(template.get(section)).items()
        if isinstance(declared, dict)
        and str(declared.get(mark) or "false").lower() not in _FALSE
    }


def _dict(value: t.Any) -> dict[str, t.Any]:
    return value if isinstance(value, dict) else {}


def _same(value: t.Any, current: str | None) -> bool:
    """Whether a value is what Heat shows, which is text whatever the type."""
    if current is None:
        return False
    if current == HIDDEN:
        # Heat does not tell: a new value goes along with the next other change.
        return True
    if isinstance(value, bool):
        return str(value).lower() == current.lower()
    if isinstance(value, (dict, list)):
        try:
            if json.loads(current) == value:
                return True
        except ValueError:
            pass
        return isinstance(value, list) and ",".join(map(str, value)) == current
    return str(value) == current
