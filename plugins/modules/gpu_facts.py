#!/usr/bin/python
# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_facts
short_description: Read the accelerators of a node
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Returns which AMD, NVIDIA and NPU devices a node has, how they do, who uses them and
    what is wrong with them, in one shape for all vendors.
  - The list is that of the PCI bus, which needs no driver. A device that fell off the
    bus, or whose driver does not answer, stays in it as V(failed), with the reason and
    without its counters. It is a fact and no failure of the task.
  - What is not known is null; it is never 0 and never C(N/A).
  - Needs nothing on the node but Python 3.8. Vendors' libraries and tools are used
    where they are installed; each runs in a process of its own, which is abandoned when
    it hangs.
  - Root sees all. Other users get what the node shows them, usually without the
    processes of others and without the kernel log.
options:
  backends:
    description:
      - Ways to read devices, in the order in which they are asked. What an earlier one
        has read stays.
      - V(amdgpu) reads AMD GPUs from sysfs and KFD, V(amdsmi) adds what that leaves
        open, by ROCm's Python package; V(nvml) reads NVIDIA GPUs by the driver's
        library, V(nvidia_smi) by its tool where the library does not answer; V(accel)
        reads NPUs (intel_vpu, amdxdna, habanalabs) from sysfs, V(hl_smi) Gaudi by its
        tool.
      - A backend runs only where there is a device for it.
    type: list
    elements: str
    choices: [amdgpu, amdsmi, nvml, nvidia_smi, accel, hl_smi]
    default: [amdgpu, amdsmi, nvml, nvidia_smi, accel, hl_smi]
  gather:
    description:
      - What to read besides identity and memory, which always come.
      - V(metrics) are utilization, power, temperatures, memory errors and throttling;
        V(processes) those that hold a device; V(rdma) the ports for RDMA; V(xid) what
        NVIDIA's drivers of GPUs and NVSwitches have written to the kernel log.
    type: list
    elements: str
    choices: [metrics, processes, rdma, xid]
    default: [metrics, processes, rdma, xid]
  expected_count:
    description:
      - How many devices the node should have. Where there are fewer, C(summary.health)
        is V(failed).
    type: int
  timeout:
    description:
      - Seconds that one device may take, 0.1 to 60. One that takes longer is V(failed).
        A backend may take 15 times as long in all.
    type: float
    default: 2.0
  sample_ms:
    description:
      - Milliseconds between two looks at an NPU's busy counter, 10 to 5000, from which
        its utilization is computed.
    type: int
    default: 100
  path_sysfs:
    description: Where sysfs is mounted.
    type: path
    default: /sys
  path_procfs:
    description: Where procfs is mounted.
    type: path
    default: /proc
  path_dev:
    description: Where the devices are; of these C(kmsg) is read.
    type: path
    default: /dev
  nvml_library:
    description:
      - Name or path of NVIDIA's library; C(libnvidia-ml.so.1) by default, which the
        node's linker finds. No other user may be able to change the folder of a path.
    type: str
  amdsmi_path:
    description:
      - Folder that holds ROCm's Python package amdsmi, for example
        C(/opt/rocm/share/amd_smi), where Python does not find it by itself. No other
        user may be able to change it.
    type: path
extends_documentation_fragment:
  - gpufleet.openstack.attributes.info_module
  - gpufleet.openstack.attributes.facts_module
notes:
  - The facts are kept by fact caches like all others. C(gathered_at) tells their age.
  - Nodes without Python, such as those of Fedora CoreOS, are reached through a pod.
  - The tools C(nvidia-smi) and C(hl-smi) run only from folders of the system, such as
    C(/usr/bin) and C(/usr/local/bin), whatever E(PATH) is.
  - XIDs are taken only from records that the kernel itself has written, and the newest
    16 are returned of each device and code. Names of devices and processes are cut at
    300 characters, and those that do not print are replaced with C(?).
seealso:
  - module: gpufleet.openstack.hardware
"""

EXAMPLES = r"""
- name: Read the accelerators of all nodes
  gpufleet.openstack.gpu_facts:

- name: Stop where a device is missing or broken
  ansible.builtin.assert:
    that: ansible_facts.gpufleet.summary.health in ['ok', 'degraded']
    fail_msg: "{{ ansible_facts.gpufleet.summary.health_reasons | join('; ') }}"

- name: Look for eight devices, at identity and memory alone
  gpufleet.openstack.gpu_facts:
    expected_count: 8
    gather: []

- name: Use the library of a container's own
  gpufleet.openstack.gpu_facts:
    backends: [nvml]
    nvml_library: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
  contains:
    gpufleet:
      description: The node's accelerators.
      type: dict
      contains:
        schema_version:
          description: Version of this shape.
          type: int
          sample: 1
        gathered_at:
          description: When it was read, UTC.
          type: str
          sample: "2026-11-23T10:00:00Z"
        hostname:
          description: The node's own name.
          type: str
          sample: gpu-node-7
        elapsed_ms:
          description: Milliseconds that reading took.
          type: float
          sample: 41.2
        gathered:
          description: What of O(gather) was read.
          type: list
          elements: str
          sample: [metrics, processes, rdma, xid]
        devices:
          description: The devices by PCI address; each has every key.
          type: list
          elements: dict
          contains:
            index:
              description: Place in this list, from 0.
              type: int
              sample: 0
            minor_number:
              description:
                - Minor number of its device file, V(3) for C(/dev/nvidia3), V(128) for
                  C(/dev/dri/renderD128). Unlike C(index), it stays the same
                  when another device is lost.
              type: int
              sample: 0
            pci_bus_id:
              description: PCI address, lower case.
              type: str
              sample: "0000:05:00.0"
            vendor:
              description: One of V(amd), V(nvidia), V(intel) and V(habana).
              type: str
              sample: amd
            kind:
              description: V(gpu) or V(npu).
              type: str
              sample: gpu
            model:
              description: Name of the model.
              type: str
              sample: AMD Instinct MI300X OAM
            uuid:
              description: The vendor's unique name of the device.
              type: str
              sample: GPU-e3a62ab8c12e4a51
            serial:
              description: Serial number.
              type: str
              sample: "692312000000"
            driver:
              description: Name of the kernel driver that is bound.
              type: str
              sample: amdgpu
            driver_version:
              description: Its version.
              type: str
              sample: 6.8.5
            memory_total_bytes:
              description: Memory of the device.
              type: int
              sample: 206141652992
            memory_used_bytes:
              description: Memory in use.
              type: int
              sample: 297963520
            utilization_percent:
              description: Share of time that the device computes, 0 to 100.
              type: int
              sample: 37
            memory_utilization_percent:
              description: Share of time that its memory is accessed, 0 to 100.
              type: int
              sample: 11
            power_watts:
              description: Power that it draws.
              type: float
              sample: 312.0
            power_limit_watts:
              description: Power that it may draw.
              type: float
              sample: 750.0
            energy_joules:
              description: Energy since the driver was loaded.
              type: float
              sample: 1883.8
            temperature_celsius:
              description: Temperature of the chip, of its hottest place if told.
              type: float
              sample: 52.0
            memory_temperature_celsius:
              description: Temperature of the memory.
              type: float
              sample: 44.0
            ecc_corrected:
              description: Corrected memory errors since the driver was loaded.
              type: int
              sample: 0
            ecc_uncorrected:
              description: Uncorrectable memory errors since the driver was loaded.
              type: int
              sample: 0
            row_remap_pending:
              description: Whether a row of memory is remapped at the next reset.
              type: bool
              sample: false
            row_remap_failed:
              description: Whether a row of memory could not be remapped.
              type: bool
              sample: false
            throttle_reasons:
              description: Why its clocks are held down; empty where they are not.
              type: list
              elements: str
              sample: [power_limit]
            pcie_generation:
              description: Generation of its PCIe link now.
              type: int
              sample: 5
            pcie_width:
              description: Lanes of its PCIe link now.
              type: int
              sample: 16
            numa_node:
              description: NUMA node that it is nearest to.
              type: int
              sample: 0
            xgmi_hive_id:
              description: The same for AMD devices that XGMI joins.
              type: str
              sample: d2c7a1f04a0b0001
            partition_mode:
              description:
                - How it is divided. V(SPX), V(DPX), V(QPX) or V(CPX) for AMD, V(mig) or
                  V(none) for NVIDIA.
              type: str
              sample: SPX
            memory_partition_mode:
              description: How AMD's memory is divided.
              type: str
              sample: NPS1
            partitions:
              description: Its parts, where it is divided.
              type: list
              elements: dict
              contains:
                index:
                  description: Place in the device.
                  type: int
                  sample: 0
                uuid:
                  description: The vendor's unique name of the part.
                  type: str
                  sample: MIG-4fa1c7b1-0c6c-5a1f-9d9c-0c1b2a3d4e5f
                profile:
                  description: NVIDIA's name of its size.
                  type: str
                  sample: 1g.10gb
                memory_total_bytes:
                  description: Memory of the part.
                  type: int
                  sample: 10401873920
                memory_used_bytes:
                  description: Memory in use.
                  type: int
                  sample: 13238272
                processes:
                  description: As those of the device.
                  type: list
                  elements: dict
            processes:
              description:
                - Processes that hold memory or a queue of the device, by process id.
                  Those of NVIDIA's devices compute; one that only draws, such as an X
                  server, is left out.
              type: list
              elements: dict
              contains:
                pid:
                  description: Process id.
                  type: int
                  sample: 4711
                name:
                  description: Name of the program, as the kernel keeps it.
                  type: str
                  sample: python3
                user:
                  description: Its user, a number where the node has no name for it.
                  type: str
                  sample: alice
                memory_bytes:
                  description: Memory of the device that it holds.
                  type: int
                  sample: 1073741824
            health:
              description: One of V(ok), V(degraded), V(failed) and V(unknown).
              type: str
              sample: ok
            health_reasons:
              description: Why it is not V(ok).
              type: list
              elements: str
              sample: ["nvml: the GPU is lost"]
            sources:
              description: What has read it, in order.
              type: list
              elements: str
              sample: [pci, amdgpu]
            errors:
              description: What could not be read, each with its source and reason.
              type: list
              elements: str
              sample: ["nvml.serial: Insufficient Permissions"]
        rdma_ports:
          description: Ports for RDMA; null where they were not gathered.
          type: list
          elements: dict
          contains:
            device:
              description: Name of the adapter.
              type: str
              sample: mlx5_0
            port:
              description: Number of the port, from 1.
              type: int
              sample: 1
            state:
              description: Logical state.
              type: str
              sample: ACTIVE
            phys_state:
              description: Physical state.
              type: str
              sample: LinkUp
            rate_gbps:
              description: Rate in Gbit/s.
              type: float
              sample: 400.0
            link_layer:
              description: V(InfiniBand) or V(Ethernet).
              type: str
              sample: InfiniBand
            numa_node:
              description: NUMA node that it is nearest to.
              type: int
              sample: 0
        xid_events:
          description:
            - Faults that NVIDIA's drivers wrote to the kernel log, XIDs of GPUs and
              SXids of NVSwitches, the oldest first; null where the log can't be read or
              was not gathered.
          type: list
          elements: dict
          contains:
            type:
              description: V(xid), or V(sxid) of a switch.
              type: str
              sample: xid
            code:
              description: The XID or SXid.
              type: int
              sample: 79
            pci_bus_id:
              description: PCI address of the device or switch.
              type: str
              sample: "0000:4e:00.0"
            age_seconds:
              description: Seconds since it was written.
              type: float
              sample: 3600.5
            action:
              description:
                - What NVIDIA's catalogue says to do at once. For 154 and the NVLink
                  errors 144 to 150 it depends on the message. V(RESET_NVSWITCH) is for
                  an SXid that is fatal, V(IGNORE) for one that is not. Null where the
                  catalogue does not have the code.
              type: str
              sample: RESTART_BM
            message:
              description: The rest of the line.
              type: str
              sample: "pid='<unknown>', name=<unknown>, GPU has fallen off the bus."
        backends:
          description:
            - What has run, by name, with C(pci) for the list of devices, C(rdma) and
              C(kmsg). Each has C(ok), C(version), C(count), C(error) and C(elapsed_ms).
          type: dict
          sample:
            pci:
              ok: true
              version:
              count: 8
              error:
              elapsed_ms: 9.1
        summary:
          description: The devices in sum; null where no device tells.
          type: dict
          contains:
            device_count:
              description: How many devices there are.
              type: int
              sample: 8
            expected_count:
              description: The value of O(expected_count).
              type: int
              sample: 8
            by_model:
              description: How many there are of each model.
              type: dict
              sample:
                AMD Instinct MI300X OAM: 8
            healthy:
              description: How many are V(ok).
              type: int
              sample: 8
            failed:
              description: How many are V(failed).
              type: int
              sample: 0
            memory_total_bytes:
              description: Memory of all.
              type: int
              sample: 1649133223936
            power_watts:
              description: Power of all that tell it.
              type: float
              sample: 2524.0
            utilization_percent:
              description: Mean of those that tell it.
              type: float
              sample: 40.5
            health:
              description:
                - The worst of the devices' health, V(failed) where there are too few,
                  V(ok) where there is none and none is expected.
              type: str
              sample: ok
            health_reasons:
              description: Why it is not V(ok).
              type: list
              elements: str
              sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._node.collect import collect
from ..module_utils._node.options import ARGUMENT_SPEC, Options


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    options = Options.of(module.params)
    try:
        options.check()
    except ValueError as error:
        module.fail_json(msg=str(error))
    facts = collect(options)
    module.exit_json(changed=False, ansible_facts={"gpufleet": facts})


if __name__ == "__main__":
    main()
