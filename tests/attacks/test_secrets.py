# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in options show nowhere, wherever in the options they are."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
import yaml

from attacks.controller import Controller
from integration import leaks

pytestmark = pytest.mark.attack

URL = "http://127.0.0.1:PORT/v3"
AUTH = {
    "auth_url": URL,
    "username": "somebody",
    "password": "nothing-of-use",
    "project_name": "a",
}
HOT = {"heat_template_version": "2018-08-31"}


HIDDEN = {"hidden": True}
ODD = "a'\"\\%s\n"
"""Ansible writes a dictionary to the log as Python does: these look different there."""

# A module and its arguments; each text in angle brackets is a secret.
TASKS: list[tuple[str, dict[str, Any]]] = [
    (
        "heat_stack",
        {
            "name": "a",
            "auth": AUTH,
            "template": {
                "heat_template_version": "2018-08-31",
                "parameters": {
                    "text": HIDDEN,
                    "yes": {"hidden": "yes"},
                    "dict": {"type": "json", **HIDDEN},
                    "list": {"type": "comma_delimited_list", **HIDDEN},
                    "default": {"default": "<hidden default>", **HIDDEN},
                },
            },
            "parameters": {
                "text": "<hidden text>",
                "yes": "<odd hidden text>",
                "dict": {"a": ["b", {"c": "<hidden dict>", "d": "<odd hidden dict>"}]},
                "list": ["b", "<hidden list>"],
            },
        },
    ),
    (
        "heat_stack",
        {
            "name": "a",
            "auth": AUTH,
            "template": {"Parameters": {"key": {"NoEcho": "true"}}},
            "parameters": {"key": "<of CloudFormation>"},
        },
    ),
    (
        "heat_stack",
        {
            "name": "a",
            "auth": AUTH,
            "parameters": {
                "text": "<no template>",
                "odd": "<odd no template>",
                "dict": {"a": ["<no template, nested>"]},
            },
        },
    ),
    (
        "heat_stack",
        {"name": "a", "auth": AUTH, "parameters": "key=<parameters in text>"},
    ),
    ("heat_stack", {"name": "a", "auth": AUTH, "parameters": ["<parameters in list>"]}),
    ("hardware_info", {"auth": {**AUTH, "password": "<odd password>"}}),
    (
        "hardware_info",
        {"auth": {**AUTH, "password": {"now": ["<password in a dict>"]}}},
    ),
    ("hardware_info", {"auth": f"auth_url={URL} password=<auth in text>"}),
    (
        "location_info",
        {
            "cloud": {
                "auth": {
                    **AUTH,
                    "auth_url": URL.replace("//", "//me:<cloud's address>@"),
                    "password": "<odd cloud>",
                }
            }
        },
    ),
    ("location_info", {"cloud": '{"auth": {"password": "<cloud in text>"}}'}),
    ("hardware_info", {"auth": AUTH, "password": "<password in a wrong place>"}),
    (
        "preflight_info",
        {"auth": {**AUTH, "auth_url": URL.replace("//", "//me:<address>@")}},
    ),
    (
        "hardware_info",
        {"auth": {**AUTH, "auth_url": URL.replace("//", "//me:<wrong address>/a@")}},
    ),
    (
        "hardware_info",
        {"auth": {**AUTH, "auth_url": URL.replace("http://", "me:<bare address>@")}},
    ),
    (
        "cluster_template",
        {"name": "a", "auth": AUTH, "http_proxy": "http://me:<proxy>@proxy:3128"},
    ),
    (
        "gpu_cluster",
        {
            "name": "a",
            "template": "b",
            "auth": AUTH,
            "labels": {"grafana_admin_passwd": "<label>"},
            "node_groups": [
                {"name": "b", "labels": {"registry_token": "<label of a node group>"}}
            ],
        },
    ),
    (
        "fleet_info",
        {
            "sources": [
                {"type": "slurm", "url": URL, "user": "a", "token": "<Slurm>"},
                {
                    "type": "prometheus",
                    "url": URL,
                    "user": "a",
                    "password": "<Prometheus>",
                },
                {"type": "openstack", "cloud": '{"auth": "<odd cloud of a source>"}'},
            ]
        },
    ),
    (
        "fleet_info",
        {"sources": [{"type": "slurm", "token": "<wrong source>", "password": "b"}]},
    ),
]
SECRETS = re.findall("<(.*?)>", repr(TASKS).replace("\\'", "'"))


class Shown(NamedTuple):
    """What a run showed, task by task, and what it wrote."""

    tasks: list[str]
    log: str
    secrets: dict[str, str]


def _filled(value: Any, secrets: dict[str, str]) -> Any:
    """Return a value with real secrets in it; odd ones in an odd shape."""
    if isinstance(value, dict):
        return {key: _filled(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    for name, secret in secrets.items():
        whole = ODD % secret if name.startswith("odd") else secret
        value = value.replace(f"<{name}>", whole)
    return value


class _Echo(BaseHTTPRequestHandler):
    """Refuses everybody, and repeats what it was sent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self._refuse(401, {"message": f"Not with {sent}"})

    def do_GET(self) -> None:
        self._refuse(404, f"Not with {' '.join(self.headers.values())}")

    def _refuse(self, status: int, error: Any) -> None:
        answer = json.dumps({"error": error}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A hostile service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, port: int) -> Shown:
    """Run each module with each secret at -vvv, with a system's log that is a file."""
    folder = tmp_path_factory.mktemp("secrets")
    controller = Controller(folder)
    (folder / "python").mkdir()
    log = folder / "log"
    (folder / "python/sitecustomize.py").write_text(
        "import syslog\n"
        f"syslog.syslog = lambda *a: open({str(log)!r}, 'a').write(f'{{a}}\\n')\n"
    )
    known = {name: secrets.token_hex(8) for name in SECRETS}
    given = json.loads(
        json.dumps([_filled(options, known) for _module, options in TASKS]).replace(
            "PORT", str(port)
        )
    )
    tasks = [
        {
            "name": f"CASE {number}",
            f"gpufleet.openstack.{module}": {
                name: f"{{{{ given[{number}].{name} }}}}" for name in options
            },
            "ignore_errors": True,
        }
        for number, (module, options) in enumerate(TASKS)
    ]
    # Ansible itself shows lines of a playbook: there are no secrets in these.
    (folder / "given.yml").write_text(yaml.safe_dump({"given": given}))
    done = controller.play(
        tasks,
        *("-vvv", "--diff", "-e", "@given.yml"),
        PYTHONPATH=str(folder / "python"),
        ANSIBLE_DISPLAY_TRACEBACK="always",
    )
    parts = done.output.split("TASK [CASE ")[1:]
    assert len(parts) == len(tasks), done.output
    Path("/tmp/fleet-shown.txt").write_text(done.output)
    return Shown(parts, log.read_text(), known)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown(shown: Shown, name: str) -> None:
    [number] = [
        n for n, task in enumerate(TASKS) if f"<{name}>" in str(task[1].values())
    ]
    output = shown.tasks[number]
    assert "fatal: [localhost]" in output or "ok: [localhost]" in output
    for text in shown.tasks:
        assert leaks.in_text(text, {name: shown.secrets[name]}) == []


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_logged(shown: Shown, name: str) -> None:
    assert "Invoked with" in shown.log
    assert leaks.in_text(shown.log, {name: shown.secrets[name]}) == []


@pytest.mark.parametrize(
    "options",
    [
        {"auth": {**AUTH, "auth_url": URL.replace("//", "//me:<secret>@")}},
        {"auth": {**AUTH, "auth_url": URL.replace("//", "//me:<secret>/a@")}},
        {"cloud": '{"auth": {"password": "<secret>"}}'},
        {"auth": {**AUTH, "password": "<secret>"}},
    ],
    ids=["address", "wrong address", "cloud in text", "repeated by Keystone"],
)
def test_an_inventory_does_not_show_a_secret(
    port: int, tmp_path: Path, options: dict[str, Any]
) -> None:
    known = {"secret": secrets.token_hex(8)}
    filled = json.dumps(_filled(options, known)).replace("PORT", str(port))
    inventory = {"plugin": "gpufleet.openstack.gpu_nodes", **json.loads(filled)}
    (tmp_path / "a.gpu_nodes.yml").write_text(yaml.safe_dump(inventory))
    done = Controller(tmp_path).run(
        "ansible-inventory", "-vvv", "--list", "-i", str(tmp_path / "a.gpu_nodes.yml")
    )
    assert "the cloud: " in done.output, done.output
    assert leaks.in_text(done.output, known) == []


@pytest.mark.parametrize(
    "source",
    [
        {"type": "prometheus", "token": "<secret>"},
        {"type": "prometheus", "user": "me", "password": "<secret>"},
        {"type": "slurm", "user": "me", "token": "<secret>"},
    ],
    ids=["token", "password", "slurm"],
)
def test_a_report_does_not_show_what_a_server_repeats(
    port: int, tmp_path: Path, source: dict[str, str]
) -> None:
    known = {"secret": secrets.token_hex(8)}
    sources = [{**source, "url": f"http://127.0.0.1:{port}"}]
    arguments = _filled({"reports": ["overview"], "sources": sources}, known)
    tasks = [
        {"gpufleet.openstack.fleet_info": arguments, "register": "it", "no_log": True},
        {"ansible.builtin.debug": {"msg": "{{ it.overview.warnings }}"}},
    ]
    done = Controller(tmp_path).play(tasks)
    assert "Not with" in done.output, done.output
    assert leaks.in_text(done.output, known) == []
