# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a vendor's tool and reads the comma separated values that it prints."""

from __future__ import annotations

import math
import re
import subprocess
import typing as t

from .guard import Unavailable
from .record import Record, gathered

_MEBIBYTE = 2**20


class Column(t.NamedTuple):
    """A column that a tool is asked for.

    Attributes:
        name: The tool's name of it.
        field: Field of the device that it tells.
        read: Makes the field's value of the column's text, None where it tells none.
    """

    name: str
    field: str
    read: t.Callable[[str], t.Any]


def facts(
    columns: t.Sequence[Column], row: t.Sequence[str], gather: t.Collection[str]
) -> Record:
    """Fields of a device, of its row; what is not told is left out.

    Args:
        columns: What the row holds.
        row: Its values.
        gather: What to read besides identity and memory.
    """
    found = {
        column.field: column.read(value)
        for column, value in zip(columns, row)
        if gathered(column.field, gather)
    }
    return {name: value for name, value in found.items() if value is not None}


def names(columns: t.Sequence[Column]) -> str:
    """The columns as a tool is asked for them."""
    return ",".join(column.name for column in columns)


def refusal(name: str, text: str) -> Unavailable:
    """The error of a tool that printed no row: what it said in their place."""
    return Unavailable(" ".join(text.split())[:300] or f"{name} printed nothing")


def run(*command: str) -> str:
    """What a tool prints, stdout and stderr together.

    Raises:
        Unavailable: It is not there.
    """
    try:
        done = subprocess.run(  # the guard's child bounds its time
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise Unavailable(f"can't run {command[0]}: {error.strerror}") from error
    return done.stdout.decode("utf-8", "replace")


def rows(text: str, columns: int) -> list[list[str]]:
    """Rows of as many values as columns; other lines are messages.

    Args:
        text: What a tool printed.
        columns: How many values a row has.
    """
    found = [
        [value.strip() for value in line.split(",")]  # neither tool quotes
        for line in text.splitlines()
    ]
    return [row for row in found if len(row) == columns]


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
    return None if meaningless else text


def address(text: str) -> str | None:
    """A PCI address as sysfs writes it, C(0000:4e:00.0), of C(00000000:4E:00.0).

    A function of the form C(.0) and the domain may be missing.
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
