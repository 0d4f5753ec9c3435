# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service is: a row in the tables of what is started."""

from __future__ import annotations

from dataclasses import dataclass, field

# What the others stand on: started first, stopped last.
BASE = ("mariadb", "epmd", "rabbitmq")


@dataclass(frozen=True)
class Service:
    """One process (with its children) of the bed.

    Attributes:
        name: What it is called, also the name of its log and pid file.
        command: What to run.
        env: Variables beside those that all services get.
        port: The port that it listens on, if any.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    port: int | None = None
