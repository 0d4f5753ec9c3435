# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option `flavor_accelerators` of the source and of the inventory."""

from __future__ import annotations

import typing as t

from ..base import WrongOption

if t.TYPE_CHECKING:
    from ....module_utils._cloud.accelerators.declared import Declared


def declared(value: object) -> Declared:
    """Return the accelerators that the user declares, by name of flavor.

    Raises:
        WrongOption: The option has a value that can't be.
    """
    if value is None:
        return {}
    # Names are compared with patterns of all models, which takes time to prepare.
    from ....module_utils._cloud.accelerators.declared import flavor_accelerators
    from ....module_utils._cloud.engine.errors import InvalidInput

    try:
        return flavor_accelerators(value)
    except InvalidInput as error:
        raise WrongOption(error.message) from error
