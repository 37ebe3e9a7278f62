"""What the master counts and measures, under Mesos' keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from tepui.allocator.interface import AllocatorStatistics, RoleView
from tepui.master.core.counters import Counters
from tepui.master.core.model import TERMINAL_STATES, Framework, State, Task
from tepui.master.core.operations import kind_of
from tepui.master.core.views import used_of
from tepui.master.core.views_roles import known_roles
from tepui.messages import Offer, TaskState, scheduler
from tepui.resources import Quantities
from tepui.resources.scalars import from_millis

Metrics = dict[str, float]

_RESOURCES = ("cpus", "gpus", "mem", "disk")
_ALLOCATOR_RESOURCES = ("cpus", "mem", "disk")

_PRESENT_STATES = (
    TaskState.TASK_STAGING,
    TaskState.TASK_STARTING,
    TaskState.TASK_RUNNING,
    TaskState.TASK_KILLING,
    TaskState.TASK_UNREACHABLE,
)

# Key below master/ -> attribute of the counters.
_COUNTED = {
    "dropped_messages": "messages_dropped",
    "messages_register_framework": "framework_registrations",
    "messages_reregister_framework": "framework_reregistrations",
    "messages_unregister_framework": "framework_teardowns",
    "messages_kill_task": "kills",
    "messages_status_update_acknowledgement": "acknowledgements",
    "messages_operation_status_update_acknowledgement": "operation_acknowledgements",
    "messages_operation_status_update": "operation_updates",
    "messages_update_slave": "agent_updates",
    "messages_resource_request": "requests",
    "messages_launch_tasks": "accepts",
    "messages_decline_offers": "declines",
    "messages_revive_offers": "revives",
    "messages_suppress_offers": "suppressions",
    "messages_reconcile_operations": "operation_reconciliations",
    "messages_reconcile_tasks": "task_reconciliations",
    "messages_framework_to_executor": "framework_messages",
    "messages_executor_to_framework": "executor_messages",
    "messages_register_slave": "agent_register_messages",
    "messages_reregister_slave": "agent_reregister_messages",
    "messages_unregister_slave": "agent_unregister_messages",
    "messages_status_update": "status_updates",
    "messages_exited_executor": "executor_exits",
    "valid_framework_to_executor_messages": "framework_messages_valid",
    "invalid_framework_to_executor_messages": "framework_messages_invalid",
    "valid_executor_to_framework_messages": "executor_messages_valid",
    "invalid_executor_to_framework_messages": "executor_messages_invalid",
    "valid_status_updates": "status_updates_valid",
    "invalid_status_updates": "status_updates_invalid",
    "valid_status_update_acknowledgements": "acknowledgements_valid",
    "invalid_status_update_acknowledgements": "acknowledgements_invalid",
    "valid_operation_status_updates": "operation_updates_valid",
    "invalid_operation_status_updates": "operation_updates_invalid",
    "valid_operation_status_update_acknowledgements": "operation_acknowledgements_valid",
    "invalid_operation_status_update_acknowledgements": "operation_acknowledgements_invalid",
    "recovery_slave_removals": "agent_recovery_removals",
    "slave_registrations": "agent_registrations",
    "slave_reregistrations": "agent_reregistrations",
    "slave_removals": "agent_removals",
    "slave_removals/reason_unhealthy": "agent_removals_unhealthy",
    "slave_removals/reason_unregistered": "agent_removals_unregistered",
    "slave_removals/reason_registered": "agent_removals_replaced",
    "slave_shutdowns_scheduled": "agents_unreachable_scheduled",
    "slave_shutdowns_completed": "agents_unreachable_completed",
    "slave_shutdowns_canceled": "agents_unreachable_cancelled",
    "slave_unreachable_scheduled": "agents_unreachable_scheduled",
    "slave_unreachable_completed": "agents_unreachable_completed",
    "slave_unreachable_canceled": "agents_unreachable_cancelled",
}

# Mesos has these from the start on; here nothing can move them: there are no queues between
# actors, no messages of schedulers older than the HTTP API.
_STILL_ZERO = (
    "event_queue_messages",
    "event_queue_dispatches",
    "event_queue_http_requests",
    "http_cache_hits",
    "messages_deactivate_framework",
    "messages_authenticate",
)
# How many there are now. Operations of agents that are out of sight are not kept.
_OPERATIONS_NOW = ("pending", "recovering", "unreachable")
_OPERATIONS_OVER = ("finished", "failed", "error", "dropped", "gone_by_operator")

_LAUNCHES = ("launch", "launch_group")


def master_metrics(
    state: State,
    statistics: AllocatorStatistics,
    roles: Sequence[RoleView],
    now: float,
    *,
    are_frameworks_shown: bool = True,
) -> Metrics:
    """Return everything that can be read off the master's state.

    Args:
        state: What the master knows.
        statistics: What the allocator counted.
        roles: What the allocator knows of roles.
        now: Wall clock.
        are_frameworks_shown: Whether each framework has metrics of its own.
    """
    metrics: Metrics = {
        "master/uptime_secs": now - state.started_time,
        "master/elected": float(state.elected_time is not None),
        "master/outstanding_offers": float(len(state.offers)),
        "master/operator_event_stream_subscribers": float(len(state.operators)),
    }
    metrics |= _agents(state)
    metrics |= _frameworks(state)
    metrics |= _tasks(state)
    metrics |= _counters(state.counters)
    metrics |= _operations(state)
    metrics |= _resources(state)
    metrics |= _principals(state)
    metrics |= _allocator(state, statistics, roles)
    if are_frameworks_shown:
        for framework in state.frameworks.values():
            metrics |= framework_metrics(framework)
    return metrics


def framework_metrics(framework: Framework) -> Metrics:
    """Return what one framework did and was told."""
    prefix = f"master/frameworks/{quote(framework.info.name, safe='')}/{framework.framework_id}/"
    counters = framework.counters
    metrics: Metrics = {
        f"{prefix}subscribed": float(framework.is_connected),
        f"{prefix}offers/sent": float(counters.offers_sent),
        f"{prefix}offers/accepted": float(counters.offers_accepted),
        f"{prefix}offers/declined": float(counters.offers_declined),
        f"{prefix}offers/rescinded": float(counters.offers_rescinded),
    }
    for group, names, counts in (
        ("calls", _CALLS, counters.calls),
        ("events", _EVENTS, counters.events),
        ("operations", _OPERATIONS, counters.operations),
    ):
        metrics[prefix + group] = float(sum(counts.values()))
        for name in names:
            metrics[f"{prefix}{group}/{name.lower()}"] = float(counts.get(name, 0))
    active: dict[TaskState, int] = {}
    for task in _current_tasks(framework):
        active[task.state] = active.get(task.state, 0) + 1
    for task_state in TaskState:
        name = task_state.name
        if task_state in TERMINAL_STATES:
            key = f"{prefix}tasks/terminal/{name.lower()}"
            metrics[key] = float(counters.terminal_tasks.get(name, 0))
        else:
            metrics[f"{prefix}tasks/active/{name.lower()}"] = float(active.get(task_state, 0))
    for role in framework.roles:
        metrics[f"{prefix}roles/{role}/suppressed"] = float(role in framework.suppressed_roles)
    return metrics


def _agents(state: State) -> Metrics:
    connected = sum(each.is_connected for each in state.agents.values())
    active = sum(each.is_active and each.is_connected for each in state.agents.values())
    return {
        "master/slaves_connected": float(connected),
        "master/slaves_disconnected": float(len(state.agents) - connected),
        "master/slaves_active": float(active),
        "master/slaves_inactive": float(len(state.agents) - active),
        "master/slaves_unreachable": float(len(state.unreachable_agents)),
    }


def _frameworks(state: State) -> Metrics:
    connected = sum(each.is_connected for each in state.frameworks.values())
    active = sum(each.is_active for each in state.frameworks.values())
    return {
        "master/frameworks_connected": float(connected),
        "master/frameworks_disconnected": float(len(state.frameworks) - connected),
        "master/frameworks_active": float(active),
        "master/frameworks_inactive": float(len(state.frameworks) - active),
    }


def _tasks(state: State) -> Metrics:
    present: dict[TaskState, int] = {}
    for framework in state.frameworks.values():
        for task in _current_tasks(framework):
            present[task.state] = present.get(task.state, 0) + 1
    metrics: Metrics = {}
    for task_state in TaskState:
        key = f"master/tasks_{task_state.name.removeprefix('TASK_').lower()}"
        if task_state in _PRESENT_STATES:
            metrics[key] = float(present.get(task_state, 0))
        elif task_state in TERMINAL_STATES:
            metrics[key] = float(state.counters.task_states.get(task_state.name, 0))
    return metrics


def _counters(counters: Counters) -> Metrics:
    metrics: Metrics = {f"master/{key}": 0.0 for key in _STILL_ZERO}
    for key, attribute in _COUNTED.items():
        metrics[f"master/{key}"] = float(getattr(counters, attribute))
    for names, times in counters.updates_by_reason.items():
        # Metrics keep the names of version 0.
        key = "/".join(names).lower().replace("_agent", "_slave")
        metrics[f"master/{key}"] = float(times)
    return metrics


def _operations(state: State) -> Metrics:
    prefix = "master/operations/"
    metrics: Metrics = {}
    kinds = [f"{name.lower()}/" for name in _OPERATIONS if name.lower() not in _LAUNCHES]
    for kind in ("", *kinds):
        for name in ("total", *_OPERATIONS_NOW, *_OPERATIONS_OVER):
            metrics[f"{prefix}{kind}{name}"] = 0.0

    def add(kind: str, name: str, times: int) -> None:
        for key in (f"{prefix}{name}", f"{prefix}{kind.lower()}/{name}"):
            metrics[key] = metrics.get(key, 0.0) + times

    for kind, times in state.counters.operations.items():
        add(kind, "total", times)
    for (kind, reached), times in state.counters.operation_states.items():
        add(kind, _operation_state(reached), times)
    for operation in state.operations.values():
        if not operation.is_terminal:
            add(kind_of(operation.info), _operation_state(operation.state.name), 1)
    return metrics


def _operation_state(name: str) -> str:
    return name.removeprefix("OPERATION_").lower()


def _resources(state: State) -> Metrics:
    total = Quantities()
    used = Quantities()
    revocable_total = Quantities()
    revocable_used = Quantities()
    for agent in state.agents.values():
        on_agent = used_of(agent)
        total = total.plus(agent.total.non_revocable().scalars())
        used = used.plus(on_agent.non_revocable().scalars())
        if not agent.total.is_plain:
            revocable_total = revocable_total.plus(agent.total.revocable().scalars())
            revocable_used = revocable_used.plus(on_agent.revocable().scalars())
    metrics: Metrics = {}
    for suffix, whole, part in (("", total, used), ("_revocable", revocable_total, revocable_used)):
        for name in _RESOURCES:
            there, taken = whole.get(name, 0), part.get(name, 0)
            metrics[f"master/{name}{suffix}_total"] = from_millis(there)
            metrics[f"master/{name}{suffix}_used"] = from_millis(taken)
            metrics[f"master/{name}{suffix}_percent"] = taken / there if there else 0.0
    return metrics


def _principals(state: State) -> Metrics:
    metrics: Metrics = {}
    for framework in state.frameworks.values():
        if framework.info.principal is None:
            continue
        calls = float(sum(framework.counters.calls.values()))
        # A call is processed in the same step in which it is received.
        for name in ("messages_received", "messages_processed"):
            key = f"frameworks/{framework.info.principal}/{name}"
            metrics[key] = metrics.get(key, 0.0) + calls
    return metrics


def _allocator(state: State, statistics: AllocatorStatistics, roles: Sequence[RoleView]) -> Metrics:
    prefix = "allocator/mesos/"
    metrics: Metrics = {
        f"{prefix}allocation_runs": float(statistics.runs),
        f"{prefix}event_queue_dispatches": 0.0,
        "allocator/event_queue_dispatches": 0.0,
    }
    for name in _ALLOCATOR_RESOURCES:
        metrics[f"{prefix}resources/{name}/total"] = from_millis(statistics.total.get(name, 0))
        metrics[f"{prefix}resources/{name}/offered_or_allocated"] = from_millis(
            statistics.offered_or_allocated.get(name, 0)
        )
    for view in known_roles(state, roles):
        metrics[f"{prefix}roles/{view.name}/shares/dominant"] = view.share
        filters = statistics.filters.get(view.name, 0)
        metrics[f"{prefix}offer_filters/roles/{view.name}/active"] = float(filters)
        metrics |= _quota(view)
    # Mesos has the sum of all as that of a role without a name.
    together = Quantities()
    for view in roles:
        if "/" not in view.name:
            together = together.plus(view.consumed)
    metrics |= _amounts("", "consumed", together)
    return metrics


def _quota(view: RoleView) -> Metrics:
    """Return what a role has of its quota, and what of that is taken."""
    quota = view.quota
    held = view.allocated.plus(view.offered)
    named = dict.fromkeys(quota.guarantees) | dict.fromkeys(quota.limits)
    taken = Quantities({name: held.get(name, 0) for name in named})
    return {
        **_amounts(view.name, "guarantee", quota.guarantees),
        **_amounts(view.name, "limit", quota.limits),
        **_amounts(view.name, "consumed", view.consumed),
        **_amounts(view.name, "offered_or_allocated", taken),
    }


def _amounts(role: str, what: str, amounts: Quantities) -> Metrics:
    prefix = f"allocator/mesos/quota/roles/{role}/resources"
    return {f"{prefix}/{name}/{what}": from_millis(each) for name, each in amounts.items()}


def _current_tasks(framework: Framework) -> Iterator[Task]:
    yield from framework.tasks.values()
    yield from framework.unreachable_tasks.values()


_CALLS = [each.name for each in scheduler.Call.Type if each.number]
_EVENTS = [each.name for each in scheduler.Event.Type if each.number]
_OPERATIONS = [each.name for each in Offer.Operation.Type if each.number]
