"""The executor API: what executors call, and the events that the agent streams to them."""

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
    """Something that the agent tells an executor; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The events; SHUTDOWN and HEARTBEAT have no field."""

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
        """The first event of a stream: who the executor is, for whom, and where."""

        executor_info: Annotated[ExecutorInfo, 1]
        framework_info: Annotated[FrameworkInfo, 2]
        agent_info: Annotated[AgentInfo, 3]
        container_id: Annotated[ContainerID | None, 4] = None

    class Launch(Base, kw_only=True):
        """Launch this task."""

        task: Annotated[TaskInfo, 1]

    class LaunchGroup(Base, kw_only=True):
        """Launch these tasks together."""

        task_group: Annotated[TaskGroupInfo, 1]

    class Kill(Base, kw_only=True):
        """End this task; the policy, if there is one, replaces the task's own."""

        task_id: Annotated[TaskID, 1]
        kill_policy: Annotated[KillPolicy | None, 2] = None

    class Acknowledged(Base, kw_only=True):
        """The update with this UUID has arrived and may be forgotten."""

        task_id: Annotated[TaskID, 1]
        uuid: Annotated[bytes, 2]

    class Message(Base, kw_only=True):
        """What the framework sent."""

        data: Annotated[bytes, 1]

    class Error(Base, kw_only=True):
        """Why the agent drops the executor."""

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
    """What an executor tells its agent; ``type`` says which field tells more."""

    class Type(ProtoEnum):
        """The calls; HEARTBEAT has no field."""

        UNKNOWN = 0
        SUBSCRIBE = 1
        UPDATE = 2
        MESSAGE = 3
        HEARTBEAT = 4

    class Subscribe(Base, kw_only=True):
        """Opens the stream; what was not acknowledged comes along, in case the agent lost it."""

        unacknowledged_tasks: Annotated[list[TaskInfo], 1] = []
        unacknowledged_updates: Annotated[list[Call.Update], 2] = []

    class Update(Base, kw_only=True):
        """A task's new state; ``uuid`` is the executor's to choose."""

        status: Annotated[TaskStatus, 1]

    class Message(Base, kw_only=True):
        """Sends bytes to the framework; they may get lost."""

        data: Annotated[bytes, 2]

    executor_id: Annotated[ExecutorID, 1]
    framework_id: Annotated[FrameworkID, 2]
    type: Annotated[Type | None, 3] = None
    subscribe: Annotated[Subscribe | None, 4] = None
    update: Annotated[Update | None, 5] = None
    message: Annotated[Message | None, 6] = None
