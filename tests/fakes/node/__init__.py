# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in for the silicon of a GPU node: files, and a library, of its drivers.

Nothing else is fake. The readers, the guard and the module are the real ones.
"""
