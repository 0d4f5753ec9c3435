# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library of NVIDIA's driver, through ctypes: structures, calls and errors.

Source of functions, structures and numbers: NVIDIA's nvml.h; each symbol carries the
version of its interface.
"""

from __future__ import annotations

import ctypes as c
import typing as t

NOT_SUPPORTED, NOT_FOUND, TOO_SMALL = 3, 6, 7
VERSION_MISMATCH = 18
LOST = {
    15: "the GPU is lost",
    16: "the GPU needs a reset",
    999: "unknown error of the driver",
}


class Memory(c.Structure):
    """`nvmlMemory_t`."""

    _fields_ = [(name, c.c_ulonglong) for name in ("total", "free", "used")]


class MemoryV2(c.Structure):
    """`nvmlMemory_v2_t`."""

    _fields_ = [
        ("version", c.c_uint),
        *((name, c.c_ulonglong) for name in ("total", "reserved", "free", "used")),
    ]


class Utilization(c.Structure):
    """`nvmlUtilization_t`."""

    _fields_ = [("gpu", c.c_uint), ("memory", c.c_uint)]


class Process(c.Structure):
    """`nvmlProcessInfo_t`."""

    _fields_ = [
        ("pid", c.c_uint),
        ("memory", c.c_ulonglong),
        ("gpu_instance", c.c_uint),
        ("compute_instance", c.c_uint),
    ]


class Value(c.Union):
    """`nvmlValue_t`."""

    _fields_ = [("double", c.c_double), ("uint", c.c_uint), ("ulong", c.c_ulonglong)]


class Field(c.Structure):
    """`nvmlFieldValue_t`."""

    _fields_ = [
        ("field", c.c_uint),
        ("scope", c.c_uint),
        ("timestamp", c.c_longlong),
        ("latency", c.c_longlong),
        ("type", c.c_uint),
        ("result", c.c_int),
        ("value", Value),
    ]


class NvmlError(Exception):
    """An answer of NVML that is not success.

    Args:
        code: nvmlReturn_t; None where the library lacks the function.
        message: What it means.
    """

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(message)
        self.code = code


class Library:
    """NVML.

    Args:
        path: Its name or path.

    Raises:
        OSError: It can't be loaded.
    """

    def __init__(self, path: str) -> None:
        self._library = c.CDLL(path)

    def newest(self, name: str, *arguments: t.Any) -> None:
        """Call version 3 of a function, or version 2, which takes the same."""
        try:
            self.call(f"{name}_v3", *arguments)
        except NvmlError as error:
            if error.code is not None:
                raise
            self.call(f"{name}_v2", *arguments)

    def call(self, name: str, *arguments: t.Any) -> None:
        """Call a function.

        Raises:
            NvmlError: It does not succeed, or the library lacks it.
        """
        try:
            function = getattr(self._library, name)
        except AttributeError:
            raise NvmlError(None, f"the library has no {name}") from None
        self.check(function(*arguments))

    def check(self, code: int) -> None:
        """Raise the error that a return code stands for, if it stands for one."""
        if code:
            describe = self._library.nvmlErrorString
            describe.restype = c.c_char_p
            message = (describe(code) or b"").decode("utf-8", "replace")
            raise NvmlError(code, message or f"NVML error {code}")

    def text(self, name: str, *arguments: t.Any) -> str | None:
        """Return the text that a function writes into a buffer; None if it is empty."""
        buffer = c.create_string_buffer(96)
        self.call(name, *arguments, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace").strip() or None

    def number(self, name: str, *arguments: t.Any) -> int:
        """Return the number that a function writes, of 32 bits."""
        value = c.c_uint()
        self.call(name, *arguments, c.byref(value))
        return value.value

    def long(self, name: str, *arguments: t.Any) -> int:
        """Return the number that a function writes, of 64 bits."""
        value = c.c_ulonglong()
        self.call(name, *arguments, c.byref(value))
        return value.value
