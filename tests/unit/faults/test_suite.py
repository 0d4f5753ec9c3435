# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault suite itself: the proxy does what it says, and the judge is strict."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from integration.faults.figures import Figures, lines
from integration.faults.mix import Mix
from integration.faults.plays import Play
from integration.faults.watch import Watched
from integration.proxy import FAULTS, STATUS, Recorder

BODY = b'{"uuid": "0123456789"}'


class Service(BaseHTTPRequestHandler):
    """Answers 202 and remembers."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(202)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what it has seen."""
    handler = type("Handler", (Service,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy() -> Iterator[Recorder]:
    recorder = Recorder()
    recorder.delay = 0.1
    yield recorder
    recorder.close()


def post(proxy: Recorder, url: str) -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    return session.post(
        f"{url}/v1/clusters", data="x", proxies={"http": proxy.url}, timeout=5
    )


@pytest.mark.parametrize("fault", STATUS)
def test_an_answer_is_played_and_nothing_forwarded(
    service: tuple[str, list[str]], proxy: Recorder, fault: str
) -> None:
    url, seen = service
    proxy.disturb = lambda method, path: fault
    answer = post(proxy, url)
    assert answer.status_code == STATUS[fault]
    assert ("Retry-After" in answer.headers) == (fault in ("429", "503"))
    assert seen == []
    assert proxy.accepted == []
    assert proxy.refused == (["POST /v1/clusters"] if fault[0] in "4t" else [])


@pytest.mark.parametrize(
    ("fault", "forwarded"),
    [("reset before", False), ("reset after", True), ("cut", True)],
)
def test_a_connection_breaks(
    service: tuple[str, list[str]], proxy: Recorder, fault: str, forwarded: bool
) -> None:
    url, seen = service
    proxy.disturb = lambda method, path: fault
    with pytest.raises(requests.RequestException):
        post(proxy, url)
    assert seen == ["x"] * forwarded
    assert proxy.accepted == ["POST /v1/clusters"] * forwarded
    # The next request finds the proxy well.
    proxy.disturb = lambda method, path: None
    assert post(proxy, url).content == BODY


def test_done_and_answered_as_if_not(
    service: tuple[str, list[str]], proxy: Recorder
) -> None:
    url, seen = service
    proxy.disturb = lambda method, path: "502 after"
    assert post(proxy, url).status_code == 502
    assert seen == ["x"]
    proxy.disturb = lambda method, path: "delay"
    answer = post(proxy, url)
    assert answer.content == BODY
    assert answer.elapsed.total_seconds() >= proxy.delay
    assert len(proxy.accepted) == 2


def test_a_mix_hits_its_share_and_every_kind() -> None:
    one, other = Mix(7), Mix(7)
    hits = [one("GET", "/v1/clusters") for number in range(2000)]
    assert hits == [other("GET", "/v1/clusters") for number in range(2000)]
    assert 340 < one.injected.total() < 460
    assert set(one.injected) == set(FAULTS)
    auth = Mix(7)
    kinds = {auth("POST", "/v3/auth/tokens") for number in range(999)}
    assert "token expired" not in kinds


# The judge -------------------------------------------------------------------


def judged(
    result: dict[str, Any],
    states: list[dict[str, Any]],
    answers: tuple[str, ...] = (),
    output: str = "",
    under_way: bool = False,
) -> Figures:
    """What is found where a run ends so, between these states of the bed."""
    recorder = Recorder()
    recorder.close()

    def runner(module: str, **args: Any) -> dict[str, Any]:
        recorder.answers[:] = answers
        recorder.requests[:] = [line.rsplit(" ", 1)[0] for line in answers]
        return result

    member: Any = runner
    member.recorder, member.output = recorder, output
    figures = Figures()
    play = Play(lambda site: [], lambda site: states.pop(0))
    Watched(SimpleNamespace(member=member), play, figures).run(("m", {}), under_way)
    return figures


POSTED = ("POST /v1/clusters 202",)
TYPED = {"failed": True, "error": {"type": "ApiError"}}


def test_what_is_right_is_let_pass() -> None:
    good = [
        judged({"changed": True}, [{}, {"a": 1}], POSTED),
        judged({"changed": False}, [{"a": 1}, {"a": 1}]),
        judged({**TYPED, "changed": False}, [{}, {}]),
        # Accepted, and not to be seen yet.
        judged({**TYPED, "changed": True}, [{}, {}], POSTED),
    ]
    assert [figures.findings for figures in good] == [[]] * 4
    assert [figures.typed_errors for figures in good] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("result", "states", "answers"),
    [
        ({"changed": True}, [{"a": 1}, {"a": 1}], POSTED),
        ({"changed": False}, [{"a": 1}, {"a": 2}], POSTED),
        ({"changed": False}, [{}, {"a": 1}], POSTED),
        ({**TYPED, "changed": False}, [{}, {"a": 1}], POSTED),
        ({**TYPED, "changed": True}, [{}, {}], ()),
        ({**TYPED, "changed": True}, [{}, {}], ("POST /v1/clusters 409",)),
    ],
)
def test_a_wrong_changed_is_found(
    result: dict[str, Any], states: list[dict[str, Any]], answers: tuple[str, ...]
) -> None:
    assert judged(result, states, answers).wrong_changed == 1


def test_what_a_run_before_has_begun_is_not_this_run_s_change() -> None:
    """What the bed shows only later; a node group of this run's own is its change."""
    states = [{}, {"a": 1}]
    for changed, answers, wrong in (
        (False, (), 0),
        (True, (), 1),
        (True, ("POST /v1/clusters/a/nodegroups 202",), 0),
        (False, ("POST /v1/clusters/a/nodegroups 202",), 1),
    ):
        found = judged({"changed": changed}, list(states), answers, under_way=True)
        assert found.wrong_changed == wrong, (changed, answers)


def test_other_faults_are_found() -> None:
    two = judged({"changed": True}, [{}, {"a": 1, "b": 1}], POSTED)
    assert two.duplicates == 1
    loud = judged({"changed": False}, [{}, {}], output="Traceback (most recent call)")
    assert loud.tracebacks == 1
    untyped = judged({"failed": True, "msg": "MODULE FAILURE"}, [{}, {}])
    assert untyped.untyped == 1
    assert two.findings
    assert loud.findings
    assert untyped.findings


def test_figures_are_summed() -> None:
    one = {"rounds": 1, "runs": 5, "injected": {"cut": 2}, "findings": ["x"]}
    printed = lines([one, {**one, "injected": {"429": 1, "cut": 1}}])
    assert "rounds: 2" in printed
    assert "runs: 10" in printed
    assert "duplicates: 0" in printed
    assert printed[-3:] == ["faults injected: 4", "  429: 1", "  cut: 3"]
    assert lines([]) == []
