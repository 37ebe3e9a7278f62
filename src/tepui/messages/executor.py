"""Messages about executor."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.agents import AgentInfo
from tepui.messages.base import Message as Base
from tepui.messages.base import ProtoEnum
from tepui.messages.commands import KillPolicy
from tepui.messages.executors import ExecutorInfo
from tepui.messages.frameworks import FrameworkInfo
from tepui.messages.ids import ContainerID, ExecutorID, FrameworkID, TaskID
from tepui.messages.tasks import TaskGroupInfo, TaskInfo, TaskStatus


class Event(Base, kw_only=True):
    class Type(ProtoEnum):
        UNKNOWN = 0
        SUBSCRIBED = 1
        LAUNCH = 2
        LAUNCH_GROUP = 8
        KILL = 3
        ACKNOWLEDGED = 4
        MESSAGE = 5
        ERROR = 6
        SHUTDOWN = 7
        HEARTBEAT = 9

    class Subscribed(Base, kw_only=True):
        executor_info: Annotated[ExecutorInfo, 1]
        framework_info: Annotated[FrameworkInfo, 2]
        agent_info: Annotated[AgentInfo, 3]
        container_id: Annotated[ContainerID | None, 4] = None

    class Launch(Base, kw_only=True):
        task: Annotated[TaskInfo, 1]

    class LaunchGroup(Base, kw_only=True):
        task_group: Annotated[TaskGroupInfo, 1]

    class Kill(Base, kw_only=True):
        task_id: Annotated[TaskID, 1]
        kill_policy: Annotated[KillPolicy | None, 2] = None

    class Acknowledged(Base, kw_only=True):
        task_id: Annotated[TaskID, 1]
        uuid: Annotated[bytes, 2]

    class Message(Base, kw_only=True):
        data: Annotated[bytes, 1]

    class Error(Base, kw_only=True):
        message: Annotated[str, 1]

    type: Annotated[Type | None, 1] = None
    subscribed: Annotated[Subscribed | None, 2] = None
    acknowledged: Annotated[Acknowledged | None, 3] = None
    launch: Annotated[Launch | None, 4] = None
    launch_group: Annotated[LaunchGroup | None, 8] = None
    kill: Annotated[Kill | None, 5] = None
    message: Annotated[Message | None, 6] = None
    error: Annotated[Error | None, 7] = None


class Call(Base, kw_only=True):
    class Type(ProtoEnum):
        UNKNOWN = 0
        SUBSCRIBE = 1
        UPDATE = 2
        MESSAGE = 3
        HEARTBEAT = 4

    class Subscribe(Base, kw_only=True):
        unacknowledged_tasks: Annotated[list[TaskInfo], 1] = []
        unacknowledged_updates: Annotated[list[Call.Update], 2] = []

    class Update(Base, kw_only=True):
        status: Annotated[TaskStatus, 1]

    class Message(Base, kw_only=True):
        data: Annotated[bytes, 2]

    executor_id: Annotated[ExecutorID, 1]
    framework_id: Annotated[FrameworkID, 2]
    type: Annotated[Type | None, 3] = None
    subscribe: Annotated[Subscribe | None, 4] = None
    update: Annotated[Update | None, 5] = None
    message: Annotated[Message | None, 6] = None
