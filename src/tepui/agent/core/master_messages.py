"""What the master says, one message at a time."""

from __future__ import annotations

from typing import assert_never

from tepui.agent.core import (
    draining,
    executors,
    kills,
    launches,
    operations,
    registration,
    shutdowns,
    updates,
)
from tepui.agent.core.effects import SendToMaster
from tepui.agent.core.endings import settle
from tepui.agent.core.model import AgentState, Kill
from tepui.agent.core.statuses import Reason, lost_state
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_framework
from tepui.link.messages import (
    AcknowledgeOperation,
    AcknowledgeStatus,
    ApplyOperation,
    ChannelClosed,
    DrainAgent,
    FrameworkMessage,
    KillTask,
    Ping,
    Pong,
    ReactivateAgent,
    Registered,
    Reregistered,
    RunTask,
    RunTaskGroup,
    Shutdown,
    ShutdownExecutor,
    ShutdownFramework,
    ToAgent,
    UpdateFramework,
)
from tepui.messages import FrameworkInfo, TaskState

Order = (
    AcknowledgeStatus
    | RunTask
    | RunTaskGroup
    | KillTask
    | FrameworkMessage
    | ApplyOperation
    | AcknowledgeOperation
    | DrainAgent
    | ReactivateAgent
    | ShutdownExecutor
    | ShutdownFramework
    | UpdateFramework
)
"""What only a master may say that has admitted the agent."""


def master_message(step: Step, message: ToAgent) -> None:
    """Take in one message of the master's."""
    model = step.model
    model.master_heard_at = step.now.monotonic
    match message:
        case Ping():
            step.out.append(SendToMaster(message=Pong()))
        case Registered():
            if model.state is not AgentState.TERMINATING:
                registration.registered(step, message)
        case Reregistered():
            if model.state is not AgentState.TERMINATING:
                registration.reregistered(step, message)
        case Shutdown(message=reason):
            shutdowns.shut_down_agent(step, f"the master asked for it: {reason}", unregister=False)
        case ChannelClosed(reason=reason):
            registration.link_closed(step, reason)
        case _ if model.state is AgentState.RUNNING:
            _on_order(step, message)
        case _:
            # Left over from before the link broke; the master tells again what still matters.
            step.log("message_ignored", level="debug", message=type(message).__name__)


def _on_order(step: Step, message: Order) -> None:
    match message:
        case AcknowledgeStatus(framework_id=framework_id, task_id=task_id, uuid=uuid):
            _on_acknowledge(step, framework_id, task_id, uuid)
        case RunTask():
            launches.run_task(step, message)
        case RunTaskGroup():
            launches.run_task_group(step, message)
        case KillTask():
            _on_kill_task(step, message)
        case FrameworkMessage(framework_id=framework_id, executor_id=executor_id, data=data):
            executors.send_message(step, framework_id, executor_id, data)
        case DrainAgent(config=config):
            draining.drain(step, config)
        case ReactivateAgent():
            draining.reactivate(step)
        case ApplyOperation():
            operations.apply_operation(step, message)
        case AcknowledgeOperation(uuid=uuid, status_uuid=status_uuid):
            operations.acknowledge(step, uuid, status_uuid)
        case ShutdownExecutor(framework_id=framework_id, executor_id=executor_id):
            _on_shutdown_executor(step, framework_id, executor_id)
        case ShutdownFramework(framework_id=framework_id):
            framework = step.model.frameworks.get(framework_id)
            if framework is not None:
                shutdowns.shut_down_framework(step, framework)
        case UpdateFramework(framework=info):
            _on_update_framework(step, info)
        case _:
            assert_never(message)


def _on_shutdown_executor(step: Step, framework_id: str, executor_id: str) -> None:
    executor = step.model.executor(framework_id, executor_id)
    if executor is not None:
        kills.shut_down(step, step.model.frameworks[framework_id], executor)


def _on_update_framework(step: Step, info: FrameworkInfo) -> None:
    assert info.id is not None
    framework = step.model.frameworks.get(info.id.value)
    if framework is not None:
        framework.info = info
        store_framework(step, framework)
        # It changed or came back: either way there is somebody to acknowledge now.
        updates.resend_of(step, info.id.value)


def _on_acknowledge(step: Step, framework_id: str, task_id: str, uuid: bytes) -> None:
    refusal = step.model.refusals.get((framework_id, task_id))
    if refusal is not None and refusal.pending[0].uuid == uuid:
        updates.acknowledge_refusal(step, refusal, uuid)
        return
    framework = step.model.frameworks.get(framework_id)
    if framework is None:
        return
    task = framework.tasks.get(task_id)
    if task is None:
        return
    executor = framework.executors[task.executor_id]
    if updates.acknowledge(step, framework, executor, task, uuid):
        settle(step, framework, executor)


def _on_kill_task(step: Step, message: KillTask) -> None:
    framework = step.model.frameworks.get(message.framework_id)
    if framework is None:
        step.log("kill_ignored", task_id=message.task_id, reason="its framework is unknown")
        return
    task = framework.tasks.get(message.task_id)
    if task is None and framework.has_completed(message.task_id):
        return  # the framework knows already how it ended
    if task is None:
        updates.refuse(
            step,
            message.framework_id,
            message.task_id,
            lost_state(framework, TaskState.TASK_DROPPED),
            Reason.REASON_EXECUTOR_TERMINATED,
            "the agent has no such task to kill",
        )
        return
    if task.is_terminal:
        return
    executor = framework.executors[task.executor_id]
    if executor.is_built_in:
        grace = kills.grace_seconds_of(step, task, message.kill_policy)
        kill = Kill(state=TaskState.TASK_KILLED)
        kills.kill_built_in(step, framework, executor, task, kill, grace)
    else:
        kills.kill_custom(step, framework, executor, task, message.kill_policy)
