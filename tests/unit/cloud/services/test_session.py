# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib.metadata
import platform
import sys
import typing as t
from pathlib import Path

import openstack
import pytest
import requests
import yaml
from openstack.config import loader

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    AuthError,
    CloudError,
    InvalidInput,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.session import (
    magnum_ceiling,
)
from unit.cloud.fakes import (
    AUTH,
    CATALOG,
    KEYSTONE,
    PASSWORD,
    PROJECT,
    FakeTime,
    Reply,
    Site,
)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, t.Any]]:
    """The arguments of each call of openstack.connect."""
    calls: list[dict[str, t.Any]] = []
    real = openstack.connect

    def connect(**arguments: t.Any) -> t.Any:
        calls.append(dict(arguments))
        return real(**arguments)

    monkeypatch.setattr(openstack, "connect", connect)
    return calls


def clouds_yaml(**settings: t.Any) -> None:
    """A clouds.yaml in the current folder, with one cloud."""
    cloud = {"auth": AUTH, "region_name": "RegionOne", **settings}
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"bed": cloud}}))


# Options --------------------------------------------------------------------


def test_options_become_arguments_of_the_sdk(
    site: Site, connected: list[dict[str, t.Any]]
) -> None:
    site.cloud(
        auth_type="password",
        region_name="RegionOne",
        interface="internal",
        validate_certs=False,
        ca_cert="/ca.pem",
        client_cert="/cert.pem",
        client_key="/key.pem",
        api_timeout=7,
    )
    assert connected == [
        {
            "auth": AUTH,
            "auth_type": "password",
            "region_name": "RegionOne",
            "interface": "internal",
            "verify": False,
            "cacert": "/ca.pem",
            "cert": "/cert.pem",
            "key": "/key.pem",
            "api_timeout": 7,
        }
    ]


def test_what_was_not_given_is_left_to_the_sdk(
    site: Site, connected: list[dict[str, t.Any]]
) -> None:
    clouds_yaml()
    site.cloud(cloud="bed")
    assert connected == [{"cloud": "bed"}]
    assert site.everything == []


def test_a_cloud_of_clouds_yaml(site: Site) -> None:
    clouds_yaml()
    assert site.cloud(cloud="bed").project_id == PROJECT


def test_a_cloud_named_by_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds_yaml()
    monkeypatch.setenv("OS_CLOUD", "bed")
    assert site.cloud(cloud=None).project_id == PROJECT


def test_credentials_from_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in AUTH.items():
        monkeypatch.setenv(f"OS_{name.upper()}", value)
    assert site.cloud(cloud=None).project_id == PROJECT


def test_a_cloud_may_be_a_whole_configuration(
    site: Site, connected: list[dict[str, t.Any]]
) -> None:
    whole = {"auth": AUTH, "region_name": "RegionOne"}
    assert site.cloud(cloud=whole).project_id == PROJECT
    assert connected == [whole]


def test_a_whole_configuration_takes_no_options_beside_it(site: Site) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.cloud(cloud={"auth": AUTH}, region_name="RegionOne", validate_certs=False)
    assert caught.value.message == (
        "cloud: it is a whole configuration, so that these options can't be given "
        "beside it; set them in it: region_name, validate_certs"
    )


def test_a_cloud_s_name_may_look_like_a_number(site: Site) -> None:
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": {"1": {"auth": AUTH}}}))
    assert site.cloud(cloud=1).project_id == PROJECT


# A cloud that is not there --------------------------------------------------


def wrong_cloud(site: Site, name: str | None) -> str:
    """The message for the name of a cloud that is not configured."""
    with pytest.raises(InvalidInput) as caught:
        site.cloud(cloud=name, auth=None)
    return caught.value.message.replace(f"{Path.cwd()}/", "")


def test_a_wrong_cloud_names_those_that_there_are(site: Site) -> None:
    clouds = {"bed": {"auth": AUTH}, "production": {"auth": AUTH}}
    Path("clouds.yaml").write_text(yaml.safe_dump({"clouds": clouds}))
    assert wrong_cloud(site, "prodution") == (
        "cloud: there is no cloud 'prodution' (did you mean 'production'?). "
        "clouds.yaml defines 'bed', 'production'. Searched: clouds.yaml. Name a cloud "
        "that is defined, or add this one"
    )


def test_a_wrong_cloud_of_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds_yaml()
    monkeypatch.setenv("OS_CLOUD", "nowhere")
    assert wrong_cloud(site, None).startswith("OS_CLOUD: there is no cloud 'nowhere'.")


def test_no_file_defines_clouds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = ("here", "/etc/openstack")
    suffixes = (".yaml", ".yml", ".json")
    files = [f"{folder}/clouds{suffix}" for folder in folders for suffix in suffixes]
    monkeypatch.setattr(loader, "CONFIG_FILES", files)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "mine.yaml")
    assert wrong_cloud(site, "bed") == (
        "cloud: there is no cloud 'bed'. There is no file that defines clouds. "
        "Searched: mine.yaml, here/clouds.yaml|.yml|.json, "
        "/etc/openstack/clouds.yaml|.yml|.json. Name a cloud that is defined, or add "
        "this one"
    )


def test_a_file_of_clouds_that_is_not_yaml(site: Site) -> None:
    Path("clouds.yaml").write_text("clouds: [")
    assert "clouds.yaml can't be read, or is not YAML. " in wrong_cloud(site, "bed")


# Credentials ----------------------------------------------------------------


def test_no_credentials_at_all(site: Site) -> None:
    with pytest.raises(AuthError) as caught:
        site.cloud(cloud=None)
    assert caught.value.message == (
        "auth: credentials are missing or not complete: Auth plugin requires "
        "parameters which were not given: auth_url. Name a cloud of clouds.yaml in "
        "cloud, or set auth or the environment variables OS_*"
    )
    assert site.everything == []


def test_credentials_that_are_not_whole(site: Site) -> None:
    auth = {key: value for key, value in AUTH.items() if key != "password"}
    with pytest.raises(AuthError, match="password"):
        site.cloud(auth=auth).project_id  # noqa: B018


def test_an_auth_type_that_is_not_there(site: Site) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.cloud(auth_type="pasword")
    assert caught.value.message == (
        "auth_type: The plugin pasword could not be found. Leave it out for passwords"
    )


def test_a_wrong_password(site: Site, time: FakeTime) -> None:
    headers = {"x-openstack-request-id": "req-k"}
    said = Reply(401, keystone_error(401, "It requires authentication."), headers)
    site.on("POST /v3/auth/tokens", said)
    with pytest.raises(AuthError) as caught:
        site.cloud().nova.flavors()
    assert (caught.value.status, caught.value.request_id) == (401, "req-k")
    assert caught.value.message == (
        f"Keystone at {KEYSTONE} did not accept the credentials: Unauthorized (HTTP "
        "401) (Request-ID: req-k). Check the user, the password or secret, the project "
        "and their domains in auth, clouds.yaml or the environment variables OS_*"
    )
    assert PASSWORD not in str(caught.value.as_dict())
    assert time.sleeps == []


def keystone_error(status: int, message: str) -> dict[str, t.Any]:
    return {"error": {"code": status, "message": message, "title": "Odd"}}


DOMAIN = "Expecting to find domain in user. The server could not comply."
JSON = {"Content-Type": "application/json"}

OF_KEYSTONE = {
    "no domain": (
        Reply(400, keystone_error(400, DOMAIN), JSON),
        AuthError,
        "Set user_domain_name and project_domain_name in auth",
    ),
    "not allowed": (
        Reply(403, keystone_error(403, "No."), JSON),
        AuthError,
        "Check the user, ",
    ),
    "another service": (
        Reply(404, keystone_error(404, "No."), JSON),
        ApiError,
        "no address of an identity service: check auth_url",
    ),
    "broken": (Reply(500, keystone_error(500, "Oops."), JSON), ApiError, "Oops."),
    "no token": (Reply(200, {"versions": []}), ApiError, "did not answer: Invalid"),
    "refused": (
        requests.exceptions.ConnectionError("refused"),
        ApiError,
        "refused. Check auth_url",
    ),
    "certificate": (
        requests.exceptions.SSLError("unknown CA"),
        ApiError,
        "unknown CA. Check ca_cert and validate_certs",
    ),
}


@pytest.mark.parametrize("service", ["magnum", "nova", "heat"])
@pytest.mark.parametrize(
    ("answer", "kind", "text"), OF_KEYSTONE.values(), ids=OF_KEYSTONE
)
def test_what_keystone_refuses_is_told_of_keystone(
    site: Site,
    service: str,
    answer: Reply | Exception,
    kind: type[CloudError],
    text: str,
) -> None:
    site.on("POST /v3/auth/tokens", answer)
    with pytest.raises(kind) as caught:
        getattr(site.cloud(), service).get("/things")
    assert caught.value.message.startswith(f"Keystone at {KEYSTONE}")
    assert text in caught.value.message


def test_an_auth_url_of_another_service(site: Site) -> None:
    for address in ("http://keystone.test", "http://keystone.test/"):
        site.mocker.get(address, status_code=404, text="nothing here")
    auth = {**AUTH, "auth_url": "http://keystone.test"}
    with pytest.raises(ApiError) as caught:
        site.cloud(auth=auth).magnum.get("/things")
    assert caught.value.message.startswith("Keystone at http://keystone.test did not")
    assert caught.value.message.endswith("Check auth_url")


@pytest.mark.parametrize("region", [None, "RegionOne"])
@pytest.mark.parametrize(
    "what",
    [
        lambda cloud: cloud.project_id,
        lambda cloud: cloud.nova.flavors(),
        lambda cloud: cloud.keystone.sign_in(),
    ],
    ids=["project", "nova", "keystone"],
)
def test_credentials_for_no_project(
    site: Site, what: t.Callable[[t.Any], object], region: str | None
) -> None:
    """Without a project there is no catalog, and so no endpoint of any service."""
    site.keystone({}, project=None)
    with pytest.raises(AuthError) as caught:
        what(site.cloud(region_name=region))
    assert caught.value.message == (
        "The credentials are not scoped to a project. Set project_name or project_id "
        "in auth, clouds.yaml or the environment variables OS_*"
    )


def test_the_token_is_asked_for_once(site: Site) -> None:
    site.on("GET /v1/clusters", {"clusters": []})
    site.on("GET /v2.1/flavors/detail", {"flavors": []})
    cloud = site.cloud()
    assert cloud.project_id == PROJECT
    cloud.magnum.get("/clusters")
    cloud.nova.flavors()
    assert site.everything.count(f"POST {KEYSTONE}/auth/tokens") == 1


# Endpoints ------------------------------------------------------------------


def missing(site: Site, service: str, **options: t.Any) -> CloudError:
    cloud = site.cloud(**options)
    with pytest.raises(ApiError) as caught:
        getattr(cloud, service).get("/things")
    return caught.value


@pytest.mark.parametrize(
    ("service", "name"), [("magnum", "Magnum"), ("nova", "Nova"), ("glance", "Glance")]
)
def test_a_service_that_is_not_there(
    site: Site, time: FakeTime, service: str, name: str
) -> None:
    site.keystone({"identity": KEYSTONE})
    error = missing(site, service)
    assert f"The cloud has no usable endpoint for {name}" in error.message
    assert "Check region_name and interface." in error.message
    assert time.sleeps == []


def test_a_region_that_is_not_there(site: Site) -> None:
    error = missing(site, "magnum", region_name="RegionTwo")
    assert error.type == "ApiError"
    assert error.message == (
        "region_name: there is no region 'RegionTwo' in this cloud (did you mean "
        "'RegionOne'?); there are RegionOne"
    )
    assert missing(site, "nova", region_name="Mars").message == (
        "region_name: there is no region 'Mars' in this cloud; there are RegionOne"
    )


def test_an_interface_that_is_not_there(site: Site) -> None:
    error = missing(site, "magnum", interface="admin")
    assert "no usable endpoint for Magnum" in error.message


def test_the_interface_of_magnum_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch, connected: list[dict[str, t.Any]]
) -> None:
    monkeypatch.setenv("MAGNUM_ENDPOINT_TYPE", "internalURL")
    site.cloud()
    assert connected[0]["container_infra_interface"] == "internal"
    monkeypatch.setenv("MAGNUM_ENDPOINT_TYPE", "admin")
    assert "no usable endpoint for Magnum" in missing(site, "magnum").message
    site.on("GET /v2.1/flavors/detail", {"flavors": []})
    assert site.cloud().nova.flavors() == []


def test_the_option_goes_before_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch, connected: list[dict[str, t.Any]]
) -> None:
    monkeypatch.setenv("MAGNUM_ENDPOINT_TYPE", "admin")
    site.on("GET /v1/clusters", {"clusters": []})
    assert site.cloud(interface="public").magnum.clusters is not None
    assert connected == [{"auth": AUTH, "interface": "public"}]


def test_an_endpoint_that_can_not_say_its_versions(site: Site, time: FakeTime) -> None:
    """A URL without a version, and a service that is just starting."""
    site.keystone({**CATALOG, "container-infra": "http://magnum.test"})
    site.mocker.get("http://magnum.test/", status_code=503, text="starting")
    site.mocker.get("http://magnum.test", status_code=503, text="starting")
    with pytest.raises(ApiError, match="no usable endpoint for Magnum"):
        site.cloud().magnum.get("/clusters")
    assert len(time.sleeps) == 6


# Time -----------------------------------------------------------------------


@pytest.mark.parametrize(("given", "limit"), [({}, 60), ({"api_timeout": 7}, 7)])
def test_every_request_has_a_limit(
    site: Site, given: dict[str, t.Any], limit: int
) -> None:
    site.on("GET /v2.1/flavors/detail", {"flavors": []})
    site.cloud(**given).nova.flavors()
    requests = site.mocker.request_history
    assert len(requests) >= 3
    assert {request.timeout for request in requests} == {limit}


def test_the_limit_of_clouds_yaml_stands(site: Site) -> None:
    clouds_yaml(api_timeout=9)
    site.on("GET /v2.1/flavors/detail", {"flavors": []})
    site.cloud(cloud="bed").nova.flavors()
    assert site.last().timeout == 9


# Versions -------------------------------------------------------------------


def header(site: Site, **options: t.Any) -> str:
    """The microversion that Magnum is asked for."""
    site.on("GET /v1/clusters", {"clusters": []})
    site.cloud(**options).magnum.get("/clusters")
    return str(site.last().headers["OpenStack-API-Version"])


def test_magnum_api_version_is_a_ceiling(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGNUM_API_VERSION", "1.9")
    assert header(site) == "container-infra 1.9"


def test_container_infra_api_version_is_a_ceiling(site: Site) -> None:
    clouds_yaml(container_infra_api_version="1.10")
    assert header(site, cloud="bed") == "container-infra 1.10"


def test_the_environment_goes_before_clouds_yaml(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAGNUM_API_VERSION", "1.9")
    clouds_yaml(container_infra_api_version="1.10")
    assert header(site, cloud="bed") == "container-infra 1.9"


@pytest.mark.parametrize("major", ["1", "latest", 1])
def test_a_major_version_is_no_ceiling(site: Site, major: t.Any) -> None:
    clouds_yaml(container_infra_api_version=major)
    assert header(site, cloud="bed") == "container-infra 1.12"


@pytest.mark.parametrize("text", ["newest", "1.12.3", "v1.12", "1.", "1.x"])
def test_a_ceiling_that_is_no_version_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    clouds_yaml(container_infra_api_version=text)
    with pytest.raises(InvalidInput) as caught:
        site.cloud(cloud="bed")
    assert caught.value.message == (
        f"container_infra_api_version: {text!r} is not a version like 1.12"
    )
    monkeypatch.setenv("MAGNUM_API_VERSION", text)
    with pytest.raises(InvalidInput, match=r"^MAGNUM_API_VERSION: "):
        site.cloud()


def test_a_ceiling_that_lost_its_zero_is_not_guessed(site: Site) -> None:
    clouds_yaml(container_infra_api_version=1.10)
    with pytest.raises(InvalidInput, match=r"quote it if 1\.10 is meant"):
        site.cloud(cloud="bed")


def test_a_dictionary_as_text_is_refused_and_not_shown(site: Site) -> None:
    with pytest.raises(InvalidInput) as caught:
        site.cloud(cloud='{"auth": {"password": "hidden"}}')
    assert "looks like a dictionary" in caught.value.message
    assert "hidden" not in caught.value.message


def test_ceilings_are_numbers() -> None:
    assert magnum_ceiling({}) is None
    assert magnum_ceiling({"container_infra_api_version": "1.10"}) == (1, 10)
    assert magnum_ceiling({"container_infra_api_version": 1.9}) == (1, 9)


def test_heat_api_version_reaches_the_sdk(
    site: Site, monkeypatch: pytest.MonkeyPatch, connected: list[dict[str, t.Any]]
) -> None:
    monkeypatch.setenv("HEAT_API_VERSION", "1")
    site.cloud()
    assert connected == [{"auth": AUTH, "orchestration_api_version": "1"}]


# The SDK itself -------------------------------------------------------------


@pytest.mark.parametrize("version", ["4.11.1", "3.99", "0.103.0"])
def test_an_sdk_that_is_too_old(
    site: Site, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    with pytest.raises(InvalidInput) as caught:
        site.cloud()
    assert caught.value.message.startswith(
        f"openstacksdk >= 4.12 is required, and {version} is installed for "
        f"{sys.executable} (Python {platform.python_version()}) on "
    )


@pytest.mark.parametrize("version", ["4.12", "4.13.0.dev7", "5.0rc1", "10.0.0"])
def test_an_sdk_that_is_new_enough(
    site: Site, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    assert site.cloud().project_id == PROJECT


def test_no_sdk_at_all(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openstack", None)
    with pytest.raises(InvalidInput) as caught:
        site.cloud()
    assert "(openstacksdk >= 4.12)" in caught.value.message
    assert f"Python {sys.executable}." in caught.value.message
    assert f"(Python {platform.python_version()}: " in caught.value.message
    assert "ansible_python_interpreter" in caught.value.message


@pytest.mark.parametrize(
    ("region", "offered"), [("RegionOne", True), ("Elsewhere", False), (None, True)]
)
def test_what_the_catalogue_offers(
    site: Site, region: str | None, offered: bool
) -> None:
    """In a region without an endpoint of Keystone too."""
    site.keystone({**CATALOG, "load-balancer": "http://octavia.test"})
    cloud = site.cloud(region_name=region)
    assert cloud.offers("load-balancer") is offered
    assert not cloud.offers("metering")
