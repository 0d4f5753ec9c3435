# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging in, without a look at the caller's own clouds.yaml and OS_* variables."""

from __future__ import annotations

from pathlib import Path

import openstack
from openstack.connection import Connection


def connect(clouds: Path, cloud: str) -> Connection:
    """Log in to the bed.

    Args:
        clouds: A clouds.yaml.
        cloud: An entry in it.
    """
    config = openstack.config.OpenStackConfig(
        config_files=[str(clouds)], load_envvars=False
    )
    return Connection(config=config.get_one(cloud))
