# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A control plane by itself, for tests that need no OpenStack."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from beds.openstack.layout import Bed, free_ports
from beds.openstack.processes import stop_all

from .certificates import Authority
from .cluster import ControlPlane, Etcd, free_address


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """Start a control plane and its etcd, and end both.

    Args:
        folder: An empty folder for all that they write; ``ca.crt`` and ``ca.key``
            there are the authority's.
    """
    bed = Bed(folder, Path(sys.prefix), Path(sys.prefix))
    for path in (bed.data, bed.log, bed.run / "home", bed.run / "tmp"):
        path.mkdir(parents=True)
    etcd = Etcd(bed, *free_ports(2))
    plane = ControlPlane(bed, etcd, "alone", free_address())
    authority = Authority.kept(folder, "kubernetes")
    try:
        etcd.start()
        plane.prepare(authority.certificate, authority.sign)
        plane.start()
        yield plane
    finally:
        stop_all(folder)
