# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the source kubernetes.

By another user on the controller, who looks for private keys in temporary files; by a
hostile or intercepted API server; and by a tenant, whose pods name their owners.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from attacks.authority import Authority
from attacks.controller import PROGRAMS, Controller
from fakes.recorded.kube import TOKEN, Kube

pytestmark = pytest.mark.attack

Record = dict[str, Any]

SHORT, LONG = 3, 60
"""Seconds that a source may take: one that hangs, and one that must end by itself."""

HANG = ("drip", "plugin")


# Servers ----------------------------------------------------------------------------


def send(request: BaseHTTPRequestHandler, content: bytes, **headers: str) -> bool:
    """Answer with 200."""
    request.send_response(200)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
    return True


def bomb(request: BaseHTTPRequestHandler) -> bool:
    """Send 192 MiB in 1 MiB."""
    content = gzip.compress(b'{"items":["' + b" " * (192 * 2**20) + b'"]}', 1)
    return send(request, content, Content_Encoding="gzip")


def drip(request: BaseHTTPRequestHandler) -> bool:
    """Send a byte each 0.2 s, for a minute."""
    request.send_response(200)
    request.send_header("Content-Length", "300")
    request.end_headers()
    for _byte in range(300):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.2)
    return True


def deep(request: BaseHTTPRequestHandler) -> bool:
    """Send lists in lists."""
    return send(request, b'{"items":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def busy(request: BaseHTTPRequestHandler) -> bool:
    """Ask to be asked again in an hour."""
    request.send_response(429)
    request.send_header("Retry-After", "3600")
    request.send_header("Content-Length", "0")
    request.end_headers()
    return True


def endless(request: BaseHTTPRequestHandler) -> bool:
    """Send one page more, always."""
    metadata = {"continue": f"more-{time.monotonic()}"}
    return send(request, json.dumps({"items": [], "metadata": metadata}).encode())


def hostile_mark(request: BaseHTTPRequestHandler) -> bool:
    """Send a mark of a next page that would be a request of its own."""
    mark = (
        "x&watch=true HTTP/1.1\r\nHost: x\r\n\r\nDELETE /api/v1/nodes HTTP/1.1\r\n\r\n"
    )
    later = "continue=" in request.path
    metadata = {} if later else {"continue": mark}
    return send(request, json.dumps({"items": [], "metadata": metadata}).encode())


def long_mark(request: BaseHTTPRequestHandler) -> bool:
    """Send a mark of a next page of 1 MiB."""
    metadata = {"continue": "x" * 2**20}
    return send(request, json.dumps({"items": [], "metadata": metadata}).encode())


def colored(request: BaseHTTPRequestHandler) -> bool:
    """Refuse with what moves a terminal's cursor, and at length."""
    text = json.dumps({"message": "\x1b[2Jgone\r\n" + "x" * 100_000}).encode()
    request.send_response(500)
    request.send_header("Content-Length", str(len(text)))
    request.end_headers()
    request.wfile.write(text)
    return True


HOSTILE: dict[str, Callable[[BaseHTTPRequestHandler], bool]] = {
    each.__name__: each
    for each in (
        bomb,
        drip,
        deep,
        busy,
        endless,
        hostile_mark,
        long_mark,
        colored,
    )
}


def config(server: str, user: Record, **cluster: Any) -> str:
    """The text of a kubeconfig."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "it", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        }
    )


def encoded(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


def with_keys(folder: Path) -> list[Path]:
    """Files below a folder that hold a private key."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


# One run of Ansible over all servers ------------------------------------------------


class Ran(NamedTuple):
    """What a run of Ansible came to.

    Attributes:
        warnings: Warnings about the sources, by the name of the server.
        answers: The overview, by the name of the server, where it was asked alone.
        kubes: The servers.
        controller: Where it ran.
        output: What it printed, with -vvv.
        elsewhere: The server that a redirect leads to.
    """

    warnings: dict[str, str]
    answers: dict[str, Record]
    kubes: dict[str, Kube]
    controller: Controller
    output: str
    elsewhere: Kube


def tls_sources(
    authority: Authority, kubes: dict[str, Kube], folder: Path
) -> dict[str, str]:
    """Kubeconfigs whose users have keys."""
    certificate, key = authority.pair("reader")
    user = {
        "client-certificate-data": encoded(certificate),
        "client-key-data": encoded(key),
        "token": TOKEN,
    }
    ca = {"certificate-authority-data": encoded(authority.pem)}
    other = {"certificate-authority-data": encoded(Authority().pem)}
    plugin = folder / "plugin.sh"
    status = {"clientCertificateData": certificate, "clientKeyData": key}
    credential = {"apiVersion": "v1", "kind": "ExecCredential", "status": status}
    plugin.write_text(f"#!/bin/sh\ncat <<'E'\n{json.dumps(credential)}\nE\n")
    plugin.chmod(0o700)
    asked = {"exec": {"apiVersion": "v1", "command": str(plugin)}}
    return {
        "keyed": config(kubes["keyed"].url, user, **ca),
        "keyed_forbidden": config(kubes["keyed_forbidden"].url, user, **ca),
        "keyed_untrusted": config(kubes["keyed"].url, user, **other),
        "keyed_plugin": config(kubes["keyed"].url, asked, **ca),
        "keyed_broken": config(
            kubes["keyed"].url, {**user, "client-certificate-data": encoded(key)}, **ca
        ),
    }


def owned(kube: Kube, *apis: str, kind: str = "Secret") -> None:
    """Add pods that hold devices and name owners, as their authors like."""
    pods = kube.lists["/api/v1/pods"]["items"]
    usual = next(pod for pod in pods if pod["metadata"]["name"].startswith("bare-"))
    for number, api in enumerate(apis):
        pod = copy.deepcopy(usual)
        owner = {"apiVersion": api, "kind": kind, "name": "x", "controller": True}
        pod["metadata"]["ownerReferences"] = [{**owner, "uid": api}]
        pod["metadata"].update(name=f"odd-{number}", uid=f"odd-{number}")
        pods.append(pod)


TRAVERSALS = (
    "v1",
    "../../../api/v1/secrets",
    "x/..",
    "../secrets",
    "a/v1?watch=true",
    "a/v1#",
    "a/v1%2f..%2f..",
    "a/v1/../../../api",
    "v1/namespaces/kube-system/secrets",
    "a\r\nHost: x/v1",
    "\u2100/v1",
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("kubernetes")
    controller, authority = Controller(folder), Authority()
    servers = folder / "servers"
    servers.mkdir()
    tls = authority.server(servers, client=True)
    kubes = {name: Kube() for name in (*HOSTILE, "redirect", "owners", "crowd")}
    kubes |= {name: Kube(tls) for name in ("keyed", "keyed_forbidden")}
    kubes["keyed_forbidden"].forbidden = {"nodes"}
    for name, attack in HOSTILE.items():
        kubes[name].instead = attack
    elsewhere = Kube()

    def redirect(request: BaseHTTPRequestHandler) -> bool:
        request.send_response(307)
        request.send_header("Location", elsewhere.url + request.path)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return True

    kubes["redirect"].instead = redirect
    owned(kubes["owners"], *TRAVERSALS)
    owned(kubes["crowd"], *(f"g{number}.test/v1" for number in range(60)), kind="X")
    configs = {name: config(kube.url, {"token": TOKEN}) for name, kube in kubes.items()}
    configs |= tls_sources(authority, kubes, servers)
    configs["token"] = config(kubes["keyed"].url, {"token": "s3cret\nX-Header: 1"})
    hangs = {"command": "sh", "args": ["-c", "sleep 61 & sleep 61"], "apiVersion": "v1"}
    configs["plugin"] = config(kubes["keyed"].url, {"exec": hangs})
    for name, text in configs.items():
        (servers / name).write_text(text)
    read = {name: source(servers / name, name) for name in configs}
    alone = ("keyed", "owners", "crowd")
    runs = {name: [read.pop(name)] for name in alone}
    runs["together"] = list(read.values())
    tasks: list[Record] = [
        {"gpufleet.openstack.fleet_info": {"sources": sources}, "register": name}
        for name, sources in runs.items()
    ]
    answers = ", ".join(f"'{name}': {name}.overview" for name in runs)
    content = f"{{{{ {{{answers}}} | to_json }}}}"
    kept = {"dest": str(folder / "answers.json"), "content": content, "mode": "0600"}
    done = controller.play([*tasks, {"ansible.builtin.copy": kept}], "-vvv")
    assert done.status == 0, done.output
    told = json.loads((folder / "answers.json").read_text())
    warnings = dict.fromkeys(configs, "")
    for answer in told.values():
        for warning in answer["warnings"]:
            kind, name, *_text = warning.replace(":", "").split()
            if kind == "kubernetes":
                warnings[name] += warning + "\n"
    yield Ran(warnings, told, kubes, controller, done.output, elsewhere)
    for kube in (*kubes.values(), elsewhere):
        kube.close()


def source(path: Path, name: str) -> Record:
    """A source that reads a kubeconfig."""
    return {
        "type": "kubernetes",
        "kubeconfig": str(path),
        "cluster": name,
        "timeout": SHORT if name in HANG else LONG,
    }


# Another user on the controller -----------------------------------------------------


def test_no_key_remains(ran: Ran) -> None:
    assert ran.warnings["keyed"] == ""
    assert ran.answers["keyed"]["totalNodes"] == len(ran.kubes["keyed"].items("nodes"))
    assert with_keys(ran.controller.temporary) == []
    assert with_keys(ran.controller.home) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("keyed_forbidden", "403: nodes is forbidden"),
        ("keyed_untrusted", "certificate verify failed"),
        ("keyed_broken", "the client's certificate and key"),
        ("keyed_plugin", "401: Unauthorized"),
    ],
)
def test_no_key_remains_of_a_failure(ran: Ran, name: str, reason: str) -> None:
    assert reason in ran.warnings[name]
    assert with_keys(ran.controller.temporary) == []
    assert "PRIVATE" not in ran.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_key_remains_of_a_worker_that_is_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    controller, authority = Controller(tmp_path), Authority()
    servers = tmp_path / "servers"
    servers.mkdir()
    kube = Kube(authority.server(servers, client=True))
    asked, killed = threading.Event(), threading.Event()

    def wait(request: BaseHTTPRequestHandler) -> bool:
        asked.set()
        return killed.wait(60)

    kube.instead = wait
    path = servers / "config"
    path.write_text(
        tls_sources(authority, {"keyed": kube, "keyed_forbidden": kube}, servers)[
            "keyed"
        ]
    )
    source = {"type": "kubernetes", "kubeconfig": str(path), "timeout": 60}
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"gpufleet.openstack.fleet_info": {"sources": [source]}}],
        }
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(play))
    process = subprocess.Popen(
        [PROGRAMS / "ansible-playbook", "play.yml"],
        cwd=tmp_path,
        env=controller.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert asked.wait(60)
    finally:
        # Ansible and its worker, which is in a group of its own.
        for worker in children(process.pid):
            os.kill(worker, number)
        os.killpg(process.pid, number)
        process.wait(60)
        killed.set()
        kube.close()
    assert with_keys(controller.temporary) == []
    assert with_keys(controller.home) == []


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


# A hostile server -------------------------------------------------------------------


def test_a_token_does_not_follow_a_redirect(ran: Ran) -> None:
    assert ran.elsewhere.requests == []
    warning = ran.warnings["redirect"]
    assert f"it redirects to {ran.elsewhere.url}/api/v1/nodes" in warning
    assert "redirects are not followed" in warning


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bomb", "is larger than"),
        ("drip", "took more than 3 s|before the timeout"),
        ("deep", "is nested more than"),
        ("busy", "the API server answered 429"),
        ("endless", "list /api/v1/nodes has no end"),
        ("long_mark", "mark of a next page is none"),
    ],
)
def test_an_answer_without_measure(ran: Ran, name: str, reason: str) -> None:
    assert re.search(reason, ran.warnings[name])


def test_a_mark_of_a_next_page_is_only_a_mark(ran: Ran) -> None:
    requests = ran.kubes["hostile_mark"].requests
    core = [target for target in requests if target.startswith("/api/")]
    assert len(core) == 4
    assert {target.partition("?")[0] for target in core} == {
        "/api/v1/nodes",
        "/api/v1/pods",
    }
    # The versions of resource claims, none of which this server has.
    assert len(requests) == len(core) + 3
    assert not any("&watch" in target or " " in target for target in requests)


def test_a_message_is_text_and_short(ran: Ran) -> None:
    warning = ran.warnings["colored"]
    assert "gone" in warning
    assert warning.strip().isprintable()
    assert len(warning) < 1000


# A kubeconfig -----------------------------------------------------------------------


def test_a_token_that_can_not_be_sent_does_not_show(ran: Ran) -> None:
    assert "the token has characters" in ran.warnings["token"]
    assert "s3cret" not in ran.output


def test_a_plugin_that_hangs_is_ended_with_all_that_it_began(ran: Ran) -> None:
    assert "took more than" in ran.warnings["plugin"]
    running = subprocess.run(
        ["ps", "-eo", "args"], check=True, capture_output=True, text=True
    )
    assert "sleep 61" not in running.stdout.splitlines()


# A tenant ---------------------------------------------------------------------------


def test_owners_of_pods_are_no_paths(ran: Ran) -> None:
    """What a tenant names is asked for with the rights of the reports."""
    targets = ran.kubes["owners"].requests
    assert [one for one in targets if "secrets" in one or ".." in one] == []
    odd = [one for one in targets if not one.startswith(("/apis/", "/api/v1"))]
    assert odd == []
    assert not any("watch" in target or "Host" in target for target in targets)
    # And the pods still count.
    assert ran.answers["owners"]["allocatedGpus"] > 0
    assert "are named as owners" in ran.warnings["owners"]


def test_a_tenant_that_names_many_apis_hides_no_owner(ran: Ran) -> None:
    kube = ran.kubes["crowd"]
    groups = {one.split("/")[2] for one in kube.requests if one.startswith("/apis/g")}
    assert 0 < len(groups) <= 50
    assert "/apis/apps/v1" in kube.requests
    assert "are not known" in ran.warnings["crowd"]


# Rights -----------------------------------------------------------------------------


def test_who_may_not_list_is_told_what_grants_it(ran: Ran) -> None:
    warning = ran.warnings["keyed_forbidden"]
    assert "playbooks/files/kubernetes-access.yml" in warning
    assert "gpufleet:readers" in warning
