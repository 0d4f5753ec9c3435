# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the bed keeps its things, and what is chosen once per bed.

Everything lies under one root, ``~/.cache/gpufleet`` or ``$GPUFLEET_CACHE``:

- ``venv-bed-<hash of the pins>``: the virtual environment of all services, and
  that of region ``capi``'s Magnum;
- ``bed-<hash of pins and configuration>``: a bed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import secrets
import socket
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
CAPI_REQUIREMENTS = HERE / "requirements-capi.txt"

# What decides how a new bed looks. A change here makes another bed; a change in
# the rest of the program (how it starts, waits, prints) does not.
SHAPE = (
    "catalog.py",
    "config.py",
    "hardware.py",
    "identity.py",
    "initialize.py",
    "seed.py",
    "services.py",
    "drivers/*",
    "templates/*",
)

# Below the range that the kernel gives to outgoing connections: a port there
# could be taken by any client while its service restarts.
PORT_RANGE = range(20000, 32000)


class BedError(Exception):
    """Something that the user can act on; the text says how."""


def digest(files: Iterable[Path], *more: str) -> str:
    """Hash the names and contents of files, and some strings.

    Args:
        files: What to read, in any order.
        *more: Further strings that count.

    Returns:
        Twelve hexadecimal digits.
    """
    total = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        total.update(path.name.encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    for text in more:
        total.update(text.encode() + b"\0")
    return total.hexdigest()[:12]


def cache_root() -> Path:
    """Return the folder under which beds and environments lie."""
    given = os.environ.get("GPUFLEET_CACHE")
    return Path(given).absolute() if given else Path.home() / ".cache" / "gpufleet"


@dataclass(frozen=True)
class Bed:
    """The folders of one bed.

    Attributes:
        path: The bed's own folder.
        venv: The virtual environment that its services run in.
        capi_venv: That of region ``capi``'s Magnum, where there is one.
    """

    path: Path
    venv: Path
    capi_venv: Path = Path()

    @property
    def conf(self) -> Path:
        """Configuration, written anew by each ``up``."""
        return self.path / "conf"

    @property
    def data(self) -> Path:
        """Databases, keys and images."""
        return self.path / "data"

    @property
    def pristine(self) -> Path:
        """``data`` as it was right after the bed was made; its presence says so."""
        return self.path / "pristine"

    @property
    def log(self) -> Path:
        """One log per service, and one per step of the making."""
        return self.path / "log"

    @property
    def run(self) -> Path:
        """Pid files, locks and whatever else ends with ``down``."""
        return self.path / "run"

    @property
    def clouds(self) -> Path:
        """The clouds.yaml with ``bed-admin`` and ``bed``, ``capi-admin`` and ``capi``."""
        return self.path / "clouds.yaml"

    @property
    def ports(self) -> dict[str, int]:
        """Ports by name, as chosen by the last ``up``."""
        return _read_json(self.path / "ports.json")

    @property
    def secrets(self) -> dict[str, str]:
        """Passwords and keys by name, generated once."""
        return _read_json(self.path / "secrets.json")

    def url(self, service: str, path: str = "") -> str:
        """Return the address of a service.

        Args:
            service: Its name in the table of ports.
            path: What follows the port, with its slash.
        """
        return f"http://127.0.0.1:{self.ports[service]}{path}"


def this_bed() -> Bed:
    """Return the bed that belongs to this checkout's pins and configuration."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = [digest([file], python) for file in (REQUIREMENTS, CAPI_REQUIREMENTS)]
    shape = digest((path for part in SHAPE for path in HERE.glob(part)), *pins)
    root = cache_root()
    return Bed(root / f"bed-{shape}", *(root / f"venv-bed-{each}" for each in pins))


def all_beds() -> list[Path]:
    """Return the folders of all beds under the root, also of other hashes."""
    return sorted(path for path in cache_root().glob("bed-*") if path.is_dir())


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, all at once.

    Args:
        path: The file.
        text: What it shall hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
    ) as f:
        f.write(text)
    new.replace(path)


def make_secrets(bed: Bed, names: Iterable[str]) -> None:
    """Generate a password for every name, once per bed.

    Args:
        bed: The bed.
        names: Whose passwords.
    """
    path = bed.path / "secrets.json"
    if not path.exists():
        # 32 characters: what Heat wants of its encryption key.
        made = {name: secrets.token_hex(16) for name in names}
        write_private(path, json.dumps(made, indent=2))


def port_is_free(port: int) -> bool:
    """Tell whether nothing listens on a port of the loopback interface.

    Args:
        port: Its number.
    """
    with socket.socket() as probe:
        # Connections of the last run that linger in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now."""
    tried = [socket.socket() for _number in range(number)]
    try:
        for one in tried:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in tried]
    finally:
        for one in tried:
            one.close()


def choose_ports(
    names: Sequence[str], kept: Mapping[str, int], ours: Container[str] = ()
) -> dict[str, int]:
    """Give every name a free port, the one that it had where that is possible.

    Args:
        names: What needs a port.
        kept: The ports of the last run.
        ours: Names whose ports are taken, but by ourselves.

    Returns:
        Ports by name.
    """
    chosen = {name: kept[name] for name in names if name in ours}
    for name in names:
        if name in chosen:
            continue
        port = kept.get(name, 0)
        while (
            port not in PORT_RANGE or port in chosen.values() or not port_is_free(port)
        ):
            port = random.choice(PORT_RANGE)
        chosen[name] = port
    return chosen


def save_ports(bed: Bed, ports: dict[str, int]) -> None:
    """Keep the chosen ports with the bed.

    Args:
        bed: The bed.
        ports: Ports by name.
    """
    write_private(bed.path / "ports.json", json.dumps(ports, indent=2))


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}
