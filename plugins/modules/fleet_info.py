#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_info
short_description: Overview, consumers, heatmap and nodes of a fleet
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Computes reports on nodes with accelerators from what is known of the inventory's
    hosts, as the lookup P(gpufleet.openstack.gpu_report#lookup) does, for ad-hoc use
    and C(register).
  - All hosts of the inventory are looked at, whatever hosts the task is for, so it is
    run once, for C(localhost).
  - Everything is done on the controller.
options:
  reports:
    description: Which reports to compute, from one snapshot.
    type: list
    elements: str
    choices: [overview, consumers, heatmap, nodes]
    default: [overview]
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.reports
attributes:
  action:
    description: Runs as an action plugin, on the controller.
    support: full
seealso:
  - plugin: gpufleet.openstack.gpu_report
    plugin_type: lookup
  - module: gpufleet.openstack.gpu_facts
"""

EXAMPLES = r"""
- name: How the fleet does
  gpufleet.openstack.fleet_info:
    reports: [overview, heatmap]
    top_k: 10
  delegate_to: localhost
  run_once: true
  register: fleet

- name: Tell it
  ansible.builtin.debug:
    msg: "{{ fleet.overview.allocatedGpus }} of {{ fleet.overview.totalGpus }}"
  run_once: true

- name: Who holds most, by namespace, without an inventory and without gpu_facts
  gpufleet.openstack.fleet_info:
    reports: [consumers]
    group_by: namespace
    sources:
      - type: openstack
        cloud: mycloud
      - type: kubernetes
        cloud: mycloud
        cluster: training
      - type: prometheus
        url: https://prometheus.example.com
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
overview:
  description:
    - The report of this name, as P(gpufleet.openstack.gpu_report#lookup) describes it.
      So are RV(consumers), RV(heatmap) and RV(nodes).
    - It is returned, too, if O(strict), O(min_coverage) or O(fail_on_faults) let the
      task fail, unless O(envelope) is set.
  returned: where it was asked for
  type: dict
  sample:
    totalNodes: 10
    allocationRate: 0.75
consumers:
  description: The report of this name.
  returned: where it was asked for
  type: dict
  sample:
    data: []
    total: 0
heatmap:
  description: The report of this name.
  returned: where it was asked for
  type: dict
nodes:
  description: The report of this name.
  returned: where it was asked for
  type: dict
"""
