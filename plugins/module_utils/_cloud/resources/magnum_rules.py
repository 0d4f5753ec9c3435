# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Magnum refuses of clusters and their templates before it writes: pure functions.

Its own rules are in magnum/api/attr_validator.py, magnum/api/validation.py and
magnum/drivers/common/driver.py (`validate_master_size`).
"""

from __future__ import annotations

import re
import typing as t

from ..engine.errors import InvalidInput
from ..engine.status import Raw

BOOT_VOLUME = "boot_volume_size"
_SMALLEST = 3
"""GiB of a volume for containers with the storage driver devicemapper."""


def check_masters(count: int, balanced: bool) -> None:
    """Check the number of masters (`validate_master_size`, `validate_master_count`).

    Args:
        count: The number.
        balanced: Whether a load balancer is before them.

    Raises:
        InvalidInput: It is even, or there is no load balancer before several.
    """
    if count % 2 == 0:
        raise InvalidInput(
            f"master_count: {count} is even, and Magnum requires an odd number, for a "
            f"majority. Set {count - 1 or 1} or {count + 1}"
        )
    if count > 1 and not balanced:
        raise InvalidInput(
            f"master_count: {count} masters require a load balancer. Set "
            "master_lb_enabled: true, or master_count: 1"
        )


def check_disk(option: str, flavor: Raw | None, labels: t.Mapping[str, t.Any]) -> str:
    """Check that servers have a disk (`validate_flavor_root_volume_size`).

    Args:
        option: The option that names the flavor.
        flavor: The flavor, None where it is not known.
        labels: The labels of the cluster or template.

    Returns:
        A warning where it depends on Magnum's configuration; else nothing.

    Raises:
        InvalidInput: They have none.
    """
    size = labels.get(BOOT_VOLUME)
    if size is not None and not re.fullmatch(r"\s*-?[0-9]+\s*", str(size)):
        raise InvalidInput(
            f"labels: {BOOT_VOLUME}: {size!r} is no number. Set the size of a volume "
            "in GiB, or 0 for none"
        )
    if flavor is None or flavor.get("disk") != 0 or int(size or 0) > 0:
        return ""
    text = (
        f"{option}: the flavor {flavor['name']!r} has no disk. Use one with a disk, or "
        f"set the label {BOOT_VOLUME} to the size of a boot volume in GiB"
    )
    if size is not None:
        raise InvalidInput(text)
    return f"{text}. This can be ignored where Magnum has a default for the label"


def check_docker_volume(driver: str | None, size: int | None) -> None:
    """Check the volume for containers (`_enforce_volume_storage_size`).

    Args:
        driver: The storage driver.
        size: Its size in GiB.

    Raises:
        InvalidInput: It is too small for the storage driver.
    """
    if driver == "devicemapper" and (size or 0) < _SMALLEST:
        raise InvalidInput(
            f"docker_volume_size: {size} is below {_SMALLEST}, which "
            "docker_storage_driver: devicemapper requires. Set a larger one, or "
            "docker_storage_driver: overlay2"
        )


def check_external(name: str, network: Raw | None) -> None:
    """Check that a network is external (`validate_external_network`).

    Args:
        name: What the option names.
        network: The network, None where it is not known.

    Raises:
        InvalidInput: It is not.
    """
    if network is not None and network.get("router:external") is False:
        raise InvalidInput(
            f"external_network: {name!r} is not external. Name one of those that "
            "openstack network list --external shows"
        )


def check_image(name: str, image: Raw | None) -> None:
    """Check that Magnum can choose a driver by an image (`validate_image`).

    Args:
        name: What the option names.
        image: The image, None where it is not known.

    Raises:
        InvalidInput: It can't.
    """
    if image is not None and not image.get("os_distro"):
        raise InvalidInput(
            f"image: {name!r} has no property os_distro, by which Magnum chooses its "
            "driver. Set it: openstack image set --property os_distro=fedora-coreos "
            f"{image['id']}"
        )
