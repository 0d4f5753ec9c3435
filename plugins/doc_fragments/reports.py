# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of what the doors to the reports have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of reports, and what their numbers mean."""

    DOCUMENTATION = r"""
options:
  sources:
    description:
      - What the reports stand on. They are read side by side. What one of them can't
        tell is a warning, and unknown in the reports.
    type: list
    elements: dict
    default:
      - type: facts
    suboptions:
      type:
        description:
          - V(facts) is what M(gpufleet.openstack.gpu_facts) has found.
          - V(kubernetes) is what a Kubernetes cluster has given out, to which
            workloads. It requires the Python package C(urllib3) on the controller, and
            the right to list nodes, pods, the owners of pods, and resource claims and
            slices.
          - V(openstack) is the nodes of O(sources[].cloud) and its storage, as Cinder's
            pools tell it; it takes no inventory then. Pools take an administrator.
          - V(prometheus) is what exporters have measured, NVIDIA's dcgm-exporter,
            ROCm's device-metrics-exporter, the role C(node_telemetry), node_exporter
            (RDMA ports), Kepler, JuiceFS, and kube-state-metrics where no source
            V(kubernetes) is named. It takes the place of facts that are missing or old.
          - V(slurm) is what Slurm has given out, to which jobs. It is asked over its
            REST API where O(sources[].url) is set, else by C(squeue) and C(scontrol)
            (C(sinfo) before Slurm 23.02).
        type: str
        required: true
        choices: [facts, kubernetes, openstack, prometheus, slurm]
      cluster:
        description:
          - Name of the cluster that the source belongs to. Use the name that the
            inventory has for it, which is Magnum's, because nodes are matched with
            hosts of the same cluster only.
          - With V(prometheus), it is the cluster of kube-state-metrics. If
            O(sources[].cluster_label) names several clusters, only series of this one
            and series without that label are used.
        type: str
      timeout:
        description:
          - Seconds that the source may take in all, for looking up names, connecting,
            and reading all answers. Nothing of it is left running after that.
        type: int
        default: 20
      url:
        description:
          - Address of Prometheus, or of slurmrestd, C(http://slurm.example.com:6820)
            for one.
        type: str
      user:
        description: User for slurmrestd, or for Prometheus behind basic authentication.
        type: str
      password:
        description: That user's password for Prometheus.
        type: str
      token:
        description:
          - JSON web token of the user of Slurm, as C(scontrol token) makes it; or
            bearer token for Prometheus.
        type: str
      matchers:
        description:
          - Matchers of labels that narrow down all that Prometheus is asked for,
            C(environment="production", cluster="a") for one.
        type: str
      cluster_label:
        description:
          - Label that holds the name of the cluster of each series, if one Prometheus,
            Thanos or Mimir has series of several clusters.
        type: str
        default: cluster
        version_added: 0.2.0
      validate_certs:
        description: Whether the TLS certificate of O(sources[].url) is checked.
        type: bool
        default: true
      ca_cert:
        description: Path to the CA certificates for that.
        type: path
      client_cert:
        description: Path to a certificate to authenticate with, in PEM format.
        type: path
        version_added: 0.2.0
      client_key:
        description:
          - Path to the key of O(sources[].client_cert), if it is in a separate file.
        type: path
        version_added: 0.2.0
      headers:
        description:
          - Further HTTP headers of each request to O(sources[].url), such as
            C(X-Scope-OrgID), the tenant of Mimir, or C(THANOS-TENANT). Their values are
            never shown.
        type: dict
        version_added: 0.2.0
      login:
        description:
          - Host where Slurm's commands are, that C(ssh) reaches without asking.
            Without it they are run on the controller.
        type: str
      health_check_users:
        description:
          - Users of Slurm whose drains are faults, because health checks run as them.
            A node that anybody else drains is in maintenance.
          - Programs that Slurm runs itself (C(HealthCheckProgram), prolog and epilog)
            run as V(root), or as V(slurm). If people drain nodes as root at your site,
            let the health check use a user of its own, and name this user here.
        type: list
        elements: str
        default: [root, slurm]
        version_added: 0.2.0
      kubeconfig:
        description:
          - Path to the kubeconfig of a Kubernetes cluster, as
            M(gpufleet.openstack.kubeconfig) writes it; without it, and without
            O(sources[].cloud), that of E(KUBECONFIG), or C(~/.kube/config).
        type: path
      context:
        description: Name of the context in it; without it the one that is current.
        type: str
      resources:
        description:
          - Names of further resources of Kubernetes that are devices, and of drivers
            and device classes of resource claims. Those of NVIDIA, AMD, Intel, Habana
            and further vendors are known.
        type: list
        elements: str
        default: []
      cloud:
        description:
          - Name of a cloud in C(clouds.yaml); without it, V(openstack) takes that of
            E(OS_CLOUD), or what the environment says.
          - With V(kubernetes) its Magnum signs a certificate of
            O(sources[].kubernetes_groups) for O(sources[].cluster), a name or id. The
            private key stays in memory. It requires the Python package
            C(cryptography).
        type: str
      kubernetes_groups:
        description:
          - Groups of Kubernetes that the certificate is for, where
            O(sources[].cloud) signs it.
          - They require the right to list nodes, pods, the owners of pods, and resource
            claims and slices. The
            playbook C(gpufleet.openstack.kubernetes_access) grants it to
            C(gpufleet:readers). Administrators are C(system:masters).
        type: list
        elements: str
        default: ["gpufleet:readers"]
        version_added: 0.2.0
      region_name:
        description: Name of the region; without it that of the cloud's configuration.
        type: str
      flavor_accelerators:
        description:
          - The accelerators of flavors that you can't change, by name of the flavor,
            for sources of type V(openstack). Each flavor has a list of dictionaries
            with C(model) (required), C(vendor), C(count) (default 1), C(memory_gib) and
            C(kind) (V(gpu) or V(npu)). An empty list means that it has none.
          - C(vendor) is required unless the model is known by name. What is known of a
            model completes what is not given.
          - It takes precedence over what a flavor's extra specs say.
        type: dict
        version_added: 0.2.0
  max_age:
    description:
      - Seconds for which the tasks of a run share what a source has told; V(0) for
        never. It is kept in a file that only the user of Ansible may read, and that
        goes when the run ends. Facts are never kept so.
    type: int
    default: 30
  stale_after:
    description:
      - Age of facts in seconds from which on they say nothing of now; V(0) for never.
        Facts that are more than 60 s ahead of time say nothing either.
    type: int
    default: 300
  now:
    description: The time for all ages, ISO 8601; the clock's without it.
    type: str
  preset:
    description:
      - Which rules make a node faulty. V(default) has C(server_status),
        C(devices_missing), C(device_failed), C(ecc_uncorrected) (above 0),
        C(row_remap), C(xid) (within 2 hours), C(rdma_ports), C(never_joined)
        (after 30 minutes, where a source names the node's cluster), C(not_ready) and
        C(not_allocatable) (Kubernetes) and C(slurm_state).
      - V(strict) has C(ecc_corrected) (above 10,000) and C(temperature) (above 100)
        beside these.
    type: str
    choices: [default, strict]
    default: default
  rules:
    description:
      - Changes to these rules, by name. V(false) switches a rule off, V(true) on; a
        dictionary of C(threshold), C(window) (seconds) and C(action) switches it on
        and changes it.
    type: dict
    default: {}
  top_k:
    description: How many devices V(heatmap) lists for each metric.
    type: int
    default: 5
  matrix:
    description: Whether V(heatmap) holds all devices too, node by node.
    type: bool
    default: false
  page_num:
    description: Number of the page of V(consumers), from 1.
    type: int
    default: 1
    aliases: [pageNum]
  page_size:
    description: Rows of a page, 1 to 1000.
    type: int
    default: 10
    aliases: [pageSize]
  include_pods:
    description: Whether V(consumers) list their pods.
    type: bool
    default: false
  group_by:
    description: Sums up V(consumers) by what they have in common.
    type: str
    choices: [namespace, user, account, cluster]
  namespace:
    description: Only V(consumers) of this namespace; of processes their user.
    type: str
  kind:
    description: Only V(consumers) of this kind.
    type: str
  source:
    description: Only V(consumers) that this source tells of.
    type: str
  cluster:
    description: Only V(consumers) and V(nodes) of the cluster of this name.
    type: str
  id:
    description: Only the one of V(nodes) that has this id.
    type: str
  name:
    description: Only the one of V(nodes) that has this name.
    type: str
  status:
    description:
      - Only V(nodes) of this state. V(idle), V(partial), V(busy) and V(unknown) are
        healthy nodes, as V(overview) counts them.
    type: str
    choices: [healthy, faulty, maintenance, idle, partial, busy, unknown]
  strict:
    description:
      - Whether a warning is a failure. The message holds all warnings.
    type: bool
    default: false
  min_coverage:
    description:
      - The least share of devices whose utilization must be known, 0.0 to 1.0. A lower
        C(coverage), or a fleet without devices, is a failure unless this is V(0.0).
    type: float
    default: 0.0
    version_added: 0.2.0
  fail_on_faults:
    description:
      - Whether a fault of any node is a failure. The message holds the first five.
    type: bool
    default: false
    version_added: 0.2.0
  envelope:
    description:
      - Whether each result is what the Clusters API answers, a dictionary of C(code),
        C(message), C(data) and C(traceId). Errors are such an answer then, too, without
        C(data), and the task or lookup does not fail.
      - C(code) is 0 on success, 400 for wrong options and unknown nodes, and 500 for
        what O(strict), O(min_coverage) or O(fail_on_faults) refuse and for internal
        errors.
    type: bool
    default: false
notes:
  - What is known of a host is C(ansible_facts.gpufleet), which
    M(gpufleet.openstack.gpu_facts) finds, or else the variable C(gpufleet); and
    C(gpufleet_node) of the inventory P(gpufleet.openstack.gpu_nodes#inventory). So a
    static inventory will do. C(gpufleet_expected_rdma_ports) says how many RDMA ports
    of a host should be active.
  - C(gpufleet_node) and C(gpufleet_expected_rdma_ports) are read from inventories and
    from C(group_vars) and C(host_vars) beside them or the playbook. Facts, C(set_fact)
    and extra variables of these names are ignored, because a node can return any facts.
  - "A node counts in one of C(healthyNodes), C(faultyNodes) and C(maintenanceNodes);
    a healthy one in one of C(fullyIdleNodes), C(partiallyIdleNodes), C(busyNodes) and
    C(unknownNodes)."
  - A node's capacity, in physical devices, is the largest number that the flavor, the
    labels of a feature discovery, measurements or a scheduler give. Units of a
    scheduler that are parts or replicas of devices are fractions of them. Fewer offered
    or measured is a fault. A device counts as given out where a scheduler says so; on
    nodes that none has where a process holds it, and a part of a device as that part.
  - A node of a scheduler is the host that has its server's id, or else one of its
    addresses, or else its name, whole or up to the first dot, in the cluster that both
    name. A different id or cluster prevents a match. A node that matches no host counts
    as a node of its own, with the cluster of its source.
  - "Each device is in one state, the first that applies: faulty (by a fault of its own,
    or because its whole node is unusable), in maintenance, unknown, allocated, idle.
    C(totalGpus) is the sum of C(allocatedGpus), C(idleGpus), C(faultyGpus),
    C(maintenanceGpus) and C(unknownGpus). C(allocationRate) is allocated by allocated
    and idle. C(utilization) is the mean of the allocated devices. C(coverage) is the
    share of devices whose utilization is known."
  - Reading the variables of a host takes about a tenth of a millisecond in
    ansible-core, and ten times that where one of C(gpufleet), C(gpufleet_node) and
    C(gpufleet_expected_rdma_ports) is a template.
"""
