# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small edits of texts and of records, by numbers that anything may choose."""

from __future__ import annotations

import json
from collections.abc import Callable

from unit.fuzz.odd import ODD, places, replaced

Edit = tuple[int, int, int]
"""How, where, and with what; each any whole number from 0 on."""

TOKENS = (
    b"",
    b"\x00",
    b"\xff",
    b"\n",
    b" ",
    b",",
    b":",
    b";",
    b"=",
    b"(",
    b")",
    b"[",
    b'"',
    b"-1",
    b"0",
    b"9" * 400,
    b"9" * 5_000,
    b"1e999",
    b"1e308",
    b"nan",
    b"0-99999,",
    b"0-99999," * 1_000,
    b"[" * 3_000,
    b'{"":' * 3_000,
    b"{{ 7 * 7 }}",
    "²".encode(),
    "٣".encode(),
    "\u2028".encode(),
    b"\xed\xa0\x80",
    b"x" * 10_000,
)
"""What a text gets in the place of a part of it."""

VALUES = (*ODD[:-1], *(token.decode(errors="ignore") for token in TOKENS), 1e308, -0.5)
"""What a record gets in the place of one of its values."""

LONGEST = 200_000
"""Bytes of a text: edits that double a part of it must end."""

EditOf = Callable[[bytes, Edit], bytes]


def of_text(text: bytes, edit: Edit) -> bytes:
    """Return a text with a token in it, or a part that is gone, doubled or changed."""
    how, where, what = edit
    start = where % (len(text) + 1)
    end = start + what % 8
    part = text[start:end]
    token = TOKENS[what % len(TOKENS)]
    put = (
        token,
        token + part,
        part * 2,
        b"",
        bytes(byte ^ 1 << how % 8 for byte in part),
    )
    return (text[:start] + put[how % len(put)] + text[end:])[:LONGEST]


def of_record(text: bytes, edit: Edit) -> bytes:
    """Return the JSON of a record with an odd value; a text that is none is edited."""
    how, where, what = edit
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return of_text(text, edit)
    paths = list(places(record))
    if not paths or how % 16 == 0:
        return of_text(text, edit)
    path = paths[where % len(paths)]
    return json.dumps(replaced(record, path, VALUES[what % len(VALUES)])).encode()
