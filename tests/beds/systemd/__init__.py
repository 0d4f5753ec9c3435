# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real systemd, in namespaces of its own, that manages nothing of this machine.

It sees this machine's files, but for `/run` and `/etc/systemd/system`, which are its
own, and knows no unit but those that are put there: none of this machine's own is
started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

SYSTEMD = Path("/lib/systemd/systemd")

# The first process of the namespaces. Without timers.target no timer can be installed;
# it must not ask for the rest of a boot.
_START = f"""
set -e
mount --bind "$1" /mnt
mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/systemd /run/test
mount --move /mnt /run/test
for name in timers basic sysinit shutdown network-online; do
    printf '[Unit]\\nDefaultDependencies=no\\n' >/etc/systemd/system/$name.target
done
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system
exec {SYSTEMD} --system --unit=timers.target --log-target=null --show-status=no
"""


class System:
    """A running systemd.

    Args:
        folder: Is `/run/test` in it.

    Attributes:
        enter: What to put before a command, to run it in there.
    """

    def __init__(self, folder: Path) -> None:
        own = ("--pid", "--fork", "--mount", "--mount-proc", "--cgroup", "--kill-child")
        self._process = subprocess.Popen(
            ["unshare", *own, "sh", "-c", _START, "sh", folder],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self.enter = self._enter()
        except BaseException:
            self.stop()
            raise

    def _enter(self) -> tuple[str, ...]:
        deadline = time.monotonic() + 20
        own = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while True:
            assert self._process.poll() is None, "systemd did not start"
            assert time.monotonic() < deadline, "systemd does not answer"
            for child in own.read_text().split():
                namespaces = ("--mount", "--pid", "--cgroup")
                here = f"--wdns={Path.cwd()}"
                enter = ("nsenter", f"--target={child}", *namespaces, here)
                asked = subprocess.run(
                    [*enter, "systemctl", "is-system-running"],
                    check=False,
                    capture_output=True,
                    text=True,
                    timeout=20,
                )
                if asked.stdout.strip() == "running":
                    return enter
            time.sleep(0.1)

    def run(self, *command: str) -> str:
        """Run a command in it, which must succeed. Returns what it printed."""
        return subprocess.run(
            [*self.enter, *command],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        ).stdout

    def stop(self) -> None:
        """Stop it, and all that it has started."""
        # The namespace's other processes end with its first.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
