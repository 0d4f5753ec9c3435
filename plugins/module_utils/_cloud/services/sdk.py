# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library openstacksdk, and the clouds that it finds in its files."""

from __future__ import annotations

import importlib.metadata
import os
import re
import typing as t

from ... import _libraries
from ..._near import did_you_mean
from ..engine.errors import InvalidInput

MINIMUM = (4, 12)
_REQUIRED = f"openstacksdk >= {MINIMUM[0]}.{MINIMUM[1]}"


def load() -> t.Any:
    """Import openstacksdk, which takes a while.

    Raises:
        InvalidInput: It is missing or too old.
    """
    if os.path.expanduser("~") == "~":
        # A user in a container may have neither a home nor a name, and without a home
        # it can't be imported.
        os.environ["HOME"] = "/"
    try:
        import openstack
        import openstack.config.loader

        version = importlib.metadata.version("openstacksdk")
    except ImportError as error:
        raise InvalidInput(_libraries.missing(_REQUIRED, error)) from error
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < MINIMUM:
        raise InvalidInput(_libraries.too_old(_REQUIRED, version))
    return openstack


def wrong_configuration(name: str | None, error: Exception) -> str:
    """Return the message for a configuration that openstacksdk refuses.

    Args:
        name: The cloud that is named, by the option or else by `OS_CLOUD`.
        error: What openstacksdk said.
    """
    import yaml
    from openstack import exceptions
    from openstack.config import loader

    option = "cloud"
    if name is None:
        option, name = "OS_CLOUD", os.environ.get("OS_CLOUD")
    read, clouds = None, []
    try:
        config = loader.OpenStackConfig()
    except exceptions.ConfigException:
        return f"{option}: {error}"
    except yaml.YAMLError:
        pass
    else:
        read = config.config_filename
        clouds = [str(cloud) for cloud in config.cloud_config["clouds"]]
    if name is None or name in clouds:
        return f"{option}: {error}"
    override = os.environ.get("OS_CLIENT_CONFIG_FILE")
    files = [*([override] if override else []), *loader.CONFIG_FILES]
    return (
        f"{option}: there is no cloud {name!r}{did_you_mean(name, clouds)}. "
        f"{_defined(read, clouds, files)} Searched: "
        f"{_listed(files)}. Name a cloud that is defined, or add this one"
    )


def _defined(read: str | None, clouds: list[str], files: list[str]) -> str:
    """Return which clouds there are, and where."""
    if read:
        return f"{read} defines {', '.join(map(repr, sorted(clouds))) or 'none'}."
    unusable = [file for file in files if os.path.exists(file)]
    if unusable:
        return f"{', '.join(unusable)} can't be read, or is not YAML."
    return "There is no file that defines clouds."


def _listed(files: list[str]) -> str:
    """Return paths of files; those of one folder together, by their suffixes."""
    suffixes: dict[str, list[str]] = {}
    for file in dict.fromkeys(files):
        stem, suffix = os.path.splitext(file)
        suffixes.setdefault(stem, []).append(suffix)
    return ", ".join(f"{stem}{'|'.join(found)}" for stem, found in suffixes.items())
