-- Copyright (c) 2026, the gpufleet.openstack authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE USER IF NOT EXISTS bed@'127.0.0.1' IDENTIFIED BY '$mariadb_password';
GRANT ALL ON *.* TO bed@'127.0.0.1';
