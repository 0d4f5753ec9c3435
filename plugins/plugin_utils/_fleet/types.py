# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet is made of.

Records that Ansible or a report shows as they are (`Server`, `Device`, `NodeState`,
`Consumer`) are dictionaries with every key; all others are immutable objects. What is
not known is None. Units are part of the names.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from .values import LONGEST_REASON

if t.TYPE_CHECKING:
    from .capacity import Capacity
    from .waiting import Waiting

Record = dict[str, t.Any]
"""A record from outside, before it passes the door; or a finished report."""

Reason = t.Annotated[str, LONGEST_REASON]
"""A text as long as a person or a driver writes it; others are as long as names."""

# Servers ------------------------------------------------------------------------------


class Accelerator(t.TypedDict):
    """Accelerators of one model that a flavor declares; `count` may be unknown."""

    vendor: str | None
    model: str | None
    count: int | None
    memory_gib: float | None
    kind: str | None


class Hardware(t.TypedDict):
    """What the flavor of a server declares; `power_watts` and cost are per server."""

    name: str | None
    accelerators: list[Accelerator]
    vcpus: int | None
    ram_mib: int | None
    power_watts: float | None
    hourly_cost: float | None


class Address(t.TypedDict):
    """An address of a server."""

    network: str | None
    address: str
    version: int | None
    floating: bool


class Cluster(t.TypedDict):
    """The cluster of a node; `master_address` is its first master's floating one."""

    id: str | None
    name: str | None
    status: str | None
    health_status: str | None
    master_address: str | None


class Server(t.TypedDict):
    """A server and its place in a cluster: the host variable `gpufleet_node`.

    `reason` says why its place is not known, if it is not.
    """

    id: str | None
    name: str | None
    status: str | None
    cluster: Cluster | None
    node_group: str | None
    role: str | None
    location: str | None
    availability_zone: str | None
    hardware: Hardware
    addresses: list[Address]
    created_at: str | None
    project_id: str | None
    os_distro: str | None
    cloud: str | None
    region: str | None
    reason: Reason | None


# Devices ------------------------------------------------------------------------------


class Process(t.TypedDict):
    """A process that holds a device, or a partition of one."""

    pid: int
    name: str | None
    user: str | None
    memory_bytes: int | None


class Partition(t.TypedDict):
    """A part of a device."""

    index: int
    uuid: str | None
    profile: str | None
    memory_total_bytes: float | None
    memory_used_bytes: float | None
    processes: list[Process] | None


class Device(t.TypedDict):
    """A device, with the fields of `gpu_facts`.

    `pods` are the namespaces and names of the pods that hold it, where a system of
    measurements knows them.
    """

    index: int
    minor_number: int | None
    pci_bus_id: str | None
    vendor: str | None
    kind: str | None
    model: str | None
    uuid: str | None
    serial: str | None
    driver: str | None
    driver_version: str | None
    memory_total_bytes: float | None
    memory_used_bytes: float | None
    utilization_percent: float | None
    memory_utilization_percent: float | None
    power_watts: float | None
    power_limit_watts: float | None
    energy_joules: float | None
    temperature_celsius: float | None
    memory_temperature_celsius: float | None
    ecc_corrected: float | None
    ecc_uncorrected: float | None
    row_remap_pending: bool | None
    row_remap_failed: bool | None
    throttle_reasons: list[str] | None
    pcie_generation: int | None
    pcie_width: int | None
    numa_node: int | None
    xgmi_hive_id: str | None
    partition_mode: str | None
    memory_partition_mode: str | None
    partitions: list[Partition]
    processes: list[Process] | None
    health: str
    health_reasons: list[str]
    sources: list[str]
    errors: list[str]
    pods: t.NotRequired[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An RDMA port of a node; `rate_gbps` is in gigabits per second."""

    device: str | None
    port: int | None
    state: str | None
    phys_state: str | None
    rate_gbps: float | None
    link_layer: str | None
    numa_node: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class XidEvent:
    """An error that NVIDIA's driver has reported, `xid` or, of a switch, `sxid`.

    `age_seconds` is its age when it was read, `action` what the catalogue says.
    """

    type: str | None
    code: int | None
    pci_bus_id: str | None
    age_seconds: float | None
    action: str | None
    message: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was measured of a host at one moment.

    Attributes:
        gathered_at: When, as ISO 8601 if it is a time; None if that is not known.
        hostname: Name that the host has for itself.
        devices: Its devices.
        ports: Its RDMA ports; None if they were not read.
        xid_events: Errors of its driver; None if they were not read.
        are_of_devices: Whether devices were looked for. Exporters of ports do not.
    """

    gathered_at: str | None = None
    hostname: str | None = None
    devices: list[Device]
    ports: list[Port] | None = None
    xid_events: list[XidEvent] | None = None
    are_of_devices: bool = True


# Schedulers ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a scheduler knows of a node.

    Attributes:
        source: `kubernetes` or `slurm`.
        capacity: How many devices its units make, by what it says of their size; None
            if not known.
        most: Of how many devices its units are parts at most; None for `capacity`.
        counted: How many devices there are, as labels of the node say; None if not
            known.
        withheld: How many devices of `capacity` it gives to nobody.
        allocated: How many it has given out, parts as fractions; None if not known.
        reason: Why that is not known; None if it is, or nobody says why.
        units: What its units are, if they may be more than there are devices; None if
            each is a device for certain.
        unsized: Whether nobody says there how many of the units make a device.
        has_devices: Whether it says that the node has devices, even if there is none.
        maintenance: Why the node was taken out on purpose; None if it was not.
        devices: Indexes of the devices that are given out; None if not known.
        faults: Rules that the node breaks there, each with its evidence and, as ISO
            8601, since when; None if that is not known.
    """

    source: str
    capacity: float | None = None
    most: float | None = None
    counted: int | None = None
    withheld: float = 0.0
    allocated: float | None = None
    reason: str | None = None
    units: str | None = None
    unsized: bool = False
    has_devices: bool = True
    maintenance: str | None = None
    devices: tuple[int, ...] | None = None
    faults: tuple[tuple[str, str, str | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduled:
    """A node as a scheduler knows it.

    Attributes:
        name: Its name there.
        offer: What the scheduler has on it.
        provider_id: Id of its server; None if not known.
        aliases: Further names and addresses.
    """

    name: str
    offer: Offer
    provider_id: str | None = None
    aliases: tuple[str, ...] = ()


class Stat(t.TypedDict):
    """How much a consumer holds; utilization is 0 to 1, and None if not known."""

    gpuRequest: float
    gpuEquivalent: float
    gpuUtilization: float | None


class ConsumerDetails(t.TypedDict, total=False):
    """What only some consumers have.

    `devices` are keys of hosts with indexes, None if they are not known. `nodes` are
    keys of hosts with how many devices they hold there, None if it is not known.
    `consumers` is how many consumers a row sums up.
    """

    cluster: str | None
    devices: list[tuple[str, int]] | None
    nodes: list[tuple[str, float]] | None
    user: str | None
    account: str | None
    consumers: int


class Consumer(ConsumerDetails):
    """A workload, job or process that holds devices, or a sum of several.

    `pods` are its pods, or the jobs of an array, as the scheduler names them.
    """

    kind: str | None
    name: str | None
    namespace: str | None
    uid: str | None
    stat: Stat
    pods: list[Mapping[str, object]] | None
    source: str | None


def consumer(
    *,
    kind: str | None,
    name: str | None,
    source: str | None,
    namespace: str | None = None,
    uid: str | None = None,
    stat: Stat | None = None,
    pods: list[Mapping[str, object]] | None = None,
    **details: t.Unpack[ConsumerDetails],
) -> Consumer:
    """Return a consumer that holds nothing yet, or what `stat` says.

    Args:
        kind: `Job`, `SlurmJob`, `Process` and so on; or what is summed up.
        name: Its name.
        source: The source that knows it, as reports show it.
        namespace: Its namespace, partition or user.
        uid: What tells it from others of its name.
        stat: How much it holds.
        pods: Its pods.
        details: What only some consumers have.
    """
    if stat is None:
        stat = {"gpuRequest": 0, "gpuEquivalent": 0.0, "gpuUtilization": None}
    return {
        "kind": kind,
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "stat": stat,
        "pods": pods,
        "source": source,
        **details,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a scheduler knows.

    Attributes:
        source: `kubernetes` or `slurm`.
        nodes: Its nodes.
        others: Names and addresses of each of its nodes that have no devices there, if
            `nodes` lacks these.
        consumers: Its workloads, with its own names of nodes in `devices`.
        waiting: Devices that are requested and not given out; None if not known.
        failure: Why it could not be read; then nothing else is known.
        cluster: Name of the cluster that it belongs to; None if not known.
        idents: Ids of some of its pods and machines, which no other cluster has.
        labeled: Whether that name is what a label of series says, which may be none
            that anybody else uses.
        warnings: What else could not be read.
    """

    source: str
    nodes: Sequence[Scheduled] = ()
    others: tuple[tuple[str, ...], ...] = ()
    consumers: Sequence[Consumer] = ()
    waiting: Waiting | None = None
    failure: str | None = None
    cluster: str | None = None
    idents: tuple[str, ...] = ()
    labeled: bool = False
    warnings: tuple[str, ...] = ()


# Measurements and clouds --------------------------------------------------------------


class Storage(t.TypedDict):
    """Space of the storage of a fleet."""

    total_bytes: int | None
    used_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A node as a system of measurements knows it.

    Attributes:
        name: Its name there.
        aliases: Further names and addresses.
        target: The address that it was read from, which no node can set; empty where
            that is not known.
        cluster: Name of its cluster, as a label of its series says; None if none does.
        exporter: What has measured it; a node has one target of each.
        facts: What was measured: a record with any of the keys of `gpu_facts`.
    """

    name: str
    aliases: tuple[str, ...] = ()
    target: str = ""
    cluster: str | None = None
    exporter: str = ""
    facts: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """What a system of measurements knows.

    Attributes:
        measured: Nodes, each any number of times.
        schedules: What schedulers have told it.
        storage: Space of the fleet's storage.
        warnings: What could not be read.
    """

    measured: Sequence[Measured] = ()
    schedules: Sequence[Schedule] = ()
    storage: Storage | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a cloud knows.

    Attributes:
        servers: Its servers that are nodes.
        storage: Space of its storage.
        warnings: What could not be read.
    """

    servers: Sequence[Server] = ()
    storage: Storage | None = None
    warnings: tuple[str, ...] = ()


# The fleet ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Host:
    """What the sources know of a host.

    Attributes:
        name: Its name in the inventory.
        server: What an inventory of ours says of it; None if none lists it.
        facts: What was measured there; None if nothing is known.
        offers: What the schedulers know of it.
        unjoined: Whether its cluster's scheduler was read and has no such node, not
            even one without devices.
        expected_rdma_ports: How many ports should be active; None if nobody says.
        aliases: Further names and addresses that schedulers have for it, lower case.
        key: What tells it from others of its name, in other clusters; its name where
            there is no other. Devices of consumers are named by it.
    """

    name: str
    server: Server | None = None
    facts: Facts | None = None
    offers: tuple[Offer, ...] = ()
    unjoined: bool = False
    expected_rdma_ports: int | None = None
    aliases: frozenset[str] = frozenset()
    key: str = ""

    def __post_init__(self) -> None:
        """Complete the key."""
        if not self.key:
            object.__setattr__(self, "key", self.name)


class Unusable(t.NamedTuple):
    """Why facts don't tell of now.

    Attributes:
        reason: The reason as a text.
        age: How old they are, in seconds, if they are too old; else None.
    """

    reason: str
    age: float | None = None


class Fault(t.TypedDict):
    """What a rule has found.

    `device` is the PCI address and `index` the index of the device. Both are None for
    the node itself, and for a device that the fault does not name.
    """

    rule: str
    device: str | None
    index: int | None
    evidence: str
    since: str | None
    action: str


class Counts(t.TypedDict):
    """Devices by their state; each device is in one. Parts are fractions of devices."""

    allocated: float
    idle: float
    faulty: float
    maintenance: float
    unknown: float


class NodeState(t.TypedDict):
    """How a node does: the host variable `gpufleet_health`.

    `health` is `healthy`, `faulty` or `maintenance` (with the scheduler's reason),
    `allocation` `idle`, `partial`, `busy` or `unknown` (with its `reason`). `capacity`,
    `allocated` and `measured` are in devices (`capacity` is None if the flavor has
    devices and nobody tells how many); `gathered_at` is when it was measured.
    `devices` says how many devices are in which state.
    A device of which nothing could be read but that it is there is not measured.
    """

    health: str
    maintenance: str | None
    faults: list[Fault]
    allocation: str
    reason: str | None
    capacity: float | None
    allocated: float | None
    devices: Counts
    measured: int
    gathered_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A host that has accelerators.

    Attributes:
        name: Name of the host.
        key: What tells it from others of its name.
        server: Its server.
        state: How it does.
        facts: What was measured last, however old; None if nothing was.
        unusable: Why these facts don't tell of now; None if they do.
        devices: Its devices; None if no facts tell of now.
        ports: Its RDMA ports; None if no facts tell of them now.
        shares: How much of each device is given out, 0 to 1; None if not known.
        free: How many whole devices can take work now; None if it takes none.
        capacity: Who says how many devices it has.
        scheduled: Whether a scheduler knows it.
    """

    name: str
    key: str
    server: Server
    state: NodeState
    facts: Facts | None
    unusable: Unusable | None
    devices: list[Device] | None
    ports: list[Port] | None
    shares: list[float | None]
    free: int | None
    capacity: Capacity
    scheduled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A snapshot, which all reports are made from.

    Attributes:
        nodes: The nodes, by name.
        consumers: Who holds devices.
        storage: Space of the storage; None if no source knows it.
        waiting: Devices that are requested and not given out; None if a scheduler does
            not tell, or there is none.
        warnings: What could not be read, or is odd.
        now: When it was.
    """

    nodes: list[Node]
    consumers: list[Consumer]
    storage: Storage | None
    waiting: Waiting | None
    warnings: list[str]
    now: datetime
