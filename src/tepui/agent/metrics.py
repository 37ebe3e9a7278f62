"""What the agent counts and measures, under Mesos' keys."""

from __future__ import annotations

from tepui.agent.core.model import AgentState, ExecutorState, Model
from tepui.messages import TaskState
from tepui.resources import Resources
from tepui.resources.scalars import from_millis

Metrics = dict[str, float]

_RESOURCES = ("cpus", "gpus", "mem", "disk")

_PRESENT_STATES = (
    TaskState.TASK_STAGING,
    TaskState.TASK_STARTING,
    TaskState.TASK_RUNNING,
    TaskState.TASK_KILLING,
)
_COUNTED_STATES = (
    TaskState.TASK_FINISHED,
    TaskState.TASK_FAILED,
    TaskState.TASK_KILLED,
    TaskState.TASK_LOST,
    TaskState.TASK_GONE,
)
_EXECUTOR_STATES = (
    ExecutorState.REGISTERING,
    ExecutorState.RUNNING,
    ExecutorState.TERMINATING,
)

# Counters of the model that have a key of their own, below slave/.
_COUNTED = (
    "executors_terminated",
    "executors_preempted",
    "container_launch_errors",
    "invalid_status_updates",
    "valid_framework_messages",
    "invalid_framework_messages",
    "recovery_errors",
)

# Mesos has these from the start on; here nothing can move them yet: there is no cache of the
# fetcher, no image, no resource provider.
_STILL_ZERO = (
    "containerizer/fetcher/cache_size_total_bytes",
    "containerizer/fetcher/cache_size_used_bytes",
    "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
    "containerizer/mesos/provisioner/remove_container_errors",
    "resource_provider_manager/events/disconnect",
    "resource_provider_manager/events/subscribe",
    "resource_provider_manager/subscribed",
)

_UPDATES = "valid_status_updates/"


def agent_metrics(model: Model, now: float) -> Metrics:
    """Return everything that can be read off the agent's model.

    Args:
        model: What the agent knows.
        now: Wall clock.
    """
    metrics: Metrics = dict.fromkeys(_STILL_ZERO, 0.0)
    metrics |= {
        "slave/uptime_secs": now - model.started_at,
        "slave/registered": float(model.state is AgentState.RUNNING),
        "slave/frameworks_active": float(len(model.frameworks)),
    }
    metrics |= {f"slave/{name}": float(model.counters.get(name, 0)) for name in _COUNTED}
    metrics |= _updates(model)
    metrics |= _present(model)
    metrics |= _resources(model)
    return metrics


def _updates(model: Model) -> Metrics:
    counts = {
        name.removeprefix(_UPDATES): times
        for name, times in model.counters.items()
        if name.startswith(_UPDATES)
    }
    metrics: Metrics = {"slave/valid_status_updates": float(sum(counts.values()))}
    for state in _COUNTED_STATES:
        key = f"slave/tasks_{state.name.removeprefix('TASK_').lower()}"
        metrics[key] = float(counts.get(state.name, 0))
    return metrics


def _present(model: Model) -> Metrics:
    tasks: dict[TaskState, int] = {}
    executors: dict[ExecutorState, int] = {}
    for executor in model.executors():
        executors[executor.state] = executors.get(executor.state, 0) + 1
        for task in executor.live_tasks():
            tasks[task.state] = tasks.get(task.state, 0) + 1
    metrics: Metrics = {}
    for state in _PRESENT_STATES:
        key = f"slave/tasks_{state.name.removeprefix('TASK_').lower()}"
        metrics[key] = float(tasks.get(state, 0))
    for phase in _EXECUTOR_STATES:
        metrics[f"slave/executors_{phase.value.lower()}"] = float(executors.get(phase, 0))
    return metrics


def _resources(model: Model) -> Metrics:
    total = model.total + model.oversubscribed
    used = Resources()
    for executor in model.executors():
        used += Resources.from_messages(executor.allocated_resources())
    metrics: Metrics = {}
    for suffix, whole, part in (
        ("", total.non_revocable().scalars(), used.non_revocable().scalars()),
        ("_revocable", total.revocable().scalars(), used.revocable().scalars()),
    ):
        for name in _RESOURCES:
            there, taken = whole.get(name, 0), part.get(name, 0)
            metrics[f"slave/{name}{suffix}_total"] = from_millis(there)
            metrics[f"slave/{name}{suffix}_used"] = from_millis(taken)
            metrics[f"slave/{name}{suffix}_percent"] = taken / there if there else 0.0
    return metrics
