# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of metrics, for node_exporter's textfile collector.

Source of the format:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import os
import tempfile
import typing as t

from .record import Record


class Page:
    """Lines of metrics, each with its help and type."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lines: list[str] = []

    def add(
        self,
        name: str,
        text: str,
        samples: t.Iterable[tuple[Record, float | None]],
    ) -> None:
        """Add a metric: labels and value of each series; None has no series."""
        known = [(labels, value) for labels, value in samples if value is not None]
        if not known:
            return
        kind = "counter" if name.endswith("_total") else "gauge"
        self._lines += [f"# HELP gpufleet_{name} {text}"]
        self._lines += [f"# TYPE gpufleet_{name} {kind}"]
        for labels, value in known:
            told = ",".join(f'{key}="{_escaped(labels[key])}"' for key in labels)
            series = f"gpufleet_{name}{{{told}}}" if told else f"gpufleet_{name}"
            self._lines.append(f"{series} {float(value)!r}")

    def text(self) -> str:
        """The page."""
        return "\n".join(self._lines) + "\n"


def write(path: str, page: str) -> None:
    """Replace a file at once: node_exporter never sees half of it.

    Its collector reads names that end with C(.prom) alone.

    Raises:
        OSError: It can't be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _escaped(value: t.Any) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
