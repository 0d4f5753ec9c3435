# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts munged, slurmctld, a slurmd for each node, and slurmrestd, and ends them.

All is real but the GPUs: their device files are plain ones. Everything listens on
127.0.0.1 and lies in one folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from beds.openstack.layout import free_ports
from beds.openstack.processes import MARK

PACKAGES = {
    "munge": "munged",
    "slurm-client": "squeue",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "slurmrestd": "slurmrestd",
}
"""Debian packages, and a command of each."""

UNITS = ("munge", "slurmctld", "slurmd", "slurmrestd")
PLUGIN = "slurm-wlm-jwt-plugin"  # has no command

PATH = os.environ.get("PATH", "") + ":/usr/sbin"  # where Debian has daemons

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/jwt.key
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/s/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
MpiDefault=none
SwitchType=switch/none
ReturnToService=1
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
GresTypes=gpu
DefMemPerCPU=64
SlurmctldTimeout=30
SlurmdTimeout=60
MinJobAge=3600
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A cluster.

    Args:
        folder: An empty folder for all of it; its path is short, as those of sockets
            are, which have a node's name in them twice.
        nodes: By name type and number of a node's GPUs.
    """

    def __init__(self, folder: Path, nodes: Mapping[str, tuple[str, int]]) -> None:
        self.folder = folder
        self.nodes = nodes
        self.port, self.rest_port, *self._ports = free_ports(2 + len(nodes))
        self._started: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """Where slurmrestd listens."""
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What Slurm's commands need, and a mark to find its processes by."""
        config = str(self.folder / "slurm.conf")
        mark = {MARK: str(self.folder)}
        return {**os.environ, "SLURM_CONF": config, "PATH": PATH, **mark}

    def command(self, *arguments: str) -> str:
        """Run one of Slurm's commands and return what it printed."""
        done = subprocess.run(
            arguments,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            cwd=self.folder,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def token(self, seconds: int = 600) -> str:
        """A JWT for root."""
        made = self.command("scontrol", "token", f"lifespan={seconds}")
        return made.strip().partition("=")[2]

    def submit(self, name: str, *options: str, script: str = "sleep 600") -> str:
        """Submit a job. Returns its id."""
        usual = ["--parsable", "--job-name", name, "--mem=100", "--output=/dev/null"]
        return self.command("sbatch", *usual, *options, "--wrap", script).strip()

    def until(self, what: str, done: Callable[[], bool]) -> None:
        """Wait for something, half a minute."""
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, f"{what}: not after 30 s"
            time.sleep(0.3)

    # Start and end ----------------------------------------------------------------

    def start(self) -> None:
        """Start all, and wait until the nodes are idle."""
        for name in ("state", "s", "run", "log", "munge", "dev"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        # slurmrestd refuses to be root, and reads these.
        self.folder.chmod(0o755)
        (self.folder / "munge").chmod(0o755)
        self._write()
        munge = self.folder / "munge"
        self._run(
            *("munged", "--force", "--foreground", f"--key-file={munge}/key"),
            *(f"--socket={munge}/socket", f"--pid-file={munge}/pid"),
            *(f"--log-file={munge}/log", f"--seed-file={munge}/seed"),
        )
        self.until("munged", (munge / "socket").exists)
        self._run("slurmctld", "-D")
        for name in self.nodes:
            (self.folder / "s" / name).mkdir()
            self._run("slurmd", "-D", "-N", name)
        self._run(
            *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
            *("slurmrestd", "-a", "rest_auth/jwt", "-s", "openapi/v0.0.38"),
            f"127.0.0.1:{self.rest_port}",
            SLURM_JWT="daemon",
            SLURMRESTD_SECURITY="disable_unshare_files,disable_unshare_sysv",
        )
        self.until("slurmctld", self._answers)
        self.until("the nodes", self._idle)
        self.until("slurmrestd", self._rest_answers)

    def stop(self) -> None:
        """End all, by pid."""
        subprocess.run(
            ["scancel", "--user=root"],
            check=False,
            capture_output=True,
            env=self.environment,
        )
        time.sleep(1)  # a job's slurmstepd outlives slurmd otherwise
        for process in reversed(self._started):
            process.terminate()
        for process in self._started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()

    def _run(self, *command: str, **environment: str) -> None:
        with (self.folder / "log" / f"{len(self._started)}.out").open("wb") as log:
            self._started.append(
                subprocess.Popen(
                    command,
                    env={**self.environment, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                )
            )

    def _write(self) -> None:
        host = socket.gethostname().split(".")[0]
        lines = [
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
            f"CPUs=64 RealMemory=512000 Gres=gpu:{model}:{count} State=UNKNOWN\n"
            for (name, (model, count)), port in zip(
                self.nodes.items(), self._ports, strict=True
            )
        ]
        told = CONFIG.format(host=host, port=self.port, folder=self.folder)
        (self.folder / "slurm.conf").write_text(told + "".join(lines))
        # Named as files for rendering are, as of AMD's devices.
        files = self.folder / "dev/renderD"
        for number in range(max(count for _model, count in self.nodes.values())):
            Path(f"{files}{128 + number}").touch()
        gres = [
            f"NodeName={name} Name=gpu Type={model} File={files}[128-{127 + count}]\n"
            for name, (model, count) in self.nodes.items()
        ]
        (self.folder / "gres.conf").write_text("AutoDetect=off\n" + "".join(gres))
        (self.folder / "cgroup.conf").write_text(
            "CgroupAutomount=no\nConstrainDevices=no\n"
        )
        for name in ("jwt.key", "munge/key"):
            key = self.folder / name
            key.write_bytes(secrets.token_bytes(128))
            key.chmod(0o600)

    def _answers(self) -> bool:
        done = subprocess.run(
            ["scontrol", "ping"], check=False, capture_output=True, env=self.environment
        )
        return done.returncode == 0

    def _idle(self) -> bool:
        states = self.command("sinfo", "--noheader", "--format=%T").split()
        return set(states) == {"idle"}

    def _rest_answers(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.rest_port)) == 0


def missing() -> list[str]:
    """Debian packages that are not there."""
    found = [
        package
        for package, command in PACKAGES.items()
        if not shutil.which(command, path=PATH)
    ]
    there = list(Path("/usr/lib").glob("*/slurm-wlm/auth_jwt.so"))
    return found if there else [*found, PLUGIN]
