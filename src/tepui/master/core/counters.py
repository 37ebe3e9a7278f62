"""What a master counts since it started; metrics turn these into Mesos' keys."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Counters:
    """Cluster-wide counts. An attribute says what happened, in the words of the core."""

    framework_registrations: int = 0
    framework_reregistrations: int = 0
    framework_teardowns: int = 0
    accepts: int = 0
    declines: int = 0
    revives: int = 0
    suppressions: int = 0
    kills: int = 0
    requests: int = 0
    task_reconciliations: int = 0
    operation_reconciliations: int = 0
    operation_acknowledgements: int = 0
    operation_acknowledgements_valid: int = 0
    operation_acknowledgements_invalid: int = 0
    operation_updates: int = 0
    operation_updates_valid: int = 0
    operation_updates_invalid: int = 0
    agent_updates: int = 0
    operations: dict[str, int] = field(default_factory=dict)
    """How many operations there were, by the name of their type."""
    operation_states: dict[tuple[str, str], int] = field(default_factory=dict)
    """How many of them came to a terminal state, by the names of type and state."""

    acknowledgements: int = 0
    acknowledgements_valid: int = 0
    acknowledgements_invalid: int = 0
    status_updates: int = 0
    status_updates_valid: int = 0
    status_updates_invalid: int = 0
    framework_messages: int = 0
    framework_messages_valid: int = 0
    framework_messages_invalid: int = 0
    executor_messages: int = 0
    executor_messages_valid: int = 0
    executor_messages_invalid: int = 0
    executor_exits: int = 0

    agent_register_messages: int = 0
    agent_reregister_messages: int = 0
    agent_unregister_messages: int = 0
    agent_registrations: int = 0
    agent_reregistrations: int = 0
    agent_removals: int = 0
    agent_removals_unhealthy: int = 0
    agent_removals_unregistered: int = 0
    agent_removals_replaced: int = 0
    agent_recovery_removals: int = 0
    agents_unreachable_scheduled: int = 0
    agents_unreachable_completed: int = 0
    agents_unreachable_cancelled: int = 0

    messages_dropped: int = 0

    task_states: dict[str, int] = field(default_factory=dict)
    """How often a task entered each terminal state, by the state's name."""
    updates_by_reason: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Updates of terminal state, by names of state, source and reason."""


@dataclass(slots=True, eq=False)
class FrameworkCounters:
    """What one framework did and was told; dictionaries are by the names of Mesos' enums."""

    calls: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    terminal_tasks: dict[str, int] = field(default_factory=dict)
    offers_sent: int = 0
    offers_accepted: int = 0
    offers_declined: int = 0
    offers_rescinded: int = 0


def count(counts: dict[str, int], name: str) -> None:
    """Add one to ``name``."""
    counts[name] = counts.get(name, 0) + 1
