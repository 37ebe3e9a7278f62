"""How the agent becomes, and stays, part of the cluster."""

from __future__ import annotations

import msgspec

from tepui.agent.core import draining, effects, lending, operations, timers, updates
from tepui.agent.core.effects import CancelTimer, CloseLink, SendToMaster, StartTimer
from tepui.agent.core.model import (
    AgentState,
    Executor,
    Framework,
    Model,
    with_id,
)
from tepui.agent.core.model import ExecutorState as Standing
from tepui.agent.core.records import AGENT_KEY, AgentRecord
from tepui.agent.core.statuses import Reason, lost_state
from tepui.agent.core.step import Step
from tepui.link.messages import (
    CompletedExecutor,
    CompletedFramework,
    ExecutorState,
    FrameworkState,
    Register,
    Registered,
    Reregister,
    Reregistered,
    TaskReference,
)
from tepui.link.parts import cut
from tepui.messages import ExecutorInfo, TaskState
from tepui.resources import EMPTY

COMPLETED_TASKS_TOLD_MAX = 1000
"""How much of the past a re-registration tells; the newest is told first."""
COMPLETED_BYTES_TOLD_MAX = 4 * 1024 * 1024
"""The past may not crowd out the present: both have to fit into one frame of the link."""


def link_opened(step: Step, master: str) -> None:
    """Ask to be admitted."""
    model = step.model
    if model.state is AgentState.TERMINATING:
        return
    model.master = master
    model.state = AgentState.DISCONNECTED
    updates.pause(model)
    operations.pause(model)
    _ask(step)


def link_closed(step: Step, reason: str) -> None:
    """Keep working without a master, and look for one again after a random while."""
    model = step.model
    if model.state is AgentState.TERMINATING:
        return
    step.log("master_lost", level="warning", reason=reason)
    _disconnect(step)


def master_detected(step: Step) -> None:
    """Look for the new master soon, however long the old one was looked for in vain."""
    model = step.model
    if model.state is not AgentState.DISCONNECTED or model.master is not None:
        return
    model.registration_backoff_seconds = 0.0
    # All agents hear of it at once, and are not to come all at once.
    seconds = step.rng.between(0.0, model.config.registration_backoff_factor_seconds)
    step.out.append(StartTimer(timer=timers.Connect(), seconds=seconds))


def registration_retry(step: Step) -> None:
    """Ask again, since nothing came back."""
    if step.model.state is AgentState.DISCONNECTED and step.model.master is not None:
        _ask(step)


def registered(step: Step, message: Registered) -> None:
    """Take the id that the master gave, durably."""
    model = step.model
    if model.agent_id is not None and model.agent_id != message.agent_id:
        _start_over(step, f"the master calls this agent {message.agent_id!r}")
        return
    is_new = model.agent_id is None
    if is_new:
        model.agent_id = message.agent_id
        model.info = with_id(model.info, message.agent_id)
        step.put(AGENT_KEY, AgentRecord(info=model.info, boot_id=model.boot_id))
    _admitted(step, message.ping_timeout_seconds)
    if is_new:
        operations.registered(step)
    step.log("agent_registered", agent_id=message.agent_id, master=model.master)


def reregistered(step: Step, message: Reregistered) -> None:
    """Go on where the link broke off, and answer for tasks that are not here."""
    model = step.model
    if model.agent_id != message.agent_id:
        _start_over(step, f"the master calls this agent {message.agent_id!r}")
        return
    # A drain that is still wanted is told right after this.
    draining.reactivate(step)
    _admitted(step, message.ping_timeout_seconds)
    step.log("agent_reregistered", agent_id=message.agent_id, master=model.master)
    for reference in message.tasks:
        _reconcile(step, reference)


def _admitted(step: Step, ping_timeout_seconds: float) -> None:
    model = step.model
    was_running = model.state is AgentState.RUNNING
    model.state = AgentState.RUNNING
    model.registration_backoff_seconds = 0.0
    model.ping_timeout_seconds = ping_timeout_seconds
    model.master_heard_at = step.now.monotonic
    step.out.append(CancelTimer(timer=timers.RegistrationRetry()))
    step.out.append(StartTimer(timer=timers.MasterSilence(), seconds=ping_timeout_seconds))
    if not was_running:
        updates.resend_all(step)
        operations.resend_all(step)
    lending.tell(step)


def _reconcile(step: Step, reference: TaskReference) -> None:
    model = step.model
    framework = model.frameworks.get(reference.framework_id)
    if framework is not None and reference.task_id in framework.tasks:
        return
    if framework is None and reference.framework_is_partition_aware:
        state = TaskState.TASK_DROPPED
    else:
        state = lost_state(framework, TaskState.TASK_DROPPED)
    message = "the agent does not have the task, although the master thought so"
    updates.refuse(
        step,
        reference.framework_id,
        reference.task_id,
        state,
        Reason.REASON_RECONCILIATION,
        message,
    )


def master_silent(step: Step) -> None:
    """Look for the master again if it has said nothing for too long."""
    model = step.model
    if model.state is not AgentState.RUNNING:
        return
    silent = step.now.monotonic - model.master_heard_at
    # A timer may fire a hair early.
    if silent < model.ping_timeout_seconds - 0.001:
        seconds = model.ping_timeout_seconds - silent
        step.out.append(StartTimer(timer=timers.MasterSilence(), seconds=seconds))
        return
    _start_over(step, f"the master was silent for {silent:.1f} seconds")


def _start_over(step: Step, reason: str) -> None:
    step.log("link_given_up", level="warning", reason=reason)
    step.out.append(CloseLink(reason=reason))
    _disconnect(step)


def _disconnect(step: Step) -> None:
    model = step.model
    model.state = AgentState.DISCONNECTED
    model.master = None
    updates.pause(model)
    operations.pause(model)
    step.out.append(CancelTimer(timer=timers.RegistrationRetry()))
    seconds = step.rng.between(0.0, _grow_backoff(model))
    step.out.append(StartTimer(timer=timers.Connect(), seconds=seconds))


def connect(step: Step) -> None:
    """Open the link."""
    # A link may have come about while the timer ran.
    if step.model.state is AgentState.DISCONNECTED and step.model.master is None:
        step.out.append(effects.Connect())


def _ask(step: Step) -> None:
    backoff = _grow_backoff(step.model)
    # Not from zero: the master may be storing the first request still.
    seconds = step.rng.between(backoff / 2, backoff)
    request = _request(step.model)
    if isinstance(request, Register):
        step.out.append(SendToMaster(message=request))
    else:
        step.out.extend(SendToMaster(message=each) for each in cut(request))
    step.out.append(StartTimer(timer=timers.RegistrationRetry(), seconds=seconds))


def _grow_backoff(model: Model) -> float:
    config = model.config
    model.registration_backoff_seconds = min(
        max(model.registration_backoff_seconds * 2, config.registration_backoff_factor_seconds),
        config.registration_backoff_max_seconds,
    )
    return model.registration_backoff_seconds


def _request(model: Model) -> Register | Reregister:
    config = model.config
    capabilities = list(config.capabilities)
    model.oversubscribed_told = EMPTY if model.agent_id is None else model.oversubscribed
    if model.agent_id is None:
        return Register(
            agent_info=model.info,
            version=config.version,
            capabilities=capabilities,
            pid=model.pid,
            total=model.total.to_messages(),
        )
    return Reregister(
        agent_info=model.info,
        version=config.version,
        capabilities=capabilities,
        pid=model.pid,
        frameworks=[_framework_state(framework) for framework in model.frameworks.values()],
        completed_frameworks=_completed_frameworks(model),
        total=model.total.to_messages(),
        oversubscribed=model.oversubscribed.to_messages(),
        operations=operations.reports(model),
    )


def _framework_state(framework: Framework) -> FrameworkState:
    return FrameworkState(
        framework_info=framework.info,
        executors=[
            ExecutorState(
                executor_info=_told_info(executor),
                tasks=[task.to_message() for task in executor.tasks()],
                # One that has ended uses nothing: it is there for what its tasks have to tell.
                built_in=executor.is_command or executor.state is Standing.TERMINATED,
            )
            for executor in framework.executors.values()
        ],
    )


def _completed_frameworks(model: Model) -> list[CompletedFramework]:
    """Return the past, oldest first, cut at a size that a frame can carry."""
    told = size = 0
    completed: list[CompletedFramework] = []
    present = list(model.frameworks.values())
    for framework in reversed([*model.completed_frameworks.values(), *present]):
        executors: list[CompletedExecutor] = []
        for executor in reversed(list(framework.completed_executors.values())):
            entry = _completed_executor(executor)
            size += len(msgspec.msgpack.encode(entry))
            if told >= COMPLETED_TASKS_TOLD_MAX or size > COMPLETED_BYTES_TOLD_MAX:
                break
            executors.append(entry)
            told += len(executor.completed_tasks)
        if executors:
            executors.reverse()
            completed.append(CompletedFramework(framework_info=framework.info, executors=executors))
    completed.reverse()
    return completed


def _completed_executor(executor: Executor) -> CompletedExecutor:
    return CompletedExecutor(
        executor_info=_told_info(executor),
        tasks=[task.to_message() for task in executor.completed_tasks.values()],
    )


def _told_info(executor: Executor) -> ExecutorInfo:
    if not executor.is_command:
        return executor.info
    # What else it says repeats its task, and the master looks at neither.
    return ExecutorInfo(
        executor_id=executor.info.executor_id, framework_id=executor.info.framework_id
    )
