"""What holds of an agent's model after every event; tests check it, one event at a time."""

from __future__ import annotations

from tepui.agent.core.model import (
    TERMINAL_STATES,
    AgentState,
    AgentTask,
    ContainerState,
    Executor,
    ExecutorState,
    Model,
    UpdateStream,
)
from tepui.base.errors import invariant


def check(model: Model) -> None:
    """Raise `InvariantViolated` if the model contradicts itself."""
    containers = {}
    for framework_id, framework in model.frameworks.items():
        invariant(framework.executors, f"framework {framework_id} is kept without an executor")
        tasks = [task for executor in framework.executors.values() for task in executor.tasks()]
        invariant(
            len(tasks) == len(framework.tasks)
            and all(framework.tasks.get(task.task_id) is task for task in tasks),
            f"framework {framework_id} knows the tasks of its executors",
        )
        for executor_id, executor in framework.executors.items():
            invariant(executor.executor_id == executor_id, "an executor is kept under its id")
            _check_executor(model, executor)
            for container_id in executor.containers:
                owner = model.containers.get(container_id)
                invariant(
                    owner is not None
                    and (owner.framework_id, owner.executor_id) == (framework_id, executor_id),
                    f"container {container_id} knows its owner",
                )
                containers[container_id] = owner
    invariant(containers == model.containers, "every container has an executor")
    for connection, owner in model.connections.items():
        subscriber = model.executor(owner.framework_id, owner.executor_id)
        invariant(
            subscriber is not None and subscriber.connection == connection,
            f"connection {connection} belongs to its executor",
        )
    for uuid, operation in model.operations.items():
        invariant(operation.uuid == uuid, "an operation is kept under its uuid")
        is_told = operation.status is not None and model.state is AgentState.RUNNING
        invariant(
            (operation.retry_at is not None) is is_told or model.state is AgentState.TERMINATING,
            f"operation {uuid.hex()} is told exactly if it is done and there is a master",
        )
        invariant(
            operation.retry_at is None or model.is_retrying_operations,
            "an operation that is told is looked after",
        )
    invariant(
        model.state is not AgentState.RUNNING or model.oversubscribed_told == model.oversubscribed,
        "a master knows what is lent",
    )
    _check_waiting(model)
    for stream in model.refusals.values():
        invariant(len(stream.pending) == 1, "a refusal is one status")
        _check_stream(model, stream)


def _check_waiting(model: Model) -> None:
    terminating = [
        each.container_id for each in model.executors() if each.state is ExecutorState.TERMINATING
    ]
    invariant(sorted(model.ending) == sorted(terminating), "it is known what is ending")
    waiting: list[str] = []
    for entry in model.waiting:
        invariant(
            any(run in model.ending for run in entry.ends), "what waits does so for what is ending"
        )
        invariant(all(task.awaits_room for task in entry.tasks), "a task that waits knows it")
        waiting += [spec.container_id for spec in entry.specs]
    unlaunched = [
        each.container_id
        for executor in model.executors()
        for each in executor.containers.values()
        if each.state is ContainerState.WAITING
    ]
    invariant(sorted(waiting) == sorted(unlaunched), "every container that waits is looked after")


def _check_executor(model: Model, executor: Executor) -> None:
    if executor.state is ExecutorState.TERMINATED:
        invariant(not executor.containers, "nothing of a terminated executor runs")
        invariant(not executor.launched_tasks, "no task of a terminated executor is live")
        invariant(not executor.queued_tasks, "no task of a terminated executor is queued")
        invariant(executor.terminated_tasks, "an executor with nothing to say is completed")
    if executor.connection is not None:
        invariant(executor.connection in model.connections, "a subscription is known")
    for task in executor.launched_tasks.values():
        invariant(not task.is_terminal and not task.is_queued, "a launched task is live")
        if executor.is_built_in:
            invariant(task.container_id in executor.containers, "a built-in task has a container")
    for task in executor.queued_tasks.values():
        invariant(not task.is_terminal and task.is_queued, "a queued task is live")
        invariant(not executor.is_built_in, "only custom executors let tasks wait")
    for task in executor.terminated_tasks.values():
        invariant(task.is_terminal and task.stream.pending, "a terminated task waits to be heard")
    seen: dict[str, None] = {}
    for task in executor.tasks():
        invariant(task.task_id not in seen, f"task {task.task_id} is in one place")
        seen[task.task_id] = None
        _check_task(model, task)


def _check_task(model: Model, task: AgentTask) -> None:
    _check_stream(model, task.stream)
    ends = [status.state for status in task.statuses if status.state in TERMINAL_STATES]
    invariant(len(ends) <= 1, f"task {task.task_id} ends once")
    if task.statuses:
        invariant(task.statuses[-1].state is task.state, "the last status is the latest state")


def _check_stream(model: Model, stream: UpdateStream) -> None:
    is_in_flight = stream.retry_at is not None
    should_be = bool(stream.pending) and model.state is AgentState.RUNNING
    invariant(
        is_in_flight is should_be or model.state is AgentState.TERMINATING,
        f"task {stream.task_id} has one status in flight exactly if there is a master",
    )
    invariant(not is_in_flight or model.is_retrying, "what is in flight is looked after")
    for status in list(stream.pending)[:-1]:
        invariant(status.state not in TERMINAL_STATES, "nothing follows a terminal status")
