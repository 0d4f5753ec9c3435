# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
import requests
from keystoneauth1.adapter import Adapter
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.engine.errors import (
    ApiError,
    AuthError,
    CloudError,
    Conflict,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ResourceError,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._cloud.services.api import (
    Api,
)
from unit.cloud.fakes import CATALOG, KEYSTONE, TOKEN, FakeTime, Reply, Site, token

BUSY = [0.5, 1, 2, 4, 8, 8]
"""The pauses of a request that is retried to the end."""

RESET = requests.exceptions.ConnectionError("Connection aborted.")


@pytest.fixture
def api(site: Site, time: FakeTime) -> Api:
    """Glance, signed in already: the plainest of the services."""
    session = Session(auth=NoAuth())
    adapter = Adapter(session, endpoint_override="http://glance.test/v2")
    return Api("Glance", lambda: adapter, time.clock())


# What is read ---------------------------------------------------------------


def test_reads_one(site: Site, api: Api) -> None:
    site.on("GET /v2/images/x", {"id": "x"})
    assert api.get("/images/x") == {"id": "x"}
    assert site.history == ["GET /v2/images/x"]
    assert site.last().headers["Accept"] == "application/json"


def test_an_empty_answer_is_an_empty_object(site: Site, api: Api) -> None:
    site.on("PATCH /v2/images/x", Reply(204))
    assert api.patch("/images/x", {"name": "y"}) == {}


def test_one_that_is_missing_is_an_error_or_none(site: Site, api: Api) -> None:
    site.on("GET /v2/images/x", Reply(404, {"message": "no x"}))
    with pytest.raises(NotFound):
        api.get("/images/x")
    assert api.find("/images/x") is None
    assert site.history == ["GET /v2/images/x"] * 2


def test_other_failures_are_not_taken_for_missing(site: Site, api: Api) -> None:
    site.on("GET /v2/images/x", Reply(403, {"message": "policy"}))
    with pytest.raises(AuthError):
        api.find("/images/x")


# Reads are repeated ---------------------------------------------------------


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_read_is_repeated_while_the_service_is_busy(
    site: Site, api: Api, time: FakeTime, status: int
) -> None:
    busy = Reply(status, {"message": "busy"})
    site.on("GET /v2/images/x", busy, busy, {"id": "x"})
    assert api.get("/images/x") == {"id": "x"}
    assert site.history == ["GET /v2/images/x"] * 3
    assert time.sleeps == [0.5, 1]


@pytest.mark.parametrize(
    "broken",
    [
        RESET,
        requests.exceptions.ReadTimeout("too late"),
        requests.exceptions.ChunkedEncodingError("half a body"),
        Reply(200, '{"id": "x'),
        Reply(200, "<html>a portal's login page</html>"),
        Reply(200, ["no", "object"]),
    ],
    ids=["reset", "timeout", "cut short", "half a JSON", "HTML", "a list"],
)
def test_a_read_is_repeated_after_a_broken_answer(
    site: Site, api: Api, time: FakeTime, broken: t.Any
) -> None:
    site.on("GET /v2/images/x", broken, {"id": "x"})
    assert api.get("/images/x") == {"id": "x"}
    assert time.sleeps == [0.5]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 413, 500, 501])
def test_a_read_is_not_repeated_after_other_answers(
    site: Site, api: Api, time: FakeTime, status: int
) -> None:
    site.on("GET /v2/images/x", Reply(status, {"message": "no"}))
    with pytest.raises(CloudError) as caught:
        api.get("/images/x")
    assert caught.value.status == status
    assert time.sleeps == []


def test_a_read_gives_up_in_the_end(site: Site, api: Api, time: FakeTime) -> None:
    site.on("GET /v2/images/x", Reply(503, {"message": "overloaded"}))
    with pytest.raises(ApiError) as caught:
        api.get("/images/x")
    assert caught.value.message == "Glance answered 503 to GET /images/x: overloaded"
    assert time.sleeps == BUSY
    assert site.history == ["GET /v2/images/x"] * 7


def test_a_broken_answer_to_the_end_is_an_error_that_says_so(
    site: Site, api: Api
) -> None:
    headers = {"x-openstack-request-id": "req-1"}
    site.on("GET /v2/images/x", Reply(200, "{", headers))
    with pytest.raises(ApiError, match="not a JSON object") as caught:
        api.get("/images/x")
    assert (caught.value.status, caught.value.request_id) == (200, "req-1")
    assert caught.value.type == "ApiError"


def test_repeats_end_at_the_deadline(site: Site, time: FakeTime) -> None:
    site.on("GET /v2/images/x", Reply(503, {"message": "overloaded"}))
    with pytest.raises(ApiError, match="503"):
        site.cloud(timeout=2).glance.get("/images/x")
    assert time.sleeps == [0.5, 1, 0.5]


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("7", 7),
        ("0.1", 0.5),
        ("3600", 60),
        ("-5", 0.5),
        ("", 0.5),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.5),
        ("nan", 0.5),
        ("inf", 60),
    ],
)
def test_waits_as_long_as_the_service_asks_but_a_minute_at_most(
    site: Site, api: Api, time: FakeTime, said: str, pause: float
) -> None:
    full = Reply(429, {"message": "slow down"}, {"Retry-After": said})
    site.on("GET /v2/images/x", full, {"id": "x"})
    api.get("/images/x")
    assert time.sleeps == [pause]


# Writes ---------------------------------------------------------------------


def test_a_create_is_sent_once_and_answers_what_was_made(site: Site, api: Api) -> None:
    site.on("POST /v2/images", Reply(201, {"id": "x"}))
    assert api.create("/images", {"name": "x"}) == {"id": "x"}
    assert site.history == ["POST /v2/images"]
    assert site.sent("POST /v2/images") == [{"name": "x"}]


@pytest.mark.parametrize("status", [502, 504])
def test_after_a_gateway_s_error_it_is_unknown_whether_it_was_created(
    site: Site, api: Api, time: FakeTime, status: int
) -> None:
    headers = {"x-openstack-request-id": "req-2"}
    site.on("POST /v2/images", Reply(status, "<h1>Bad Gateway</h1>", headers))
    with pytest.raises(OutcomeUnknown, match="Bad Gateway") as caught:
        api.create("/images", {})
    assert (caught.value.status, caught.value.request_id) == (status, "req-2")
    assert site.history == ["POST /v2/images"]
    assert time.sleeps == []


@pytest.mark.parametrize(
    "broken",
    [
        RESET,
        requests.exceptions.ReadTimeout("too late"),
        requests.exceptions.ChunkedEncodingError("half a body"),
        Reply(201, '{"id": "x'),
        Reply(201, ["no", "object"]),
    ],
    ids=["reset", "timeout", "cut short", "half a JSON", "a list"],
)
def test_after_a_broken_answer_it_is_unknown_whether_it_was_created(
    site: Site, api: Api, broken: t.Any
) -> None:
    site.on("POST /v2/images", broken)
    with pytest.raises(OutcomeUnknown):
        api.create("/images", {})
    assert site.history == ["POST /v2/images"]


def test_a_create_is_repeated_when_there_was_too_much_to_do(
    site: Site, api: Api, time: FakeTime
) -> None:
    full = Reply(429, {"message": "slow down"}, {"Retry-After": "3"})
    site.on("POST /v2/images", full, Reply(201, {"id": "x"}))
    assert api.create("/images", {}) == {"id": "x"}
    assert time.sleeps == [3]


@pytest.mark.parametrize("status", [500, 503])
def test_a_create_that_failed_is_not_repeated(
    site: Site, api: Api, time: FakeTime, status: int
) -> None:
    site.on("POST /v2/images", Reply(status, {"message": "broken"}))
    with pytest.raises(ApiError, match="broken") as caught:
        api.create("/images", {})
    assert caught.value.type == "ApiError"
    assert site.history == ["POST /v2/images"]
    assert time.sleeps == []


@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_a_write_that_sets_a_state_is_repeated_like_a_read(
    site: Site, api: Api, method: str
) -> None:
    request = f"{method.upper()} /v2/images/x"
    site.on(request, Reply(503), RESET, Reply(504), {"done": True})
    assert getattr(api, method)("/images/x", {"a": 1}) == {"done": True}
    assert site.sent(request) == [{"a": 1}] * 4


@pytest.mark.parametrize(
    ("answers", "unclear"),
    [
        ([Reply(409)], False),
        ([Reply(429)], False),
        ([Reply(500)], True),
        ([RESET], True),
        # What was done is refused the second time.
        ([RESET, Reply(409)], True),
        ([Reply(429), Reply(400)], False),
    ],
)
def test_an_error_says_whether_the_write_may_have_been_done(
    site: Site, api: Api, answers: list[t.Any], unclear: bool
) -> None:
    site.on("PATCH /v2/images/x", *answers)
    site.on("GET /v2/images/x", *answers)
    with pytest.raises(CloudError) as caught:
        api.patch("/images/x", {"a": 1})
    assert caught.value.unclear is unclear
    with pytest.raises(CloudError) as caught:
        api.get("/images/x")
    assert caught.value.unclear is False


def test_deletes(site: Site, api: Api) -> None:
    site.on("DELETE /v2/images/x", Reply(204))
    api.delete("/images/x")
    assert site.history == ["DELETE /v2/images/x"]


def test_deleting_what_is_gone_is_no_error(site: Site, api: Api) -> None:
    # The first one did it, and its answer was lost.
    site.on("DELETE /v2/images/x", RESET, Reply(404, {"message": "no x"}))
    api.delete("/images/x")
    assert site.history == ["DELETE /v2/images/x"] * 2


def test_deleting_what_must_stay_is_an_error(site: Site, api: Api) -> None:
    site.on("DELETE /v2/images/x", Reply(409, {"message": "in use"}))
    with pytest.raises(Conflict, match="in use"):
        api.delete("/images/x")


# Pages ----------------------------------------------------------------------


def test_reads_all_pages_of_magnum(site: Site) -> None:
    # The host of the link is the one behind the load balancer.
    link = "http://10.0.0.1:9511/v1/clusters?limit=2&marker=b"
    site.on("GET /v1/clusters?limit=2", {"clusters": [{}, {}], "next": link})
    site.on("GET /v1/clusters?limit=2&marker=b", {"clusters": [{"id": "c"}]})
    found = site.cloud().magnum.list("/clusters", "clusters", {"limit": 2})
    assert found == [{}, {}, {"id": "c"}]
    assert site.history == [
        "GET /v1/clusters?limit=2",
        "GET /v1/clusters?limit=2&marker=b",
    ]


def test_reads_all_pages_of_nova_and_neutron(site: Site) -> None:
    links = [
        {"rel": "previous", "href": "http://inner/v2.0/ports?marker=0"},
        {"rel": "next", "href": "http://inner/v2.0/ports?marker=a"},
    ]
    site.on("GET /v2.0/ports", {"ports": [{"id": "a"}], "ports_links": links})
    site.on(
        "GET /v2.0/ports?marker=a",
        {"ports": [{"id": "b"}], "ports_links": links[:1]},
    )
    found = site.cloud().neutron.list("/ports", "ports")
    assert found == [{"id": "a"}, {"id": "b"}]
    assert site.history == ["GET /v2.0/ports", "GET /v2.0/ports?marker=a"]


def test_every_page_is_repeated_for_itself(site: Site, api: Api) -> None:
    site.on("GET /v2/images", {"images": [{"id": "a"}], "next": "/v2/images?marker=a"})
    site.on("GET /v2/images?marker=a", Reply(503), {"images": [{"id": "b"}]})
    assert api.list("/images", "images") == [{"id": "a"}, {"id": "b"}]
    assert site.history == [
        "GET /v2/images?marker=a" if repeated else "GET /v2/images"
        for repeated in (False, True, True)
    ]


@pytest.mark.parametrize("answer", [{}, {"images": []}, {"images": None}])
def test_a_list_may_be_empty(site: Site, api: Api, answer: t.Any) -> None:
    site.on("GET /v2/images", answer)
    assert api.list("/images", "images") == []


# Errors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "The value is not valid", InvalidInput),
        (401, "The request you have made requires authentication", AuthError),
        (403, "Policy doesn't allow os_compute_api:flavors to be performed", AuthError),
        (403, "Quota exceeded for cores: Requested 8, but used 0 of 4", ResourceError),
        (403, "Resource limit exceeded: You have reached the maximum", ResourceError),
        (413, "The request is larger than the service takes", ResourceError),
        (404, "No such thing", NotFound),
        (409, "It is in use", Conflict),
        (406, "Version 1.99 was requested", ApiError),
        (500, "Something unexpected", ApiError),
        (503, "Come back later", ApiError),
    ],
)
def test_the_type_tells_what_to_do(
    site: Site, api: Api, status: int, said: str, kind: type[CloudError]
) -> None:
    headers = {"x-openstack-request-id": f"req-{status}"}
    site.on("POST /v2/images", Reply(status, {"message": said}, headers))
    with pytest.raises(CloudError) as caught:
        api.create("/images", {})
    assert caught.type is kind
    assert caught.value.as_dict() == {
        "type": kind.__name__,
        "message": f"Glance answered {status} to POST /images: {said}",
        "status": status,
        "request_id": f"req-{status}",
        "details": {},
    }


MAGNUM = {
    "errors": [
        {
            "request_id": "",
            "code": "client",
            "status": 404,
            "title": "Cluster gpu could not be found",
            "detail": "Cluster gpu could not be found.",
            "links": [],
        }
    ]
}
NOVA = {"itemNotFound": {"code": 404, "message": "Flavor gpu could not be found."}}
NEUTRON = {
    "NeutronError": {
        "type": "NetworkNotFound",
        "message": "Network x could not be found.",
        "detail": "",
    }
}
HEAT = {
    "code": 404,
    "title": "Not Found",
    "explanation": "The resource could not be found.",
    "error": {
        "message": "The Stack (gpu) could not be found.",
        "traceback": None,
        "type": "EntityNotFound",
    },
}
KEYSTONE_SAYS = {"error": {"code": 404, "message": "No project", "title": "Not Found"}}
GLANCE = (
    "<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n"
    "  <h1>404 Not Found</h1>\n  No image found with ID x<br /><br />\n\n\n"
    " </body>\n</html>"
)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (MAGNUM, "Cluster gpu could not be found."),
        (NOVA, "Flavor gpu could not be found."),
        (NEUTRON, "Network x could not be found."),
        (HEAT, "The Stack (gpu) could not be found."),
        (KEYSTONE_SAYS, "No project"),
        (GLANCE, "404 Not Found 404 Not Found No image found with ID x"),
        ({"errors": [{"title": "A", "detail": ""}, {"detail": "B"}]}, "A; B"),
        ({"errors": []}, "Not Found"),
        ({"errors": ["what"]}, "Not Found"),
        ({"why": 5}, '{"why": 5}'),
        (["what"], '["what"]'),
        ("", "Not Found"),
        ("plain words", "plain words"),
        ("x" * 900, "x" * 500),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_message_is_found_in_every_service_s_form(
    site: Site, api: Api, body: t.Any, said: str
) -> None:
    site.on("GET /v2/images/x", Reply(404, body))
    with pytest.raises(NotFound) as caught:
        api.get("/images/x")
    assert caught.value.message == f"Glance answered 404 to GET /images/x: {said}"


def test_the_message_leaves_the_query_out(site: Site, api: Api) -> None:
    site.on("GET /v2/images?name=x", Reply(500, {"message": "broken"}))
    with pytest.raises(ApiError) as caught:
        api.get("/images?name=x")
    assert caught.value.message == "Glance answered 500 to GET /images: broken"


def test_the_request_id_of_old_novas_is_kept(site: Site, api: Api) -> None:
    headers = {"x-compute-request-id": "req-3"}
    site.on("GET /v2/images/x", Reply(404, {}, headers))
    with pytest.raises(NotFound) as caught:
        api.get("/images/x")
    assert caught.value.request_id == "req-3"


def test_without_a_request_id_there_is_none(site: Site, api: Api) -> None:
    site.on("GET /v2/images/x", Reply(404, {}))
    with pytest.raises(NotFound) as caught:
        api.get("/images/x")
    assert caught.value.request_id is None


# Signing in -----------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [Reply(503, "down"), Reply(502, "down"), Reply(504, "down"), Reply(429), RESET],
    ids=["503", "502", "504", "429", "reset"],
)
def test_a_create_waits_for_keystone(
    site: Site, time: FakeTime, trouble: t.Any
) -> None:
    accepted = Reply(201, token(CATALOG), {"X-Subject-Token": TOKEN})
    site.on("POST /v3/auth/tokens", trouble, trouble, accepted)
    site.on("POST /v2/images", Reply(201, {"id": "x"}))
    assert site.cloud().glance.create("/images", {}) == {"id": "x"}
    assert site.history == ["POST /v2/images"]
    assert time.sleeps == [0.5, 1]


@pytest.mark.parametrize("trouble", [Reply(503, "down"), RESET], ids=["503", "reset"])
def test_without_keystone_nothing_is_unknown(site: Site, trouble: t.Any) -> None:
    site.on("POST /v3/auth/tokens", trouble)
    with pytest.raises(ApiError) as caught:
        site.cloud().glance.create("/images", {})
    assert caught.value.type == "ApiError"
    assert site.history == []


def test_signing_in_is_a_step_of_its_own(site: Site) -> None:
    glance = site.cloud().glance
    assert site.everything == []
    glance.sign_in()
    glance.sign_in()
    assert site.everything.count(f"POST {KEYSTONE}/auth/tokens") == 1
    assert site.history == []


def test_a_token_that_ran_out_is_replaced(site: Site) -> None:
    glance = site.cloud().glance
    expired = Reply(401, {"error": {"message": "The token has expired"}})
    site.on("GET /v2/images/x", expired, {"id": "x"})
    assert glance.get("/images/x") == {"id": "x"}
    assert site.everything.count(f"POST {KEYSTONE}/auth/tokens") == 2
