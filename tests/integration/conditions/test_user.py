# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs Ansible, and with which environment, limits and time zone."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from attacks.controller import PROGRAMS
from integration.conditions.running import Running, Site

HERE = Path(__file__).parent

NAMELESS = 54321
"""A user id that no line of /etc/passwd has, as in a container on OpenShift."""

_CAPABILITY = "+dac_read_search"
_AS_NAMELESS = (
    f"setpriv --reuid {NAMELESS} --regid {NAMELESS} --clear-groups "
    f"--inh-caps {_CAPABILITY} --ambient-caps {_CAPABILITY}"
)
"""It may read this virtual environment, wherever that is, and write nothing else."""

CONDITIONS: dict[str, tuple[str, dict[str, str]]] = {
    "closed standard input, umask 000, another time zone": (
        'umask 000; exec "$@" <&-',
        {"TZ": "Asia/Kolkata"},
    ),
    "umask 077, 256 open files, a home that can't be written": (
        'umask 077; ulimit -n 256; exec "$@"',
        {"HOME": "/proc", "TZ": "America/St_Johns"},
    ),
    "no home and no name": (
        # Ansible itself needs a folder for temporary files then.
        f'unset HOME USER LOGNAME; ANSIBLE_REMOTE_TMP="$PWD/remote"; '
        f'export ANSIBLE_REMOTE_TMP; exec {_AS_NAMELESS} "$@"',
        {},
    ),
}


def _tasks(site: Site) -> list[dict[str, Any]]:
    """A task of each kind that writes or tells a time."""
    kubeconfig = {"cloud": "recorded", "name": "cluster-0"}
    source = {"type": "openstack", "cloud": "recorded"}
    many = [{"type": "slurm", "login": f"login{n}"} for n in range(40)]
    return [
        {"gpufleet.openstack.kubeconfig": {**kubeconfig, "path": _at(site, "key")}},
        {"gpufleet.openstack.telemetry_program": {"path": _at(site, "program")}},
        {"gpufleet.openstack.gpu_facts": {}},
        {"gpufleet.openstack.fleet_info": {"sources": [source, *many]}},
    ]


def _at(site: Site, name: str) -> str:
    return str(site.folder / name)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(recorded: Site, name: str) -> None:
    shell, environment = CONDITIONS[name]
    if "setpriv" in shell and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    tool = recorded.tool("ssh", 'echo \'{"nodes": [], "jobs": []}\'')
    before = datetime.now(UTC) - timedelta(seconds=2)
    play = _start(recorded, shell, {**tool, **environment})
    assert play.ended() == 0, play.output
    lines = (recorded.folder / "results").read_text().splitlines()
    key, _program, facts, report = map(json.loads, lines)
    results = {"key": key, "facts": facts, "report": report}
    _times(recorded, results, before)
    # What may not be read by others, and what must be.
    modes = {"key": 0o600, "audit": 0o600, "run.prom": 0o644, "program": 0o755}
    for path, mode in modes.items():
        found = stat.S_IMODE((recorded.folder / path).stat().st_mode)
        assert found == mode, f"{path} has {found:o}"
    assert results["report"]["overview"]["totalNodes"] == 2
    # All 40 answered, none with a node.
    warnings = results["report"]["overview"]["warnings"]
    said = [text for text in warnings if "slurm" in text]
    assert said == ["slurm: it has no node with devices"]


def _start(site: Site, shell: str, environment: dict[str, str]) -> Running:
    """Start the play as a shell's command makes it."""
    if "setpriv" in shell:
        for path in (site.folder, *site.folder.iterdir()):
            os.chown(path, NAMELESS, NAMELESS)
    play = {"hosts": "localhost", "gather_facts": False, "tasks": _tasks(site)}
    play["vars"] = {"ansible_python_interpreter": str(PROGRAMS / "python")}
    path = site.folder / "play.yml"
    path.write_text(yaml.safe_dump([play]))
    return Running(
        site.controller,
        "/bin/sh",
        *("-c", shell, "sh", str(PROGRAMS / "ansible-playbook"), str(path)),
        **{
            **site.environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE.parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "gpufleet.openstack.audit,results",
            "GPUFLEET_TEST_RESULTS": _at(site, "results"),
            "GPUFLEET_AUDIT_PATH": _at(site, "audit"),
            "GPUFLEET_AUDIT_METRICS": _at(site, "run.prom"),
            **environment,
        },
    )


def _times(site: Site, results: dict[str, Any], before: datetime) -> None:
    """All times are UTC, and say so."""
    after = datetime.now(UTC) + timedelta(seconds=2)
    facts = results["facts"]["ansible_facts"]["gpufleet"]
    lines = (site.folder / "audit").read_text().splitlines()
    times = [
        facts["gathered_at"],
        results["report"]["overview"]["generatedAt"],
        *(json.loads(line)["time"] for line in lines),
    ]
    assert len(times) >= 3
    for text in times:
        moment = datetime.fromisoformat(text)
        assert moment.utcoffset() == timedelta(0), text
        assert before <= moment <= after, text
    own = results["key"]["kubeconfig"]
    issuer = x509.load_pem_x509_certificate(site.cloud.authority.pem.encode())
    expected = issuer.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert own["ca_not_after"] == expected
