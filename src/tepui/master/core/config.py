"""What an operator can choose about a master, as values.

Flags are read elsewhere; the core sees only this.
"""

from __future__ import annotations

import msgspec

from tepui.allocator import AllocatorOptions
from tepui.messages import Address, DomainInfo, MasterInfo

VERSION = "1.11.0"
"""The version of Mesos that answers and registrations claim."""


class MasterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Values that stay the same while a master runs. Durations are seconds."""

    hostname: str = "localhost"
    ip: str = "127.0.0.1"
    port: int = 5050
    cluster: str | None = None
    domain: DomainInfo | None = None

    agent_ping_timeout: float = 15.0
    max_agent_ping_timeouts: int = 5
    agent_reregister_timeout: float = 600.0
    recovery_agent_removal_limit: float = 1.0
    """The share of recovered agents that may be missing after a failover, from 0 to 1."""
    agent_removal_interval: float | None = None
    """How long to wait between agents that become unreachable; no time if not said."""
    require_agent_domain: bool = False

    registry_gc_interval: float = 900.0
    registry_max_agent_age: float = 1_209_600.0
    registry_max_agent_count: int = 102_400

    offer_timeout: float | None = None
    allocator: AllocatorOptions = AllocatorOptions()
    allocator_agent_recovery_factor: float = 0.8
    """The share of the known agents that the allocator waits for after a failover, if anybody
    has a quota.
    """
    allocator_recovery_timeout: float = 600.0
    """How long it waits at most."""
    allocation_delay: float = 0.003
    """How long triggers are gathered before a pass of the allocator starts."""
    slice_agents_max: int = 500
    """How many agents one slice of a pass looks at before the loop gets its turn."""
    slice_offers_max: int = 100
    roles: tuple[str, ...] | None = None
    """The only roles that frameworks may use, if the operator named them."""
    root_submissions: bool = True

    max_completed_frameworks: int = 50
    max_completed_tasks_per_framework: int = 1000
    max_unreachable_tasks_per_framework: int = 1000
    max_operator_event_stream_subscribers: int = 1000
    max_removed_agents: int = 100_000

    heartbeat_interval: float = 15.0

    def __post_init__(self) -> None:
        if self.agent_ping_timeout <= 0 or self.max_agent_ping_timeouts < 1:
            raise ValueError("pings need a positive timeout and at least one try")


def master_info(config: MasterConfig, master_id: str) -> MasterInfo:
    """Describe the master as frameworks and agents see it."""
    octets = [int(part) for part in config.ip.split(".")]
    capability = MasterInfo.Capability
    return MasterInfo(
        id=master_id,
        # Network byte order read as a little-endian number, as Mesos writes it.
        ip=int.from_bytes(bytes(octets), "little"),
        port=config.port,
        pid=f"master@{config.ip}:{config.port}",
        hostname=config.hostname,
        version=VERSION,
        address=Address(hostname=config.hostname, ip=config.ip, port=config.port),
        domain=config.domain,
        capabilities=[
            capability(type=capability.Type.AGENT_UPDATE),
            capability(type=capability.Type.AGENT_DRAINING),
        ],
    )
