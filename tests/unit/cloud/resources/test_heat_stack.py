# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacks of the user's own, request by request."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    Conflict,
    InvalidInput,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.heat_stack import (
    HeatStackResource,
)
from unit.cloud.fakes import Raw, Reply, Site

ID = "4b1c3a7e-7a86-4f0e-8f0a-0a4b2f6d9b7c"
BY_NAME = "GET /v1.0/stacks/net"
PATH = f"/v1.0/stacks/net/{ID}"
TEMPLATE: Raw = {
    "heat_template_version": "2018-08-31",
    "parameters": {
        "size": {"type": "number"},
        "key": {"type": "string", "hidden": True},
    },
}
MISSING = Reply(404, {"error": {"message": "not found"}})
NOTHING: Raw = {"added": [], "updated": [], "replaced": [], "deleted": []}


def stack(status: str = "CREATE_COMPLETE", **more: t.Any) -> Raw:
    return {
        "stack": {
            "id": ID,
            "stack_name": "net",
            "stack_status": status,
            "stack_status_reason": "reason",
            "parameters": {"OS::stack_id": ID, "size": "2", "key": "******"},
            "tags": ["b", "a"],
            "outputs": [{"output_key": "net", "output_value": "n1"}],
            "updated_time": None,
            **more,
        }
    }


def there(site: Site, *answers: t.Any) -> None:
    site.on(BY_NAME, *(answers or (stack(),)))
    site.on(f"GET {PATH}", *(answers or (stack(),)))
    site.on(f"GET {PATH}/template", TEMPLATE)


def test_a_new_stack(site: Site) -> None:
    site.on(BY_NAME, MISSING)
    site.on("POST /v1.0/stacks", Reply(201, {"stack": {"id": ID, "links": []}}))
    site.on(f"GET {PATH}", stack("CREATE_IN_PROGRESS"), stack())
    site.on(f"GET {PATH}/template", TEMPLATE)
    outcome = site.run(
        HeatStackResource,
        name="net",
        # What YAML makes of the version.
        template={**TEMPLATE, "heat_template_version": datetime.date(2018, 8, 31)},
        parameters={"size": 2, "key": "secret"},
        tags=["b", "a"],
    )
    assert outcome.action == "create"
    assert site.sent("POST /v1.0/stacks") == [
        {
            "stack_name": "net",
            "disable_rollback": True,
            "template": TEMPLATE,
            "parameters": {"size": 2, "key": "secret"},
            "tags": "a,b",
        }
    ]
    assert outcome.after is not None
    assert outcome.after["outputs"] == {"net": "n1"}
    assert outcome.after["parameters"] == {"size": "2", "key": "******"}


def test_the_same_again(site: Site) -> None:
    there(site)
    outcome = site.run(
        HeatStackResource,
        name="net",
        template=TEMPLATE,
        parameters={"size": 2, "key": "secret"},
        tags=["a", "b"],
    )
    assert outcome.action == "none"
    assert site.history == [BY_NAME, f"GET {PATH}/template"]


@pytest.mark.parametrize(
    ("asked", "kept", "same"),
    [
        (True, "True", True),
        (True, "false", False),
        (["a", "b"], "a,b", True),
        (["a", "b"], '["a", "b"]', True),
        (["a"], "a,b", False),
        ({"a": 1}, '{"a": 1}', True),
        ({"a": 1}, '{"a": 2}', False),
        ({"a": 1}, "no json", False),
        (4, "4", True),
        ("4", "5", False),
    ],
)
def test_parameters_are_text_to_heat(
    site: Site, asked: t.Any, kept: str, same: bool
) -> None:
    there(site, stack(parameters={"p": kept}))
    site.on(f"PATCH {PATH}/preview", {"resource_changes": NOTHING})
    outcome = site.run(
        HeatStackResource, name="net", parameters={"p": asked}, check_mode=True
    )
    assert outcome.action == ("none" if same else "update")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"size": 3, "key": "new"}, {"size": 3, "key": "new"}),
        ({"size": 3}, {"size": 3}),
    ],
)
def test_a_hidden_value_goes_along_with_another_change(
    site: Site, given: Raw, sent: Raw
) -> None:
    there(site)
    site.on(f"PATCH {PATH}", Reply(202))
    site.run(HeatStackResource, name="net", parameters=given, wait=False)
    assert site.sent(f"PATCH {PATH}")[0]["parameters"] == sent


def test_check_mode_asks_heat_what_an_update_would_touch(site: Site) -> None:
    there(site)
    changes = {**NOTHING, "updated": [{"resource_name": "net"}]}
    site.on(f"PATCH {PATH}/preview", {"resource_changes": changes})
    outcome = site.run(
        HeatStackResource, name="net", parameters={"size": 3}, check_mode=True
    )
    assert outcome.after is not None
    assert outcome.after["resource_changes"] == {**NOTHING, "updated": ["net"]}
    # What Heat hides is not sent back as stars.
    assert site.sent(f"PATCH {PATH}/preview") == [
        {"disable_rollback": True, "parameters": {"size": 3}}
    ]
    assert site.writes == [f"PATCH {PATH}/preview"]


def test_an_update_is_waited_for(site: Site) -> None:
    site.on(BY_NAME, stack())
    changed = stack("UPDATE_COMPLETE", updated_time="2026-11-23T10:00:00Z", tags=["c"])
    site.on(f"GET {PATH}", stack(), stack("UPDATE_IN_PROGRESS"), changed)
    site.on(f"GET {PATH}/template", TEMPLATE)
    site.on(f"PATCH {PATH}", Reply(202))
    outcome = site.run(HeatStackResource, name="net", tags=["c"])
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["tags"] == ["c"]
    assert site.sent(f"PATCH {PATH}") == [{"disable_rollback": True, "tags": "c"}]


def test_a_failed_stack_tells_the_reason_of_its_resource(site: Site) -> None:
    there(site, stack("CREATE_FAILED"))
    failed = [
        {
            "resource_name": "group",
            "resource_status": "CREATE_FAILED",
            "resource_status_reason": "resources.group: it is down there",
        },
        {
            "resource_name": "port",
            "resource_status": "CREATE_FAILED",
            "resource_status_reason": "no more addresses",
            "parent_resource": "group",
        },
        {"resource_name": "net", "resource_status": "CREATE_COMPLETE"},
    ]
    site.on(f"GET {PATH}/resources?nested_depth=5", {"resources": failed})
    with pytest.raises(ResourceError) as caught:
        site.run(HeatStackResource, name="net", tags=["a"])
    assert caught.value.message == (
        "heat stack 'net' is CREATE_FAILED: port: no more addresses. Set "
        "recreate_failed: true to replace it"
    )
    assert caught.value.details["faults"] == {"port": "no more addresses"}


def test_a_deleted_stack_is_not_there(site: Site) -> None:
    site.on(BY_NAME, stack("DELETE_COMPLETE"))
    assert site.run(HeatStackResource, "absent", name="net").action == "none"


def test_a_deletion_is_waited_for(site: Site) -> None:
    site.on(BY_NAME, stack())
    site.on(f"GET {PATH}/template", TEMPLATE)
    site.on(f"DELETE {PATH}", Reply(204))
    gone = stack("DELETE_COMPLETE")
    site.on(f"GET {PATH}", stack("DELETE_IN_PROGRESS"), gone)
    assert site.run(HeatStackResource, "absent", name="net").action == "delete"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "1st", "template": TEMPLATE}, "must begin with a letter"),
        ({"name": "net"}, "the option template is needed"),
        ({"name": "net", "tags": ["a,b"]}, "tags: 'a,b' must hold"),
    ],
)
def test_bad_input(site: Site, options: Raw, message: str) -> None:
    site.on(f"GET /v1.0/stacks/{options['name']}", MISSING)
    with pytest.raises(InvalidInput, match=message):
        site.run(HeatStackResource, **options)
    assert site.writes == []


@pytest.mark.parametrize(
    ("declared", "value", "secrets"),
    [
        ({"parameters": {"key": {"hidden": True}}}, "x", ["x"]),
        ({"parameters": {"key": {"hidden": "yes"}}}, "x", ["x"]),
        ({"parameters": {"key": {"hidden": "no"}}}, "x", []),
        ({"parameters": {"key": {"hidden": False}}}, "x", []),
        ({"parameters": {"key": {}}}, "x", []),
        ({"Parameters": {"key": {"NoEcho": "true"}}}, "x", ["x"]),
        ({"parameters": {"key": {"hidden": True, "default": "y"}}}, None, ["y"]),
        (
            {"parameters": {"key": {"hidden": True}}},
            {"a": ["x", {"b": 7}], "c": True},
            ["x", "7"],
        ),
        ({"parameters": {"key": {"hidden": True}}}, ["x", "y"], ["x", "y"]),
        ({"parameters": {"key": {"hidden": True}}}, 'a"b', ['a"b', 'a\\"b']),
        ({"parameters": {"key": None}}, "x", []),
        ({"parameters": ["key"]}, "x", []),
        ("key", "x", []),
    ],
)
def test_hidden_values_are_secrets(
    declared: t.Any, value: t.Any, secrets: list[str]
) -> None:
    params: Raw = {"template": declared, "parameters": {"size": 2, "key": value}}
    assert list(HeatStackResource.secrets(params)) == secrets
    assert not HeatStackResource.concealed(params)


def test_what_could_not_be_read_as_parameters_is_secret() -> None:
    params: Raw = {"template": "x", "parameters": "y"}
    assert list(HeatStackResource.secrets(params)) == ["y"]


def test_parameters_are_concealed_where_no_template_says_which_are_hidden() -> None:
    params: Raw = {"template": None, "parameters": {"key": "x"}}
    assert HeatStackResource.concealed(params) == ("parameters",)


# Heat's other states ----------------------------------------------------------


@pytest.mark.parametrize("state", ["CHECK_FAILED", "SNAPSHOT_FAILED", "RESUME_FAILED"])
def test_a_stack_that_failed_otherwise_is_updated(site: Site, state: str) -> None:
    """A volume of it was deleted by hand, and a check has found that."""
    done = stack("UPDATE_COMPLETE", updated_time="later")
    there(site, stack(state), stack("UPDATE_IN_PROGRESS"), done)
    site.on(f"PATCH {PATH}", Reply(202))
    outcome = site.run(HeatStackResource, name="net", template=TEMPLATE, timeout=60)
    assert outcome.action == "update"
    assert outcome.after is not None
    assert outcome.after["status"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    "state", ["CHECK_COMPLETE", "SNAPSHOT_COMPLETE", "SUSPEND_COMPLETE"]
)
def test_nothing_to_change_in_other_states(site: Site, state: str) -> None:
    there(site, stack(state))
    assert site.run(HeatStackResource, name="net", parameters={"size": 2}).action == (
        "none"
    )


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_suspended_stack_is_not_changed(site: Site, check_mode: bool) -> None:
    there(site, stack("SUSPEND_COMPLETE"))
    with pytest.raises(Conflict) as caught:
        site.run(
            HeatStackResource, check_mode=check_mode, name="net", parameters={"size": 3}
        )
    assert caught.value.message == (
        "heat stack 'net' is SUSPEND_COMPLETE, and Heat does not update a stack that is "
        f"suspended. Resume it: openstack stack resume {ID}"
    )
    assert site.writes == []


def test_a_suspension_is_waited_for(site: Site) -> None:
    there(site, stack("SUSPEND_IN_PROGRESS"), stack("SUSPEND_COMPLETE"))
    assert site.run(HeatStackResource, name="net", timeout=60).action == "none"
