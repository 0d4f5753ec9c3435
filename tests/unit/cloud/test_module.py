# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules themselves, from their arguments to what they print."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.gpufleet.openstack.plugins.modules import (
    cluster_template,
    cluster_template_info,
    gpu_cluster,
    gpu_cluster_info,
    hardware,
    hardware_info,
)
from unit.cloud.fakes import (
    AUTH,
    PASSWORD,
    PROJECT,
    TEMPLATES,
    TOKEN,
    Raw,
    Reply,
    Site,
    templates,
)
from unit.module_args import patch_module_args

FLAVORS = "GET /v2.1/flavors/detail?is_public=None"
FLAVOR: Raw = {
    "id": "7",
    "name": "gpu.small",
    "vcpus": 4,
    "ram": 1024,
    "disk": 10,
    "swap": "",
    "OS-FLV-EXT-DATA:ephemeral": 0,
    "os-flavor-access:is_public": True,
    "description": None,
    "extra_specs": {},
}
SIZE: Raw = {"vcpus": 4, "ram_mib": 1024, "disk_gib": 10}
ID = "7c1c1a0e-1d5b-4e51-9f5a-6d2f5a1f0001"
CLUSTER: Raw = {
    "uuid": ID,
    "name": "train",
    "status": "CREATE_COMPLETE",
    "cluster_template_id": "t",
    "node_count": 2,
    "project_id": PROJECT,
    "labels": {},
}
TEMPLATE: Raw = {
    "uuid": "t",
    "name": "gpu-a100",
    "project_id": PROJECT,
    "public": False,
    "labels": {},
}

Module = t.Any


class Result(t.NamedTuple):
    """What a module printed."""

    failed: bool
    data: Raw
    text: str


class Run(t.Protocol):
    """Runs a module."""

    def __call__(
        self, module: Module, *, check_mode: bool = False, **options: t.Any
    ) -> Result: ...


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What modules write to the system's log."""
    lines: list[str] = []

    def log(_self: AnsibleModule, msg: str, log_args: t.Any = None) -> None:
        lines.append(f"{msg} {log_args}")

    monkeypatch.setattr(AnsibleModule, "log", log)
    return lines


@pytest.fixture
def run(logged: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    def execute(
        module: Module, *, check_mode: bool = False, **options: t.Any
    ) -> Result:
        auth = {} if "cloud" in options else {"auth": AUTH}
        arguments = {"_ansible_check_mode": check_mode, **auth, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit) as ended:
            module.main()
        text = capsys.readouterr().out
        data = json.loads(text)
        failed = bool(data.get("failed"))
        assert failed == bool(ended.value.code)
        return Result(failed, data, text)

    return execute


# What comes out -----------------------------------------------------------------


def test_a_create(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on("POST /v2.1/flavors", {"flavor": FLAVOR})
    site.on("GET /v2.1/flavors/7", {"flavor": FLAVOR})
    result = run(hardware, name="gpu.small", **SIZE)
    assert {key: result.data[key] for key in ("changed", "action", "diff")} == {
        "changed": True,
        "action": "create",
        "diff": {
            "before": {},
            "after": {
                "id": "7",
                "vcpus": 4,
                "ram_mib": 1024,
                "disk_gib": 10,
                "ephemeral_gib": 0,
                "swap_mib": 0,
                "public": True,
                "projects": None,
                "description": None,
                "accelerators": [],
                "power_watts": None,
                "hourly_cost": None,
                "extra_specs": {},
            },
        },
    }
    assert result.data["hardware"]["name"] == "gpu.small"


def test_no_change(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": [FLAVOR]})
    data = run(hardware, name="gpu.small", **SIZE).data
    assert (data["changed"], data["action"]) == (False, "none")
    assert data["diff"]["before"] == data["diff"]["after"]
    assert data["hardware"]["id"] == "7"


def test_what_is_absent_is_null(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": []})
    data = run(hardware, name="gpu.small", state="absent").data
    assert (data["changed"], data["action"], data["hardware"]) == (False, "none", None)


def test_check_mode_writes_nothing(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": []})
    data = run(hardware, name="gpu.small", **SIZE, check_mode=True).data
    assert (data["changed"], data["action"]) == (True, "create")
    assert data["hardware"]["id"] == "known after apply"
    assert [line.split()[0] for line in site.everything].count("POST") == 1


def test_without_wait(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": [FLAVOR]})
    site.on("DELETE /v2.1/flavors/7", Reply(202))
    data = run(hardware, name="7", state="absent", wait=False).data
    assert data["action"] == "delete"
    assert site.history == [FLAVORS, "DELETE /v2.1/flavors/7"]


def test_the_other_modules_return_their_kind(site: Site, run: Run) -> None:
    site.on(TEMPLATES, templates(TEMPLATE))
    site.on("GET /v1/clusters/train", CLUSTER)
    site.on(f"GET /v1/clusters/{ID}/nodegroups", {"nodegroups": []})
    found = run(cluster_template, name="gpu-a100").data
    assert found["cluster_template"]["id"] == "t"
    found = run(gpu_cluster, name="train").data
    assert found["gpu_cluster"]["template"] == "gpu-a100"


# Failures -----------------------------------------------------------------------


def test_a_failure_has_a_type(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": []})
    headers = {"x-openstack-request-id": "req-1"}
    said = {"forbidden": {"code": 403, "message": "Quota exceeded for flavors"}}
    site.on("POST /v2.1/flavors", Reply(403, said, headers))
    result = run(hardware, name="gpu.small", **SIZE)
    message = "Nova answered 403 to POST /flavors: Quota exceeded for flavors"
    assert result.failed
    assert result.data["msg"] == message
    assert result.data["error"] == {
        "type": "ResourceError",
        "message": message,
        "status": 403,
        "request_id": "req-1",
        "details": {},
    }


def test_a_failure_says_whether_something_was_written(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": [FLAVOR]})
    frozen = run(hardware, name="gpu.small", **{**SIZE, "vcpus": 8})
    assert (frozen.data["error"]["type"], frozen.data["changed"]) == ("Conflict", False)
    site.on("PUT /v2.1/flavors/7", Reply(500, {}))
    broken = run(hardware, name="gpu.small", description="new")
    assert (broken.data["error"]["type"], broken.data["changed"]) == ("ApiError", True)


def test_bad_input_is_found_before_anything_is_sent(site: Site, run: Run) -> None:
    result = run(hardware, name="gpu.small", **{**SIZE, "vcpus": 0})
    assert result.data["error"]["type"] == "InvalidInput"
    assert site.everything == []


def test_what_only_matters_to_presence_does_not_stop_a_deletion(
    site: Site, run: Run
) -> None:
    site.on(FLAVORS, {"flavors": []})
    result = run(hardware, name="gpu.small", vcpus=0, state="absent")
    assert not result.failed


@pytest.mark.parametrize("module", [hardware, cluster_template, gpu_cluster])
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("name", ["", " "])
def test_a_name_is_not_empty(
    site: Site, run: Run, module: Module, state: str, name: str
) -> None:
    """A variable that is empty must not mean everything."""
    result = run(module, name=name, state=state)
    assert result.data["error"]["type"] == "InvalidInput"
    assert result.data["msg"] == "name: must not be empty"
    assert site.everything == []


def test_a_cloud_that_is_not_configured(run: Run, site: Site) -> None:
    result = run(hardware_info, cloud="nowhere")
    assert result.data["error"]["type"] == "InvalidInput"


def test_a_warning_reaches_the_user(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGNUM_API_VERSION", "1.13")
    site.on(TEMPLATES, templates())
    data = run(cluster_template_info).data
    assert "1.13 was asked for" in str(data["warnings"])


# Queries ------------------------------------------------------------------------


def test_all_of_a_kind(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": [FLAVOR, {**FLAVOR, "id": "8", "name": "b"}]})
    data = run(hardware_info).data
    assert data["changed"] is False
    assert [one["id"] for one in data["hardware"]] == ["7", "8"]


def test_one_by_name(site: Site, run: Run) -> None:
    site.on(FLAVORS, {"flavors": [FLAVOR, {**FLAVOR, "id": "8", "name": "b"}]})
    assert [one["id"] for one in run(hardware_info, name="b").data["hardware"]] == ["8"]


@pytest.mark.parametrize(
    ("module", "key", "request_", "answer", "error"),
    [
        (hardware_info, "hardware", FLAVORS, {"flavors": []}, "HardwareNotFound"),
        (
            cluster_template_info,
            "cluster_templates",
            TEMPLATES,
            templates(),
            "TemplateNotFound",
        ),
        (
            gpu_cluster_info,
            "gpu_clusters",
            "GET /v1/clusters/x",
            Reply(404),
            "ClusterNotFound",
        ),
    ],
)
def test_one_that_is_missing_is_an_error_only_if_required(
    site: Site,
    run: Run,
    module: Module,
    key: str,
    request_: str,
    answer: t.Any,
    error: str,
) -> None:
    site.on("GET /v1/clusters/detail", {"clusters": []})
    site.on(request_, answer)
    assert run(module, name="x").data[key] == []
    result = run(module, name="x", required=True)
    assert result.data["error"]["type"] == error
    assert "there is no" in result.data["msg"]


def test_a_query_of_clusters_fills_in_every_node_group(site: Site, run: Run) -> None:
    group = {"uuid": "w", "name": "default-worker", "role": "worker"}
    whole = {**group, "is_default": True, "node_count": 2, "node_addresses": ["a", "b"]}
    site.on("GET /v1/clusters/detail", {"clusters": [CLUSTER]})
    site.on(TEMPLATES, templates(TEMPLATE))
    site.on(f"GET /v1/clusters/{ID}/nodegroups", {"nodegroups": [group]})
    site.on(f"GET /v1/clusters/{ID}/nodegroups/w", whole)
    (found,) = run(gpu_cluster_info).data["gpu_clusters"]
    assert found["template"] == "gpu-a100"
    assert found["node_groups"][0]["node_addresses"] == ["a", "b"]


@pytest.mark.parametrize(
    "module", [hardware_info, cluster_template_info, gpu_cluster_info]
)
def test_queries_read_only_in_check_mode_too(
    site: Site, run: Run, module: Module
) -> None:
    site.on(FLAVORS, {"flavors": []})
    site.on("GET /v1/clusters/detail", {"clusters": []})
    site.on(TEMPLATES, templates())
    assert not run(module, check_mode=True).failed
    assert site.writes == []


# Secrets ------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [{"flavors": []}, Reply(500, {"message": PASSWORD})])
@pytest.mark.parametrize(
    "options",
    [
        {"auth": AUTH},
        {"cloud": {"auth": AUTH}},
        {"cloud": {"auth": AUTH, "key": PASSWORD}},
    ],
    ids=["auth", "cloud", "key"],
)
def test_no_secret_is_printed_or_logged(
    site: Site, run: Run, logged: list[str], answer: t.Any, options: Raw
) -> None:
    site.on(FLAVORS, answer)
    result = run(hardware_info, **options)
    assert logged
    for text in (result.text, *logged):
        assert PASSWORD not in text
        assert TOKEN not in text


@pytest.mark.parametrize("auth", [AUTH, f"password={PASSWORD} x", PASSWORD])
def test_no_secret_is_printed_where_options_are_wrong(run: Run, auth: t.Any) -> None:
    for options in (
        {"auth": auth},
        {"cloud": {"auth": auth}},
        {"client_key": PASSWORD},
    ):
        result = run(hardware_info, **options, naem="gpu.small")
        assert result.failed
        assert PASSWORD not in result.text


def test_what_is_no_secret_is_not_masked(site: Site, run: Run) -> None:
    """A domain called "default" must not take the default workers' name away."""
    assert "default" in AUTH.values()
    site.on(FLAVORS, {"flavors": [{**FLAVOR, "name": "default.gpu.ops"}]})
    result = run(hardware_info, auth=AUTH)
    assert result.data["hardware"][0]["name"] == "default.gpu.ops"


def test_a_cloud_s_name_is_no_secret(site: Site, run: Run) -> None:
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"bed": {"auth": AUTH}}}))
    site.on(FLAVORS, {"flavors": [{**FLAVOR, "name": "bed.gpu"}]})
    result = run(hardware_info, cloud="bed")
    assert result.data["hardware"][0]["name"] == "bed.gpu"
    assert PASSWORD not in result.text


def test_a_password_of_clouds_yaml_that_a_service_repeats_is_masked(
    site: Site, run: Run
) -> None:
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"bed": {"auth": AUTH}}}))
    site.on(FLAVORS, {"flavors": [{**FLAVOR, "description": f"it is {PASSWORD}"}]})
    result = run(hardware_info, cloud="bed")
    assert result.data["hardware"][0]["description"] == "it is ********"


def test_a_cloud_given_as_text_is_not_printed(run: Run) -> None:
    result = run(hardware_info, cloud=f'{{"auth": {{"password": "{PASSWORD}"}}}}')
    assert result.data["error"]["type"] == "InvalidInput"
    assert PASSWORD not in result.text


def test_a_wrong_password_is_not_repeated_in_the_error(site: Site, run: Run) -> None:
    site.on("POST /v3/auth/tokens", Reply(401, {"error": {"message": "wrong"}}))
    result = run(hardware_info)
    assert result.data["error"]["type"] == "AuthError"
    assert PASSWORD not in result.text
