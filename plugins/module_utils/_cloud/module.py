# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an Ansible module's options to its result: the same for all cloud modules."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from .._near import did_you_mean
from .._secrets import cleaned, cloud_secrets, leaves, secrets, without_credentials
from .engine.clock import Clock
from .engine.errors import CloudError, InvalidInput, NotFound
from .engine.interrupt import interruptible
from .engine.plan import Outcome
from .engine.reconcile import reconcile
from .resources.resource import CloudResource
from .services.session import ARGUMENT_SPEC, Cloud

INFO_TIMEOUT = 120
"""Seconds that a query may take with all its retries."""

_OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 3600},
}
"""What all modules of a resource take."""


class _Module(AnsibleModule):  # type: ignore[misc]  # mypy does not see Ansible
    """Masks secrets within options, in results and in the log.

    Args:
        kind: The resource whose options these are, None for a module without one.
        kwargs: As those of AnsibleModule.
    """

    params: dict[str, t.Any]

    def __init__(self, kind: type[CloudResource] | None, **kwargs: t.Any) -> None:
        self._kind = kind
        super().__init__(**kwargs)

    def _log_invocation(self) -> None:
        self._mask()
        # Ansible writes a dictionary as Python does and masks the text then, in which
        # a backslash or the end of a line looks different.
        params = self.params
        self.params = self._shown_params()
        super()._log_invocation()
        self.params = params

    def _return_formatted(self, kwargs: dict[str, t.Any]) -> None:
        # Also called by AnsibleModule itself, for options that it does not accept.
        self._mask()
        kwargs["invocation"] = {"module_args": self._shown_params()}
        # A stack's outputs are its user's own words, to be used as they are.
        super()._return_formatted(cleaned(kwargs, keep="outputs"))

    def warn(self, warning: str, **kwargs: t.Any) -> None:
        super().warn(without_credentials(warning), **kwargs)

    def hide(self, options: t.Mapping[str, t.Any]) -> None:
        """Mask the secrets among these options wherever they appear."""
        self.no_log_values.update(cloud_secrets(options))

    def _mask(self) -> None:
        cloud = self.params.get("cloud")
        self.hide({"auth": self.params.get("auth"), "cloud": cloud})
        if str(cloud).lstrip().startswith("{"):
            self.no_log_values.update(leaves(cloud))
        self.no_log_values.update(secrets(self.params))
        if self._kind:
            self.no_log_values.update(self._kind.secrets(self.params))

    def _shown_params(self) -> dict[str, t.Any]:
        """Return the options as they may be shown."""
        concealed = self._kind.concealed(self.params) if self._kind else ()
        shown: dict[str, t.Any] = remove_values(self.params, self.no_log_values)
        return {
            name: "NOT_LOGGING_PARAMETER" if name in concealed and value else value
            for name, value in shown.items()
        }


def run(resource_class: type[CloudResource]) -> None:
    """Run the module of a resource: options, cloud, engine, result."""
    module = _Module(
        resource_class,
        argument_spec={**ARGUMENT_SPEC, **resource_class.argument_spec(), **_OPTIONS},
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
        with interruptible():
            cloud = Cloud(params, clock, module.warn)
            module.hide(cloud.auth)
            resource = resource_class(cloud, params, module.check_mode)
            resource.hide = module.no_log_values.update
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
        _exit(module, resource, outcome)


def run_info(
    resource_class: type[CloudResource],
    key: str,
    options: dict[str, dict[str, t.Any]] | None = None,
) -> None:
    """Run the `_info` module of a resource.

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

    run_action(query, options)


def run_action(
    action: t.Callable[[Cloud, dict[str, t.Any], bool], dict[str, t.Any]],
    options: dict[str, dict[str, t.Any]],
) -> None:
    """Run a module that manages no resource: options, cloud, result.

    Args:
        action: Does it. Takes the cloud, the options and whether nothing may be
            changed; returns the module's result.
        options: Its options beside those that say which cloud, as an argument spec.
    """
    module = _Module(
        None, argument_spec={**ARGUMENT_SPEC, **options}, supports_check_mode=True
    )
    params = module.params
    try:
        with interruptible():
            cloud = Cloud(params, Clock(INFO_TIMEOUT), module.warn)
            module.hide(cloud.auth)
            result = action(cloud, params, module.check_mode)
    except CloudError as error:
        _fail(module, error)
    else:
        module.exit_json(**result)


def look_up(resource: CloudResource, required: bool) -> list[dict[str, t.Any]]:
    """Return the view of the resource that is named, or those of all.

    Raises:
        NotFound: The one that is named is not there, and is `required`.
    """
    if not resource.name:
        return [resource.details(raw) for raw in resource.all()]
    raw = resource.find_visible()
    if raw is None and required:
        error: type[NotFound] = resource.not_found
        raise error(f"name: there is no {resource}{_others(resource)}")
    return [resource.details(raw)] if raw else []


def _others(resource: CloudResource) -> str:
    """Return what a message adds that says there is no such resource."""
    try:
        return resource.hint() or did_you_mean(resource.name, resource.names())
    except CloudError:
        return ""  # the message itself is of more use than this failure


def _exit(
    module: AnsibleModule, resource: CloudResource, outcome: Outcome
) -> t.NoReturn:
    if outcome.before is None and resource.hint():
        module.warn(f"{resource} was not there{resource.hint()}")
    module.exit_json(
        changed=outcome.changed,
        action=outcome.action,
        diff={"before": outcome.diff_before, "after": outcome.diff_after},
        **{resource.kind: outcome.after},
        **resource.report,
    )
    raise AssertionError("unreachable")


def _fail(module: AnsibleModule, error: CloudError) -> t.NoReturn:
    module.fail_json(msg=error.message, error=error.as_dict(), changed=error.changed)
    raise AssertionError("unreachable")
