"""The messages of the Mesos v1 API, one struct each.

What many share (tasks, offers, resources, identifiers, …) is imported from here. The calls, events
and answers of each API are modules of this package: scheduler, executor, master, agent,
resource_provider, with quota, maintenance and allocator.

Shapes and units that are told nowhere else stand in the docstrings; protobuf numbers stand in the
annotations (see `messages.base`), and `messages.registry` has both as data.
"""

from __future__ import annotations

from tepui.messages.agents import AgentInfo, DrainConfig, DrainInfo, DrainState
from tepui.messages.base import Message, ProtoEnum
from tepui.messages.checks import CheckInfo, CheckStatusInfo, HealthCheck
from tepui.messages.commands import CommandInfo, Environment, KillPolicy
from tepui.messages.containers import ContainerInfo, ContainerStatus
from tepui.messages.daemons import FileInfo, Flag, Metric, VersionInfo
from tepui.messages.devices import Device, DeviceAccess, DeviceWhitelist
from tepui.messages.discovery import DiscoveryInfo, Port, Ports
from tepui.messages.executors import ExecutorInfo
from tepui.messages.frameworks import Filters, FrameworkInfo, OfferFilters
from tepui.messages.ids import (
    UUID,
    AgentID,
    ContainerID,
    ExecutorID,
    FrameworkID,
    OfferID,
    OperationID,
    ResourceProviderID,
    TaskID,
)
from tepui.messages.images import Image
from tepui.messages.linux import (
    CapabilityInfo,
    CgroupInfo,
    LinuxInfo,
    RLimitInfo,
    SeccompInfo,
    TTYInfo,
)
from tepui.messages.machines import DomainInfo, MachineID, MachineInfo, Unavailability
from tepui.messages.masters import MasterInfo, RateLimit, RateLimits, Role, WeightInfo
from tepui.messages.network_statistics import (
    IcmpStatistics,
    IpStatistics,
    SNMPStatistics,
    TcpStatistics,
    TrafficControlStatistics,
    UdpStatistics,
)
from tepui.messages.networks import URL, Address, NetworkInfo
from tepui.messages.offers import InverseOffer, Offer
from tepui.messages.operations import Operation, OperationState, OperationStatus
from tepui.messages.providers import (
    CSIPluginContainerInfo,
    CSIPluginEndpoint,
    CSIPluginInfo,
    ResourceProviderInfo,
)
from tepui.messages.resources import Request, Resource, TaskResourceLimitation
from tepui.messages.secrets import Credential, Credentials, Secret
from tepui.messages.statistics import (
    DiskStatistics,
    PerfStatistics,
    ResourceStatistics,
    ResourceUsage,
)
from tepui.messages.tasks import Status, Task, TaskGroupInfo, TaskInfo, TaskState, TaskStatus
from tepui.messages.values import (
    Attribute,
    DurationInfo,
    Label,
    Labels,
    Parameter,
    Parameters,
    TimeInfo,
    Value,
)
from tepui.messages.volumes import MountPropagation, Volume

__all__ = [
    "URL",
    "UUID",
    "Address",
    "AgentID",
    "AgentInfo",
    "Attribute",
    "CSIPluginContainerInfo",
    "CSIPluginEndpoint",
    "CSIPluginInfo",
    "CapabilityInfo",
    "CgroupInfo",
    "CheckInfo",
    "CheckStatusInfo",
    "CommandInfo",
    "ContainerID",
    "ContainerInfo",
    "ContainerStatus",
    "Credential",
    "Credentials",
    "Device",
    "DeviceAccess",
    "DeviceWhitelist",
    "DiscoveryInfo",
    "DiskStatistics",
    "DomainInfo",
    "DrainConfig",
    "DrainInfo",
    "DrainState",
    "DurationInfo",
    "Environment",
    "ExecutorID",
    "ExecutorInfo",
    "FileInfo",
    "Filters",
    "Flag",
    "FrameworkID",
    "FrameworkInfo",
    "HealthCheck",
    "IcmpStatistics",
    "Image",
    "InverseOffer",
    "IpStatistics",
    "KillPolicy",
    "Label",
    "Labels",
    "LinuxInfo",
    "MachineID",
    "MachineInfo",
    "MasterInfo",
    "Message",
    "Metric",
    "MountPropagation",
    "NetworkInfo",
    "Offer",
    "OfferFilters",
    "OfferID",
    "Operation",
    "OperationID",
    "OperationState",
    "OperationStatus",
    "Parameter",
    "Parameters",
    "PerfStatistics",
    "Port",
    "Ports",
    "ProtoEnum",
    "RLimitInfo",
    "RateLimit",
    "RateLimits",
    "Request",
    "Resource",
    "ResourceProviderID",
    "ResourceProviderInfo",
    "ResourceStatistics",
    "ResourceUsage",
    "Role",
    "SNMPStatistics",
    "SeccompInfo",
    "Secret",
    "Status",
    "TTYInfo",
    "Task",
    "TaskGroupInfo",
    "TaskID",
    "TaskInfo",
    "TaskResourceLimitation",
    "TaskState",
    "TaskStatus",
    "TcpStatistics",
    "TimeInfo",
    "TrafficControlStatistics",
    "UdpStatistics",
    "Unavailability",
    "Value",
    "VersionInfo",
    "Volume",
    "WeightInfo",
]
