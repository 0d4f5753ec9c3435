# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's commands and slurmrestd, as they answer and as they fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers import (
    slurm,
)
from ansible_collections.gpufleet.openstack.plugins.module_utils._schedulers.errors import (
    SchedulerError,
)

# Commands -------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all commands that there are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_commands(path: Path) -> None:
    command(path, "squeue", """echo '{"jobs": [{"job_id": 1}]}'""")
    command(path, "scontrol", """echo '{"nodes": [{"name": "'"$*"'"}]}'""")
    records = slurm.commands(None, 5)
    assert records("jobs") == [{"job_id": 1}]
    assert records("nodes") == [{"name": "show nodes --json"}]


def test_commands_of_another_host(path: Path) -> None:
    command(path, "ssh", """echo '{"jobs": [{"name": "'"$*"'"}]}'""")
    [job] = slurm.commands("login1", 5)("jobs")
    assert job["name"] == "-o BatchMode=yes -- login1 squeue --json"


def test_sinfo_lists_the_nodes_of_older_releases(path: Path) -> None:
    command(path, "scontrol", "echo \"unrecognized option '--json'\" >&2; exit 1")
    command(path, "sinfo", """echo '{"nodes": []}'""")
    assert slurm.commands(None, 5)("nodes") == []


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (None, "there is no squeue on this machine"),
        ("echo no route >&2; exit 255", "squeue --json ended with 255: no route"),
        ("echo '<html>'", "what Slurm answered is no JSON"),
        ("echo '[]'", "what Slurm answered is no JSON object"),
        ("echo '{}'", "Slurm did not list jobs: no list"),
        (
            """echo '{"jobs": [], "errors": [{"description": "down"}]}'""",
            "Slurm did not list jobs: down",
        ),
        ("exec /bin/sleep 5", "squeue --json took more than 0.2 s"),
    ],
)
def test_commands_that_fail(path: Path, script: str | None, text: str) -> None:
    if script is not None:
        command(path, "squeue", script)
    with pytest.raises(SchedulerError) as caught:
        slurm.commands(None, 0.2 if "sleep" in (script or "") else 5)("jobs")
    assert str(caught.value) == text


def test_commands_share_their_time(path: Path) -> None:
    command(path, "squeue", "/bin/sleep 0.6; echo '{\"jobs\": []}'")
    records = slurm.commands(None, 1)
    assert records("jobs") == []
    with pytest.raises(SchedulerError, match="took more than 1 s"):
        records("jobs")


def test_a_command_ends_with_its_children(path: Path) -> None:
    # The child holds the pipe when its parent has ended, and is not waited for.
    command(path, "squeue", 'cd "${0%/*}"; /bin/sleep 60 & echo $! > pid')
    with pytest.raises(SchedulerError, match="took more than 0"):
        slurm.commands(None, 0.5)("jobs")
    status = Path(f"/proc/{(path / 'pid').read_text().strip()}/stat")
    # Killed; it may take a busy machine a moment to see to it.
    latest = time.monotonic() + 10
    while status.exists() and ") Z " not in status.read_text():
        assert time.monotonic() < latest
        time.sleep(0.05)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_command_without_end(
    path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setattr(slurm._http, "MOST_BYTES", 2**20)
    command(path, "squeue", f"exec /usr/bin/yes >&{stream}")
    with pytest.raises(SchedulerError, match="what Slurm answered is larger than 1 M"):
        slurm.commands(None, 60)("jobs")


# slurmrestd -----------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers what a test says, by path.

    Attributes:
        answers: Status and content by path.
        users: User and token of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.users: set[tuple[str | None, str | None]] = set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        headers = self.headers
        self.server.users.add(
            (headers["X-SLURM-USER-NAME"], headers["X-SLURM-USER-TOKEN"])
        )
        status, body = self.server.answers.get(self.path, (404, b"not here"))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


OPENAPI = {"paths": {f"/slurm/v0.0.{number}/nodes": {} for number in (9, 38, 40)}}


def test_the_newest_api_is_used(server: Server) -> None:
    server.answers = {
        "/openapi/v3": (200, OPENAPI),
        "/slurm/v0.0.40/nodes": (200, {"nodes": [{"name": "gpu1"}]}),
    }
    records = slurm.rest(f"{server.url}/", 5, user="alice", token="t")
    assert records("nodes") == [{"name": "gpu1"}]
    assert server.users == {("alice", "t")}
    with pytest.raises(
        SchedulerError,
        match=r"^slurmrestd answered 404 to /slurm/v0.0.40/jobs: Not Found$",
    ):
        records("jobs")


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (401, {"errors": []}, "slurmrestd answered 401 to /openapi/v3: Unauthorized"),
        (500, b"", "slurmrestd answered 500 to /openapi/v3: Internal Server Error"),
        (200, b"<html>", "what Slurm answered is no JSON"),
        (200, [], "what Slurm answered is no JSON object"),
        (200, {"paths": {}}, "slurmrestd at URL offers no API that is known here"),
    ],
)
def test_answers_of_no_use(server: Server, status: int, body: Any, text: str) -> None:
    server.answers = {"/openapi/v3": (status, body)}
    with pytest.raises(SchedulerError) as caught:
        slurm.rest(server.url, 5)
    assert str(caught.value) == text.replace("URL", server.url)


def test_nobody_answers() -> None:
    with pytest.raises(SchedulerError, match=r"^slurmrestd did not answer: .*refused"):
        slurm.rest("http://127.0.0.1:1", 5)
