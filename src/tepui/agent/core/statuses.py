"""Task statuses: how they are filled in, and what an exit says about a task."""

from __future__ import annotations

import msgspec

from tepui.agent.core.model import AgentTask, Container, Executor, Framework, Kill, Model
from tepui.agent.core.step import Step
from tepui.messages import (
    AgentID,
    ContainerID,
    ContainerStatus,
    FrameworkInfo,
    NetworkInfo,
    TaskID,
    TaskState,
    TaskStatus,
)

Source = TaskStatus.Source
Reason = TaskStatus.Reason

SIGNALS = (
    *("", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE"),
    *("SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT"),
    *("SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU"),
    *("SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"),
)
"""The names of Linux' signals by number."""

SIGTERM = 15

_ENDING = (TaskState.TASK_KILLING, TaskState.TASK_KILLED)


def container_id_of(container_id: str) -> ContainerID:
    """Return the message form of an id such as ``<parent>.<child>``."""
    parent, _, value = container_id.rpartition(".")
    return ContainerID(value=value, parent=container_id_of(parent) if parent else None)


def container_status(model: Model, container_id: str, pid: int | None) -> ContainerStatus:
    """Return what a status says about the container that the task runs in."""
    address = NetworkInfo.IPAddress(protocol=NetworkInfo.Protocol.IPv4, ip_address=model.config.ip)
    return ContainerStatus(
        container_id=container_id_of(container_id),
        network_infos=[NetworkInfo(ip_addresses=[address])],
        executor_pid=pid,
    )


def from_built_in(
    step: Step,
    executor: Executor,
    container: Container,
    task: AgentTask,
    state: TaskState,
    *,
    message: str | None = None,
    reason: Reason | None = None,
) -> TaskStatus:
    """Return a status as the executor would have sent it that the agent plays."""
    return TaskStatus(
        task_id=task.info.task_id,
        state=state,
        message=message,
        source=Source.SOURCE_EXECUTOR,
        reason=reason,
        agent_id=task.info.agent_id,
        executor_id=executor.info.executor_id,
        timestamp=step.now.wall,
        uuid=step.rng.uuid_bytes(),
        container_status=container_status(step.model, container.container_id, container.pid),
    )


def from_agent(
    step: Step,
    task_id: str,
    state: TaskState,
    reason: Reason,
    message: str,
    executor: Executor | None = None,
    container: Container | None = None,
) -> TaskStatus:
    """Return a status that the agent itself gives a task."""
    model = step.model
    known = None
    if container is not None:
        known = container_status(model, container.container_id, container.pid)
    return TaskStatus(
        task_id=TaskID(value=task_id),
        state=state,
        message=message,
        source=Source.SOURCE_AGENT,
        reason=reason,
        agent_id=AgentID(value=model.agent_id or ""),
        executor_id=executor.info.executor_id if executor is not None else None,
        timestamp=step.now.wall,
        uuid=step.rng.uuid_bytes(),
        container_status=known,
    )


def from_executor(model: Model, executor: Executor, status: TaskStatus) -> TaskStatus:
    """Return the status that a custom executor sent, with what only the agent knows."""
    known = container_status(model, executor.container_id, executor.pid)
    sent = status.container_status
    if sent is not None:
        known = msgspec.structs.replace(
            sent,
            container_id=sent.container_id or known.container_id,
            network_infos=sent.network_infos or known.network_infos,
            executor_pid=sent.executor_pid or known.executor_pid,
        )
    return msgspec.structs.replace(
        status,
        agent_id=AgentID(value=model.agent_id or ""),
        source=Source.SOURCE_EXECUTOR,
        container_status=known,
    )


def lost_state(framework: Framework | None, aware: TaskState) -> TaskState:
    """Return ``aware`` if the framework knows partitions, else what older ones understand."""
    capability = FrameworkInfo.Capability.Type.PARTITION_AWARE
    if framework is not None and framework.has_capability(capability):
        return aware
    return TaskState.TASK_LOST


def told_while_draining(model: Model, framework: Framework, status: TaskStatus) -> TaskStatus:
    """Return ``status`` as it is told while the agent is drained: why the task was ended."""
    if model.drain is None or status.state not in _ENDING:
        return status
    state = status.state
    if state is TaskState.TASK_KILLED and model.drain.config.mark_gone:
        gone = lost_state(framework, TaskState.TASK_GONE_BY_OPERATOR)
        # Who knows nothing of partitions hears of the kill as it was.
        state = gone if gone is TaskState.TASK_GONE_BY_OPERATOR else state
    return msgspec.structs.replace(status, state=state, reason=Reason.REASON_AGENT_DRAINING)


def describe_exit(subject: str, status: int | None) -> str:
    """Say in words how ``subject`` ended, given its wait(2) status."""
    if status is None:
        return f"{subject} was lost while the agent or its supervisor was away"
    signal = status & 0x7F
    if signal == 0:
        return f"{subject} exited with status {status >> 8 & 0xFF}"
    name = SIGNALS[signal] if signal < len(SIGNALS) else f"signal {signal}"
    return f"{subject} was terminated by {name}"


class Outcome(msgspec.Struct, frozen=True):
    """The last status of a task that the agent ran itself, but for what any status has."""

    state: TaskState
    message: str
    reason: Reason | None = None
    is_from_agent: bool = False


def outcome(status: int | None, kill: Kill | None) -> Outcome:
    """Decide how a task ended from the exit of its process and what was asked for before."""
    message = describe_exit("the command", status)
    if kill is not None and kill.reason is not None:
        is_from_agent = kill.reason is not Reason.REASON_MAX_COMPLETION_TIME_REACHED
        return Outcome(kill.state, kill.message or message, kill.reason, is_from_agent)
    if status == 0:
        return Outcome(TaskState.TASK_FINISHED, message)
    if kill is not None:
        return Outcome(kill.state, kill.message or message)
    if status is None:
        reason = Reason.REASON_EXECUTOR_TERMINATED
        return Outcome(TaskState.TASK_FAILED, message, reason, is_from_agent=True)
    return Outcome(TaskState.TASK_FAILED, message)
