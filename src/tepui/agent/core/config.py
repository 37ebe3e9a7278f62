"""What an agent is told once, when it starts."""

from __future__ import annotations

import msgspec

from tepui.agent.core.reconfiguration import Policy
from tepui.messages import Attribute, DomainInfo, Resource

CAPABILITIES = (
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
)
"""What this agent can do, as names of ``AgentInfo.Capability.Type``."""


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Values only: where they come from (flags, detection) is the daemon's business.

    Attributes:
        work_dir: Absolute; sandboxes are made below it.
        ip: The address that executors and tasks are told, and that tasks are reached at.
        port: Where the agent's own HTTP endpoint listens.
        resources: The total that is offered, reservations included.
        switch_user: Whether tasks run as the user that their framework names.
        executor_environment: What every process gets before the variables of its own.
        recovery_timeout_seconds: How long executors wait for an agent that went away.
        reconfiguration_policy: What may differ from the life before.
        is_port_fixed: Whether ``port`` was asked for, rather than found to be free.
        is_strict: Whether records that cannot be used keep the agent from starting.
        is_cleaning_up: Whether the agent is to end what the life before left, and then itself.
    """

    work_dir: str
    hostname: str
    ip: str = "127.0.0.1"
    port: int = 5051
    resources: list[Resource] = []
    attributes: list[Attribute] = []
    domain: DomainInfo | None = None
    reconfiguration_policy: Policy = Policy.EQUAL
    is_port_fixed: bool = False
    is_strict: bool = True
    is_cleaning_up: bool = False
    capabilities: tuple[str, ...] = CAPABILITIES
    version: str = "1.11.0"

    switch_user: bool = True
    executor_environment: dict[str, str] = {}

    registration_backoff_factor_seconds: float = 1.0
    registration_backoff_max_seconds: float = 60.0
    executor_registration_timeout_seconds: float = 60.0
    executor_reregistration_timeout_seconds: float = 2.0
    executor_shutdown_grace_period_seconds: float = 5.0
    executor_heartbeat_seconds: float = 30 * 60.0
    kill_grace_period_seconds: float = 3.0
    recovery_timeout_seconds: float = 15 * 60.0
    update_retry_min_seconds: float = 10.0
    update_retry_max_seconds: float = 10 * 60.0

    completed_frameworks_max: int = 50
    completed_executors_per_framework_max: int = 150
    completed_tasks_per_executor_max: int = 200
