# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: gpu_report
short_description: Overview, consumers, heatmap and nodes of a fleet
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Computes reports on nodes with accelerators from what is known of the inventory's
    hosts.
  - All hosts of the inventory are looked at, whatever the play's hosts are.
  - Rates are 0.0 to 1.0. What is not known is null, never 0, and so is a rate of
    nothing.
options:
  _terms:
    description:
      - V(overview), V(consumers), V(heatmap) or V(nodes). Several share one snapshot.
    type: list
    elements: str
    required: true
    choices: [overview, consumers, heatmap, nodes]
extends_documentation_fragment:
  - gpufleet.openstack.reports
seealso:
  - module: gpufleet.openstack.gpu_facts
  - module: gpufleet.openstack.fleet_info
  - plugin: gpufleet.openstack.gpu_nodes
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Read the devices of all nodes
  hosts: gpu_nodes
  gather_facts: false
  tasks:
    - name: Read them
      gpufleet.openstack.gpu_facts:

- name: Tell how the fleet does
  hosts: localhost
  gather_facts: false
  tasks:
    - name: How much is in use
      ansible.builtin.debug:
        msg: "{{ report.allocatedGpus }} of {{ report.totalGpus }} devices are in use"
      vars:
        report: "{{ lookup('gpufleet.openstack.gpu_report', 'overview') }}"

    - name: The ten hottest devices, and who holds most
      ansible.builtin.debug:
        msg: "{{ query('gpufleet.openstack.gpu_report', 'heatmap', 'consumers',
                       top_k=10, group_by='user') }}"

    - name: Who waits for how much, as Slurm says
      ansible.builtin.debug:
        msg: "{{ lookup('gpufleet.openstack.gpu_report', 'overview',
                        sources=[{'type': 'facts'}, {'type': 'slurm'}]).pendingGpus }}"

    - name: Faulty nodes, with an error counter that is let pass
      ansible.builtin.debug:
        msg: "{{ lookup('gpufleet.openstack.gpu_report', 'nodes', status='faulty',
                        rules={'ecc_uncorrected': false}).data }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary for each term. Field names are those of the Clusters API. With
      O(envelope), each is the C(data) of a dictionary with C(code), C(message) and
      C(traceId); an error has no C(data).
  type: list
  elements: dict
  contains:
    coverage:
      description:
        - Share of all devices whose utilization is known, in every report. It is null
          if there are no devices.
      type: float
      sample: 0.98
    warnings:
      description:
        - What could not be read or is not looked at, such as nodes without facts, in
          every report.
      type: list
      elements: str
      sample: ["2 nodes' facts are older than 300 s, the oldest 2 d"]
    generatedAt:
      description: When the snapshot was taken, in ISO 8601, in every report.
      type: str
      sample: "2026-11-24T12:00:00+00:00"
    totalNodes:
      description: Nodes with accelerators (V(overview)).
      type: int
      sample: 10
    healthyNodes:
      description: Nodes without a fault that nobody has taken out.
      type: int
      sample: 9
    faultyNodes:
      description: Nodes with a fault.
      type: int
      sample: 1
    maintenanceNodes:
      description: Nodes that a person has taken out, with or without a fault.
      type: int
      sample: 0
    fullyIdleNodes:
      description: Healthy nodes of which nothing is allocated.
      type: int
      sample: 3
    partiallyIdleNodes:
      description: Healthy nodes of which some devices are allocated.
      type: int
      sample: 4
    busyNodes:
      description: Healthy nodes of which all devices are allocated.
      type: int
      sample: 2
    unknownNodes:
      description: Healthy nodes of which it is not known what is allocated.
      type: int
      sample: 0
    allocationRate:
      description:
        - Share of the devices that can be used that is allocated, 0.0 to 1.0. It is
          null if there are none.
      type: float
      sample: 0.75
    utilization:
      description:
        - Mean utilization of the allocated devices, 0.0 to 1.0. It is null if none is
          allocated, or none of them is measured.
      type: float
      sample: 0.62
    utilizationBasis:
      description:
        - V(device) where it is known which devices are allocated, V(node) where it is
          only known how many, V(mixed) if this differs from node to node. It is null if
          RV(_raw[].utilization) is.
      type: str
      sample: device
    utilizationDevices:
      description: On how many allocated devices RV(_raw[].utilization) rests.
      type: float
      sample: 39
    storageStat:
      description:
        - Space of the storage. C(totalCapacity), C(usedCapacity), C(availableCapacity)
          are texts, C(totalBytes), C(usedBytes), C(availableBytes) are bytes, and
          C(utilizationRate) is 0.0 to 1.0. All are null if no source knows them.
      type: dict
      sample: {"totalCapacity": "1.5TB", "utilizationRate": 0.45}
    rdmaClusterStat:
      description:
        - C(totalPorts), C(activePorts), C(bandwidth) (the most common rate) and
          C(totalBandwidthGbps) in Gbit/s. All are null if no ports are known.
      type: dict
      sample: {"totalPorts": 80, "activePorts": 79, "bandwidth": "400Gbps"}
    totalGpus:
      description:
        - Devices, the sum of the five numbers that follow. All six are null if there
          are nodes, and of none it is known how many devices it has.
      type: float
      sample: 60
    allocatedGpus:
      description: Devices that are given out, parts as fractions.
      type: float
      sample: 39
    idleGpus:
      description: Devices that can be given out, parts as fractions.
      type: float
      sample: 13
    faultyGpus:
      description: Devices that are faulty, missing, or of a node that can't be used.
      type: float
      sample: 8
    maintenanceGpus:
      description: Other devices of nodes that a person has taken out.
      type: float
      sample: 0
    unknownGpus:
      description: Other devices of nodes of which it is not known what is allocated.
      type: float
      sample: 0
    usableRate:
      description:
        - Share of all devices that is allocated or idle, 0.0 to 1.0. It is null if
          there are no devices.
      type: float
      sample: 0.8667
    pendingGpus:
      description:
        - Devices that waiting pods and jobs get as soon as there is room. It is null if
          there is no scheduler, or one could not be read.
      type: float
      sample: 9
    pendingByReason:
      description:
        - All devices that are waited for, by the scheduler's reason. It is null as
          RV(_raw[].pendingGpus) is.
      type: dict
      sample: {"Unschedulable": 8, "SchedulingGated": 4}
    largestIdleBlock:
      description:
        - The most whole devices that are free on one node. It is null if no node takes
          work, or it is not known what is allocated.
      type: int
      sample: 3
    freeBlocks:
      description:
        - How many C(nodes) have so many whole free C(devices) of a C(model), a row for
          each number.
      type: list
      elements: dict
      sample: [{"model": "H100", "devices": 3, "nodes": 1}]
    memoryUsedRate:
      description:
        - Share of the memory of measured devices that is used, 0.0 to 1.0. It is null
          if none is measured.
      type: float
      sample: 0.41
    powerWatts:
      description: Watts that measured devices draw; null if none is measured.
      type: float
      sample: 21500.5
    hourlyCost:
      description:
        - Hourly cost of the nodes whose flavor declares one. It is null if none does.
      type: float
      sample: 98.4
    byModel:
      description:
        - The numbers of devices, C(nodes), C(allocationRate), C(usableRate) and
          C(utilization) for each C(model). So are RV(_raw[].byLocation), for each
          C(location), and RV(_raw[].byCluster), for each C(cluster).
      type: list
      elements: dict
    byLocation:
      description: See RV(_raw[].byModel).
      type: list
      elements: dict
    byCluster:
      description: See RV(_raw[].byModel).
      type: list
      elements: dict
    faults:
      description:
        - What is wrong, each with C(node) and C(cluster) (null if not known),
          C(device) and C(index) (PCI address and index, null for the node itself),
          C(rule), C(evidence), C(since), C(action) and C(consumers), who is on it
          (C(kind), C(namespace), C(name) and C(uid)).
      type: list
      elements: dict
    data:
      description:
        - Rows (V(consumers), V(nodes)).
        - A consumer has C(kind), C(name), C(namespace), C(uid), C(source), C(cluster),
          C(stat) (C(gpuRequest) in units, C(gpuEquivalent) in devices,
          C(gpuUtilization) 0.0 to 1.0 or null), C(devices) (node and index of each,
          null if not known), C(nodes) (each with how many devices it holds there),
          C(pods) (with O(include_pods)), and of Slurm C(user) and C(account).
        - A node has C(id), C(name), C(cluster), C(nodeGroup), C(location), C(hardware),
          C(model), C(serverStatus), C(health), C(maintenance), C(faults),
          C(allocation), C(reason), C(capacity), C(allocated), C(devicesByState),
          C(measuredAt) and C(devices).
      type: list
      elements: dict
    total:
      description: Rows of all pages.
      type: int
      sample: 50
    power:
      description:
        - The devices that draw most (V(heatmap)); C(serial), C(unit), C(yAxisMin),
          C(yAxisMax) and C(data), a list of C(nodeName), C(deviceId), C(value) (a
          float) and C(gpuModel). So are C(temperature) and C(utilization).
      type: dict
"""

import typing as t

from ansible import constants
from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase

from ..module_utils._near import no_such
from ..plugin_utils import _reports


class LookupModule(LookupBase):
    """Reports on a fleet."""

    def run(
        self,
        terms: list[str],
        variables: dict[str, t.Any] | None = None,
        **options: t.Any,
    ) -> list[t.Any]:
        """Compute the reports that the terms name, from one snapshot."""
        hostvars = (variables or {}).get("hostvars") or {}
        try:
            checked = self._checked(variables, options)
        except _reports.BadRequest as error:
            if boolean(options.get("envelope") or False, strict=False):
                return [_reports.refusal(error) for _term in terms or [""]]
            raise AnsibleLookupError(str(error)) from error
        try:
            return _reports.compute(
                terms, checked, hostvars, constants.DEFAULT_LOCAL_TMP
            )
        except (_reports.BadRequest, _reports.Unacceptable) as error:
            raise AnsibleLookupError(str(error)) from error

    def _checked(
        self, variables: dict[str, t.Any] | None, options: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        definitions = self.option_definitions
        known = set(definitions) - {"_terms"}
        aliases = {
            alias
            for each in definitions.values()
            for alias in each.get("aliases") or ()
        }
        unknown = sorted(set(options) - known - aliases)
        if unknown:
            raise _reports.BadRequest(no_such("option", unknown, known))
        try:
            self.set_options(var_options=variables, direct=options)
        except AnsibleOptionsError as error:
            raise _reports.BadRequest(str(error)) from error
        return {name: self.get_option(name) for name in known}
