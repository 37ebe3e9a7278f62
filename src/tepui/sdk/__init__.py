"""Clients of a cluster for asyncio programs: schedulers, executors, operators, batches of tasks.

They speak the Mesos v1 APIs, and so work with any cluster that does. Messages are those of
`tepui.messages`.
"""

from __future__ import annotations

from tepui.sdk.core.addresses import DEFAULT_MASTER, parse_masters
from tepui.sdk.core.subscription import Backoff, SchedulerEvent
from tepui.sdk.errors import (
    AgentLost,
    BadAnswer,
    CallRejected,
    FrameworkEnded,
    NotSubscribed,
    SdkError,
    Unreachable,
)
from tepui.sdk.executor import ExecutorClient, ExecutorEnvironment, Shutdown
from tepui.sdk.jobs import (
    Batch,
    TaskChange,
    TooSmall,
    command_task,
    exit_code,
    framework,
    group_executor,
    has_ended,
    scalar,
)
from tepui.sdk.operator import AgentFile, OperatorClient
from tepui.sdk.sandbox import NoSandbox, Sandbox, Sandboxes
from tepui.sdk.scheduler import SchedulerClient

__all__ = [
    "DEFAULT_MASTER",
    "AgentFile",
    "AgentLost",
    "Backoff",
    "BadAnswer",
    "Batch",
    "CallRejected",
    "ExecutorClient",
    "ExecutorEnvironment",
    "FrameworkEnded",
    "NoSandbox",
    "NotSubscribed",
    "OperatorClient",
    "Sandbox",
    "Sandboxes",
    "SchedulerClient",
    "SchedulerEvent",
    "SdkError",
    "Shutdown",
    "TaskChange",
    "TooSmall",
    "Unreachable",
    "command_task",
    "exit_code",
    "framework",
    "group_executor",
    "has_ended",
    "parse_masters",
    "scalar",
]
