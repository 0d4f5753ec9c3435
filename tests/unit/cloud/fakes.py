# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud that answers what a test tells it to, and time that passes at once."""

from __future__ import annotations

import copy
import re
import typing as t
from http.client import responses
from urllib.parse import urlsplit

import requests_mock as rm
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.clock import (
    Clock,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.plan import (
    Outcome,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.reconcile import (
    reconcile,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.resources.resource import (
    CloudResource,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.session import (
    ARGUMENT_SPEC,
    Cloud,
)
from unit import returned

PROJECT = "0c7a6a7f9d8f4a2c8f6a5b1d2e3f4a5b"
USER = "5f1d6a2b3c4d4e5f8a9b0c1d2e3f4a5b"
PASSWORD = "correct-horse-battery"
TOKEN = "gAAAAAB-token-of-the-tests"

KEYSTONE = "http://keystone.test/v3"
AUTH = {
    "auth_url": KEYSTONE,
    "username": "ops",
    "password": PASSWORD,
    "project_name": "gpu",
    "user_domain_id": "default",
    "project_domain_id": "default",
}

# Where a request goes can be told by the beginning of its path.
HOSTS = {
    "/v3": "http://keystone.test",
    "/v1": "http://magnum.test",
    "/v1.0": "http://heat.test",
    "/v2.1": "http://nova.test",
    "/v2.0": "http://neutron.test",
    "/v2": "http://glance.test",
    "/v0.1": "http://placement.test",
}
CATALOG = {
    "identity": KEYSTONE,
    "container-infra": "http://magnum.test/v1",
    "compute": "http://nova.test/v2.1",
    "image": "http://glance.test",
    "network": "http://neutron.test",
    "orchestration": "http://heat.test/v1.0",
    "placement": "http://placement.test/v0.1",
}

Raw = dict[str, t.Any]


TEMPLATES = "GET /v1/clustertemplates/detail"


def templates(*found: Raw) -> Raw:
    """Magnum's list of templates."""
    return {"clustertemplates": list(found)}


class FakeTime:
    """A clock's monotonic and sleep: sleeping is what makes time pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def clock(self, timeout: float = 3600) -> Clock:
        return Clock(timeout, self.monotonic, self.sleep)


class Reply(t.NamedTuple):
    """An answer other than "200 and this JSON"."""

    status: int
    body: t.Any = None
    headers: t.Mapping[str, str] = {}


Answer = Reply | Raw | Exception


def token(endpoints: t.Mapping[str, str], project: str | None = PROJECT) -> Raw:
    """What Keystone says about a new token."""
    body: Raw = {
        "methods": ["password"],
        "user": {"id": USER, "name": "ops", "domain": {"id": "default", "name": "D"}},
        "expires_at": "2199-01-01T00:00:00.000000Z",
        "issued_at": "2026-01-01T00:00:00.000000Z",
        "audit_ids": ["a"],
        "catalog": [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {
                        "interface": interface,
                        "region": "RegionOne",
                        "region_id": "RegionOne",
                        "url": url,
                        "id": f"{kind}-{interface}",
                    }
                    for interface in ("public", "internal")
                ],
            }
            for kind, url in endpoints.items()
        ],
    }
    if not endpoints:
        del body["catalog"]
    if project:
        body["project"] = {
            "id": project,
            "name": "gpu",
            "domain": {"id": "default", "name": "D"},
        }
    return {"token": body}


def _version(ident: str, url: str, **more: str) -> Raw:
    links = [{"rel": "self", "href": url}]
    return {"id": ident, "status": "CURRENT", "links": links, **more}


class Site:
    """The services of a cloud, as one conversation.

    A request is written as it goes over the wire, `"GET /v1/clusters/gpu"`. `on`
    says what is answered to it; one that nothing is said about fails the test.
    """

    def __init__(self, mocker: rm.Mocker, time: FakeTime) -> None:
        self.mocker = mocker
        self.time = time
        self.warnings: list[str] = []
        mocker.register_uri(rm.ANY, rm.ANY, text=_unexpected)
        self.keystone()
        self.magnum_version("1.12")
        versions: dict[str, tuple[str, Raw]] = {
            "http://nova.test/v2.1": (
                "version",
                _version(
                    "v2.1", "http://nova.test/v2.1/", version="2.96", min_version="2.1"
                ),
            ),
            "http://placement.test": (
                "versions",
                _version("v1.0", "http://placement.test/v0.1/"),
            ),
            "http://heat.test": (
                "versions",
                _version("v1.0", "http://heat.test/v1.0/"),
            ),
            "http://glance.test": (
                "versions",
                _version("v2.9", "http://glance.test/v2/"),
            ),
            "http://neutron.test": (
                "versions",
                _version("v2.0", "http://neutron.test/v2.0/"),
            ),
        }
        for url, (key, version) in versions.items():
            document = {key: [version] if key == "versions" else version}
            for path in ("", "/"):
                mocker.get(f"{url}{path}", json=document)

    # What the services say ---------------------------------------------------

    def keystone(
        self,
        endpoints: t.Mapping[str, str] | None = None,
        project: str | None = PROJECT,
    ) -> None:
        """Keystone accepts the password and gives out this catalogue."""
        version = _version("v3.14", f"{KEYSTONE}/")
        for path in ("", "/"):
            self.mocker.get(f"{KEYSTONE}{path}", json={"version": version})
        self.mocker.post(
            f"{KEYSTONE}/auth/tokens",
            status_code=201,
            json=token(CATALOG if endpoints is None else endpoints, project),
            headers={"X-Subject-Token": TOKEN},
        )

    def magnum_version(self, maximum: str | None) -> None:
        """The newest microversion that Magnum offers."""
        headers = {"OpenStack-API-Minimum-Version": "container-infra 1.1"}
        if maximum:
            headers["OpenStack-API-Maximum-Version"] = f"container-infra {maximum}"
        document = _version(
            "v1", "http://magnum.test/v1/", max_version=maximum or "", min_version="1.1"
        )
        for path in ("", "/"):
            self.mocker.get(
                f"http://magnum.test/v1{path}", json=document, headers=headers
            )

    def on(self, request: str, *answers: Answer) -> None:
        """What is answered to a request: in turn, and the last one from then on."""
        method, path = request.split(" ", 1)
        self.mocker.register_uri(
            method, _url(path), [_response(answer) for answer in answers]
        )

    # What was sent -----------------------------------------------------------

    @property
    def everything(self) -> list[str]:
        """All requests, `"POST http://keystone.test/v3/auth/tokens"` and so on."""
        return [
            f"{request.method} {_original(request)}"
            for request in self.mocker.request_history
        ]

    @property
    def history(self) -> list[str]:
        """The requests after authentication and version discovery."""
        return [
            f"{request.method} {_path(request)}"
            for request in self.mocker.request_history
            if not _is_preparation(request)
        ]

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [line for line in self.history if not line.startswith("GET ")]

    def sent(self, request: str) -> list[t.Any]:
        """The bodies that were sent with a request."""
        return [
            made.json()
            for made in self.mocker.request_history
            if f"{made.method} {_path(made)}" == request
        ]

    def last(self) -> t.Any:
        """The last request of all."""
        return self.mocker.request_history[-1]

    def forget(self) -> None:
        """Begin the history anew."""
        self.mocker.reset_mock()

    # The code under test -----------------------------------------------------

    def run(
        self,
        resource: type[CloudResource],
        state: str = "present",
        *,
        check_mode: bool = False,
        wait: bool = True,
        timeout: float = 3600,
        **options: t.Any,
    ) -> Outcome:
        """What the module of a resource does with these options.

        Every run is a new one: it signs in again and remembers nothing. What it
        returns must be what the module documents, and views must be pure.
        """
        spec = {**resource.argument_spec(), "name": {"type": "str", "required": True}}
        validated = ArgumentSpecValidator(spec).validate(options)
        assert not validated.error_messages, validated.error_messages
        params = validated.validated_parameters
        if state == "present":
            resource.validate(params)
        cloud = self.cloud(timeout)
        made = resource(cloud, params, check_mode)
        self._watch(made)
        outcome = reconcile(
            made, state, clock=cloud.clock, check_mode=check_mode, wait=wait
        )
        for view in filter(None, (outcome.before, outcome.after)):
            returned.check(view, made.kind, made.kind)
        return outcome

    def _watch(self, made: CloudResource) -> None:
        """Fail where a view sends a request, or a view or load alters what it gets."""
        load, view = made.load, made.view

        def watched_load(raw: Raw) -> Raw:
            before = copy.deepcopy(raw)
            loaded = load(raw)
            assert raw == before
            return loaded

        def watched_view(raw: Raw) -> Raw:
            before, requests = copy.deepcopy(raw), len(self.mocker.request_history)
            shown = view(raw)
            assert (raw, len(self.mocker.request_history)) == (before, requests)
            return shown

        made.load, made.view = watched_load, watched_view  # type: ignore[method-assign]

    def cloud(self, timeout: float = 3600, **options: t.Any) -> Cloud:
        """A cloud for these options (by default: auth with a password)."""
        given = {"auth": AUTH} if "cloud" not in options else {}
        return Cloud(
            {**dict.fromkeys(ARGUMENT_SPEC), **given, **options},
            self.time.clock(timeout),
            self.warnings.append,
        )


def _url(path: str) -> str:
    prefix = t.cast("re.Match[str]", re.match(r"/v[\d.]+", path)).group()
    return HOSTS[prefix] + path


def _response(answer: Answer) -> Raw:
    if isinstance(answer, Exception):
        return {"exc": answer}
    if not isinstance(answer, Reply):
        return {"json": answer}
    shape: Raw = {
        "status_code": answer.status,
        "reason": responses[answer.status],
        "headers": dict(answer.headers),
    }
    if isinstance(answer.body, str):
        shape["text"] = answer.body
    elif answer.body is not None:
        shape["json"] = answer.body
    return shape


def _original(request: t.Any) -> str:
    return str(request._request.url)


def _path(request: t.Any) -> str:
    parts = urlsplit(_original(request))
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _is_preparation(request: t.Any) -> bool:
    parts = urlsplit(_original(request))
    return parts.netloc == "keystone.test" or bool(
        re.fullmatch(r"(/v[\d.]+)?/?", parts.path)
    )


def _unexpected(request: t.Any, context: t.Any) -> str:
    raise AssertionError(f"not expected: {request.method} {_original(request)}")
