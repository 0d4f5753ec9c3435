# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a vendor's tool and reads the comma separated values that it prints."""

from __future__ import annotations

import math
import os
import re
import select
import signal
import subprocess
import typing as t

from .guard import Unavailable, die_with_parent
from .record import Record, gathered, printable

_MEBIBYTE = 2**20
_MOST_OUTPUT = _MEBIBYTE

# What a device does not have; other texts in brackets are errors.
_NOT_THERE = re.compile(r"\[(?:N/A|Not Supported)\]", re.IGNORECASE)

FOLDERS = (
    "/usr/bin",
    "/usr/local/bin",
    "/bin",
    "/opt/bin",  # Flatcar
    "/usr/local/nvidia/bin",  # Google's nodes
    "/run/current-system/sw/bin",  # NixOS
    "/usr/lib/wsl/lib",
)
"""Where vendors' tools are. PATH is not asked."""


class Column(t.NamedTuple):
    """A column of a tool's table.

    Attributes:
        name: The tool's name of it.
        field: Field of the device that it holds.
        read: Makes the field's value of the column's text; None where it holds none.
    """

    name: str
    field: str
    read: t.Callable[[str], t.Any]


def facts(
    columns: t.Sequence[Column], row: t.Sequence[str], gather: t.Collection[str]
) -> Record:
    """Return fields of a device from its row; what is not known is left out.

    Args:
        columns: What the row holds.
        row: Its values.
        gather: What to read besides identity and memory.

    Returns:
        The fields, and `errors` if the tool could not read some that the device has.
    """
    facts: Record = {}
    errors: list[str] = []
    for column, text in zip(columns, row):
        if not gathered(column.field, gather):
            continue
        value = column.read(text)
        if value is not None:
            facts[column.field] = value
        elif text.startswith("[") and not _NOT_THERE.fullmatch(text):
            errors.append(f"{column.field}: {text.strip('[]')}")
    return {**facts, "errors": errors} if errors else facts


def names(columns: t.Sequence[Column]) -> str:
    """Return the columns in the form in which a tool takes them."""
    return ",".join(column.name for column in columns)


def refusal(name: str, text: str) -> Unavailable:
    """Return the error of a tool that printed no row: what it printed instead."""
    return Unavailable(" ".join(text[:2000].split()) or f"{name} printed nothing")


def run(name: str, *arguments: str) -> str:
    """Run a tool and return what it prints, stdout and stderr together.

    Args:
        name: Its name; it is looked for in `FOLDERS` alone.
        arguments: Its arguments.

    Raises:
        Unavailable: It is not there, or prints without end.
    """
    path = _found(name)
    if path is None:
        raise Unavailable(f"{name} is in none of the folders {', '.join(FOLDERS)}")
    parent = os.getppid()
    # The kernel would end this process alone. What a tool has started ends with it only
    # where this process looks after that.
    die_with_parent(parent, 0)
    try:
        with subprocess.Popen(  # the guard's child bounds its time
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": ":".join(FOLDERS), "LC_ALL": "C"},
            cwd="/",
        ) as process:
            try:
                return _output(name, process.stdout, parent).decode("utf-8", "replace")
            finally:
                process.kill()
    except OSError as error:
        raise Unavailable(f"can't run {path}: {error.strerror}") from error
    finally:
        die_with_parent(parent)


def _found(name: str) -> str | None:
    """The tool in the first folder that has it.

    Where PATH names a folder of another user, root would run what lies there.
    """
    paths = (os.path.join(folder, name) for folder in FOLDERS)
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def _output(name: str, stream: t.Any, parent: int) -> bytes:
    """What a tool prints.

    Args:
        name: The tool.
        stream: What it prints to.
        parent: Process with which all of this ends.

    Raises:
        Unavailable: It is more than a table can be.
    """
    output = b""
    while len(output) <= _MOST_OUTPUT:
        if os.getppid() != parent:
            os.killpg(0, signal.SIGKILL)  # the guard has made a group of its own
        if select.select([stream], [], [], 0.2)[0]:
            part = os.read(stream.fileno(), 65536)
            if not part:
                return output
            output += part
    raise Unavailable(f"{name} printed more than {_MOST_OUTPUT >> 20} MiB")


def rows(text: str, columns: int) -> list[list[str]]:
    """Return rows of as many values as columns; other lines are messages.

    Args:
        text: What a tool printed.
        columns: How many values a row has.
    """
    every = [
        [value.strip() for value in line.split(",")]  # neither tool quotes
        for line in text.splitlines()
    ]
    return [row for row in every if len(row) == columns]


def number(text: str, factor: float = 1.0) -> float | None:
    """A value with or without its unit; None for N/A and its relatives."""
    words = text.split()
    try:
        value = float(words[0]) * factor if words else math.nan
    except ValueError:
        return None
    # Neither NaN nor infinity is a measurement.
    return value if math.isfinite(value) else None


def integer(text: str) -> int | None:
    """A value that is a count."""
    value = number(text)
    return None if value is None else int(value)


def mebibytes(text: str) -> int | None:
    """A value in MiB, in bytes."""
    value = number(text, _MEBIBYTE)
    return None if value is None else int(value)


def word(text: str) -> str | None:
    """A name; None for N/A and its relatives."""
    meaningless = not text or text.upper() == "N/A" or text.startswith("[")
    return None if meaningless else printable(text)


def address(text: str) -> str | None:
    """A PCI address as sysfs writes it, `0000:4e:00.0`, of `00000000:4E:00.0`.

    A function of the form `.0` and the domain may be missing.
    """
    parts = text.strip().lower().split(":")
    if len(parts) == 2:
        parts = ["0", *parts]
    if len(parts) != 3:
        return None
    slot, _dot, function = parts[2].partition(".")
    if not all(re.fullmatch("[0-9a-f]{1,8}", part) for part in (*parts[:2], slot)):
        return None
    if not re.fullmatch("[0-7]?", function):
        return None
    numbers = [int(part, 16) for part in (parts[0], parts[1], slot, function or "0")]
    return bdf(*numbers)


def bdf(domain: int, bus: int, slot: int, function: int = 0) -> str:
    """A PCI address of its numbers."""
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"
