# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat stacks: those of users, and what locations stand on."""

from __future__ import annotations

import json
import re
import typing as t

from .errors import CloudError, InvalidInput, NotFound, ResourceError
from .fields import Field
from .heat import status_of
from .reconcile import Step
from .resource import CloudResource
from .waiter import Raw, Status

HIDDEN = "******"
"""What Heat shows of a hidden parameter."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,254}")


class StackResource(CloudResource):
    """A resource that is kept as a Heat stack."""

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        """Keep what was asked for."""
        super().__init__(*args, **kwargs)
        self.recreate_failed = bool(self.params.get("recreate_failed"))

    def refresh(self, raw: Raw) -> Raw | None:
        """The same stack again."""
        return self.cloud.heat.reread(raw)

    def status(self, raw: Raw) -> Status:
        """Heat's status."""
        return status_of(raw)

    def delete(self, raw: Raw) -> None:
        """Ask for the stack's deletion."""
        self.cloud.heat.delete_stack(raw)

    def failure(self, raw: Raw) -> CloudError:
        """What the resources that failed say themselves."""
        status = self.status(raw)
        faults = self.cloud.heat.failures(raw)
        reasons = [f"{name}: {reason}" for name, reason in sorted(faults.items())]
        return ResourceError(
            f"{self} is {status.text}: " + ("; ".join(reasons) or status.reason),
            details={"id": raw["id"], "status": status.text, "faults": faults},
        )


class HeatStackResource(StackResource):
    """A Heat stack of the user's own."""

    kind = "heat_stack"
    not_found = NotFound
    fields = (
        Field("template", "dict"),
        Field("parameters", "dict", merge=True),
        Field("tags", "list", spec={"elements": "str"}),
    )
    options: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "rollback": {"type": "bool", "default": False},
        "recreate_failed": {"type": "bool", "default": False},
    }

    @classmethod
    def validate(cls, params: t.Mapping[str, t.Any]) -> None:
        """Check the values that need no cloud."""
        for tag in params["tags"] or []:
            if not tag or len(tag) > 80 or "," in tag:
                raise InvalidInput(
                    f"tags: {tag!r} must hold 1 to 80 characters and no comma"
                )

    @classmethod
    def secrets(cls, params: t.Mapping[str, t.Any]) -> list[str]:
        """Values of the parameters that the template hides."""
        given = params.get("parameters")
        if not isinstance(given, dict):
            return []
        return [str(given[name]) for name in _hidden(params) if given.get(name)]

    def desired(self, have: t.Mapping[str, t.Any] | None) -> dict[str, t.Any]:
        """The options that were given, written as Heat writes them."""
        asked = super().desired(have)
        if "template" in asked:
            # YAML makes a date of heat_template_version.
            asked["template"] = json.loads(json.dumps(asked["template"], default=str))
        if "tags" in asked:
            asked["tags"] = sorted(set(asked["tags"]))
        there = (have or {}).get("parameters") or {}
        if "parameters" in asked:
            asked["parameters"] = {
                name: there[name] if _same(value, there.get(name)) else value
                for name, value in asked["parameters"].items()
            }
        return asked

    def find(self) -> Raw | None:
        """A stack by name or id."""
        return self.cloud.heat.stack(self.name)

    def all(self) -> list[Raw]:
        """All stacks of the project."""
        heat = self.cloud.heat
        read = (heat.reread(listed) for listed in heat.all_stacks())
        return [raw for raw in read if raw]

    def view(self, raw: Raw) -> dict[str, t.Any]:
        """The shape that users see."""
        if "id" in raw and "template" not in raw:
            raw["template"] = self.cloud.heat.template(raw)
        return {
            "id": raw.get("id"),
            "name": raw.get("stack_name") or raw.get("name"),
            "status": raw.get("stack_status"),
            "status_reason": raw.get("stack_status_reason"),
            "description": raw.get("description"),
            "template": raw.get("template"),
            "parameters": {
                name: value
                for name, value in (raw.get("parameters") or {}).items()
                if not name.startswith("OS::")
            },
            "tags": sorted(raw.get("tags") or []),
            "outputs": outputs(raw),
            "resource_changes": None,
            "created_at": raw.get("creation_time"),
            "updated_at": raw.get("updated_time"),
        }

    def prepare(self, values: dict[str, t.Any], raw: Raw | None) -> dict[str, t.Any]:
        """A new one needs a template and a name."""
        if raw is None:
            if not _NAME.fullmatch(self.name):
                raise InvalidInput(
                    f"name: {self.name!r} must begin with a letter, hold letters, "
                    "digits, '_', '.' and '-' only, and be 255 characters at most"
                )
            if "template" not in values:
                raise InvalidInput(
                    f"{self} does not exist, and to create it the option template is "
                    "needed"
                )
        return values

    def planned(self, raw: Raw, values: dict[str, t.Any]) -> dict[str, t.Any]:
        """What Heat says that the update would do to the stack's resources."""
        changes = self.cloud.heat.preview_update(raw, self._body(values))
        return {"resource_changes": changes}

    def create(self, values: dict[str, t.Any]) -> Raw:
        """Ask for the stack."""
        body = {"stack_name": self.name, **self._body(values)}
        return self.cloud.heat.create_stack(body)

    def steps(self, raw: Raw, values: dict[str, t.Any]) -> list[Step]:
        """One update for all; without values it is the repair of a failed one."""
        heat, body = self.cloud.heat, self._body(values)
        return [Step(lambda: heat.update_stack(raw, body), lambda now: True)]

    def _body(self, values: dict[str, t.Any]) -> Raw:
        body = {"disable_rollback": not self.params["rollback"], **values}
        if "parameters" in body:
            given = body["parameters"].items()
            body["parameters"] = {k: v for k, v in given if v != HIDDEN}
        if "tags" in body:
            body["tags"] = ",".join(body["tags"])
        return body


def outputs(raw: Raw) -> dict[str, t.Any]:
    """A stack's outputs by name."""
    listed = raw.get("outputs") or []
    return {item["output_key"]: item.get("output_value") for item in listed}


def _hidden(params: t.Mapping[str, t.Any]) -> list[str]:
    """Names of the parameters that the template hides."""
    template = params.get("template")
    declared = template.get("parameters") if isinstance(template, dict) else None
    return [
        name
        for name, parameter in (declared or {}).items()
        if isinstance(parameter, dict)
        and str(parameter.get("hidden")).lower() in ("true", "yes")
    ]


def _same(asked: t.Any, there: str | None) -> bool:
    """Whether a value is what Heat shows, which is text whatever the type."""
    if there is None:
        return False
    if there == HIDDEN:
        # Heat does not tell: a new value goes along with the next other change.
        return True
    if isinstance(asked, bool):
        return str(asked).lower() == there.lower()
    if isinstance(asked, (dict, list)):
        try:
            if json.loads(there) == asked:
                return True
        except ValueError:
            pass
        return isinstance(asked, list) and ",".join(map(str, asked)) == there
    return str(asked) == there
