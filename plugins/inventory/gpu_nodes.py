# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: gpu_nodes
short_description: Nodes of GPU clusters, with their accelerators
version_added: 0.1.0
author: The gpufleet.openstack authors (@gpufleet)
description:
  - Lists the nodes of the Magnum clusters of a project, masters too, with cluster, node
    group, location and accelerators, and groups them by these.
  - The file's name ends with C(gpu_nodes.yml) or C(gpu_nodes.yaml).
  - It takes one request for each list (clusters, stacks, flavors, images), one for
    each page of servers, and one for each cluster that has more node groups than the
    default ones; with a Magnum driver other than Heat's one for each cluster, and one
    for each such group.
  - Servers must be readable. Where Magnum does not answer, servers with accelerators
    stand in the group C(ungrouped_gpu_nodes), with the reason in
    C(gpufleet_node.reason), and so does each whose cluster can't be told. What else
    can't be read is warned of, and missing.
options:
  plugin:
    description: Marks a file as one for this plugin.
    type: str
    required: true
    choices: [gpufleet.openstack.gpu_nodes]
  clouds:
    description:
      - Names of clouds in C(clouds.yaml), in place of O(cloud); they are read side by
        side. One that can't be read is warned of and left out, unless O(strict) is set
        or it was the only one.
    type: list
    elements: str
  regions:
    description:
      - Names of regions, read side by side. V(all) for those that C(clouds.yaml) lists
        for a cloud, or else all of its service catalogue.
      - Without it the region of the cloud's configuration.
    type: list
    elements: str
  include_masters:
    description: Whether the clusters' masters are hosts too.
    type: bool
    default: true
  include_standalone:
    description:
      - Whether servers that belong to no cluster are hosts too, where their flavor says
        that they have accelerators.
      - It does where M(gpufleet.openstack.hardware) made it, or where it asks for
        resource classes C(CUSTOM_GPU_*), C(CUSTOM_NPU_*), C(VGPU), C(PGPU), or for a
        PCI alias named after a known model.
    type: bool
    default: false
  clusters:
    description: Names or ids of the clusters whose nodes are listed; all without it.
    type: list
    elements: str
  locations:
    description: Names of the locations whose nodes are listed; all without it.
    type: list
    elements: str
  node_groups:
    description: Names of the node groups whose nodes are listed; all without it.
    type: list
    elements: str
  statuses:
    description:
      - Nova's statuses of the servers that are listed, V(ACTIVE) for one; all without
        it.
    type: list
    elements: str
  address:
    description:
      - Which of a server's addresses C(ansible_host) is. A server without such an
        address has no C(ansible_host).
    type: str
    choices: [private, floating, ipv6]
    default: private
  network:
    description: Name of the network that C(ansible_host) is in; any without it.
    type: str
  jump_host:
    description:
      - Host that SSH connections go through, as C(ssh -J) takes it. It stands in
        C(ansible_ssh_common_args).
      - V(master) for the first master of a node's cluster, by its floating address.
        Where a cluster's masters have none, its nodes have no jump host.
    type: str
  telemetry:
    description:
      - Whether the variables C(gpufleet_devices) and C(gpufleet_health) are added.
      - V(facts) takes them from the facts that M(gpufleet.openstack.gpu_facts) has
        left in the fact cache that Ansible is configured with.
      - V(prometheus) takes them from O(prometheus), whose exporters tell of the nodes'
        devices; one query for each metric reads all nodes. Nodes are found by their
        addresses and names.
    type: str
    choices: [none, facts, prometheus]
    default: none
  prometheus:
    description:
      - The server for O(telemetry=prometheus).
      - Where it can't be read, that is warned of, and what nodes do is unknown.
    type: dict
    suboptions:
      url:
        description: Its URL.
        type: str
        required: true
      user:
        description: User for basic authentication.
        type: str
      password:
        description: Its password.
        type: str
      token:
        description: Bearer token, in place of user and password.
        type: str
      matchers:
        description: Matchers of labels that narrow down all queries.
        type: str
      validate_certs:
        description: Whether its certificate must be valid.
        type: bool
        default: true
      ca_cert:
        description: Path to the CA's certificates, in place of the system's.
        type: path
      timeout:
        description: Seconds for each request.
        type: int
        default: 20
  stale_after:
    description:
      - Age of facts in seconds from which on they say nothing of now; V(0) for never.
      - Used with O(telemetry).
    type: int
    default: 300
  strict:
    description:
      - Whether expressions of O(compose), O(groups) and O(keyed_groups) that fail, and
        anything that can't be read, fail the inventory.
    type: bool
    default: false
notes:
  - "Every host has the variable C(gpufleet_node), a dictionary of C(id), C(name),
    C(status) (Nova's), C(cluster) (C(id), C(name), C(status), C(health_status) and
    C(master_address), the floating address of its first master), C(node_group),
    C(role) (V(worker), V(master), V(standalone)), C(location), C(availability_zone),
    C(hardware) (C(name), C(accelerators), C(vcpus), C(ram_mib), C(power_watts),
    C(hourly_cost)), C(addresses) (a list of C(network), C(address), C(version),
    C(floating)), C(created_at), C(project_id), C(os_distro), C(cloud), C(region) and
    C(reason). An accelerator has C(vendor), C(model), C(count), C(memory_gib) and
    C(kind). What is not known is null."
  - C(ansible_user) is set where the image's property C(os_distro) tells the usual one.
  - "Groups: C(gpu_nodes) (those with accelerators), C(cluster_NAME),
    C(node_group_CLUSTER_NAME), C(location_NAME), C(role_ROLE),
    C(accelerator_VENDOR_MODEL), C(hardware_NAME), C(status_STATUS) and
    C(ungrouped_gpu_nodes). Groups of node groups are children of their cluster's,
    those of clusters children of their location's. Names are lower case, with C(_) for
    what can't stand in a name of a group."
  - "With O(telemetry), hosts of C(gpu_nodes) are in C(gpu_faulty), or in
    C(gpu_healthy) and one of C(gpu_idle), C(gpu_partial), C(gpu_busy) and
    C(gpu_unknown), or in C(gpu_maintenance). A device counts as given out where a
    process holds it, or with V(prometheus) where kube-state-metrics says so. Facts that
    are missing, old, or more than 60 s ahead of time make a node unknown, not faulty."
  - "C(gpufleet_health) holds C(health) (V(healthy), V(faulty) or V(maintenance)),
    C(faults) (each with C(rule), C(device), C(evidence), C(since) and C(action)),
    C(allocation) (V(idle), V(partial), V(busy) or V(unknown), with C(reason)),
    C(capacity) and C(allocated) (in devices), C(measured) (how many the facts tell of
    now) and C(gathered_at). C(gpufleet_devices) is the list C(devices) of
    M(gpufleet.openstack.gpu_facts)."
  - Where several hosts or groups would have one name, all of them get their id, or
    another mark of what they stand for, so that names do not depend on an order.
  - Any machine with the same credentials sees the same inventory; nothing is kept but
    the cache, which holds neither credentials nor telemetry. Its key is made of cloud,
    region, project and filters. An inventory with parts missing is not kept.
extends_documentation_fragment:
  - gpufleet.openstack.openstack
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: gpufleet.openstack.gpu_cluster
  - module: gpufleet.openstack.gpu_facts
"""

EXAMPLES = r"""
# mycloud.gpu_nodes.yml
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
---
# All regions of two clouds, the workers alone, behind their clusters' masters
plugin: gpufleet.openstack.gpu_nodes
clouds: [frankfurt, amsterdam]
regions: [all]
include_masters: false
jump_host: master
---
# With how nodes do, by the facts that were gathered last
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
telemetry: facts
stale_after: 3600
keyed_groups:
  - prefix: devices
    key: gpufleet_health.capacity | default(0)
compose:
  watts: gpufleet_node.hardware.power_watts
groups:
  expensive: (gpufleet_node.hardware.hourly_cost or 0) > 20
---
# With how nodes do, as Prometheus' exporters tell
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
telemetry: prometheus
prometheus:
  url: https://prometheus.example.com
  matchers: environment="production"
---
# Kept for ten minutes; `ansible-inventory --flush-cache` reads anew
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.ansible/tmp/gpu_nodes
cache_timeout: 600
"""

import hashlib
import json
import logging
import os
import typing as t

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import cache_loader

from ..module_utils.fleet import groups, join, measure, state
from ..module_utils.fleet.fleet import Host
from ..module_utils.sources import prometheus
from ..module_utils.sources.failure import SourceError
from ..module_utils.sources.filters import Filters

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

SUFFIXES = ("gpu_nodes.yml", "gpu_nodes.yaml")

USERS = {
    "almalinux": "almalinux",
    "centos": "centos",
    "debian": "debian",
    "fedora": "fedora",
    "fedora-coreos": "core",
    "flatcar": "core",
    "rocky": "rocky",
    "ubuntu": "ubuntu",
}
"""The users that images let in, by os_distro."""

_WHO = (
    "auth_url",
    "username",
    "user_id",
    "user_domain_name",
    "user_domain_id",
    "project_name",
    "project_id",
    "project_domain_name",
    "project_domain_id",
    "application_credential_id",
    "application_credential_name",
)
"""What of the credentials tells whose cloud it is; none of it is secret."""

_SHAPE = 1
"""Version of what the cache holds."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The nodes of GPU clusters."""

    NAME = "gpufleet.openstack.gpu_nodes"

    def verify_file(self, path: str) -> bool:
        """Whether a file is one for this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(SUFFIXES)

    def parse(
        self,
        inventory: InventoryData,
        loader: DataLoader,
        path: str,
        cache: bool = True,
    ) -> None:
        """Fill the inventory from the cache, or from the clouds."""
        super().parse(inventory, loader, path, cache)
        self._check(self._read_config_data(path))
        filters = Filters(*(self.get_option(name) for name in Filters._fields))
        key = self._key(filters)
        kept = self._cache.get(key) if cache and self.get_option("cache") else None
        if kept:
            nodes = json.loads(kept["nodes"])
        else:
            nodes, whole = self._read(filters)
            if whole and self.get_option("cache"):
                # As one text: Ansible looks at every value of what it keeps, which
                # takes longer than to read a large cloud.
                self._cache[key] = {"nodes": json.dumps(nodes)}
        for missed in filters.missed(nodes):
            self.display.warning(f"{missed}: no node is of it")
        self._add(nodes)

    def _check(self, config: t.Mapping[str, t.Any]) -> None:
        """Raise for what Ansible lets pass: words that are no option, odd values."""
        known = self.option_definitions
        names = {*known, *(alias for one in known.values() for alias in _aliases(one))}
        unknown = sorted(set(config) - names)
        if unknown:
            raise AnsibleParserError(
                f"{', '.join(unknown)}: no such option; there are "
                f"{', '.join(sorted(known))}"
            )
        for name, value in config.items():
            if known.get(name, {}).get("type") == "bool":
                try:
                    boolean(value)
                except TypeError:
                    raise AnsibleParserError(
                        f"{name}: {value!r} is neither true nor false"
                    ) from None
        if self.get_option("stale_after") < 0:
            raise AnsibleParserError(
                f"stale_after: {self.get_option('stale_after')} is below 0"
            )
        self._server()

    def _server(self) -> dict[str, t.Any]:
        """The option C(prometheus) with its defaults; or raise for what it can't be."""
        told = self.get_option("prometheus")
        if self.get_option("telemetry") != "prometheus":
            if told is not None:
                raise AnsibleParserError("prometheus: takes telemetry: prometheus")
            return {}
        checked = ArgumentSpecValidator(prometheus.ARGUMENT_SPEC).validate(told or {})
        if checked.error_messages:
            raise AnsibleParserError(f"prometheus: {'; '.join(checked.error_messages)}")
        found: dict[str, t.Any] = checked.validated_parameters
        return found

    def _key(self, filters: Filters) -> str:
        """Key of the cache: a digest of cloud, region, project and filters."""
        cloud = self.get_option("cloud")
        config = cloud if isinstance(cloud, dict) else {}
        auth = self.get_option("auth") or config.get("auth") or {}
        names = ("clouds", "regions", "region_name", "interface")
        told = {
            "shape": _SHAPE,
            "cloud": None if config else cloud,
            "region": config.get("region_name"),
            "auth": {name: auth.get(name) for name in _WHO},
            "options": [self.get_option(name) for name in names],
            "environment": [
                os.environ.get(name)
                for name in (
                    "OS_CLOUD",
                    "OS_CLIENT_CONFIG_FILE",
                    "OS_REGION_NAME",
                    "MAGNUM_ENDPOINT_TYPE",
                    *(f"OS_{name.upper()}" for name in _WHO),
                )
            ],
            "filters": filters,
        }
        text = json.dumps(told, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self.NAME}_{digest[:32]}"

    def _read(self, filters: Filters) -> tuple[list[dict[str, t.Any]], bool]:
        """The nodes of all clouds and regions, and whether nothing is missing."""
        # What fails is told as a warning; the SDK's own lines would stand between.
        for library in ("keystoneauth", "openstack"):
            logging.getLogger(library).addHandler(logging.NullHandler())
        # The SDK takes longer to import than a cache to read.
        from ..module_utils.cloud import session
        from ..module_utils.sources import openstack

        options = {name: self.get_option(name) for name in session.ARGUMENT_SPEC}
        read = openstack.read_regions(
            options, self.get_option("clouds"), self.get_option("regions"), filters
        )
        failures = [f"{one.name}: {one.failure}" for one in read if one.failure]
        missing = [f"{one.name}: {text}" for one in read for text in one.missing]
        warnings = [f"{one.name}: {text}" for one in read for text in one.warnings]
        if len(failures) == len(read):
            raise AnsibleParserError("; ".join(failures))
        if failures + missing and self.get_option("strict"):
            raise AnsibleParserError("; ".join(failures + missing))
        for text in failures + missing + warnings:
            self.display.warning(text)
        # Two clouds of clouds.yaml may be the same one.
        nodes = {node["id"]: node for one in read for node in one.nodes}
        return list(nodes.values()), not failures + missing

    def _add(self, nodes: list[dict[str, t.Any]]) -> None:
        """Add the hosts, their variables and groups."""
        members = groups.groups(nodes)
        all_groups = dict.fromkeys(one for found in members.values() for one in found)
        for group in all_groups:
            self.inventory.add_group(group.name)
        for group in all_groups:
            if group.parent:
                self.inventory.add_child(group.parent, group.name)
        names = groups.host_names(nodes, self.inventory.groups)
        self._warn_of_jumps(nodes)
        telemetry = self._telemetry(
            [
                Host(names[node["id"]], node)
                for node in nodes
                if node["hardware"]["accelerators"]
            ]
        )
        for node in nodes:
            name = names[node["id"]]
            self.inventory.add_host(name)
            variables = self._variables(node)
            if name in telemetry:
                variables.update(self._health(telemetry[name]))
            # Straight to the host: the inventory's own set_variable copies each value
            # to mark it, a third of the time and memory at thousands of nodes. These
            # are plain data without a mark, so that Ansible takes none for a template.
            host = self.inventory.get_host(name)
            for variable, value in variables.items():
                host.set_variable(variable, value)
            parents = {group.parent for group in members[node["id"]]}
            for group in members[node["id"]]:
                if group.name not in parents:  # else it is in it by its child
                    self.inventory.add_child(group.name, name)
            self._construct(name)

    def _variables(self, node: dict[str, t.Any]) -> dict[str, t.Any]:
        variables = {"gpufleet_node": node}
        address = _address(node, self.get_option("address"), self.get_option("network"))
        user = USERS.get(str(node["os_distro"]))
        jump = self.get_option("jump_host")
        if jump == "master":
            master = (node["cluster"] or {}).get("master_address")
            jump = master and (f"{user}@{master}" if user else master)
            if master in [one["address"] for one in node["addresses"]]:
                address, jump = master, None
        if jump:
            variables["ansible_ssh_common_args"] = f"-o ProxyJump={jump}"
        if address:
            variables["ansible_host"] = address
        if user:
            variables["ansible_user"] = user
        return variables

    def _warn_of_jumps(self, nodes: list[dict[str, t.Any]]) -> None:
        if self.get_option("jump_host") != "master":
            return
        clusters = [node["cluster"] for node in nodes if node["cluster"]]
        for name in sorted({c["name"] for c in clusters if not c["master_address"]}):
            self.display.warning(
                f"jump_host: cluster {name} has no master with a floating address"
            )

    def _telemetry(self, hosts: list[Host]) -> dict[str, Host]:
        """Hosts with what is known of how they do, by name; none where nobody asks."""
        kind = self.get_option("telemetry")
        if kind == "facts":
            facts = self._facts()
            hosts = [host._replace(facts=facts(host.name)) for host in hosts]
        elif kind == "prometheus":
            hosts = self._measured(hosts)
        return {host.name: host for host in hosts} if kind != "none" else {}

    def _measured(self, hosts: list[Host]) -> list[Host]:
        """Hosts with what Prometheus tells of them."""
        server = self._server()
        try:
            told = prometheus.read(server, server["timeout"])
        except SourceError as error:
            told = join.Telemetry([], warnings=(str(error),))
        if told.warnings and self.get_option("strict"):
            raise AnsibleParserError(f"prometheus: {'; '.join(told.warnings)}")
        for text in told.warnings:
            self.display.warning(f"telemetry: {text}")
        hosts = measure.measure(
            hosts, told.measured, stale_after=self.get_option("stale_after")
        )
        return join.join(hosts, [told.schedule] if told.schedule else []).hosts

    def _facts(self) -> t.Callable[[str], dict[str, t.Any] | None]:
        """What gpu_facts has left in the fact cache, by name of the host."""
        cache = cache_loader.get(constants.CACHE_PLUGIN)
        if cache is None or not cache._persistent:
            self.display.warning(
                f"telemetry: the fact cache {constants.CACHE_PLUGIN} keeps no facts "
                "between runs; set fact_caching in ansible.cfg, to "
                "ansible.builtin.jsonfile for one"
            )
            return lambda host: None

        def read(host: str) -> dict[str, t.Any] | None:
            try:
                facts = cache.get(host)
            except KeyError:
                return None
            except AnsibleError as error:
                self.display.warning(f"telemetry of {host}: {error}")
                return None
            found = facts.get("gpufleet")
            return found if found and "devices" in found else None

        return read

    def _health(self, host: Host) -> dict[str, t.Any]:
        """Variables of how a node does; it is put into the groups that say so."""
        told = state.node_state(
            host.node or {},
            host.facts,
            stale_after=self.get_option("stale_after"),
            offers=host.offers,
        )
        allocation = [told["allocation"]] if told["health"] == state.HEALTHY else []
        for word in (told["health"], *allocation):
            self.inventory.add_group(f"gpu_{word}")
            self.inventory.add_child(f"gpu_{word}", host.name)
        devices = {"gpufleet_devices": host.facts["devices"]} if host.facts else {}
        return {"gpufleet_health": told, **devices}

    def _construct(self, name: str) -> None:
        """What the user composes of a host's variables."""
        parts = [
            self.get_option(part) for part in ("compose", "groups", "keyed_groups")
        ]
        if not any(parts):
            return
        strict = self.get_option("strict")
        host = self.inventory.get_host(name)
        self._set_composite_vars(parts[0], host.get_vars(), name, strict)
        variables = host.get_vars()
        self._add_host_to_composed_groups(parts[1], variables, name, strict)
        self._add_host_to_keyed_groups(parts[2], variables, name, strict)


def _aliases(definition: t.Mapping[str, t.Any]) -> list[str]:
    return list(definition.get("aliases") or [])


def _address(node: dict[str, t.Any], kind: str, network: str | None) -> str | None:
    version, floating = (6 if kind == "ipv6" else 4), kind == "floating"
    for one in node["addresses"]:
        if (one["version"], one["floating"]) != (version, floating):
            continue
        if network in (None, one["network"]):
            return str(one["address"])
    return None
