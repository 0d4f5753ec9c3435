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
    default ones. With a Magnum driver other than Heat's it takes one for each cluster.
  - Servers that Cluster API made (with the Magnum drivers magnum-capi-helm and
    magnum-cluster-api) are assigned to clusters and node groups by their names, which
    begin with the cluster's C(infrastructure_id). A region without Heat has no
    locations, and a warning says so only if O(locations) is set.
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
      - It does where M(gpufleet.openstack.hardware) made it, where it asks for devices
        by a resource class, PCI alias or device profile whose name says that these are
        accelerators, or where O(flavor_accelerators) names it.
    type: bool
    default: false
  flavor_accelerators:
    description:
      - The accelerators of flavors that you can't change, by name of the flavor. Each
        flavor has a list of dictionaries with C(model) (required), C(vendor), C(count)
        (default 1), C(memory_gib) and C(kind) (V(gpu) or V(npu)). An empty list means
        that it has none.
      - C(vendor) is required unless the model is known by name. What is known of a
        model completes what is not given.
      - It takes precedence over what a flavor's extra specs say.
    type: dict
    version_added: 0.2.0
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
      - Which of a server's addresses C(ansible_host) is. With several kinds, the first
        one that the server has, so that servers with IPv6 alone are reached too.
      - V(private) is a fixed IPv4 address, V(floating) a floating one, and V(ipv6) a
        fixed IPv6 address.
      - Before version 0.2.0, it took a single kind, which it still accepts, and the
        default was V(private).
      - Addresses that are not those of another machine, such as loopback, link-local
        and multicast ones, are ignored. A server without a usable address gets a name
        in C(.invalid), such as C(no-private-or-ipv6-address.invalid), which never
        resolves, so that Ansible reports it as unreachable and does not connect to
        another machine that has its name.
    type: list
    elements: str
    choices: [private, floating, ipv6]
    default: [private, ipv6]
  network:
    description: Name of the network that C(ansible_host) is in; any without it.
    type: str
  jump_host:
    description:
      - Host that SSH connections go through, as C(ssh -J) takes it. It stands in
        C(ansible_ssh_common_args).
      - V(master) for the first master of a node's cluster, by its floating address.
        A master counts if Magnum lists one of its addresses, and no other server of the
        cluster has its name or one of its addresses. A cluster without such a master
        has no jump host, and a warning names it.
    type: str
  telemetry:
    description:
      - Whether the variables C(gpufleet_devices) and C(gpufleet_health) are added.
      - V(facts) takes them from the facts that M(gpufleet.openstack.gpu_facts) has
        left in the fact cache that Ansible is configured with.
      - V(prometheus) takes them from O(prometheus), whose exporters tell of the nodes'
        devices; one query for each metric reads all nodes. Nodes are found by their
        addresses and names. A target that names several nodes, or a node that another
        target has too, is ignored with a warning.
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
      cluster_label:
        description:
          - Label that holds the name of the cluster of each series, if the server has
            series of several clusters.
        type: str
        default: cluster
        version_added: 0.2.0
      validate_certs:
        description: Whether its certificate must be valid.
        type: bool
        default: true
      ca_cert:
        description: Path to the CA's certificates, in place of the system's.
        type: path
      client_cert:
        description: Path to a certificate to authenticate with, in PEM format.
        type: path
        version_added: 0.2.0
      client_key:
        description:
          - Path to the key of O(prometheus.client_cert), if it is in a separate file.
        type: path
        version_added: 0.2.0
      headers:
        description:
          - Further HTTP headers of each request, such as C(X-Scope-OrgID), the tenant
            of Mimir, or C(THANOS-TENANT). Their values are never shown.
        type: dict
        version_added: 0.2.0
      cluster:
        description:
          - Name of the Magnum cluster whose kube-state-metrics it has. Nodes of that
            cluster that Kubernetes does not have are faulty (rule C(never_joined)), as
            in reports.
        type: str
      timeout:
        description: Seconds for all requests together.
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
    C(kind). What is not known is null. A known model has one name, however the flavor
    spells it; of an unknown one it is the flavor's own text."
  - C(ansible_user) is set where the image's property C(os_distro) tells the usual one.
    Of a server that boots from a volume, the volume keeps that property.
  - "A host has the name of its server if that consists of letters, digits, C(.), C(_)
    and C(-), begins with a letter or a digit, has 201 characters at most, and can't be
    mistaken: for the controller (C(localhost) and the like), an address, a file
    (C(.yml), C(.yaml), C(.json)), a group, another server, or a host of an inventory
    that is read before. Nor may it be the name of a host or group in an inventory file
    that is read later; what scripts and other plugins list later is not known. Upper
    and lower case count as the same. Otherwise the host has the server's id as its
    name, and C(gpufleet_node.name) is the server's name."
  - "To give variables to nodes or add them to groups, use C(group_vars), C(host_vars),
    O(compose), O(groups) and O(keyed_groups). To list a node in an inventory that is
    read before, give it the variable C(gpufleet_node) there with the server's C(id)."
  - "Groups: C(gpu_nodes) (those with accelerators), C(cluster_NAME),
    C(node_group_CLUSTER_NAME), C(location_NAME), C(role_ROLE),
    C(accelerator_VENDOR_MODEL), C(hardware_NAME), C(status_STATUS) and
    C(ungrouped_gpu_nodes). Groups of node groups are children of their cluster's,
    those of clusters children of their location's. Names are lower case, with C(_) for
    what can't stand in a name of a group. Names over 100 characters are cut."
  - "With O(telemetry), hosts of C(gpu_nodes) are in C(gpu_faulty), or in
    C(gpu_healthy) and one of C(gpu_idle), C(gpu_partial), C(gpu_busy) and
    C(gpu_unknown), or in C(gpu_maintenance). The rules are those of the preset
    V(default) of M(gpufleet.openstack.fleet_info). Rule C(rdma_ports) goes by the
    variable C(gpufleet_expected_rdma_ports), where groups of inventories that are read
    before, or folders C(group_vars) and C(host_vars) beside these or this file, have it
    as a number. A device counts as given out where a
    process holds it, or with V(prometheus) where kube-state-metrics says so. Facts that
    are missing, old, or more than 60 s ahead of time make a node unknown, not faulty."
  - "C(gpufleet_health) holds C(health) (V(healthy), V(faulty) or V(maintenance)),
    C(faults) (each with C(rule), C(device), C(index), C(evidence), C(since) and
    C(action)), C(allocation) (V(idle), V(partial), V(busy) or V(unknown), with
    C(reason)), C(capacity) and C(allocated) (in devices; the former is null if nobody
    tells how many there are), C(devices) (how many are C(allocated), C(idle),
    C(faulty), C(maintenance) and C(unknown)), C(measured) (how many the facts tell of
    now) and C(gathered_at). C(gpufleet_devices) is the list
    C(devices) of M(gpufleet.openstack.gpu_facts)."
  - Where several hosts would have one name, all of them get their id. Where several
    groups would have one name, all of them get C(__) and their id, or another mark of
    what they stand for. So names do not depend on an order.
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
# With flavors that do not say what they have
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
include_standalone: true
flavor_accelerators:
  g1.large:
    - {model: A100, count: 2, memory_gib: 80}
---
# By the floating address of a server, else by its IPv6 address, else by its private one
plugin: gpufleet.openstack.gpu_nodes
cloud: mycloud
address: [floating, ipv6, private]
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
import re
import typing as t

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ..module_utils._near import no_such
from ..plugin_utils._fleet import connection, door, groups, readings, snapshot
from ..plugin_utils._fleet.types import Fleet, Server, Telemetry
from ..plugin_utils._fleet.values import shown
from ..plugin_utils._sources import fact_cache
from ..plugin_utils._sources.base import WrongOption
from ..plugin_utils._sources.failure import SourceError
from ..plugin_utils._sources.inventories import read_later
from ..plugin_utils._sources.inventory_variables import PORTS, InventoryVariables
from ..plugin_utils._sources.openstack.declared import declared
from ..plugin_utils._sources.openstack.filters import (
    NO_NAMES,
    Filters,
    Names,
    joined,
)
from ..plugin_utils._sources.prometheus import source as prometheus
from ..plugin_utils._untrusted import untrusted

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.host import Host
    from ansible.parsing.dataloader import DataLoader

SUFFIXES = ("gpu_nodes.yml", "gpu_nodes.yaml")

_PLUGIN = re.compile(
    r"""^plugin:\s*["']?gpufleet\.openstack\.gpu_nodes["']?\s*(#.*)?$""", re.M
)
_BEGINNING = 100_000
"""Characters of a file in which that line is searched."""

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

_SHAPE = 3
"""Version of what the cache holds."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The nodes of GPU clusters."""

    NAME = "gpufleet.openstack.gpu_nodes"

    def verify_file(self, path: str) -> bool:
        """Whether a file is one for this plugin, by its name."""
        if not super().verify_file(path):
            return False
        if not path.endswith(SUFFIXES):
            if _names_plugin(path):
                # An error is dropped, or does not say why, if other plugins follow.
                self.display.warning(
                    f"{path}: the name of a file with plugin: {self.NAME} must end in "
                    f"{' or '.join(SUFFIXES)}. Rename the file"
                )
            return False
        return True

    def parse(
        self,
        inventory: InventoryData,
        loader: DataLoader,
        path: str,
        cache: bool = True,
    ) -> None:
        """Fill the inventory from the cache, or from the clouds."""
        super().parse(inventory, loader, path, cache)
        self._path = path
        self._check(self._read_config_data(path))
        filters = Filters(*(self.get_option(name) for name in Filters._fields))
        key = self._key(filters)
        caches = bool(self.get_option("cache"))
        nodes = self._kept(key) if cache and caches else None
        names = NO_NAMES
        if nodes is None:
            nodes, whole, names = self._read(filters)
            if whole and caches:
                # As one text: Ansible looks at every value of what it keeps, which
                # takes longer than to read a large cloud.
                self._cache[key] = {"nodes": json.dumps(nodes)}
        for missed in filters.missed(nodes, names):
            self.display.warning(missed)
        self._add(nodes)

    def _kept(self, key: str) -> list[Server] | None:
        """Return the nodes that the cache holds; None if it holds no sound list."""
        try:
            kept = self._cache.get(key)
            records = json.loads(kept["nodes"]) if kept else None
        except (AnsibleError, LookupError, RecursionError, TypeError, ValueError):
            records = None
        if not isinstance(records, list):
            return None
        odd: list[str] = []
        nodes = readings.identified(records, odd.append)
        return None if odd or len(nodes) < len(records) else nodes

    def _check(self, config: t.Mapping[str, t.Any]) -> None:
        """Raise for what Ansible lets pass: words that are no option, odd values."""
        known = self.option_definitions
        aliases = (alias for option in known.values() for alias in _aliases(option))
        names = {*known, *aliases}
        unknown = sorted(set(config) - names)
        if unknown:
            raise AnsibleParserError(no_such("option", unknown, known))
        for name, value in config.items():
            if known.get(name, {}).get("type") == "bool":
                try:
                    boolean(value)
                except TypeError:
                    raise AnsibleParserError(
                        f"{name}: {value!r} is neither true nor false"
                    ) from None
        if not self.get_option("address"):
            raise AnsibleParserError(
                f"address: {self.get_option('address')!r} names no kind of address; "
                f"name one or more of {', '.join(connection.KINDS)}"
            )
        if self.get_option("stale_after") < 0:
            raise AnsibleParserError(
                f"stale_after: {self.get_option('stale_after')} must be 0 or more"
            )
        self._server()
        self._declared()

    def _declared(self) -> dict[str, list[dict[str, t.Any]]]:
        """The option `flavor_accelerators`; or raise for what it can't be."""
        try:
            return declared(self.get_option("flavor_accelerators"))
        except WrongOption as error:
            raise AnsibleParserError(str(error)) from error

    def _server(self) -> dict[str, t.Any]:
        """The option `prometheus` with its defaults; or raise for what it can't be."""
        given = self.get_option("prometheus")
        if self.get_option("telemetry") != "prometheus":
            if given is not None:
                raise AnsibleParserError("prometheus: requires telemetry: prometheus")
            return {}
        checked = ArgumentSpecValidator(prometheus.ARGUMENT_SPEC).validate(given or {})
        if checked.error_messages:
            raise AnsibleParserError(f"prometheus: {'; '.join(checked.error_messages)}")
        options: dict[str, t.Any] = checked.validated_parameters
        complaint = prometheus.SOURCE.check(options)
        if complaint:
            raise AnsibleParserError(f"prometheus{complaint}")
        return options

    def _key(self, filters: Filters) -> str:
        """Key of the cache: a digest of cloud, region, project and filters."""
        cloud = self.get_option("cloud")
        config = cloud if isinstance(cloud, dict) else {}
        auth = self.get_option("auth") or config.get("auth") or {}
        names = ("clouds", "regions", "region_name", "interface")
        parts = {
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
            "flavor_accelerators": self._declared(),
        }
        text = json.dumps(parts, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return f"{self.NAME}_{digest[:32]}"

    def _read(self, filters: Filters) -> tuple[list[Server], bool, Names]:
        """The nodes of all clouds and regions, whether nothing is missing; names."""
        # What fails becomes a warning; the SDK's own lines would stand between.
        for library in ("keystoneauth", "openstack"):
            logging.getLogger(library).addHandler(logging.NullHandler())
        # The SDK takes longer to import than a cache to read.
        from ..module_utils._cloud.services import session
        from ..plugin_utils._sources.openstack import source as openstack

        options = {name: self.get_option(name) for name in session.ARGUMENT_SPEC}
        regions = openstack.read_regions(
            options,
            self.get_option("clouds"),
            self.get_option("regions"),
            filters,
            self._declared(),
        )
        failures = [f"{each.name}: {each.failure}" for each in regions if each.failure]
        missing = [f"{each.name}: {text}" for each in regions for text in each.missing]
        warnings = [
            f"{each.name}: {text}" for each in regions for text in each.warnings
        ]
        # A flavor may be in one region only. A region that failed may have it.
        nowhere = set.intersection(*(set(each.no_flavors) for each in regions))
        warnings += map(openstack.no_flavor, sorted(nowhere))
        if len(failures) == len(regions):
            raise AnsibleParserError("; ".join(failures))
        nodes: dict[str | None, Server] = {}
        for node in (node for each in regions for node in each.nodes):
            # Two clouds of clouds.yaml may be the same one, or say that they are.
            if not _is_same(nodes.setdefault(node["id"], node), node):
                text = f"several servers have the id {shown(node['id'])}"
                missing.append(f"{text}; the first counts")
        if failures + missing and self.get_option("strict"):
            raise AnsibleParserError("; ".join(failures + missing))
        for text in failures + missing + warnings:
            self.display.warning(text)
        names = joined(each.names for each in regions)
        return list(nodes.values()), not failures + missing, names

    def _add(self, nodes: list[Server]) -> None:
        """Add the hosts, their variables and groups."""
        members = groups.groups(nodes, self.inventory.hosts)
        all_groups = dict.fromkeys(group for own in members.values() for group in own)
        for group in all_groups:
            self.inventory.add_group(group.name)
        for group in all_groups:
            if group.parent:
                self.inventory.add_child(group.parent, group.name)
        self._warn_of_jumps(nodes)
        by_name = self._named(nodes)
        for name, node in by_name.items():
            self.inventory.add_host(name)
            self._set(name, self._variables(name, node))
            parents = {group.parent for group in members[str(node["id"])]}
            for group in members[str(node["id"])]:
                if group.name not in parents:  # else it is in it by its child
                    self.inventory.add_child(group.name, name)
        if self.get_option("telemetry") != "none":
            self._add_health(self._fleet(by_name), by_name)
        for name in by_name:
            self._construct(name)

    def _named(self, nodes: list[Server]) -> dict[str, Server]:
        """Return the nodes by name of the host.

        No node is a host of another source: it would have that host's variables, which
        may be secret.
        """
        by_id = {str(node["id"]): node for node in nodes}
        others: set[str] = set()
        taken = {*(self.get_option("groups") or {})}
        for data in (self.inventory, *read_later(self.loader, self._path)):
            hosts = data.hosts.items()
            others |= {name for name, host in hosts if not _is_node(host, by_id)}
            taken |= {*others, *data.groups}
        names = groups.host_names(nodes, taken)
        for ident, node in by_id.items():
            if ident not in names:
                self.display.warning(
                    f"server {shown(node['name'])} is left out: its id {shown(ident)} "
                    "can't be the name of a host"
                )
            elif node["name"] in others:
                self.display.warning(
                    f"server {shown(node['name'])} is the host {ident}: its name is "
                    "that of a host of another inventory"
                )
        return {names[ident]: node for ident, node in by_id.items() if ident in names}

    def _set(self, name: str, variables: dict[str, t.Any]) -> None:
        """Set variables of a host.

        Straight to the host: the inventory's own set_variable copies each value to
        mark it, a third of the time and memory at thousands of nodes.
        """
        host = self.inventory.get_host(name)
        for variable, value in variables.items():
            host.set_variable(variable, untrusted(value))

    def _variables(self, name: str, node: Server) -> dict[str, t.Any]:
        wanted = connection.Wanted(
            *(self.get_option(name) for name in connection.Wanted._fields)
        )
        known = connection.variables(
            node, wanted, lambda text: self.display.warning(f"{name}: {text}")
        )
        return {"gpufleet_node": node, **known}

    def _warn_of_jumps(self, nodes: list[Server]) -> None:
        if self.get_option("jump_host") != "master":
            return
        clusters = [node["cluster"] for node in nodes if node["cluster"]]
        names = {shown(c["name"]) for c in clusters if not c["master_address"]}
        for name in sorted(names):
            self.display.warning(
                f"jump_host: cluster {name} has no master with a floating address that "
                "Magnum lists and no other server claims, so its nodes have no jump "
                "host"
            )

    def _fleet(self, nodes: dict[str, Server]) -> Fleet:
        """Return what is known of how nodes do, by the rules that reports have."""
        kind, warnings = self.get_option("telemetry"), []
        facts = self._facts() if kind == "facts" else lambda _name: None
        sources = [*self.inventory.processed_sources, self._path]
        written = InventoryVariables(self.inventory, self.loader, sources)
        hosts = [
            door.host(
                name, node, facts(name), written.of(name).get(PORTS), warnings.append
            )
            for name, node in nodes.items()
            if node["hardware"]["accelerators"]
        ]
        measured = self._measured() if kind == "prometheus" else Telemetry()
        fleet = snapshot.assemble(
            [host for host in hosts if host],
            measured=[measured],
            schedules=measured.schedules,
            warnings=warnings,
            stale_after=self.get_option("stale_after"),
        )
        for text in fleet.warnings:
            self.display.warning(f"telemetry: {text}")
        return fleet

    def _measured(self) -> Telemetry:
        """Return what Prometheus knows."""
        server = self._server()
        try:
            measured = prometheus.read(server, server["timeout"])
        except SourceError as error:
            measured = Telemetry(warnings=(str(error),))
        if measured.warnings and self.get_option("strict"):
            raise AnsibleParserError(f"prometheus: {'; '.join(measured.warnings)}")
        for text in measured.warnings:
            self.display.warning(f"telemetry: {text}")
        return measured

    def _facts(self) -> t.Callable[[str], object]:
        """Return what reads the facts of a host."""
        return fact_cache.reader(self.display.warning)

    def _add_health(self, fleet: Fleet, nodes: dict[str, Server]) -> None:
        """Add how nodes do: variables, and groups that say so."""
        for node in fleet.nodes:
            if node.key not in nodes:
                continue  # Prometheus knows it, and this inventory does not
            for group in groups.of_state(node.state):
                self.inventory.add_group(group)
                self.inventory.add_child(group, node.name)
            variables: dict[str, t.Any] = {"gpufleet_health": node.state}
            if node.facts:
                variables["gpufleet_devices"] = node.facts.devices
            self._set(node.name, variables)

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


def _names_plugin(path: str) -> bool:
    """Return whether a file names this plugin, as far as its text tells."""
    if not path.endswith((".yml", ".yaml")):
        return False
    try:
        with open(path, encoding="utf-8") as file:
            return bool(_PLUGIN.search(file.read(_BEGINNING)))
    except (OSError, ValueError):
        return False


def _is_same(one: Server, other: Server) -> bool:
    keys = ("name", "addresses", "created_at", "project_id")
    return one is other or all(one[key] == other[key] for key in keys)


def _is_node(host: Host, nodes: t.Mapping[str, Server]) -> bool:
    """Return whether a host is one of some nodes, as another inventory says.

    The id alone does not say so: a cloud can give its servers the ids of another's.
    """
    known = host.vars.get("gpufleet_node")
    node = nodes.get(str(known.get("id"))) if isinstance(known, dict) else None
    if node is None:
        return False
    place = {"cloud": node["cloud"], "region": node["region"]}
    return {**place, **known}.items() >= place.items()
