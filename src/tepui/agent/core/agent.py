"""The agent's one entrance: an event and the time go in, effects come out."""

from __future__ import annotations

from typing import assert_never

from tepui.agent.core import (
    executors,
    exits,
    kills,
    launches,
    lending,
    master_messages,
    operations,
    recovery,
    registration,
    shutdowns,
    timers,
    updates,
    waiting,
)
from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import DestroyContainer, Out
from tepui.agent.core.events import (
    AgentEvent,
    ContainerExited,
    ContainerLaunched,
    ContainerLaunchFailed,
    CorrectionsWanted,
    ExecutorCalled,
    ExecutorDisconnected,
    LendingEstimated,
    LinkClosed,
    LinkOpened,
    MasterDetected,
    MasterMessageReceived,
    Recovered,
    ShutdownRequested,
    SupervisorReplaced,
    TimerFired,
    VolumesChanged,
    VolumesLinked,
)
from tepui.agent.core.model import AgentState, Kill, new_model
from tepui.agent.core.statuses import Reason
from tepui.agent.core.step import Step
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.messages import TaskState


class Agent:
    """Decides for one agent; ``model`` may be read between two events."""

    __slots__ = ("_rng", "model")

    def __init__(self, config: AgentConfig, rng: Rng, now: Instant) -> None:
        self.model = new_model(config, now.wall)
        self._rng = rng

    def handle(self, event: AgentEvent, now: Instant) -> Out:
        """Take in ``event`` and return what is to be done, in order."""
        step = Step(model=self.model, now=now, rng=self._rng)
        match event:
            case MasterMessageReceived(message=message):
                master_messages.master_message(step, message)
            case ContainerExited(exited=exited):
                exits.container_exited(step, exited)
            case ContainerLaunched(container_id=container_id, pid=pid):
                exits.container_launched(step, container_id, pid)
                launches.link_all_queued(step, container_id)
            case ContainerLaunchFailed(container_id=container_id, reason=reason):
                exits.container_launch_failed(step, container_id, reason)
            case TimerFired(timer=timer):
                _on_timer(step, timer)
            case ExecutorCalled(request_id=request_id, call=call):
                executors.executor_called(step, request_id, call)
            case ExecutorDisconnected(connection=connection):
                executors.executor_disconnected(step, connection)
            case LinkOpened() | LinkClosed() | MasterDetected():
                _on_link(step, event)
            case Recovered() | SupervisorReplaced():
                _on_recovery(step, event)
            case LendingEstimated() | CorrectionsWanted():
                _on_lending(step, event)
            case VolumesChanged() | VolumesLinked():
                _on_volumes(step, event)
            case ShutdownRequested(message=reason):
                shutdowns.shut_down_agent(step, reason, unregister=True)
            case _:
                assert_never(event)
        if step.looks_for_room and self.model.waiting:
            waiting.look_for_room(step)
        if self.model.state is AgentState.TERMINATING:
            shutdowns.exit_when_empty(step)
        return step.finish()


def _on_timer(step: Step, timer: timers.AnyTimer) -> None:
    match timer:
        case timers.UpdateRetry():
            updates.retry_due(step)
        case timers.OperationRetry():
            operations.retry_due(step)
        case timers.KillEscalation(container_id=container_id):
            _destroy(step, container_id)
        case timers.ExecutorShutdown(container_id=container_id):
            _destroy(step, container_id)
        case timers.MaxCompletion(container_id=container_id):
            _on_max_completion(step, container_id)
        case timers.MasterSilence():
            registration.master_silent(step)
        case timers.Connect():
            registration.connect(step)
        case timers.RegistrationRetry():
            registration.registration_retry(step)
        case timers.ExecutorRegistration(container_id=container_id):
            executors.registration_timed_out(step, container_id)
        case timers.ExecutorReregistration():
            executors.reregistration_timed_out(step)
        case timers.ExecutorHeartbeat():
            executors.heartbeat(step)
        case _:
            assert_never(timer)


def _on_link(step: Step, event: LinkOpened | LinkClosed | MasterDetected) -> None:
    match event:
        case LinkOpened(master=master):
            registration.link_opened(step, master)
        case LinkClosed(reason=reason):
            registration.link_closed(step, reason)
        case MasterDetected():
            registration.master_detected(step)


def _on_recovery(step: Step, event: Recovered | SupervisorReplaced) -> None:
    match event:
        case Recovered(checkpointed=checkpointed, containers=containers, boot_id=boot_id):
            recovery.recover(step, checkpointed, containers, boot_id)
        case SupervisorReplaced(containers=containers):
            recovery.supervisor_replaced(step, containers)


def _on_volumes(step: Step, event: VolumesChanged | VolumesLinked) -> None:
    match event:
        case VolumesChanged(operation_uuid=uuid, problem=problem):
            operations.volumes_changed(step, uuid, problem)
        case VolumesLinked(container_id=container_id, task_id=task_id, problem=problem):
            launches.volumes_linked(step, container_id, task_id, problem)


def _on_lending(step: Step, event: LendingEstimated | CorrectionsWanted) -> None:
    match event:
        case LendingEstimated(estimate=estimate, lent=lent):
            lending.estimated(step, estimate, lent)
        case CorrectionsWanted(corrections=corrections):
            lending.correct(step, corrections)


def _destroy(step: Step, container_id: str) -> None:
    if container_id in step.model.containers:
        step.out.append(DestroyContainer(container_id=container_id))


def _on_max_completion(step: Step, container_id: str) -> None:
    found = step.model.owner_of(container_id)
    if found is None:
        return
    framework, executor, container = found
    assert container.task_id is not None
    task = executor.launched_tasks[container.task_id]
    if task.kill is not None:
        return
    kill = Kill(
        state=TaskState.TASK_FAILED,
        reason=Reason.REASON_MAX_COMPLETION_TIME_REACHED,
        message="the task did not end within its max_completion_time",
    )
    grace = kills.grace_seconds_of(step, task, None)
    kills.kill_built_in(step, framework, executor, task, kill, grace)
