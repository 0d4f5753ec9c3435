# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers without end, deep, slow or from elsewhere, to real plays and inventories."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from attacks import hostile
from attacks.controller import PROGRAMS, Controller
from attacks.hostile import Server
from fakes.recorded.server import Cloud
from integration.waiting import eventually

pytestmark = pytest.mark.attack

TIMEOUT = 2
LATE = 6
"""Seconds after which a source that may take two has surely outlived them."""
MOST_MEMORY = 300 * 2**20
MEASURE = """
import pathlib, resource, subprocess, sys
subprocess.run(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
pathlib.Path(sys.argv[1]).write_text(str(used))
"""
"""Runs a program, and writes the kilobytes of it or its largest child. In a process of
its own: one that has just begun counts with what its parent had."""

SLOW = {
    "drip": hostile.drip,
    "drip_of_headers": hostile.drip_of_headers,
    "drip_of_chunks": hostile.drip_of_chunks,
    "silence": hostile.silence,
    "promise": hostile.promise,
    "continued": hostile.continued,
}
ODD = {
    "deep": (hostile.deep, "nested more than 64 levels"),
    "unzipped": (hostile.unzipped, "no valid gzip"),
    "endless_headers": (hostile.endless_headers, "got more than 100 headers"),
}
LARGE = {
    "bomb": (hostile.bomb, "larger than 128 MiB"),
    "endless": (hostile.endless, "larger than 128 MiB"),
    "endless_chunks": (hostile.endless_chunks, "larger than 128 MiB"),
    "many": (hostile.many, "larger than 10000000 values"),
}
CLOUDS = {
    "cloud_bomb": (hostile.bomb, "larger than 128 MiB"),
    "cloud_endless": (hostile.endless, "larger than 128 MiB"),
    "cloud_deep": (hostile.deep, "nested more than 64 levels"),
    "cloud_pages": (hostile.pages(str), "without end: after 1000 pages"),
    "cloud_page": (hostile.pages(lambda _count: "1"), "without end: after 2 pages"),
}
BOTH = ("prometheus", "slurm")
COMMANDS = {
    # A child that holds the pipe when its parent has ended.
    "ssh": "sleep 60 & echo $! >> pids; exit 0",
    "scontrol": "echo $$ >> pids; exec yes endless",
}


class Run(NamedTuple):
    """A run of a program of Ansible.

    Attributes:
        output: All that it printed.
        results: Results of its tasks, by their names.
        memory: Bytes of its largest process.
        folder: Where it ran.
    """

    output: str
    results: dict[str, Any]
    memory: int
    folder: Path


class Scene:
    """Hostile servers, and a controller that reads them.

    Args:
        folder: Where the controller is.

    Attributes:
        server: The server, over HTTP.
        tls: Another one, over HTTPS.
        deaf: One over HTTP, which waits where TLS is wanted.
        elsewhere: Where these redirect to.
    """

    def __init__(self, folder: Path) -> None:
        self.controller = Controller(folder)
        self.elsewhere = Server({})
        away = hostile.to(self.elsewhere.url.replace("//", "//me:passw0rd@") + "/away")
        clouds = {
            "cloud_drip": hostile.drip,
            "cloud_redirect": away,
            **{kind: answer for kind, (answer, _text) in CLOUDS.items()},
        }
        answers = {
            **{f"{of}_{kind}": SLOW[kind] for of in BOTH for kind in SLOW},
            **{kind: answer for kind, (answer, _text) in (ODD | LARGE).items()},
            **{kind: hostile.nova(answer) for kind, answer in clouds.items()},
            "cloud_elsewhere": hostile.nova(hostile.deep, self.elsewhere.url),
            "keystone": hostile.keystone,
            "longest": hostile.silence,
            "redirect": away,
        }
        self.server = Server(answers)
        self.tls = Server(answers, _certificate(folder))
        self.deaf = Server({})

    def close(self) -> None:
        """Stop to listen."""
        for server in (self.server, self.tls, self.deaf, self.elsewhere):
            server.close()

    def cloud(
        self, user: str, path: str = "keystone", timeout: int = 60
    ) -> dict[str, Any]:
        """Return an entry of clouds.yaml, for the Nova of a name."""
        auth = {
            "auth_url": f"{self.server.url}/{path}/v3",
            "username": user,
            "password": "passw0rd",
            "project_name": "gpu",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        return {"auth": auth, "api_timeout": timeout}

    def source(self, type_: str, kind: str, **options: Any) -> dict[str, Any]:
        """Return a source that a server answers in some way."""
        url = f"{self.server.url}/{kind}"
        own = {"type": type_, "url": url, "token": "t0ken", "timeout": TIMEOUT}
        return own | options

    def play(self, tasks: dict[str, dict[str, Any]], **environment: str) -> Run:
        """Run modules on the controller, whatever becomes of each.

        Args:
            tasks: Modules with their arguments, by the names of results.
            environment: Variables of the environment.
        """
        results = self.controller.folder / "results.json"
        text = "{{ {" + ", ".join(f"'{name}': {name}" for name in tasks) + "} }}"
        steps = [
            {**task, "register": name, "ignore_errors": True}
            for name, task in tasks.items()
        ]
        last = {"ansible.builtin.copy": {"dest": str(results), "content": text}}
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [*steps, last]}]
        path = self.controller.folder / "play.yml"
        path.write_text(yaml.safe_dump(play, sort_keys=False))
        run = self.run("ansible-playbook", str(path), **environment)
        return run._replace(results=json.loads(results.read_text()))

    def run(self, program: str, *arguments: str, **environment: str) -> Run:
        """Run a program of Ansible, and measure its memory."""
        folder = self.controller.folder
        printed, used = folder / "printed.txt", folder / "used"
        with printed.open("w") as file:
            subprocess.run(
                [sys.executable, "-c", MEASURE, used, PROGRAMS / program, *arguments],
                cwd=folder,
                env={**self.controller.environment, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                check=True,
            )
        return Run(printed.read_text(), {}, int(used.read_text()) * 1024, folder)


def _certificate(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS, with a certificate that nobody has signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -nodes -days 1 -subj /CN=hostile -newkey rsa:2048"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("answers"))
    yield made
    made.close()


# Sources ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet(scene: Scene) -> Run:
    """Sources side by side, one of which may take longer than all others."""
    folder = scene.controller.folder
    for name, script in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    clouds = {"drip": scene.cloud("cloud_drip"), "deaf": scene.cloud("any")}
    clouds["deaf"]["auth"]["auth_url"] = f"{scene.deaf.url}/v3".replace(
        "http:", "https:"
    )
    (folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": clouds}))
    basic = {"token": None, "user": "me", "password": "passw0rd"}
    insecure = {"url": f"{scene.tls.url}/redirect", "validate_certs": False}
    sources = [
        scene.source("prometheus", "longest", timeout=2 * LATE + 1),
        *(scene.source(of, f"{of}_{kind}") for of in BOTH for kind in SLOW),
        *(scene.source(of, kind, timeout=LATE) for of in BOTH for kind in ODD),
        *(scene.source(of, "redirect", timeout=LATE) for of in BOTH),
        scene.source(
            "prometheus", "", timeout=LATE, url=scene.deaf.url.replace("p:", "ps:")
        ),
        scene.source("prometheus", "redirect", timeout=LATE, **basic),
        scene.source("prometheus", "", timeout=LATE, **insecure),
        scene.source("slurm", "", timeout=LATE, **insecure),
    ]
    places = [
        {"type": "openstack", "cloud": cloud, "timeout": 2 * LATE} for cloud in clouds
    ]
    commands = [
        {"type": "slurm", "login": "login1", "timeout": TIMEOUT},
        {"type": "slurm", "timeout": 60},
    ]
    tasks = {
        name: {"gpufleet.openstack.fleet_info": {"sources": each, "max_age": 0}}
        for name, each in (
            ("sources", sources),
            ("places", places),
            ("commands", commands),
        )
    }
    environment = {"OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}
    environment["PATH"] = f"{folder}:{os.environ['PATH']}"
    return scene.play(tasks, **environment)


def warnings(run: Run, name: str) -> str:
    """Return the warnings of a report."""
    return "\n".join(run.results[name]["overview"]["warnings"])


@pytest.mark.parametrize("kind", [f"{of}_{kind}" for of in BOTH for kind in SLOW])
def test_no_answer_outlives_its_deadline(scene: Scene, fleet: Run, kind: str) -> None:
    assert scene.server.took["longest"] > 2 * LATE - 1, "the process went on so long"
    assert scene.server.took[kind] < 1.5 * LATE


def test_no_cloud_outlives_its_deadline(scene: Scene, fleet: Run) -> None:
    texts = warnings(fleet, "places").splitlines()
    assert len([text for text in texts if "timed out" in text]) == 2, texts
    assert scene.server.took["cloud_drip"] < 3 * LATE


def test_no_handshake_outlives_its_deadline(scene: Scene, fleet: Run) -> None:
    assert "before the timeout" in warnings(fleet, "sources")
    # Of Prometheus and of Keystone, each of which has its own connections.
    assert len(scene.deaf.unread) >= 2
    assert max(scene.deaf.unread) < 3 * LATE


@pytest.mark.parametrize(
    ("type_", "text"), [(of, text) for of in BOTH for _answer, text in ODD.values()]
)
def test_odd_answers(fleet: Run, type_: str, text: str) -> None:
    texts = warnings(fleet, "sources").splitlines()
    assert [each for each in texts if each.startswith(type_) and text in each]


def test_redirects_are_not_followed(scene: Scene, fleet: Run) -> None:
    texts = warnings(fleet, "sources")
    # Of each type, as equal warnings are said once.
    assert texts.count(f"redirects to {scene.elsewhere.url}/away") == len(BOTH)
    assert scene.elsewhere.requests == []
    asked = [each for each in scene.server.requests if "/redirect" in each.path]
    assert len(asked) == 3
    assert "passw0rd" not in fleet.output + texts


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_end_with_their_children(fleet: Run, command: str) -> None:
    # On a busy machine, less than the 2 s of the source is left for the command.
    reason = {
        "ssh": r"took more than (2|1\.\d+) s",
        "scontrol": "larger than 128 MiB",
    }[command]
    assert re.search(reason, warnings(fleet, "commands"))
    pids = (Path(fleet.folder) / "pids").read_text().split()
    assert len(pids) == 2
    # Killed, and gone as soon as the system has seen to it.
    eventually(lambda: [pid for pid in pids if Path(f"/proc/{pid}").exists()], [], 10)


@pytest.fixture(scope="module")
def large(scene: Scene) -> Run:
    """One after the other, each in a process of its own."""
    sources = [scene.source(of, kind, timeout=60) for of in BOTH for kind in LARGE]
    return scene.play(
        {
            f"{source['type']}_{source['url'].rpartition('/')[2]}": {
                "gpufleet.openstack.fleet_info": {"sources": [source]}
            }
            for source in sources
        }
    )


@pytest.mark.parametrize("type_", BOTH)
@pytest.mark.parametrize("kind", LARGE)
def test_large_answers(large: Run, type_: str, kind: str) -> None:
    assert LARGE[kind][1] in warnings(large, f"{type_}_{kind}")
    assert large.memory < MOST_MEMORY


# Clouds -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def modules(scene: Scene) -> Run:
    clouds = {kind: scene.cloud(kind) for kind in (*CLOUDS, "cloud_redirect")}
    clouds["cloud_elsewhere"] = scene.cloud("cloud_elsewhere")
    clouds["keystone_redirect"] = scene.cloud("any", "redirect")
    clouds["keystone_bomb"] = scene.cloud("any", "bomb")
    return scene.play(
        {
            kind: {"gpufleet.openstack.hardware_info": {"cloud": cloud}}
            for kind, cloud in clouds.items()
        }
    )


@pytest.mark.parametrize("kind", [*CLOUDS, "keystone_bomb"])
def test_answers_of_clouds(modules: Run, kind: str) -> None:
    result = modules.results[kind]
    assert result["failed"]
    assert (CLOUDS.get(kind) or LARGE["bomb"])[1] in result["msg"]
    assert modules.memory < MOST_MEMORY


@pytest.mark.parametrize("kind", ["cloud_redirect", "keystone_redirect"])
def test_no_token_or_password_goes_elsewhere(
    scene: Scene, modules: Run, kind: str
) -> None:
    result = modules.results[kind]
    assert result["failed"]
    assert f"to {scene.elsewhere.url}/away, which is another server" in result["msg"]
    assert scene.elsewhere.requests == []
    assert "passw0rd" not in modules.output


def test_the_versions_of_a_service_lead_nowhere_else(
    scene: Scene, modules: Run
) -> None:
    # The list was requested from the server that the catalog names.
    assert "nested" in modules.results["cloud_elsewhere"]["msg"]
    assert scene.elsewhere.requests == []


# The inventory ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inventory(scene: Scene) -> Iterator[Run]:
    """Of a good cloud, with telemetry that drips, in a process that goes on."""
    cloud = Cloud(4, 1)
    folder = scene.controller.folder
    (folder / "clouds.yaml").write_text(
        yaml.safe_dump({"clouds": {"it": cloud.config}})
    )
    server = {"url": f"{scene.server.url}/cloud_drip/flavors", "timeout": TIMEOUT}
    source = {"plugin": "gpufleet.openstack.gpu_nodes", "cloud": "it"}
    source["telemetry"] = "prometheus"
    source["prometheus"] = server
    (folder / "gpu_nodes.yml").write_text(yaml.safe_dump(source))
    scene.server.took.clear()
    yield scene.play(
        {"slept": {"ansible.builtin.command": f"sleep {LATE}"}},
        ANSIBLE_INVENTORY=str(folder / "gpu_nodes.yml"),
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true",
        OS_CLIENT_CONFIG_FILE=str(folder / "clouds.yaml"),
    )
    cloud.close()


def test_the_telemetry_of_an_inventory(scene: Scene, inventory: Run) -> None:
    assert "before the timeout" in inventory.output
    assert scene.server.took["cloud_drip"] < LATE
