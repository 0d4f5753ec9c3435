# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of metrics, for node_exporter's textfile collector.

Source of the format:
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import os
import typing as t

from . import trusted
from .record import Record


class Page:
    """Lines of metrics, each with its help and type."""

    def __init__(self) -> None:
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
            pairs = ",".join(f'{key}="{_escaped(labels[key])}"' for key in labels)
            series = f"gpufleet_{name}{{{pairs}}}" if pairs else f"gpufleet_{name}"
            self._lines.append(f"{series} {float(value)!r}")

    def text(self) -> str:
        """Return the page."""
        return "\n".join(self._lines) + "\n"


def write(path: str, page: str) -> None:
    """Write a page for node_exporter, which reads only names that end with `.prom`.

    Raises:
        trusted.Untrusted: Another user can change the folder.
        OSError: It can't be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    with trusted.folder(folder) as opened:
        # node_exporter is another user.
        trusted.replace(opened, name, page.encode("utf-8", "replace"), 0o644)


def _escaped(value: t.Any) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
