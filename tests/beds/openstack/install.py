# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs what the bed stands on: two Debian packages and the services from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .layout import BedError
from .processes import MARK, end, marked, output_of
from .services import program, rabbitmq_sbin

PACKAGES = {
    "mariadb-server": "mariadbd",
    "mariadb-client": "mariadb",
    "rabbitmq-server": "rabbitmq-server",
    "erlang-base": "epmd",
}
UNITS = ("mariadb.service", "rabbitmq-server.service", "epmd.service", "epmd.socket")
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = (
    "#!/bin/sh\n# Made by gpufleet's test bed while it installs packages.\nexit 101\n"
)


def missing_packages() -> list[str]:
    """Return the Debian packages that are not there."""
    missing = []
    for package, command in PACKAGES.items():
        try:
            program(command)
        except BedError:
            missing.append(package)
    try:
        rabbitmq_sbin()
    except BedError:
        missing.append("rabbitmq-server")
    return sorted(set(missing))


def install_packages(missing: Sequence[str], units: Sequence[str] = UNITS) -> None:
    """Install Debian packages, without starting the services that come with them.

    Args:
        missing: Names of packages.
        units: Services that shall not start with the machine either.

    Raises:
        BedError: It takes root, or apt-get failed.
    """
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BedError(f"packages are missing: as root, {' '.join(command)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        for step in (["apt-get", "update"], command):
            output_of(step, env=env)
    if Path("/run/systemd/system").is_dir():
        # These units came with the packages just now: nobody else wants them.
        subprocess.run(
            ["systemctl", "disable", *units], check=False, capture_output=True
        )


def install_for_tests(missing: Sequence[str], units: Sequence[str] = ()) -> int:
    """As `install_packages`, as a command.

    Returns:
        The exit status.
    """
    if missing:
        print(f"installing {', '.join(missing)}", flush=True)
    try:
        install_packages(missing, units)
    except BedError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep packages from starting their services while they are installed.

    A policy that is there already is left as it is, unless it is one of ours that
    a killed run forgot.
    """
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink()


def install_venv(venv: Path, requirements: Path) -> None:
    """Make a virtual environment of services, unless it is there.

    Args:
        venv: Where.
        requirements: The lock file of what it holds.

    Raises:
        BedError: It could not be made.
    """
    complete = venv / ".complete"
    if complete.exists():
        return
    end(marked(venv), patience=2)  # what an interrupted `up` left installing
    shutil.rmtree(venv, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    python = str(venv / "bin" / "python")
    # Nothing whose hash is not in the lock file.
    install = ["install", "--quiet", "--require-hashes", "-r", str(requirements)]

    def run(*command: str) -> None:
        output_of(command, env={**os.environ, MARK: str(venv)})

    run(str(uv), "venv", "--quiet", "--python", sys.executable, str(venv))
    try:
        run(str(uv), "pip", *install, "--compile-bytecode", "--python", python)
    except BedError:
        # uv does not read pip's configuration files; where the package index is
        # only named there, pip does the work.
        run(sys.executable, "-m", "pip", "--python", python, *install)
    complete.touch()
