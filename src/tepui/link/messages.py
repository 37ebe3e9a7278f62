"""The messages of the agent link.

They are ours alone: no tool outside Tepui reads them, so they change with
``VERSION_MAX``. Each is an array on the wire (``array_like``): a field is only ever
added at the end and with a default, so that neighbours one version apart understand
each other.
"""

from __future__ import annotations

from typing import dataclass_transform

import msgspec

from tepui.messages import (
    AgentInfo,
    DrainConfig,
    ExecutorInfo,
    FrameworkInfo,
    KillPolicy,
    Offer,
    OperationStatus,
    Resource,
    Task,
    TaskGroupInfo,
    TaskInfo,
    TaskState,
    TaskStatus,
)

VERSION_MIN = 1
VERSION_MAX = 1

PATH = "/tepui/link"
VERSION_HEADER = "Tepui-Link-Versions"  # "min,max" from the agent, the chosen one in the answer


@dataclass_transform(kw_only_default=True, frozen_default=True)
class LinkMessage(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True, gc=False
):
    """One message on one channel of a link."""


# --- from an agent to the master ---------------------------------------------------------------


class Register(LinkMessage, tag="register"):
    """A new agent asks to be admitted; answered by `Registered` or `Shutdown`."""

    agent_info: AgentInfo
    """Without ``id``; ``resources`` is the total."""
    version: str
    capabilities: list[str] = []
    """Names of ``AgentInfo.Capability.Type``."""
    pid: str = ""
    """``slave(1)@ip:port``, where the agent's own HTTP endpoint listens."""
    total: list[Resource] = []
    """All that it has, with reservations and volumes kept from another life; the resources of
    ``agent_info`` if empty."""


class CompletedExecutor(LinkMessage, tag="completed_executor"):
    """An executor that has ended on the agent, with its last tasks, oldest first."""

    executor_info: ExecutorInfo
    tasks: list[Task] = []


class CompletedFramework(LinkMessage, tag="completed_framework"):
    """A framework that has ended on the agent, with what it left, oldest first."""

    framework_info: FrameworkInfo
    executors: list[CompletedExecutor] = []


class ExecutorState(LinkMessage, tag="executor_state"):
    """An executor that the agent still has; ``tasks`` are those not yet acknowledged terminal.

    ``built_in`` executors are played by the agent itself: they exist for the agent's
    accounting, and the master does not list them as executors of command tasks. Nor does it list
    those that have ended, and are told of so for the sake of their tasks.
    """

    executor_info: ExecutorInfo
    tasks: list[Task] = []
    built_in: bool = False


class FrameworkState(LinkMessage, tag="framework_state"):
    """A framework that the agent works for."""

    framework_info: FrameworkInfo
    executors: list[ExecutorState] = []


class OperationReport(LinkMessage, tag="operation_report"):
    """An operation that the agent has done, or failed to, and that nobody acknowledged yet."""

    uuid: bytes
    """16 bytes, given by the master."""
    operation: Offer.Operation
    status: OperationStatus
    """The newest; with ``uuid``."""
    framework_id: str | None = None
    """``None`` if an operator asked for it."""


class Reregister(LinkMessage, tag="reregister"):
    """A known agent is back and tells all that it has; answered by `Reregistered` or `Shutdown`."""

    agent_info: AgentInfo
    """With ``id``."""
    version: str
    capabilities: list[str] = []
    pid: str = ""
    frameworks: list[FrameworkState] = []
    completed_frameworks: list[CompletedFramework] = []
    total: list[Resource] = []
    """All that it has now, reservations and volumes made since included, what is oversubscribed
    not; the resources of ``agent_info`` if empty."""
    oversubscribed: list[Resource] = []
    """Revocable resources beyond the total."""
    operations: list[OperationReport] = []
    """Those that were not acknowledged; the master drops any other that it waits for."""
    parts: int = 0
    """How many `ReregisterPart` came before, with the frameworks; 0 if all is said here."""


class ReregisterPart(LinkMessage, tag="reregister_part"):
    """Frameworks of a `Reregister` that follows on the same channel; see `tepui.link.parts`."""

    index: int
    """From 0 on; 0 begins anew, and what came before is forgotten."""
    frameworks: list[FrameworkState]


class Unregister(LinkMessage, tag="unregister"):
    """The agent leaves for good; its tasks are over."""


class UpdateStatus(LinkMessage, tag="update_status"):
    """A task's status; sent again until the matching `AcknowledgeStatus` arrives."""

    framework_id: str
    status: TaskStatus
    """With ``uuid`` where the framework has to acknowledge it."""
    latest_state: TaskState
    """The newest state that the agent knows, which may be ahead of ``status``."""


class ExecutorMessage(LinkMessage, tag="executor_message"):
    """Bytes from an executor for its framework; delivered at most once."""

    framework_id: str
    executor_id: str
    data: bytes


class ExecutorExited(LinkMessage, tag="executor_exited"):
    """An executor has ended; ``status`` is as wait(2) gives it."""

    framework_id: str
    executor_id: str
    status: int


class UpdateOperation(LinkMessage, tag="update_operation"):
    """How an operation went; sent again until the matching `AcknowledgeOperation` arrives."""

    uuid: bytes
    status: OperationStatus
    """With ``uuid``."""
    framework_id: str | None = None


class UpdateAgent(LinkMessage, tag="update_agent"):
    """The agent has other resources than the master thinks; each list is whole.

    ``total`` is said when an operation could not be done although its result was counted on.
    """

    total: list[Resource] | None = None
    oversubscribed: list[Resource] | None = None


class Pong(LinkMessage, tag="pong"):
    """The answer to `Ping`."""


class ChannelClosed(LinkMessage, tag="closed"):
    """The sender will say nothing more on this channel; the connection may live on."""

    reason: str = ""


# --- from the master to an agent ---------------------------------------------------------------


class Registered(LinkMessage, tag="registered"):
    """The agent is admitted, durably, under ``agent_id``."""

    agent_id: str
    ping_timeout_seconds: float
    """The master counts as lost when it has been silent for this long."""


class TaskReference(LinkMessage, tag="task_reference"):
    """A task as the master knows it."""

    framework_id: str
    task_id: str
    framework_is_partition_aware: bool = False
    """For an agent that does not know the framework any more."""


class Reregistered(LinkMessage, tag="reregistered"):
    """The agent is known again; it answers for ``tasks`` that the master has and it has not."""

    agent_id: str
    ping_timeout_seconds: float
    tasks: list[TaskReference] = []
    """Tasks that the master believes to be here: unknown ones get TASK_DROPPED (or TASK_LOST)."""


class Ping(LinkMessage, tag="ping"):
    """Answered by `Pong` at once."""


class Shutdown(LinkMessage, tag="shutdown"):
    """The agent may not be part of the cluster: it ends its tasks and itself."""

    message: str


class RunTask(LinkMessage, tag="run_task"):
    """Start one task, under the built-in command executor or the task's own executor."""

    framework: FrameworkInfo
    task: TaskInfo
    launch_executor: bool | None = None
    """Whether the master expects a new executor; ``None`` when it does not say."""


class RunTaskGroup(LinkMessage, tag="run_task_group"):
    """Start the tasks of one group together under ``executor``."""

    framework: FrameworkInfo
    executor: ExecutorInfo
    task_group: TaskGroupInfo
    launch_executor: bool | None = None


class KillTask(LinkMessage, tag="kill_task"):
    """End one task."""

    framework_id: str
    task_id: str
    kill_policy: KillPolicy | None = None


class AcknowledgeStatus(LinkMessage, tag="acknowledge_status"):
    """The framework has seen the update with ``uuid`` (16 bytes)."""

    framework_id: str
    task_id: str
    uuid: bytes


class FrameworkMessage(LinkMessage, tag="framework_message"):
    """Bytes from a framework for its executor; delivered at most once."""

    framework_id: str
    executor_id: str
    data: bytes


class ApplyOperation(LinkMessage, tag="apply_operation"):
    """Do an operation on the agent's resources, durably; answered by `UpdateOperation`."""

    uuid: bytes
    """16 bytes; the same operation may be told again after a link broke."""
    operation: Offer.Operation
    """Its resources are in the refined format and allocated to nobody."""
    framework_id: str | None = None
    """``None`` if an operator asks."""


class AcknowledgeOperation(LinkMessage, tag="acknowledge_operation"):
    """The status of an operation has arrived where it counts."""

    uuid: bytes
    status_uuid: bytes


class DrainAgent(LinkMessage, tag="drain_agent"):
    """End all tasks, within the grace that ``config`` leaves, and start no others."""

    config: DrainConfig


class ReactivateAgent(LinkMessage, tag="reactivate_agent"):
    """Draining is over: start tasks again."""


class ShutdownExecutor(LinkMessage, tag="shutdown_executor"):
    """End one executor and its tasks."""

    framework_id: str
    executor_id: str


class ShutdownFramework(LinkMessage, tag="shutdown_framework"):
    """End everything of a framework that is over."""

    framework_id: str


class UpdateFramework(LinkMessage, tag="update_framework"):
    """A framework's description has changed."""

    framework: FrameworkInfo


ToMaster = (
    Register
    | Reregister
    | ReregisterPart
    | Unregister
    | UpdateStatus
    | ExecutorMessage
    | ExecutorExited
    | UpdateOperation
    | UpdateAgent
    | Pong
    | ChannelClosed
)

ToAgent = (
    Registered
    | Reregistered
    | Ping
    | Shutdown
    | RunTask
    | RunTaskGroup
    | KillTask
    | AcknowledgeStatus
    | FrameworkMessage
    | ApplyOperation
    | AcknowledgeOperation
    | DrainAgent
    | ReactivateAgent
    | ShutdownExecutor
    | ShutdownFramework
    | UpdateFramework
    | ChannelClosed
)
