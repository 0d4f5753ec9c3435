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
    allocationRate:
      description: Share of the devices of healthy nodes that is given out.
      type: float
      sample: 0.75
    utilization:
      description: Mean utilization of the devices that are given out.
      type: float
      sample: 0.62
    utilizationBasis:
      description:
        - V(device) where it is known which devices are given out, V(node) where it is
          only known how many.
      type: str
      sample: device
    faults:
      description:
        - What is wrong, each with C(node), C(device), C(rule), C(evidence), C(since)
          and C(action).
      type: list
      elements: dict
    data:
      description: Rows (V(consumers), V(nodes)).
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
            raise _reports.BadRequest(
                f"{', '.join(unknown)}: no such option; there are "
                f"{', '.join(sorted(known))}"
            )
        try:
            self.set_options(var_options=variables, direct=options)
        except AnsibleOptionsError as error:
            raise _reports.BadRequest(str(error)) from error
        return {name: self.get_option(name) for name in known}
