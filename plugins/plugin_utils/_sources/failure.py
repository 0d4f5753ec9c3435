# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a source fails."""

from __future__ import annotations


class SourceError(Exception):
    """A source could not be read; the reports show the rest of the fleet."""
