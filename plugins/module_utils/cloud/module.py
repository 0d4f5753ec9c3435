# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an Ansible module's options to its result: the same for all cloud modules."""

from __future__ import annotations

import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

from .clock import Clock
from .errors import CloudError, InvalidInput, NotFound
from .reconcile import reconcile
from .resource import CloudResource
from .session import ARGUMENT_SPEC, Cloud

INFO_TIMEOUT = 120
"""Seconds that a query may take with all its retries."""

_SECRET = re.compile("pass|secret|token|key|code|assertion|^auth$", re.I)
"""Parts of the names that the secrets of keystoneauth's plugins have; and auth itself,
where it could not be read."""


class _Module(AnsibleModule):  # type: ignore[misc]  # mypy does not see Ansible
    """Masks secrets within options, in results and in the log.

    Args:
        secrets: Finds those that a resource's own options hold.
        kwargs: As those of AnsibleModule.
    """

    def __init__(
        self,
        secrets: t.Callable[[dict[str, t.Any]], t.Iterable[str]],
        **kwargs: t.Any,
    ) -> None:
        self._secrets = secrets
        super().__init__(**kwargs)

    def _log_invocation(self) -> None:
        self._mask()
        super()._log_invocation()

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        self._mask()
        super().exit_json(**kwargs)
        raise AssertionError("unreachable")

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        # Also called by AnsibleModule itself, for options that it does not accept.
        self._mask()
        super().fail_json(msg, **kwargs)
        raise AssertionError("unreachable")

    def hide(self, options: dict[str, t.Any]) -> None:
        """Mask the secrets among these options wherever they appear."""
        self.no_log_values.update(_secrets(options))

    def _mask(self) -> None:
        self.hide({name: self.params.get(name) for name in ("auth", "cloud")})
        if str(self.params.get("cloud")).lstrip().startswith("{"):
            self.no_log_values.add(str(self.params["cloud"]))
        self.no_log_values.update(self._secrets(self.params))


def _secrets(options: dict[t.Any, t.Any]) -> t.Iterator[str]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif value and _SECRET.search(str(name)):
            yield str(value)


def run(resource_class: type[CloudResource]) -> None:
    """Run the module of a resource: options, cloud, engine, result."""
    module = _Module(
        resource_class.secrets,
        argument_spec={
            **ARGUMENT_SPEC,
            **resource_class.argument_spec(),
            "name": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["present", "absent"],
                "default": "present",
            },
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    params = module.params
    clock = Clock(params["timeout"])
    try:
        if not params["name"].strip():
            raise InvalidInput("name: must not be empty")
        option = resource_class.reveals(params)
        if option and not module.no_log:
            raise InvalidInput(
                f"{option}: the result holds a secret; set no_log: true on the task"
            )
        if params["state"] == "present":
            resource_class.validate(params)
        cloud = Cloud(params, clock, module.warn)
        module.hide(cloud.auth)
        resource = resource_class(cloud, params, module.check_mode)
        outcome = reconcile(
            resource,
            params["state"],
            clock=clock,
            check_mode=module.check_mode,
            wait=params["wait"],
        )
    except CloudError as error:
        _fail(module, error)
    else:
        module.exit_json(
            changed=outcome.changed,
            action=outcome.action,
            diff={"before": outcome.diff_before, "after": outcome.diff_after},
            **{resource_class.kind: outcome.after},
            **resource.report,
        )


def run_info(
    resource_class: type[CloudResource],
    key: str,
    options: dict[str, dict[str, t.Any]] | None = None,
) -> None:
    """Run the C(_info) module of a resource.

    Args:
        resource_class: What is asked about.
        key: Key of the list in the result.
        options: Further options, as an argument spec.
    """
    options = {
        "name": {"type": "str"},
        "required": {"type": "bool", "default": False},
        **(options or {}),
    }

    def query(cloud: Cloud, params: dict[str, t.Any], _check: bool) -> dict[str, t.Any]:
        resource = resource_class(cloud, params)
        return {"changed": False, key: look_up(resource, params["required"])}

    run_action(query, options, resource_class.secrets)


def run_action(
    action: t.Callable[[Cloud, dict[str, t.Any], bool], dict[str, t.Any]],
    options: dict[str, dict[str, t.Any]],
    secrets: t.Callable[[dict[str, t.Any]], t.Iterable[str]] = lambda _params: (),
) -> None:
    """Run a module that manages no resource: options, cloud, result.

    Args:
        action: Does it. Takes the cloud, the options and whether nothing may be
            changed; returns the module's result.
        options: Its options beside those that say which cloud, as an argument spec.
        secrets: Finds secrets within the options.
    """
    module = _Module(
        secrets, argument_spec={**ARGUMENT_SPEC, **options}, supports_check_mode=True
    )
    params = module.params
    try:
        cloud = Cloud(params, Clock(INFO_TIMEOUT), module.warn)
        module.hide(cloud.auth)
        result = action(cloud, params, module.check_mode)
    except CloudError as error:
        _fail(module, error)
    else:
        module.exit_json(**result)


def look_up(resource: CloudResource, required: bool) -> list[dict[str, t.Any]]:
    """The views of the one resource that is named, or of all.

    Raises:
        NotFound: The one that is named is not there, and is C(required).
    """
    if not resource.name:
        return [resource.details(raw) for raw in resource.all()]
    raw = resource.find_usable()
    if raw is None and required:
        error: type[NotFound] = resource.not_found
        raise error(f"name: there is no {resource}")
    return [resource.details(raw)] if raw else []


def _fail(module: AnsibleModule, error: CloudError) -> t.NoReturn:
    module.fail_json(msg=error.message, error=error.as_dict(), changed=error.changed)
    raise AssertionError("unreachable")
