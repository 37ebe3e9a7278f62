"""What is stored of an agent, and under which keys.

Only frameworks that ask for checkpoints leave records; the agent's own identity always does.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from tepui.agent.core.model import Kill
from tepui.messages import (
    AgentInfo,
    DrainConfig,
    ExecutorInfo,
    FrameworkInfo,
    Offer,
    OperationStatus,
    Resource,
    TaskInfo,
    TaskState,
    TaskStatus,
)


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """Who this agent is to the master, and since when its machine has been up (``boot_id``)."""

    info: AgentInfo
    boot_id: str = ""


class DrainRecord(msgspec.Struct, frozen=True, kw_only=True, tag="drain"):
    """That the agent is drained; ``started_at`` is wall clock seconds."""

    config: DrainConfig
    started_at: float


class FrameworkRecord(msgspec.Struct, frozen=True, kw_only=True, tag="framework"):
    """A framework that the agent works for."""

    info: FrameworkInfo
    is_terminating: bool = False


class ExecutorRecord(msgspec.Struct, frozen=True, kw_only=True, tag="executor"):
    """One run of an executor; ``kind`` is the value of an ``ExecutorKind``."""

    framework_id: str
    info: ExecutorInfo
    kind: str
    container_id: str
    directory: str
    has_subscribed: bool = False


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True, tag="task"):
    """A task as it was taken on."""

    framework_id: str
    executor_id: str
    info: TaskInfo
    container_id: str
    group: list[str] = []


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True, tag="stream"):
    """How far a task's statuses have got."""

    framework_id: str
    executor_id: str
    task_id: str
    state: TaskState
    statuses: list[TaskStatus] = []
    pending: list[TaskStatus] = []
    seen: list[bytes] = []
    status_update_state: TaskState | None = None
    status_update_uuid: bytes | None = None
    is_queued: bool = False
    kill: Kill | None = None
    running_at: float | None = None


class ResourcesRecord(msgspec.Struct, frozen=True, kw_only=True, tag="resources"):
    """What operations have made of the agent's resources: reservations and volumes.

    It outlives the agent's identity: who is admitted anew still has the volumes.

    Attributes:
        unwiped: Roots of whole disks that no volume may be made on before they are wiped.
    """

    resources: list[Resource]
    unwiped: list[str] = []


class OperationRecord(msgspec.Struct, frozen=True, kw_only=True, tag="operation"):
    """An operation that nobody has acknowledged; without ``status``, the disk lags behind."""

    uuid: bytes
    operation: Offer.Operation
    number: int
    undone_before: list[Offer.Operation] = []
    framework_id: str | None = None
    status: OperationStatus | None = None


Record = (
    AgentRecord
    | DrainRecord
    | FrameworkRecord
    | ExecutorRecord
    | TaskRecord
    | StreamRecord
    | ResourcesRecord
    | OperationRecord
)

AGENT_KEY = "agent"
DRAIN_KEY = "drain"
RESOURCES_KEY = "resources"
OPERATION_KEYS = "operation/"


def framework_key(framework_id: str) -> str:
    """Return the key of a `FrameworkRecord`."""
    return f"framework/{framework_id}"


def executor_key(framework_id: str, executor_id: str) -> str:
    """Return the key of an `ExecutorRecord`."""
    return f"executor/{framework_id}/{executor_id}"


def task_key(framework_id: str, task_id: str) -> str:
    """Return the key of a `TaskRecord`."""
    return f"task/{framework_id}/{task_id}"


def stream_key(framework_id: str, task_id: str) -> str:
    """Return the key of a `StreamRecord`."""
    return f"stream/{framework_id}/{task_id}"


def operation_key(uuid: bytes) -> str:
    """Return the key of an `OperationRecord`."""
    return f"{OPERATION_KEYS}{uuid.hex()}"


def key_of(record: Record) -> str:
    """Return the key under which a record belongs; empty for one that does not say whose it is."""
    match record:
        case AgentRecord():
            return AGENT_KEY if record.info.id is not None else ""
        case DrainRecord():
            return DRAIN_KEY
        case ResourcesRecord():
            return RESOURCES_KEY
        case OperationRecord():
            return operation_key(record.uuid)
        case FrameworkRecord():
            return framework_key(record.info.id.value) if record.info.id is not None else ""
        case ExecutorRecord():
            return executor_key(record.framework_id, record.info.executor_id.value)
        case TaskRecord():
            return task_key(record.framework_id, record.info.task_id.value)
        case StreamRecord():
            return stream_key(record.framework_id, record.task_id)
        case _:
            assert_never(record)


class Checkpointed(msgspec.Struct, frozen=True, kw_only=True):
    """All records of a store, in no order that matters.

    Attributes:
        source: Where they are kept, for those who have to look after it.
        unreadable: Why some of them are not here, by key.
    """

    agent: AgentRecord | None = None
    drain: DrainRecord | None = None
    resources: ResourcesRecord | None = None
    operations: list[OperationRecord] = []
    frameworks: list[FrameworkRecord] = []
    executors: list[ExecutorRecord] = []
    tasks: list[TaskRecord] = []
    streams: list[StreamRecord] = []
    source: str = ""
    unreadable: dict[str, str] = {}
